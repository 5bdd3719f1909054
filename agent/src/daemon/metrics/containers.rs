//! The containers that are measured: which, under what name, and whether they run.
//!
//! What becomes of them is told by Docker's events; what they use is read from the kernel's files. Docker
//! itself is only asked when a container was started.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use tokio::task::{JoinError, JoinSet};
use tokio::time::Instant;

use super::Seen;
use crate::cgroup::{Group, Network, Presence, Reader};
use crate::docker::{DockerError, Engine, State};
use crate::logs::Container;
use crate::logs::route::{Globs, METRICS_OPT_OUT_LABEL, is_wanted};
use crate::metrics::aggregate::Aggregate;
use crate::metrics::{Readings, name};
use crate::telemetry::chain;

/// Names of containers in one run: each makes metrics to pay for, and a job that is run again and again
/// under names that Docker makes up would make them for ever.
const MOST_NAMES: usize = 100;

/// When Docker is asked again that gave no answer, or the kernel that could not be read.
const AGAIN: Duration = Duration::from_secs(30);

/// What came of asking Docker for a container.
pub(super) type Looked = Result<Look, JoinError>;

/// One look at a container: its id, the look's number, and what Docker said.
type Look = (String, u64, Result<Option<State>, DockerError>);

/// All that are measured.
#[derive(Debug)]
pub(super) struct Containers {
    include: Globs,
    exclude: Globs,
    watched: HashMap<String, Watched>,
    looks: JoinSet<Look>,
    names: BTreeSet<String>,
    /// Reads the kernel's files; made when there is the first container to read of.
    reader: Option<Reader>,
}

#[derive(Debug)]
struct Watched {
    container: Container,
    /// As Docker said last; `None` before it said anything.
    state: Option<State>,
    /// Where the kernel accounts for it, while it runs.
    group: Option<Group>,
    /// Starts that were not told yet.
    restarts: u64,
    /// How often its end was told without a start of it that was counted.
    deaths: u64,
    /// The newest look: what an older one says is not true any more.
    look: u64,
    /// How it ended since that look, which may say that it runs.
    ended: Option<i64>,
    /// Whom to ask, and when to ask again if that did not go well.
    engine: Option<Engine>,
    again: Option<Instant>,
    /// It was not found in the kernel's files the last time.
    is_missing: bool,
}

impl Watched {
    fn new(container: Container) -> Self {
        Self {
            container,
            state: None,
            group: None,
            restarts: 0,
            deaths: 0,
            look: 0,
            ended: None,
            engine: None,
            again: None,
            is_missing: false,
        }
    }
}

impl Containers {
    pub(super) fn new([include, exclude]: [Globs; 2]) -> Self {
        Self {
            include,
            exclude,
            watched: HashMap::new(),
            looks: JoinSet::new(),
            names: BTreeSet::new(),
            reader: None,
        }
    }

    /// Takes note of what became of a container.
    pub(super) fn seen(&mut self, seen: Seen, now_ms: i64, aggregate: &mut Aggregate) {
        match seen {
            Seen::Found(found, engine) => {
                if let Some(engine) = engine {
                    self.found(found.container, engine);
                }
            }
            Seen::Listed(ids) => self.watched.retain(|id, _| ids.contains(id)),
            Seen::Died { id, exit_code } => {
                let Some(watched) = self.watched.get_mut(&id) else { return };
                watched.ended = Some(exit_code);
                watched.deaths += 1;
                if let Some(state) = &mut watched.state {
                    watched.group = None;
                    (state.pid, state.exit_code) = (None, exit_code);
                    // However soon it is up again: the period's minimum says so.
                    if !state.is_done() && self.names.contains(&watched.container.name) {
                        aggregate.add(now_ms, &name::CONTAINER_UP, Some(&watched.container.name), 0.0);
                    }
                }
            }
            Seen::Renamed { id, name } => {
                if let Some(watched) = self.watched.get_mut(&id) {
                    watched.container.name = name;
                }
            }
            Seen::Removed { id } => {
                self.watched.remove(&id);
            }
        }
    }

    fn found(&mut self, container: Container, engine: Engine) {
        let id = container.id.clone();
        let watched = self.watched.entry(id.clone()).or_insert_with(|| Watched::new(container.clone()));
        watched.container = container;
        watched.engine = Some(engine);
        self.look(&id);
    }

    /// Asks Docker how a container is doing.
    fn look(&mut self, id: &str) {
        let Some(watched) = self.watched.get_mut(id) else { return };
        let Some(engine) = watched.engine.clone() else { return };
        (watched.look, watched.ended, watched.again) = (watched.look + 1, None, None);
        let (id, look) = (id.to_owned(), watched.look);
        self.looks.spawn(async move {
            let state = engine.state(&id).await;
            (id, look, state)
        });
    }

    /// Asks again where that did not go well, and it is time.
    fn look_again(&mut self) {
        let now = Instant::now();
        let due = |watched: &Watched| watched.again.is_some_and(|again| again <= now);
        let ids = self.watched.iter().filter(|(_, watched)| due(watched)).map(|(id, _)| id.clone());
        for id in ids.collect::<Vec<_>>() {
            self.look(&id);
        }
    }

    /// What Docker said of a container that was started; `None` if nobody was asked.
    pub(super) async fn next(&mut self) -> Option<Looked> {
        self.looks.join_next().await
    }

    /// Takes what Docker said.
    pub(super) fn settle(&mut self, looked: Looked, readings: &mut Readings) {
        let (id, look, state) = match looked {
            Ok((id, look, Ok(state))) => (id, look, state),
            Ok((id, look, Err(error))) => {
                if let Some(watched) = self.watched.get_mut(&id).filter(|watched| watched.look == look) {
                    watched.again = Some(Instant::now() + AGAIN);
                }
                return readings.fault(chain(&error));
            }
            Err(_) => return readings.fault("a look at a container panicked"),
        };
        let Some(mut state) = state else {
            self.watched.remove(&id);
            return;
        };
        let Some(watched) = self.watched.get_mut(&id).filter(|watched| watched.look == look) else { return };
        if let Some(exit_code) = watched.ended {
            (state.pid, state.exit_code) = (None, exit_code);
        }
        if let Some(before) = &watched.state
            && before.started_at != state.started_at
        {
            // Started by hand, or by Docker, and then perhaps several times since. Docker may count a restart
            // ahead of its start: as many were started as had ended, if that was told.
            let counted = state.restarts.saturating_sub(before.restarts);
            let restarts = if watched.deaths > 0 { counted.clamp(1, watched.deaths) } else { counted };
            watched.deaths = watched.deaths.saturating_sub(restarts);
            watched.restarts += restarts;
        }
        let before = watched.state.replace(state);
        let pid = watched.state.as_ref().and_then(|state| state.pid);
        if watched.group.is_some() && before.and_then(|before| before.pid) == pid {
            return; // the same process as before
        }
        watched.group = None;
        let has_network = watched.state.as_ref().is_some_and(|state| state.has_network);
        let network = if has_network { Network::Own } else { Network::Shared };
        let Some(pid) = pid else { return };
        let reader = match &mut self.reader {
            Some(reader) => Ok(reader),
            none => Reader::new().map(|reader| none.insert(reader)),
        };
        match reader.and_then(|reader| Group::find(pid, &id, network, reader)) {
            Ok(group) => (watched.group, watched.is_missing) = (Some(group), false),
            // As a rule it has ended, and Docker tells. Docker is asked once more, and if it runs, that is odd.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && !watched.is_missing => {
                watched.is_missing = true;
                watched.again = Some(Instant::now() + AGAIN);
            }
            Err(error) => {
                watched.again = Some(Instant::now() + AGAIN);
                readings.fault(format!(
                    "cannot find the cgroup of container {}: {error}",
                    watched.container.name
                ));
            }
        }
    }

    /// Looks at all of them once.
    pub(super) fn sample(&mut self, readings: &mut Readings) {
        self.look_again();
        let now = Instant::now().into_std();
        for watched in self.watched.values_mut() {
            let Some(state) = &watched.state else { continue };
            let container = &watched.container;
            if state.is_done() || !is_wanted(container, &self.include, &self.exclude, METRICS_OPT_OUT_LABEL) {
                continue;
            }
            if !self.names.contains(&container.name) {
                if self.names.len() >= MOST_NAMES {
                    readings.fault(format!(
                        "there were containers of more than {MOST_NAMES} names: the others are not measured; \
                         leave some out by metrics.exclude"
                    ));
                    continue;
                }
                self.names.insert(container.name.clone());
            }
            let up = if state.pid.is_some() { 1.0 } else { 0.0 };
            readings.put(&name::CONTAINER_UP, Some(&container.name), up);
            #[expect(clippy::cast_precision_loss, reason = "restarts between two looks")]
            let restarts = std::mem::take(&mut watched.restarts) as f64;
            readings.put(&name::CONTAINER_RESTARTS, Some(&container.name), restarts);
            if let (Some(group), Some(reader)) = (&mut watched.group, &mut self.reader)
                && group.sample(&container.name, now, reader, readings) == Presence::Gone
            {
                // Docker may be gone itself, and with it whoever would tell. How it ended nobody knows.
                watched.group = None;
                if let Some(state) = &mut watched.state {
                    (state.pid, state.exit_code) = (None, -1);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn watching() -> Containers {
        let mut containers = Containers::new([Globs::default(), Globs::default()]);
        let container = Container { id: "a".to_owned(), name: "api".to_owned(), ..Container::default() };
        containers.watched.insert("a".to_owned(), Watched::new(container));
        containers
    }

    /// As if a look with this number, the newest so far, had been answered so.
    fn answered(containers: &mut Containers, look: u64, started_at: &str, restarts: u64) {
        // No process has this number: there is no cgroup to read.
        let state =
            State { pid: Some(u32::MAX), started_at: started_at.to_owned(), restarts, ..State::default() };
        containers.settle(Ok(("a".to_owned(), look, Ok(Some(state)))), &mut Readings::default());
    }

    fn asked(containers: &mut Containers, look: u64) {
        let watched = containers.watched.get_mut("a").unwrap();
        (watched.look, watched.ended) = (look, None);
    }

    fn sampled(containers: &mut Containers) -> Vec<(&'static str, f64)> {
        let mut readings = Readings::default();
        containers.sample(&mut readings);
        readings.values.iter().map(|reading| (reading.metric.name, reading.value)).collect()
    }

    fn told(up: f64, restarts: f64) -> [(&'static str, f64); 2] {
        [(name::CONTAINER_UP.name, up), (name::CONTAINER_RESTARTS.name, restarts)]
    }

    #[test]
    fn an_answer_from_before_the_end_does_not_say_that_it_runs() {
        let (mut containers, mut aggregate) = (watching(), Aggregate::new(1_000));
        containers.seen(Seen::Died { id: "a".to_owned(), exit_code: 1 }, 0, &mut aggregate);
        answered(&mut containers, 0, "1", 0);
        assert_eq!(sampled(&mut containers), told(0.0, 0.0));
        asked(&mut containers, 1);
        answered(&mut containers, 1, "2", 1);
        assert_eq!(sampled(&mut containers), told(1.0, 1.0));
        containers.seen(Seen::Died { id: "a".to_owned(), exit_code: 0 }, 0, &mut aggregate);
        assert_eq!(sampled(&mut containers), [], "a job that is done");
    }

    #[test]
    fn a_restart_that_docker_counts_ahead_of_its_start_is_one() {
        for told_before_the_answer in [false, true] {
            let (mut containers, mut aggregate) = (watching(), Aggregate::new(1_000));
            let mut died = |containers: &mut Containers| {
                containers.seen(Seen::Died { id: "a".to_owned(), exit_code: 1 }, 0, &mut aggregate);
            };
            answered(&mut containers, 0, "1", 0);
            died(&mut containers);
            asked(&mut containers, 1);
            if told_before_the_answer {
                died(&mut containers);
            }
            answered(&mut containers, 1, "2", 2);
            if !told_before_the_answer {
                died(&mut containers);
            }
            asked(&mut containers, 2);
            answered(&mut containers, 2, "3", 2);
            died(&mut containers);
            asked(&mut containers, 3);
            answered(&mut containers, 3, "4", 2); // by hand
            assert_eq!(sampled(&mut containers), told(1.0, 3.0), "{told_before_the_answer}");
        }
    }

    #[test]
    fn an_older_answer_that_comes_later_is_not_taken() {
        let mut containers = watching();
        answered(&mut containers, 0, "1", 0);
        asked(&mut containers, 2);
        answered(&mut containers, 2, "3", 2);
        answered(&mut containers, 1, "2", 1);
        assert_eq!(sampled(&mut containers), told(1.0, 2.0));
        assert_eq!(sampled(&mut containers), told(1.0, 0.0), "each is told once");
    }
}
