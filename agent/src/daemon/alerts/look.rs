//! Looks at containers for the alerts loop, beside it: how one stands, what it said last, what there is besides.
//!
//! Knows no rules. Each look takes no longer than it may, and what it cannot get is said in words.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::Alerts;
use crate::alerts::rule::Looked;
use crate::alerts::{Cause, Incident, Lines, OPT_OUT_LABEL, Standing, lines};
use crate::docker::{Engine, Listed};
use crate::host;
use crate::logs::Container;
use crate::logs::json_file;
use crate::logs::redact::Redactor;
use crate::logs::route::{Globs, Selection, is_wanted};
use crate::telemetry::chain;

/// A look takes no longer, or gives nothing: the promise is a second.
const LOOK: Duration = Duration::from_millis(300);
/// What is around may take longer: nothing is promised of thresholds, and images are many.
const AROUND: Duration = Duration::from_secs(2);
/// Of a log's end this much is looked at.
const OUTPUT_BYTES: usize = 512 << 10;
/// A command is written for so many containers.
const MOST_COMMANDS: usize = 3;
/// Containers and images that are named.
const MOST: usize = 20;

/// Looks under way: when everything dies at once, Docker has enough to do.
pub(super) const LOOKS: usize = 8;

impl Alerts {
    /// Has a container looked at: how it stands, and what it said last.
    pub(super) fn look(&mut self, container: Container) -> anyhow::Result<()> {
        let (now, before) = (host::oom_kills(), self.oom_kills);
        // Each of them explains one death.
        self.oom_kills = now.min(before.saturating_add(1));
        let host_killed = now > before;
        let id = container.id;
        if let Some(path) = self.files.get(&id).cloned() {
            let redactor = self.redactor()?;
            self.looks.spawn(async move { into(path, id, host_killed, redactor.as_deref()).await });
            return Ok(());
        }
        let Some(engine) = self.engine.clone().filter(|_| self.looks.len() < LOOKS) else {
            let turns = self.rules.looked(&id, Looked { host_killed, ..Looked::default() }, self.now_ns());
            return self.turn(turns);
        };
        let redactor = self.redactor()?;
        self.looks.spawn(async move { at(engine, id, host_killed, redactor.as_deref()).await });
        Ok(())
    }

    pub(super) fn redactor(&mut self) -> anyhow::Result<Option<Arc<Redactor>>> {
        if let (None, Some(patterns)) = (&self.redactor, &self.settings.redact) {
            self.redactor = Some(Arc::new(Redactor::new(patterns)?));
        }
        Ok(self.redactor.clone())
    }
}

/// Whether anybody wants to hear of it.
pub(super) fn is_watched(container: &Container) -> bool {
    is_wanted(container, &Globs::default(), &Globs::default(), OPT_OUT_LABEL)
}

/// How a container stands, and what it said last.
pub(super) async fn at(
    engine: Engine,
    id: String,
    host_killed: bool,
    redactor: Option<&Redactor>,
) -> (String, Looked) {
    let (standing, lines) =
        tokio::join!(timeout(LOOK, engine.standing(&id)), timeout(LOOK, last_lines(&engine, &id, redactor)));
    let mut standing = standing.ok().and_then(Result::ok).flatten();
    if let Some(standing) = &mut standing {
        redact(standing, redactor);
    }
    let lines = lines.unwrap_or_else(|_| Err("Docker did not give them in time".to_owned()));
    (id, Looked { standing, host_killed, lines })
}

/// What a container said last whose log is a file and that no Docker knows.
pub(super) async fn into(
    path: PathBuf,
    id: String,
    host_killed: bool,
    redactor: Option<&Redactor>,
) -> (String, Looked) {
    let end = move || -> io::Result<Vec<u8>> {
        let mut file = File::open(path)?;
        let from = file.metadata()?.len().saturating_sub(OUTPUT_BYTES as u64);
        file.seek(SeekFrom::Start(from))?;
        let mut end = Vec::new();
        file.read_to_end(&mut end)?;
        Ok(end)
    };
    let lines = match spawn_blocking(end).await {
        Ok(Ok(end)) => {
            // The first one may be cut.
            let text: String = end
                .split(|byte| *byte == b'\n')
                .filter_map(json_file::parse)
                .map(|record| record.text.into_owned() + if record.ends { "\n" } else { "" })
                .collect();
            Ok(lines::last(text.as_bytes(), redactor))
        }
        Ok(Err(error)) => Err(format!("its log cannot be read: {error}")),
        Err(_) => Err("its log cannot be read".to_owned()),
    };
    (id, Looked { standing: None, host_killed, lines })
}

/// Docker's words of what it could not start hold the command, and that may hold anything; as may what a health check
/// printed.
pub(super) fn redact(standing: &mut Standing, redactor: Option<&Redactor>) {
    for words in
        [&mut standing.error, &mut standing.health_said].into_iter().filter(|words| !words.is_empty())
    {
        *words = lines::last(words.as_bytes(), redactor).join(" ");
    }
}

/// Adds what there is on the host, and what the container said last that may be why, if that is one.
pub(super) async fn around(
    engine: Engine,
    mut incident: Incident,
    redactor: Option<&Redactor>,
    (selection, instance_id): (&Selection, &str),
) -> Incident {
    let inventory = match timeout(AROUND, engine.inventory()).await {
        Ok(Ok(inventory)) => inventory,
        Ok(Err(error)) => {
            incident.around.push(chain(&error));
            return incident;
        }
        Err(_) => {
            incident.around.push(format!("Docker did not answer within {} s", AROUND.as_secs()));
            return incident;
        }
    };
    incident.around.extend(inventory.containers.iter().take(MOST).map(|listed| listed.words.clone()));
    if inventory.containers.is_empty() {
        incident.around.push("no container at all".to_owned());
        let images = inventory.images.into_iter().take(MOST);
        incident.around.extend(images.map(|image| format!("image {image}, of which no container was made")));
        if incident.around.len() == 1 {
            incident.around.push("no image: none was pulled".to_owned());
        }
    }
    let mut suspects = suspects(inventory.containers, selection, instance_id);
    if let Cause::Threshold(crossed) = &mut incident.cause {
        crossed.run = commands(&crossed.run, &suspects);
    }
    if let (Some(only), true) = (suspects.pop(), suspects.is_empty()) {
        let lines = timeout(LOOK, last_lines(&engine, &only.id, redactor)).await;
        incident.lines = Some(lines.unwrap_or_else(|_| Err("Docker did not give them in time".to_owned())));
        incident.stream = selection.choose(&only, instance_id);
        incident.lines_of = Some(only.name);
    }
    incident
}

/// Whose lines may tell more: the backend's, if it can be told from others; those that run, if any does.
fn suspects(listed: Vec<Listed>, selection: &Selection, instance_id: &str) -> Vec<Container> {
    let mut watched: Vec<Listed> =
        listed.into_iter().filter(|listed| is_watched(&listed.container)).collect();
    let group = |listed: &Listed| selection.choose(&listed.container, instance_id).map(|to| to.group);
    let is_backend = |listed: &Listed| group(listed).is_some_and(|group| group == selection.group);
    for narrower in [&|listed: &Listed| listed.is_running, &is_backend as &dyn Fn(&Listed) -> bool] {
        if watched.iter().any(narrower) {
            watched.retain(narrower);
        }
    }
    watched.into_iter().map(|listed| listed.container).collect()
}

/// Each command for each of them: what stands there for a container is no name of one.
fn commands(written: &[String], of: &[Container]) -> Vec<String> {
    const PLACE: &str = "CONTAINER";
    let of_one = |command: &String| -> Vec<String> {
        if !command.contains(PLACE) {
            return vec![command.clone()];
        }
        of.iter().take(MOST_COMMANDS).map(|container| command.replace(PLACE, &container.name)).collect()
    };
    written.iter().flat_map(of_one).collect()
}

async fn last_lines(engine: &Engine, id: &str, redactor: Option<&Redactor>) -> Lines {
    match engine.last_output(id, lines::WANTED, OUTPUT_BYTES).await {
        Ok(output) => Ok(lines::last(&output, redactor)),
        Err(error) if error.is_gone() => Err("the container is gone, and its log with it".to_owned()),
        Err(error) if error.is_unreadable() => Err("its log driver cannot be read back".to_owned()),
        Err(error) => Err(chain(&error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    #[test]
    fn of_many_containers_the_backend_that_runs_is_looked_at() {
        let selection = Config::defaults().unwrap().logs.selection;
        let listed = |name: &str, is_running| Listed {
            container: Container { id: name.to_owned(), name: name.to_owned(), ..Container::default() },
            words: String::new(),
            is_running,
        };
        let names = |all: &[(&str, bool)]| -> Vec<String> {
            let all = all.iter().map(|(name, is_running)| listed(name, *is_running)).collect();
            suspects(all, &selection, "i").into_iter().map(|container| container.name).collect()
        };
        assert_eq!(names(&[("backend", true), ("frontend", true), ("old", false)]), ["backend"]);
        assert_eq!(names(&[("backend", false)]), ["backend"], "it may be why");
        assert_eq!(names(&[("a", true), ("b", true)]), ["a", "b"]);
        let two = [listed("a", true).container, listed("b", true).container];
        let written = ["docker ps".to_owned(), "docker logs CONTAINER".to_owned()];
        assert_eq!(commands(&written, &two), ["docker ps", "docker logs a", "docker logs b"]);
        assert_eq!(commands(&written, &[]), ["docker ps"]);
    }
}
