//! What the agent says of itself, and the one place that reads the host's clock.
//!
//! Its own lines go to the journal with their priority where there is one, to standard error
//! elsewhere. The crates below it say nothing under a warning: with `log.level = "debug"` one wants
//! to read the agent, not the HTTP of each call.

use std::time::SystemTime;

use log::{Level, LevelFilter, Log, Metadata, Record};
use systemd_journal_logger::{JournalLog, connected_to_journal};

pub use crate::errors::chain;

/// The prefix of everything that this crate logs.
const OWN_TARGET: &str = "starttech_agent";

/// The time of day. Everything else takes it as an argument.
#[expect(clippy::disallowed_methods, reason = "this is the place the others are sent to")]
pub fn now() -> SystemTime {
    SystemTime::now()
}

/// The time of day in nanoseconds since the epoch.
pub fn now_ns() -> i64 {
    let since = now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
}

/// The time of day in milliseconds since the epoch.
pub fn now_ms() -> i64 {
    now_ns().div_euclid(1_000_000)
}

/// The time of day in seconds since the epoch.
pub fn now_seconds() -> i64 {
    now_ns().div_euclid(1_000_000_000)
}

/// Installs the logger. Called twice, the first one stays.
pub fn install(level: LevelFilter) {
    let journal = connected_to_journal().then(JournalLog::new).and_then(Result::ok);
    let sink: Box<dyn Log> = match journal {
        Some(journal) => Box::new(journal),
        None => Box::new(terminal()),
    };
    // A second logger in one process happens in tests alone, and the first serves as well.
    if log::set_boxed_logger(Box::new(Own { sink })).is_ok() {
        set_level(level);
    }
}

/// Changes how much is said, from now on.
pub fn set_level(level: LevelFilter) {
    log::set_max_level(level);
}

/// Colours on a terminal only, and not where `NO_COLOR` forbids them: `env_logger` sees to both.
fn terminal() -> env_logger::Logger {
    env_logger::Builder::new()
        .filter_level(LevelFilter::Trace) // what is let through is decided by `Own` and by the maximum
        .format_target(false)
        .build()
}

/// Lets pass what is ours, and of others what is at least a warning.
struct Own {
    sink: Box<dyn Log>,
}

impl Log for Own {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        passes(metadata) && self.sink.enabled(metadata)
    }

    fn log(&self, record: &Record<'_>) {
        if passes(record.metadata()) {
            self.sink.log(record);
        }
    }

    fn flush(&self) {
        self.sink.flush();
    }
}

fn passes(metadata: &Metadata<'_>) -> bool {
    metadata.level() <= Level::Warn || metadata.target().starts_with(OWN_TARGET)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn others_are_heard_from_a_warning_on() {
        for (target, level, heard) in [
            ("starttech_agent::daemon", Level::Trace, true),
            ("bollard::docker", Level::Debug, false),
            ("hyper", Level::Info, false),
            ("bollard::docker", Level::Warn, true),
            ("aws_config", Level::Error, true),
        ] {
            let metadata = Metadata::builder().target(target).level(level).build();
            assert_eq!(passes(&metadata), heard, "{target} {level}");
        }
    }

    #[test]
    fn a_cause_that_was_already_told_is_not_told_again() {
        #[derive(Debug, thiserror::Error)]
        #[error("{0}")]
        struct Layer(&'static str, #[source] Option<Box<Layer>>);
        let error = Layer("a: b", Some(Box::new(Layer("b", Some(Box::new(Layer("c", None)))))));
        assert_eq!(chain(&error), "a: b: c");
    }
}
