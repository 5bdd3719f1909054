//! A status as a page of text: what is wrong and its mend first, then everything else, in the order in which somebody
//! looks for it at night.

use std::fmt::Write;

use super::words::{ago, bytes, count, length, percent, safe, seconds, wrap};
use crate::alerts::SECOND;
use crate::cli::output;
use crate::control::status::{Container, Metrics, Read, Service};
use crate::control::{Problem, Status};

/// How it is written.
#[derive(Debug, Clone, Copy)]
pub(super) struct Style {
    /// In characters.
    pub(super) width: usize,
    /// With colours.
    pub(super) coloured: bool,
}

/// A page of a terminal that does not say how wide it is, and of everything that is none.
const WIDTH: usize = 80;
/// Lines are no longer even where there is room: nobody reads them.
const WIDEST: usize = 140;

const RED: u8 = 31;
const GREEN: u8 = 32;
const YELLOW: u8 = 33;
const BOLD: u8 = 1;

impl Style {
    /// For where results go.
    pub(super) fn here() -> Self {
        let width = output::width().unwrap_or(WIDTH).clamp(40, WIDEST);
        Self { width, coloured: output::coloured() }
    }
}

struct Page {
    style: Style,
    text: String,
}

/// The whole page.
pub(super) fn page(status: &Status, problems: &[Problem], style: Style) -> String {
    let mut page = Page { style, text: String::new() };
    page.head(status, problems);
    page.host(status);
    page.containers(status);
    page.services(status);
    if let Some(metrics) = &status.metrics {
        page.metrics(metrics);
    }
    page.alerts(status);
    page.notes(&status.notes());
    page.text.trim_end().to_owned()
}

impl Page {
    fn head(&mut self, status: &Status, problems: &[Problem]) {
        let memory = status.memory_bytes.map(|memory| format!(", {}", bytes(memory))).unwrap_or_default();
        let up = length(status.now_ms - status.started_ms);
        let of = format!("starttech-agent {} (pid {}, up {up}{memory})", status.version, status.pid);
        let (mark, colour, words) = match problems.len() {
            0 => ("✓", GREEN, "all is well".to_owned()),
            1 => ("✗", RED, "1 thing is wrong".to_owned()),
            many => ("✗", RED, format!("{many} things are wrong")),
        };
        let mark = self.paint(colour, mark);
        self.marked(&mark, 2, &format!("{words}: {of}"));
        for Problem { what, mend } in problems {
            self.put("");
            let mark = self.paint(RED, "✗");
            self.marked(&mark, 2, &safe(what));
            let arrow = self.paint(YELLOW, "→");
            self.marked(&format!("  {arrow}"), 4, &safe(mend));
        }
    }

    fn host(&mut self, status: &Status) {
        self.heading("Host");
        let host = &status.host;
        self.row("instance", &format!("{} ({})", safe(&host.instance_id), host.instance_id_from));
        match &host.local {
            Some(local) => self.row("into", &format!("{} (--local, nothing goes to AWS)", safe(local))),
            None => self.row("region", &format!("{} ({})", safe(&host.region), host.region_from)),
        }
        if let Some(group) = &host.group {
            self.row("group", &safe(group));
        }
        if let Some(docker) = &status.docker {
            let state = match &docker.trouble {
                Some(trouble) => format!("not followed for {}", length(status.now_ms - trouble.at_ms)),
                None => "followed".to_owned(),
            };
            self.row("Docker", &format!("{state}, {}", docker.socket));
        }
        if let Some(file) = &host.config_file {
            self.row("config", &safe(file));
        }
    }

    fn containers(&mut self, status: &Status) {
        let Some(containers) = &status.containers else { return };
        self.heading(&format!("Containers ({})", containers.len()));
        if containers.is_empty() {
            self.put("  none is there");
        }
        for container in containers {
            self.container(container, status.now_ms);
        }
        if status.lines.dropped_by_rule > 0 {
            self.put(&format!("  {} events dropped by logs.drop", count(status.lines.dropped_by_rule)));
        }
    }

    fn container(&mut self, container: &Container, now_ms: i64) {
        let Container { driver, lines, .. } = container;
        let name = safe(&container.name);
        let gone = if container.removed { ", removed" } else { "" };
        let id = container.id.get(..12).unwrap_or(&container.id);
        let title = format!("{name}  {} {}{gone}", safe(&container.image), safe(id));
        for line in wrap(&title, self.style.width.saturating_sub(2)) {
            // A name that takes more than a line is bold in none.
            match line.strip_prefix(&name) {
                Some(rest) => self.put(&format!("  {}{rest}", self.paint(BOLD, &name))),
                None => self.put(&format!("  {line}")),
            }
        }
        let read = match container.read {
            Read::File => "read from its file",
            Read::Api => "read over Docker's API",
            Read::Unreadable => "CANNOT BE OPENED, tried again every second",
            Read::NotReadable => "CANNOT BE READ BACK",
            Read::LeftOut => "left out, as configured",
            Read::Itself => "skipped: its driver sends its lines itself",
            Read::Nowhere => "skipped: it logs nowhere",
            Read::Unknown => "read in a way that this program is too old to know",
        };
        let mut words = format!("{}, {read}", safe(driver));
        if let Some(trouble) = &container.trouble {
            write!(words, ", CANNOT BE READ for {}: ", length(now_ms - trouble.at_ms)).ok();
            write!(words, "{}; it is tried again", safe(&trouble.words)).ok();
        }
        if matches!(container.read, Read::File | Read::Api) || *lines > 0 {
            write!(words, "; {} lines", count(*lines)).ok();
            if let Some(last_ms) = container.last_line_ms {
                write!(words, ", the last {}", ago(now_ms, last_ms)).ok();
            }
            if let Some(behind @ 1..) = container.behind_bytes {
                write!(words, "; {} behind", bytes(behind)).ok();
            }
            if container.dropped_by_rule > 0 {
                write!(words, "; {} dropped by rule", count(container.dropped_by_rule)).ok();
            }
        }
        self.marked("   ", 4, &words);
        if let (Some(group), Some(stream)) = (&container.group, &container.stream) {
            self.marked("    →", 6, &format!("{} {}", safe(group), safe(stream)));
        }
    }

    fn services(&mut self, status: &Status) {
        self.heading("Delivery");
        for service in &status.services {
            self.service(service, status.now_ms);
        }
    }

    fn service(&mut self, service: &Service, now_ms: i64) {
        let what = service.things();
        let last = match service.last_delivery_ms {
            Some(last_ms) => format!("last {}", ago(now_ms, last_ms)),
            None => "none yet".to_owned(),
        };
        let mut words = format!("{} {what}, {last}", count(service.delivered));
        if service.spool_batches == 0 {
            words.push_str("; nothing waits");
        } else {
            let waits = format!(
                "; {} in {} batches wait, the oldest {}",
                bytes(service.spool_bytes),
                count(service.spool_batches),
                length(service.lag_ms(now_ms))
            );
            words.push_str(&waits);
        }
        if service.lost > 0 {
            write!(words, "; {} LOST", count(service.lost)).ok();
        }
        self.row(&service.kind, &words);
        self.row("", &safe(&service.endpoint));
        if let Some(since_ms) = service.failing_since_ms {
            let streams = if service.failing_streams == 1 { "stream" } else { "streams" };
            let failing =
                format!("FAILING for {}, {} {streams}", length(now_ms - since_ms), service.failing_streams);
            self.row("", &failing);
        }
        if let Some(error) = &service.last_error {
            self.row("", &format!("last error {}: {}", ago(now_ms, error.at_ms), safe(&error.words)));
        }
    }

    fn metrics(&mut self, metrics: &Metrics) {
        self.heading("Measured");
        let get = |name: &str| metrics.get(name, None);
        let mut host: Vec<String> = Vec::new();
        let shown =
            [("cpu_usage_active", "cpu"), ("mem_used_percent", "memory"), ("swap_used_percent", "swap")];
        for (name, words) in shown {
            host.extend(get(name).map(|value| format!("{words} {}", percent(value))));
        }
        host.extend(get("system_load1").map(|load| format!("load {load:.2}")));
        for disk in metrics.all("disk_used_percent") {
            host.push(format!("disk {} {}", safe(disk.of.as_deref().unwrap_or("")), percent(disk.value)));
        }
        self.row("host", if host.is_empty() { "nothing yet".to_owned() } else { host.join("  ") }.as_str());
        if let Some(up) = get("health_up") {
            let took = get("health_time").map(|took| format!(" in {}", seconds(took))).unwrap_or_default();
            let mut words = if up >= 1.0 { format!("up{took}") } else { "DOWN".to_owned() };
            for dependency in metrics.all("health_dependency_up") {
                let state = if dependency.value >= 1.0 { "up" } else { "DOWN" };
                write!(words, ", {} {state}", safe(dependency.of.as_deref().unwrap_or(""))).ok();
            }
            self.row("health", &words);
        }
        if let Some(requests) = get("requests") {
            let minute = if (metrics.period_s - 60.0).abs() < 0.5 {
                "in the last minute".to_owned()
            } else {
                format!("in the last {:.0} s", metrics.period_s)
            };
            let bad = get("responses_5xx").unwrap_or_default();
            let share = if requests > 0.0 { 100.0 * bad / requests } else { 0.0 };
            let mut words = format!("{requests:.0} {minute}, {} 5xx", percent(share));
            if let Some([p50, p95, p99]) = metrics.find("response_time", None).and_then(|time| time.quantiles)
            {
                let times = format!("; p50 {}  p95 {}  p99 {}", seconds(p50), seconds(p95), seconds(p99));
                words.push_str(&times);
            }
            self.row("requests", &words);
            let (errors, panics) =
                (get("error_lines").unwrap_or_default(), get("panics").unwrap_or_default());
            self.row("errors", &format!("{errors:.0} lines, {panics:.0} panics {minute}"));
        }
        for cpu in metrics.all("container_cpu_percent") {
            let of = cpu.of.as_deref();
            let memory = metrics.get("container_mem_used_percent", of);
            let memory = memory.map(|memory| format!(", memory {}", percent(memory))).unwrap_or_default();
            self.row("", &format!("{}: cpu {}{memory}", safe(of.unwrap_or("")), percent(cpu.value)));
        }
    }

    fn alerts(&mut self, status: &Status) {
        self.heading("Alerts");
        let Some(alerts) = &status.alerts else {
            self.marked(" ", 2, "off: alerts.enabled is false, or there is no Docker");
            return self.silences(status);
        };
        if alerts.open.is_empty() {
            self.put("  none is open");
        }
        for open in &alerts.open {
            let again = if open.again > 0 { format!(", {} times again", open.again) } else { String::new() };
            let state = match (open.silenced, open.ending) {
                (_, true) => " (about to end)",
                (true, _) => " (silenced)",
                _ => "",
            };
            let since = ago(status.now_ms, open.since_ms);
            self.marked("  •", 4, &format!("{}: {}, {since}{again}{state}", open.rule, safe(&open.words)));
        }
        self.silences(status);
    }

    fn silences(&mut self, status: &Status) {
        for silence in &status.silences {
            let left = length(silence.until_ns / (SECOND / 1000) - status.now_ms);
            let by = silence.by.as_ref().map(|by| format!(" by {}", safe(by))).unwrap_or_default();
            let reason =
                silence.reason.as_ref().map(|reason| format!(": {}", safe(reason))).unwrap_or_default();
            self.marked(
                "  •",
                4,
                &format!("{} is silenced{by} for {left} more{reason}", safe(&silence.rule)),
            );
        }
    }

    fn notes(&mut self, notes: &[Problem]) {
        if notes.is_empty() {
            return;
        }
        self.heading("To know");
        for Problem { what, mend } in notes {
            let mark = self.paint(YELLOW, "!");
            self.marked(&format!("  {mark}"), 4, &safe(what));
            let arrow = self.paint(YELLOW, "→");
            self.marked(&format!("    {arrow}"), 6, &safe(mend));
        }
    }

    fn heading(&mut self, text: &str) {
        let text = self.paint(BOLD, text);
        self.put("");
        self.put(&text);
    }

    /// A name of ten characters, and words that go on below themselves.
    fn row(&mut self, name: &str, words: &str) {
        self.marked(&format!("  {name:<9}"), 12, words);
    }

    /// Words behind a mark, which go on below themselves at this column.
    fn marked(&mut self, mark: &str, column: usize, words: &str) {
        let mut lines = wrap(words, self.style.width.saturating_sub(column)).into_iter();
        self.put(&format!("{mark} {}", lines.next().unwrap_or_default()));
        for line in lines {
            self.put(&format!("{:column$}{line}", ""));
        }
    }

    fn put(&mut self, line: &str) {
        self.text.push_str(line.trim_end());
        self.text.push('\n');
    }

    fn paint(&self, colour: u8, text: &str) -> String {
        if self.style.coloured { format!("\u{1b}[{colour}m{text}\u{1b}[0m") } else { text.to_owned() }
    }
}

#[cfg(test)]
mod tests;
