//! How each container's log stands, for whoever asks over the control socket.

use super::Logs;
use crate::control::status::{Container, Read};
use crate::daemon::source::{Log, Source};

impl Logs {
    /// All containers, by name.
    pub(super) fn shown(&self) -> Vec<Container> {
        let mut all: Vec<_> = self.sources.values().map(shown).collect();
        all.sort_by(|a, b| (&a.name, &a.id).cmp(&(&b.name, &b.id)));
        all
    }
}

fn shown(source: &Source) -> Container {
    let container = &source.found.container;
    let to = source.flow.as_ref().map(|flow| flow.destination().clone());
    let (group, stream) = to.map(|to| (to.group, to.stream)).unzip();
    let read = match &source.log {
        Log::File(_) => Read::File,
        Log::Unreadable => Read::Unreadable,
        // It ends when there is nothing that it could read.
        Log::Api { reader, .. } if reader.is_finished() && !source.removed => Read::NotReadable,
        Log::Api { .. } => Read::Api,
        Log::None => match source.found.driver.as_str() {
            _ if source.flow.is_none() => Read::LeftOut,
            "awslogs" => Read::Itself,
            "none" => Read::Nowhere,
            // Reading ended as the configuration was read again, or the container is gone.
            _ => Read::LeftOut,
        },
    };
    let trouble = match &source.log {
        Log::File(_) => source.standing.get(),
        Log::Api { reading, reader } if !reader.is_finished() => reading.standing.get(),
        _ => None,
    };
    Container {
        id: container.id.clone(),
        name: container.name.clone(),
        image: container.image.clone(),
        driver: source.found.driver.clone(),
        read,
        group,
        stream,
        lines: source.seen.records,
        events: source.seen.events,
        dropped_by_rule: source.seen.dropped_by_rule,
        last_line_ms: source.seen.last_ns.map(|ns| ns.div_euclid(1_000_000)),
        behind_bytes: if let Log::File(tail) = &source.log { Some(tail.behind()) } else { None },
        removed: source.removed,
        trouble,
        truncated: source.seen.truncated,
    }
}
