//! What `top` shows, out of two answers of the daemon: what became more in between, by the time that went by on the
//! daemon's own clock.

use std::cmp::Ordering;
use std::collections::HashMap;

use crate::cli::status::Daemon;
use crate::control::status::Container;
use crate::control::{Problem, Status};

/// What the containers are sorted by; the most first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sort {
    Lines,
    Cpu,
    Memory,
    Name,
}

impl Sort {
    pub(super) fn next(self) -> Self {
        match self {
            Self::Lines => Self::Cpu,
            Self::Cpu => Self::Memory,
            Self::Memory => Self::Name,
            Self::Name => Self::Lines,
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Lines => "lines",
            Self::Cpu => "cpu",
            Self::Memory => "memory",
            Self::Name => "name",
        }
    }
}

/// All that is on the screen.
#[derive(Debug)]
pub(super) struct View {
    pub(super) status: Option<Status>,
    pub(super) problems: Vec<Problem>,
    pub(super) rates: Rates,
    /// Why there is no newer answer.
    pub(super) trouble: Option<String>,
    pub(super) sort: Sort,
    pub(super) is_paused: bool,
    /// So many containers are above the screen.
    pub(super) scroll: usize,
}

/// What happened in a second, between the last two answers.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Rates {
    /// Log lines of each container, by its id.
    pub(super) lines: HashMap<String, f64>,
    pub(super) requests: Option<f64>,
    /// Of a hundred requests.
    pub(super) bad_percent: Option<f64>,
    pub(super) errors: Option<f64>,
    pub(super) shipped: Option<f64>,
}

impl View {
    pub(super) fn new(sort: Sort) -> Self {
        Self {
            status: None,
            problems: Vec::new(),
            rates: Rates::default(),
            trouble: None,
            sort,
            is_paused: false,
            scroll: 0,
        }
    }

    /// Takes an answer, or the reason why there is none.
    pub(super) fn take(&mut self, answer: Result<Status, String>, daemon: &Daemon) {
        match answer {
            Ok(status) => {
                self.problems = daemon.problems(&status);
                self.put(status);
            }
            Err(words) => self.trouble = Some(words),
        }
    }

    /// Takes an answer.
    pub(super) fn put(&mut self, status: Status) {
        if let Some(before) = &self.status {
            self.rates = rates(before, &status);
        }
        (self.status, self.trouble) = (Some(status), None);
    }

    /// The place of the last container.
    pub(super) fn last(&self) -> usize {
        let containers = self.status.as_ref().and_then(|status| status.containers.as_ref());
        containers.map_or(0, Vec::len).saturating_sub(1)
    }

    /// The containers as they are shown.
    pub(super) fn containers(&self) -> Vec<Row<'_>> {
        let Some(status) = &self.status else { return Vec::new() };
        let measured = |name: &str, of: &str| status.metrics.as_ref()?.get(name, Some(of));
        let mut rows: Vec<Row<'_>> = Vec::new();
        for container in status.containers.iter().flatten() {
            let Container { id, name, .. } = container;
            rows.push(Row {
                container,
                lines: self.rates.lines.get(id).copied(),
                cpu: measured("container_cpu_percent", name),
                memory: measured("container_mem_used_percent", name),
            });
        }
        let most = |a: Option<f64>, b: Option<f64>| {
            b.unwrap_or(-1.0).partial_cmp(&a.unwrap_or(-1.0)).unwrap_or(Ordering::Equal)
        };
        // They come by name, and sorting keeps that among equals.
        rows.sort_by(|a, b| match self.sort {
            Sort::Lines => most(a.lines, b.lines),
            Sort::Cpu => most(a.cpu, b.cpu),
            Sort::Memory => most(a.memory, b.memory),
            Sort::Name => Ordering::Equal,
        });
        rows
    }
}

/// One container.
#[derive(Debug)]
pub(super) struct Row<'a> {
    pub(super) container: &'a Container,
    /// A second.
    pub(super) lines: Option<f64>,
    /// In percent of one processor.
    pub(super) cpu: Option<f64>,
    /// In percent.
    pub(super) memory: Option<f64>,
}

/// Of two answers of one daemon; nothing if it was started anew in between.
fn rates(before: &Status, now: &Status) -> Rates {
    #[expect(clippy::cast_precision_loss, reason = "a second or a few")]
    let seconds = (now.now_ms - before.now_ms) as f64 / 1e3;
    if before.pid != now.pid || seconds <= 0.0 {
        return Rates::default();
    }
    let rate = |before: u64, now: u64| more(before, now) / seconds;
    let known: HashMap<&str, u64> = before
        .containers
        .iter()
        .flatten()
        .map(|container| (container.id.as_str(), container.lines))
        .collect();
    let lines = now.containers.iter().flatten().filter_map(|container| {
        let before = known.get(container.id.as_str())?;
        Some((container.id.clone(), rate(*before, container.lines)))
    });
    let metrics = before.metrics.as_ref().zip(now.metrics.as_ref());
    let requests = metrics.map(|(before, now)| more(before.requests, now.requests));
    let bad = metrics.map(|(before, now)| more(before.responses_5xx, now.responses_5xx));
    Rates {
        lines: lines.collect(),
        requests: requests.map(|requests| requests / seconds),
        bad_percent: requests
            .zip(bad)
            .map(|(requests, bad)| if requests > 0.0 { 100.0 * bad / requests } else { 0.0 }),
        errors: metrics.map(|(before, now)| rate(before.error_lines, now.error_lines)),
        shipped: Some(rate(before.lines.shipped, now.lines.shipped)),
    }
}

#[expect(clippy::cast_precision_loss, reason = "what happens in a second")]
fn more(before: u64, now: u64) -> f64 {
    now.saturating_sub(before) as f64
}
