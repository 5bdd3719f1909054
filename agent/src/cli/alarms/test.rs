//! `alarms test`: plays tests of alarms, with neither network nor credentials.
//!
//! It knows files and the terminal. What a test is, `alarms/scenario` knows.

mod definitions;
mod junit;

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use clap::Args;

use crate::alarms::evaluate::watch::Unfit;
use crate::alarms::scenario::{self, Outcome, Subjects, Suite, bind, read, run, show};
use crate::cli::{BAD_USAGE, ConfigFile, FAILED, output};
use crate::config::Config;
use crate::config::fault::{Fault, Faults, Place};
use crate::provision::Settings;
use crate::provision::stand_in::{self, PARTS};

/// No file that somebody wrote comes near it.
const LARGEST: u64 = 16 << 20;

pub(super) const HELP: &str = "\
Examples:
  starttech-agent alarms test dashboards/alarms/tests/*.toml
  starttech-agent alarms test --config agent.toml mine.toml    with the thresholds of that configuration
  starttech-agent alarms test --junit report.xml mine.toml     for a pipeline

A test says what was sent and what is expected, a character a minute: o OK, A ALARM, . INSUFFICIENT_DATA.
  [[test]]
  name = \"memory above 90 % for five minutes\"
  start = \"OK\"
  series.mem_used_percent = \"50x5 95x6 50\"
  expect.memory = { states = \"ox9 AA o\", messages = [\"10 ALARM\", \"12 OK\"] }

Exit codes:
  0   all tests passed
  1   a test failed
  64  bad usage, or a file that is no test file; nothing was played";

/// What can be said to `alarms test`.
#[derive(Debug, Args)]
pub(in crate::cli) struct Options {
    #[command(flatten)]
    file: ConfigFile,

    /// Test files
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,

    #[arg(long, value_name = "FILE", help = "Write the outcome as JUnit XML, too")]
    junit: Option<PathBuf>,
}

/// A test file that can be played.
struct Ready {
    name: Arc<str>,
    text: String,
    suite: Suite,
    subjects: Subjects,
}

/// What came of a file.
pub(super) struct Played {
    name: Arc<str>,
    text: String,
    outcomes: Vec<Outcome>,
}

/// Plays all the files, and finds the exit code.
pub(super) fn test(options: &Options) -> anyhow::Result<ExitCode> {
    let config = Config::load(options.file.config.as_deref(), std::env::vars_os())?;
    let mut faults = Vec::new();
    let mut ready = Vec::new();
    for path in &options.files {
        match prepare(path, &config) {
            Ok(file) => ready.push(file),
            Err(more) => faults.extend(more),
        }
    }
    if !faults.is_empty() {
        output::complaint(&told(&Faults(faults)));
        return Ok(ExitCode::from(BAD_USAGE));
    }
    let play = |file: Ready| {
        let outcomes = file.suite.tests.iter().map(|test| run(test, &file.subjects)).collect();
        Played { name: file.name, text: file.text, outcomes }
    };
    let played: Vec<Played> = ready.into_iter().map(play).collect();
    output::result(shown(&played, output::coloured()).trim_end());
    if let Some(path) = &options.junit {
        let report = junit::report(&played)?;
        std::fs::write(path, report).with_context(|| format!("cannot write {}", path.display()))?;
    }
    let passed = played.iter().flat_map(|file| &file.outcomes).all(Outcome::passes);
    Ok(if passed { ExitCode::SUCCESS } else { ExitCode::from(FAILED) })
}

fn told(faults: &Faults) -> String {
    let plural = if faults.0.len() == 1 { "" } else { "s" };
    format!("{} fault{plural} in the tests:\n{faults}", faults.0.len())
}

/// Reads a file, and the definitions that it is about.
fn prepare(path: &Path, config: &Config) -> Result<Ready, Vec<Fault>> {
    let name: Arc<str> = path.display().to_string().into();
    let whole = |what: String, mend: &str| {
        vec![Fault {
            place: Place { source: Arc::clone(&name), position: None },
            what,
            mend: mend.to_owned(),
        }]
    };
    let text = text_of(path).map_err(|error| whole(error.to_string(), "name a test file"))?;
    let (suite, mut wrong) = read(&text);
    let subjects = match suite.rules {
        Some(at) => rules(at, &suite, config, &mut wrong),
        None => subjects(path, &suite, &config.provision.settings, &mut wrong),
    };
    if let Some(subjects) = &subjects {
        wrong.extend(bind(&suite, subjects));
    }
    match subjects {
        Some(subjects) if wrong.is_empty() => Ok(Ready { name, text, suite, subjects }),
        _ => {
            wrong.sort_by_key(|fault| fault.at);
            let place = |at: usize| Place { source: Arc::clone(&name), position: Some(position(&text, at)) };
            let fault =
                |fault: scenario::Fault| Fault { place: place(fault.at), what: fault.what, mend: fault.mend };
            Err(wrong.into_iter().map(fault).collect())
        }
    }
}

/// Makes the daemon's own rules ready.
fn rules(at: usize, suite: &Suite, config: &Config, wrong: &mut Vec<scenario::Fault>) -> Option<Subjects> {
    for (_, at) in suite.alarms.first().into_iter().chain(suite.without.first()) {
        let what = "these are the daemon's own rules".to_owned();
        let mend = "leave it out, or `rules`: a file is about the one or the other".to_owned();
        wrong.push(scenario::Fault { at: *at, what, mend });
    }
    let alarms: Vec<_> =
        config.alerts.rules.iter().map(|rule| rule.alarm(&config.metrics.namespace, None)).collect();
    let unfit = |Unfit { alarm, why }: Unfit| scenario::Fault {
        at,
        what: format!("{alarm}: {why}"),
        mend: "such a rule cannot be tested".to_owned(),
    };
    Subjects::of_rules(&alarms).map_err(|all| wrong.extend(all.into_iter().map(unfit))).ok()
}

/// Makes the alarms ready that a suite is about.
fn subjects(
    path: &Path,
    suite: &Suite,
    settings: &Settings,
    wrong: &mut Vec<scenario::Fault>,
) -> Option<Subjects> {
    let mut fault = |at: usize, what: String, mend: String| wrong.push(scenario::Fault { at, what, mend });
    let at = suite.alarms.first().map_or(0, |(_, at)| *at);
    let (made, prefix) = if suite.alarms.is_empty() {
        let mut without = Vec::new();
        for (part, at) in &suite.without {
            match PARTS.into_iter().find(|known| known == part) {
                Some(known) => without.push(known),
                None => fault(
                    *at,
                    format!("{part:?} is no part of the platform"),
                    format!("write one of {}", PARTS.join(", ")),
                ),
            }
        }
        (stand_in::alarms(settings, &without), format!("{}-", settings.prefix))
    } else {
        if let Some((_, at)) = suite.without.first() {
            let mend = "leave out `without`, or `alarms`".to_owned();
            fault(*at, "the alarms of files know no parts of the platform".to_owned(), mend);
        }
        let mut all = (Vec::new(), Vec::new());
        for (file, at) in &suite.alarms {
            let file = path.parent().unwrap_or(Path::new("")).join(file);
            match text_of(&file).map_err(|error| error.to_string()).and_then(|text| definitions::read(&text)) {
                Ok((alarms, composites)) => {
                    all.0.extend(alarms);
                    all.1.extend(composites);
                }
                Err(why) => fault(
                    *at,
                    format!("{}: {why}", file.display()),
                    "name a JSON file with alarms as PutMetricAlarm takes them, or what describe-alarms prints".into(),
                ),
            }
        }
        (all, String::new())
    };
    let unfit = |Unfit { alarm, why }: Unfit| {
        (format!("{alarm}: {why}"), "such an alarm cannot be tested".to_owned())
    };
    match Subjects::new(&made.0, &made.1, &prefix) {
        Ok(subjects) => Some(subjects),
        Err(all) => {
            all.into_iter().map(unfit).for_each(|(what, mend)| fault(at, what, mend));
            None
        }
    }
}

fn text_of(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    File::open(path)?.take(LARGEST + 1).read_to_string(&mut text)?;
    if u64::try_from(text.len()).is_ok_and(|length| length > LARGEST) {
        return Err(io::Error::other("larger than 16 MiB"));
    }
    Ok(text)
}

/// Line and column of a byte, from 1.
fn position(text: &str, at: usize) -> (usize, usize) {
    let before = text.get(..text.floor_char_boundary(at)).unwrap_or_default();
    let line = before.rsplit('\n').next().unwrap_or_default();
    (before.matches('\n').count() + 1, line.chars().count() + 1)
}

impl Played {
    /// `memory.toml:12`
    fn place(&self, at: usize) -> String {
        format!("{}:{}", self.name, position(&self.text, at).0)
    }
}

fn shown(played: &[Played], coloured: bool) -> String {
    let mut text = String::new();
    for file in played {
        for outcome in &file.outcomes {
            text.push_str(&show::outcome(outcome, &|at| file.place(at), coloured));
        }
    }
    let count = |passes: bool| {
        played.iter().flat_map(|file| &file.outcomes).filter(|outcome| outcome.passes() == passes).count()
    };
    let (passed, failed) = (count(true), count(false));
    let plural = if passed + failed == 1 { "" } else { "s" };
    text + &format!("\n{} test{plural}: {passed} passed, {failed} failed", passed + failed)
}

#[cfg(test)]
mod tests;
