//! `silence`: for a while nobody is told of some rules of this host's daemon.
//!
//! Asks the daemon over its control socket; where none runs, or this user may not ask it, writes the file that the
//! daemon reads.

use std::io;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use jiff::{SignedDuration, Timestamp};
use serde::de::DeserializeOwned;

use super::check::user;
use super::run::block_on;
use super::status::words::safe;
use super::{BAD_USAGE, ConfigFile, FAILED, output};
use crate::alerts::silence::{ALL, LONGEST_S, Silence, Silences, covers};
use crate::alerts::{SECOND, names};
use crate::config::Config;
use crate::control::client::{self, Error};
use crate::control::{Request, Silencing};
use crate::provision::{alarm, lint};
use crate::spool::silences as file;
use crate::telemetry;

const LONGEST: Duration = Duration::from_secs(LONGEST_S);

pub(super) const HELP: &str = "\
Examples:
  sudo starttech-agent silence 'container-*' --for 30m --reason 'deploy of 1.5'
  sudo starttech-agent silence all --for 2h        maintenance of this host
  sudo starttech-agent silence --list
  sudo starttech-agent silence --end 'container-*'
  sudo starttech-agent silence --end all           ends every silence

Rules: container-died, container-out-of-memory, process-out-of-memory, container-not-started,
container-restart-loop, container-unhealthy, disk-full, inodes-used-up, memory-full, cpu-throttled, health-down,
never-came-up, failures, panic, delivery-stalled, and those of [[alerts.rules]]. Quote patterns, or the shell takes
the *.

Only what the daemon of this host says itself is silenced. CloudWatch's alarms (`starttech-agent alarms list`) ring as
ever; for those: aws cloudwatch disable-alarm-actions --alarm-names NAME, and enable-alarm-actions afterwards.
The journal has every alert all the same. What is still open when a silence ends is told then. A silence holds
whether the daemon runs or not, and over its restarts. Nothing is to be reloaded. While the daemon runs, members of
the group starttech-agent need no sudo.

Exit codes:
  0   as asked
  1   the spool's directory is not there or may not be used; or there was nothing to end
  64  no such rule, or a bad duration";

/// What can be said to `silence`.
#[derive(Debug, Args)]
pub(super) struct Options {
    #[command(flatten)]
    file: ConfigFile,

    /// A rule such as container-died, a pattern such as 'container-*', or all
    #[arg(
        value_name = "RULE",
        required_unless_present_any = ["list", "end"],
        conflicts_with_all = ["list", "end"],
        requires = "length"
    )]
    rule: Option<String>,

    /// For so long from now: 30m, 2h, 1h30m, 1d; 7d at most
    #[arg(long = "for", value_name = "DURATION", value_parser = duration, requires = "rule")]
    length: Option<Duration>,

    /// Why, for those who look
    #[arg(long, value_name = "TEXT", requires = "rule")]
    reason: Option<String>,

    /// Show what is silenced
    #[arg(long, conflicts_with = "end")]
    list: bool,

    /// With --list: an array of {rule, since, until, reason, by}
    #[arg(long, requires = "list")]
    json: bool,

    /// End a silence before its time: the same words as it began with, or all
    #[arg(long, value_name = "RULE")]
    end: Option<String>,
}

fn duration(text: &str) -> Result<Duration, String> {
    let days = text.strip_suffix('d').and_then(|days| days.parse::<u64>().ok());
    let duration = match days {
        Some(days) => days.checked_mul(24 * 60 * 60).map(Duration::from_secs),
        None => text.parse::<SignedDuration>().ok().and_then(|length| Duration::try_from(length).ok()),
    };
    match duration.filter(|duration| !duration.is_zero()) {
        Some(duration) if duration <= LONGEST => Ok(duration),
        Some(_) => Err("7d is the most: a silence that lasts is a rule that nobody wants".to_owned()),
        None => Err("write a duration like 30m, 2h or 1d".to_owned()),
    }
}

/// Does it.
pub(super) fn silence(options: &Options) -> anyhow::Result<ExitCode> {
    let config = Config::load(options.file.config.as_deref(), std::env::vars_os())?;
    let (spool, now_ns) = (config.spool.directory.as_path(), telemetry::now_ns());
    let prefix = &config.provision.settings.prefix;
    let known = names(&config.alerts.rules);
    let named = |written: &str| match named(written, prefix, &known) {
        Ok(rule) => Some(rule),
        Err(complaint) => {
            output::complaint(&complaint);
            None
        }
    };
    if options.list {
        return list(&config, options.json, now_ns);
    }
    if let Some(written) = &options.end {
        let Some(rule) = named(written) else { return Ok(ExitCode::from(BAD_USAGE)) };
        return end(&config, &rule, now_ns);
    }
    let (Some(written), Some(length)) = (&options.rule, options.length) else {
        return Ok(ExitCode::from(BAD_USAGE));
    };
    let Some(rule) = named(written) else { return Ok(ExitCode::from(BAD_USAGE)) };
    let length_ns = i64::try_from(length.as_nanos()).unwrap_or(i64::MAX);
    let silence = Silence {
        rule: rule.clone(),
        since_ns: now_ns,
        until_ns: now_ns.saturating_add(length_ns),
        reason: options.reason.clone(),
        by: Some(user::asker()),
    };
    let told = told(&silence);
    let wanted = Silencing {
        rule: rule.clone(),
        seconds: length.as_secs().max(1),
        reason: silence.reason.clone(),
        by: silence.by.clone(),
    };
    let asked: Option<Silence> = by_daemon(&config, &Request::Silence(wanted))?;
    if asked.is_none() {
        change(spool, |silences| silences.add(silence, now_ns))??;
    }
    output::result(&told);
    if rule.contains(['*', '?', '[', '{']) {
        let covered = known.iter().filter(|known| covers(&rule, known)).map(String::as_str);
        output::result(&format!("  rules: {}", covered.collect::<Vec<_>>().join(", ")));
    }
    output::result(&format!(
        "The journal has every alert all the same (journalctl -u starttech-agent). What is still open then is told then.\n\
         CloudWatch's own alarms ring as ever.\nTo end it before: sudo starttech-agent silence --end '{rule}'"
    ));
    if !config.alerts.enabled {
        output::complaint("but the daemon of this host tells nothing in any case: alerts.enabled is false");
    }
    Ok(ExitCode::SUCCESS)
}

/// The rule or the pattern that is meant. It may be written as it stands in messages, with the prefix.
fn named(written: &str, prefix: &str, known: &[String]) -> Result<String, String> {
    let short = written.strip_prefix(prefix).and_then(|rest| rest.strip_prefix('-')).unwrap_or(written);
    if short == ALL || known.iter().any(|rule| covers(short, rule)) {
        return Ok(short.to_owned());
    }
    if alarm::names().any(|name| name == short) {
        return Err(format!(
            "{short} is an alarm of CloudWatch, which this does not silence; for that: aws cloudwatch \
             disable-alarm-actions --alarm-names {prefix}-{short}, and enable-alarm-actions afterwards"
        ));
    }
    let near = lint::nearest(short, known.iter().map(String::as_str).chain([ALL]));
    let mend = near.map(|near| format!("did you mean {near}? ")).unwrap_or_default();
    Err(format!("there is no rule {written:?}: {mend}Rules are {}; or write all", known.join(", ")))
}

/// Has the daemon do it, or gives `None` where it cannot be asked: the file serves as well then.
fn by_daemon<T: DeserializeOwned>(config: &Config, request: &Request) -> anyhow::Result<Option<T>> {
    let Some(socket) = &config.control.socket else { return Ok(None) };
    block_on(async {
        match client::ask(socket, request).await {
            Ok(answer) => Ok(Some(answer)),
            Err(refused @ (Error::Refused(_) | Error::Unfit(_))) => Err(refused.into()),
            Err(_) => Ok(None),
        }
    })
}

fn list(config: &Config, json: bool, now_ns: i64) -> anyhow::Result<ExitCode> {
    let known: Option<Vec<Silence>> = by_daemon(config, &Request::Silences)?;
    let current = match known {
        Some(known) => known,
        None => listed(&config.spool.directory, now_ns)?,
    };
    if json {
        output::result(&serde_json::to_string_pretty(&current)?);
    } else if current.is_empty() {
        output::result("nothing is silenced on this host");
    } else {
        for silence in &current {
            output::result(&told(silence));
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn listed(spool: &Path, now_ns: i64) -> anyhow::Result<Vec<Silence>> {
    // Where there is none, nothing is silenced; where it may not be looked at, nobody knows.
    let there = std::fs::metadata(spool).and_then(|_| file::read(&file::path(spool)));
    let silences = understood(there.map_err(|error| mended(spool, error))?, spool)?;
    Ok(silences.current(now_ns).into_iter().cloned().collect())
}

fn end(config: &Config, rule: &str, now_ns: i64) -> anyhow::Result<ExitCode> {
    let request = Request::EndSilence { rule: rule.to_owned() };
    let (ended, left) = match by_daemon(config, &request)? {
        Some(ended) => (ended, Vec::new()),
        None => end_in(&config.spool.directory, rule, now_ns)?,
    };
    for silence in &ended {
        output::result(&format!("{} is silenced no more", silence.rule));
    }
    if !ended.is_empty() {
        output::result("A running daemon tells within seconds what is still open of it.");
        return Ok(ExitCode::SUCCESS);
    }
    let left = if left.is_empty() { String::new() } else { format!("; what is: {}", left.join(", ")) };
    output::complaint(&format!("{rule} was not silenced in these words{left}"));
    Ok(ExitCode::from(FAILED))
}

fn end_in(spool: &Path, rule: &str, now_ns: i64) -> anyhow::Result<(Vec<Silence>, Vec<String>)> {
    change(spool, |silences| {
        let ended = silences.end(rule, now_ns);
        let left = silences.current(now_ns).into_iter().map(|silence| silence.rule.clone());
        (ended, left.collect::<Vec<_>>())
    })
}

/// `container-* is silenced on this host until 2026-11-23 17:10:00Z, by root: deploy`
fn told(silence: &Silence) -> String {
    let until = Timestamp::from_second(silence.until_ns / SECOND).map(|time| time.to_string());
    let until = until.unwrap_or_default().replace('T', " ");
    let by = silence.by.as_ref().map(|by| format!(", by {}", safe(by))).unwrap_or_default();
    let reason = silence.reason.as_ref().map(|reason| format!(": {}", safe(reason))).unwrap_or_default();
    format!("{} is silenced on this host until {until}{by}{reason}", safe(&silence.rule))
}

fn change<T>(spool: &Path, change: impl FnOnce(&mut Silences) -> T) -> anyhow::Result<T> {
    let changed = file::change(spool, |text| {
        let mut silences = understood(text, spool).map_err(Failed::Content)?;
        let result = change(&mut silences);
        let text = serde_json::to_vec_pretty(&silences).map_err(|error| Failed::Content(error.into()))?;
        Ok((text, result))
    });
    changed.map_err(|failed| match failed {
        Failed::Disk(error) => mended(spool, error),
        Failed::Content(error) => error,
    })
}

/// Why it was not written.
enum Failed {
    Disk(io::Error),
    Content(anyhow::Error),
}

impl From<io::Error> for Failed {
    fn from(error: io::Error) -> Self {
        Self::Disk(error)
    }
}

fn understood(text: Option<Vec<u8>>, spool: &Path) -> anyhow::Result<Silences> {
    let Some(text) = text else { return Ok(Silences::default()) };
    let path = file::path(spool);
    Silences::read(&text).with_context(|| {
        format!("{} is damaged, and nothing is silenced: remove it, and silence anew", path.display())
    })
}

/// What to do about a directory that cannot be used.
fn mended(spool: &Path, error: io::Error) -> anyhow::Error {
    let mend = match error.kind() {
        io::ErrorKind::NotFound => {
            "the daemon makes it at its first start; does it run on this host, with this configuration? \
             (spool.directory, --config)"
        }
        io::ErrorKind::PermissionDenied => {
            "the spool is its user's alone: run this with sudo, or while the daemon runs as a member of its group"
        }
        io::ErrorKind::ReadOnlyFilesystem => "mount it writable, or set spool.directory",
        io::ErrorKind::StorageFull => "free some room on the disk",
        _ => "see starttech-agent check",
    };
    anyhow::Error::new(error).context(format!("cannot use the spool directory {}: {mend}", spool.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_up_to_seven_days() {
        let hours = |text: &str| duration(text).map(|duration| duration.as_secs() / 3600);
        assert_eq!(
            ["1h", "1h30m", "2d", "7d", "168h"].map(|text| hours(text).unwrap()),
            [1, 1, 48, 168, 168]
        );
        for text in ["", "0s", "0d", "-1h", "1", "soon", "8d", "169h", "99999999999999999999d", "1w"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_rule_is_known_by_its_name_a_pattern_or_as_messages_have_it() {
        let known = names(&Config::defaults().unwrap().alerts.rules);
        for (written, rule) in [
            ("container-died", "container-died"),
            ("starttech-container-died", "container-died"),
            ("container-*", "container-*"),
            ("*-out-of-memory", "*-out-of-memory"),
            ("all", "all"),
        ] {
            assert_eq!(named(written, "starttech", &known).unwrap(), rule);
        }
        for (written, told) in [
            ("container-dead", "did you mean container-died?"),
            ("web", "Rules are container-died, "),
            ("host-*", "there is no rule \"host-*\""),
            ("[", "there is no rule"),
            ("starttech-cpu-warning", "disable-alarm-actions --alarm-names starttech-cpu-warning"),
        ] {
            let complaint = named(written, "starttech", &known).unwrap_err();
            assert!(complaint.contains(told), "{complaint}");
        }
        let help = HELP.replace('\n', " ");
        assert!(known.iter().all(|rule| help.contains(rule)), "the help names every rule");
    }
}
