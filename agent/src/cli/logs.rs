//! `logs`: the last lines of this host's containers as they are shipped, and on as they come.
//!
//! Filters and shows; what is read, and how, is `daemon/lookback`. Escape sequences of a line never reach the
//! terminal.

use std::collections::VecDeque;
use std::io::{self, IsTerminal, Write};
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::bail;
use clap::Args;
use jiff::{SignedDuration, Timestamp};
use log::LevelFilter;
use regex::Regex;
use serde_json::json;
use tokio::time::timeout;

use super::check::access::As;
use super::check::docker::{Refused, permitted};
use super::run::{asked_to_stop, block_on};
use super::{ConfigFile, output};
use crate::config::{Config, Identity};
use crate::daemon::lookback::{Found, Lookback, Wanted};
use crate::local::look::Look;
use crate::logs::clean::clean;
use crate::logs::seek::Begin;
use crate::logs::severity::Severity;
use crate::{aws, imds, telemetry};

pub(super) const HELP: &str = "\
Examples:
  sudo starttech-agent logs                           the last 100 lines of all containers
  sudo starttech-agent logs starttech-backend -f      and on as they come, over restarts
  sudo starttech-agent logs --since 10m --level error what went wrong
  starttech-agent logs --grep 'POST /tasks' --tail 20
  starttech-agent logs --json --since 1h | jq -r 'select(.container == \"api\") | .message'
  starttech-agent logs --dir starttech-logs           what `run --local` has shipped; no Docker needed

Lines are shown as they leave the host: known shapes as JSON, stack traces joined, secrets blacked out, what
`logs.drop` says left out. --level error is what the error metrics count, too: a fatal error that its bridge labels
INFO, and requests answered with 5xx.

Exit codes:
  0   shown; or ended by Ctrl-C
  1   Docker or its files cannot be asked, or there is no such container
  64  bad usage or configuration";

/// Without --since and --tail.
const USUAL: usize = 100;
/// The last lines are looked for in so much of each log, in bytes, and then in eight times as much.
const WINDOW: u64 = 1 << 20;
/// And no further back: who wants more says --since.
const WIDEST: u64 = 64 << 20;
/// For the host's name in streams.
const METADATA: Duration = Duration::from_secs(2);

/// What can be said to `logs`.
#[derive(Debug, Args)]
pub(super) struct Options {
    #[command(flatten)]
    file: ConfigFile,

    /// Names of containers, or beginnings of their ids [default: all that are shipped]
    #[arg(value_name = "CONTAINER")]
    containers: Vec<String>,

    /// Go on as lines come, through rotation and restarts, until Ctrl-C
    #[arg(long, short)]
    follow: bool,

    /// From this time on: 10m, 2h, 1d ago, or 2026-01-26T19:45:10Z
    #[arg(long, value_name = "TIME", value_parser = since)]
    since: Option<Since>,

    /// What is at least as bad: trace, debug, info, warn, error or fatal
    #[arg(long, value_name = "LEVEL", value_parser = level)]
    level: Option<Severity>,

    /// What matches this regular expression, as it is shown
    #[arg(long, value_name = "REGEX")]
    grep: Option<Regex>,

    /// The last N that fit; `all` [default: 100, or all with --since]
    #[arg(long, value_name = "N", value_parser = tail)]
    tail: Option<Tail>,

    /// A line each {time, container, group, stream, level, message}
    #[arg(long)]
    json: bool,

    /// What `run --local=DIR` or `demo --dir DIR` has shipped to DIR, instead of Docker's logs
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Since {
    Ago(Duration),
    At(i64),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tail {
    All,
    Last(usize),
}

fn since(text: &str) -> Result<Since, String> {
    let days = text.strip_suffix('d').and_then(|days| days.parse::<u64>().ok());
    if let Some(seconds) = days.and_then(|days| days.checked_mul(24 * 60 * 60)) {
        return Ok(Since::Ago(Duration::from_secs(seconds)));
    }
    if let Some(ago) = text.parse::<SignedDuration>().ok().and_then(|ago| Duration::try_from(ago).ok()) {
        return Ok(Since::Ago(ago));
    }
    let at = text.parse::<Timestamp>().ok().and_then(|at| i64::try_from(at.as_nanosecond()).ok());
    at.map(Since::At).ok_or_else(|| {
        "write how long ago, like 10m, 2h or 1d, or a time like 2026-01-26T19:45:10Z".to_owned()
    })
}

fn level(text: &str) -> Result<Severity, String> {
    text.parse().map_err(|error: crate::logs::severity::UnknownSeverity| error.to_string())
}

fn tail(text: &str) -> Result<Tail, String> {
    match text.parse() {
        Ok(lines) => Ok(Tail::Last(lines)),
        Err(_) if text == "all" => Ok(Tail::All),
        Err(_) => Err("write a number, or all".to_owned()),
    }
}

/// Shows what was asked for.
pub(super) fn logs(options: &Options) -> anyhow::Result<ExitCode> {
    let config = Config::load(options.file.config.as_deref(), std::env::vars_os())?;
    telemetry::install(LevelFilter::Warn);
    block_on(async {
        let stop = asked_to_stop()?;
        tokio::select! {
            shown = Box::pin(show(options, &config)) => shown,
            () = stop => Ok(ExitCode::SUCCESS),
            () = output::reader_left() => Ok(ExitCode::SUCCESS),
        }
    })
}

async fn show(options: &Options, config: &Config) -> anyhow::Result<ExitCode> {
    let printer = Printer::new(options, config);
    let mut look = match (options.since, options.tail.unwrap_or(usual(options))) {
        (since, Tail::Last(lines)) => {
            let begin = since.map(|since| Begin::Time(since.ns()));
            let (look, last) = last(options, config, &printer, begin, lines).await?;
            if last.iter().any(|found| printer.print(found).is_break()) {
                return Ok(ExitCode::SUCCESS);
            }
            look
        }
        (since, Tail::All) => {
            let begin = since.map_or(Begin::Start, |since| Begin::Time(since.ns()));
            let mut look = open(options, config, begin).await?;
            let mut take = |found: Found| {
                if printer.wants(&found) { printer.print(&found) } else { ControlFlow::Continue(()) }
            };
            if !look.history(&mut take).await? {
                return Ok(ExitCode::SUCCESS);
            }
            look
        }
    };
    for note in look.notes.drain(..) {
        output::complaint(&format!("starttech-agent: {note}"));
    }
    if look.is_empty() && !options.follow {
        bail!(
            "there is no log to read: no container of this host is shipped; `docker ps --all` shows what there is"
        );
    }
    if options.follow {
        let mut take = |found: Found| {
            if printer.wants(&found) { printer.print(&found) } else { ControlFlow::Continue(()) }
        };
        look.follow(&mut take).await?;
    }
    Ok(ExitCode::SUCCESS)
}

fn usual(options: &Options) -> Tail {
    if options.since.is_some() { Tail::All } else { Tail::Last(USUAL) }
}

/// The last `lines` that are wanted, from a look at the end of each log that is widened until there are so many.
async fn last(
    options: &Options,
    config: &Config,
    printer: &Printer<'_>,
    begin: Option<Begin>,
    lines: usize,
) -> anyhow::Result<(Lookback, VecDeque<Found>)> {
    let mut window = WINDOW;
    loop {
        let mut look = open(options, config, begin.unwrap_or(Begin::End(window))).await?;
        let mut last = VecDeque::new();
        let mut take = |found: Found| {
            if printer.wants(&found) {
                last.push_back(found);
            }
            if last.len() > lines {
                last.pop_front();
            }
            ControlFlow::Continue(())
        };
        look.history(&mut take).await?;
        if last.len() >= lines || look.whole || begin.is_some() {
            return Ok((look, last));
        }
        if window >= WIDEST {
            look.notes.push(format!(
                "only the last {} MiB of each log were looked through: --since looks further back",
                WIDEST >> 20
            ));
            return Ok((look, last));
        }
        window *= 8;
    }
}

async fn open(options: &Options, config: &Config, begin: Begin) -> anyhow::Result<Lookback> {
    let wanted = Wanted { names: options.containers.clone(), begin };
    if let Some(directory) = &options.dir {
        return Lookback::open_directory(config, directory, wanted);
    }
    let socket = &config.docker.socket;
    if let Err(refused) = permitted(socket, &As::Caller) {
        bail!("{}", without_docker(&refused, &refused.words(socket, &As::Caller)));
    }
    let identity = identity(config).await;
    Lookback::open(config, &identity, wanted).await
}

/// What to do where Docker cannot be asked, about this command and not about the daemon.
fn without_docker(refused: &Refused, words: &str) -> String {
    match refused {
        Refused::Absent | Refused::NoSocket => format!(
            "Docker is not here ({words}); what `run --local` or `demo` shipped: starttech-agent logs --dir DIR\n  \
             → if Docker is to be here: sudo systemctl enable --now docker; if it listens elsewhere, set docker.socket"
        ),
        Refused::Hidden(_) => format!("{words}\n  → sudo starttech-agent logs …"),
        Refused::Denied(_, group) => format!(
            "{words}\n  → sudo starttech-agent logs …; or once: sudo usermod -aG {group} $USER, and log in anew"
        ),
    }
}

/// Only the name of the host in streams is wanted: nobody waits for a metadata service that is not there.
pub(super) async fn identity(config: &Config) -> Identity {
    let metadata = if config.host.instance_id.is_none() && imds::on_instance() {
        timeout(METADATA, imds::identity(aws::http_client())).await.ok().and_then(Result::ok)
    } else {
        None
    };
    let host_name = gethostname::gethostname().to_string_lossy().into_owned();
    Identity::resolve(config, None, metadata, host_name)
}

impl Since {
    fn ns(self) -> i64 {
        match self {
            Self::At(at) => at,
            Self::Ago(ago) => {
                telemetry::now_ns().saturating_sub(i64::try_from(ago.as_nanos()).unwrap_or(i64::MAX))
            }
        }
    }
}

/// What is shown, and how.
struct Printer<'a> {
    options: &'a Options,
    health_path: String,
    /// `None`: for a pipe, whole.
    look: Option<Look>,
}

impl<'a> Printer<'a> {
    fn new(options: &'a Options, config: &Config) -> Self {
        let look = if output::coloured() { Look::Coloured } else { Look::Plain };
        Self {
            options,
            health_path: config.health.url.as_ref().map_or("/health", |url| url.path()).to_owned(),
            look: io::stdout().is_terminal().then_some(look),
        }
    }

    fn wants(&self, found: &Found) -> bool {
        let bad = self.options.level.is_none_or(|level| level <= self.severity(found));
        bad && self.options.grep.as_ref().is_none_or(|grep| grep.is_match(&clean(&found.message)))
    }

    fn severity(&self, found: &Found) -> Severity {
        Severity::of(&found.message, &self.health_path)
    }

    /// Whether anybody still reads.
    fn print(&self, found: &Found) -> ControlFlow<()> {
        match io::stdout().write_all(self.text(found).as_bytes()) {
            Ok(()) => ControlFlow::Continue(()),
            Err(_) => ControlFlow::Break(()),
        }
    }

    fn text(&self, found: &Found) -> String {
        // What files below --dir hold, anybody may have written.
        let [message, container] = [&found.message, &found.container].map(|text| clean(text));
        let time = Timestamp::from_millisecond(found.time_ms).unwrap_or_default();
        let time = format!("{time:.3}");
        if self.options.json {
            let line = json!({
                "time": time, "container": container, "group": clean(&found.group), "stream": clean(&found.stream),
                "level": self.severity(found).to_string(), "message": message,
            });
            return format!("{line}\n");
        }
        if let Some(look) = self.look {
            return format!("{} {}", look.faint(&time), look.event(&container, &message));
        }
        let mut text = String::with_capacity(message.len() + 64);
        for line in message.lines() {
            text.extend([time.as_str(), " ", &container, " ", line, "\n"]);
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_ago_or_absolute() {
        assert_eq!(since("10m"), Ok(Since::Ago(Duration::from_mins(10))));
        assert_eq!(since("2d"), Ok(Since::Ago(Duration::from_hours(48))));
        assert_eq!(since("1970-01-01T00:00:01Z"), Ok(Since::At(1_000_000_000)));
        assert_eq!(since("1970-01-01T01:00:01+01:00"), Ok(Since::At(1_000_000_000)));
        for text in ["", "10", "-5m", "yesterday", "2026-01-26"] {
            assert!(since(text).is_err(), "{text}");
        }
        assert_eq!([tail("7"), tail("all")], [Ok(Tail::Last(7)), Ok(Tail::All)]);
        assert!(tail("-1").is_err() && level("loud").is_err());
    }

    #[test]
    fn without_docker_it_speaks_of_itself() {
        let said = without_docker(&Refused::Absent, "there is no /x/docker.sock");
        let head = "Docker is not here (there is no /x/docker.sock); what `run --local` or `demo` shipped:";
        assert!(said.starts_with(head) && said.contains("logs --dir DIR"), "{said}");
        assert!(!said.contains("waits") && !said.contains("the agent"), "{said}");
        let refused = Refused::Denied("root".to_owned(), "docker".to_owned());
        let said = without_docker(&refused, "user bob may not");
        assert!(
            said.contains("→ sudo starttech-agent logs") && said.contains("usermod -aG docker"),
            "{said}"
        );
    }

    fn options(level: Option<&str>, json: bool) -> Options {
        Options {
            file: ConfigFile { config: None },
            containers: Vec::new(),
            follow: false,
            since: None,
            level: level.map(|level| level.parse().unwrap()),
            grep: None,
            tail: None,
            json,
            dir: None,
        }
    }

    fn found(message: &str) -> Found {
        Found {
            group: "/g".to_owned(),
            stream: "h/api/1".to_owned(),
            container: "api".to_owned(),
            time_ms: 1_500,
            message: message.to_owned(),
        }
    }

    #[test]
    fn a_pipe_gets_every_line_with_its_container_and_nothing_that_drives_a_terminal() {
        let options = options(None, false);
        let printer = Printer { options: &options, health_path: "/health".to_owned(), look: None };
        assert_eq!(
            printer.text(&found("a\u{1b}[2J\u{9b}1mb\nc")),
            "1970-01-01T00:00:01.500Z api a\u{fffd}1mb\n1970-01-01T00:00:01.500Z api c\n"
        );
        let printer = Printer { look: Some(Look::Plain), ..printer };
        assert_eq!(printer.text(&found("a\nb")), "1970-01-01T00:00:01.500Z api a\n  │ b\n");
    }

    #[test]
    fn json_says_all_of_it() {
        let options = options(Some("error"), true);
        let printer = Printer { options: &options, health_path: "/health".to_owned(), look: None };
        let fatal = found(r#"{"level":"INFO","msg":"Failed to connect"}"#);
        let line: serde_json::Value = serde_json::from_str(&printer.text(&fatal)).unwrap();
        assert_eq!(line["message"], fatal.message);
        assert_eq!((&line["level"], &line["time"]), (&json!("error"), &json!("1970-01-01T00:00:01.500Z")));
        assert!(printer.wants(&fatal) && !printer.wants(&found("{\"level\":\"WARN\",\"msg\":\"b\"}")));
    }
}
