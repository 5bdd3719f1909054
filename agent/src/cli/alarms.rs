//! `alarms list`: what is defined, and how it stands in the account. `alarms test` and `alarms drill` have files of
//! their own.

mod drill;
mod test;

use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::account::{Looked, by_hand, policy};
use super::run::block_on;
use super::{ConfigFile, FAILED, output};
use crate::config::Config;
use crate::provision::plan::{clean, name, sentences};
use crate::provision::{Held, Kind, Refusal, State};

/// Reasons are cut after so many characters.
const REASON: usize = 90;

/// What can be done with alarms.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// List the alarms that are defined, with their state in the account
    List(Options),

    /// Play tests of alarms: series with values, expected states and messages
    #[command(after_help = test::HELP)]
    Test(test::Options),

    /// A fire drill: an alarm rings for a moment although nothing is wrong, to see whether its message arrives
    #[command(after_help = drill::HELP)]
    Drill(drill::Options),
}

/// What can be said to `alarms list`.
#[derive(Debug, Args)]
pub(super) struct Options {
    #[command(flatten)]
    file: ConfigFile,

    /// All alarms of the account, not only ours
    #[arg(long)]
    all: bool,

    /// An array of {name, region, kind, defined, state, since, reason}
    #[arg(long)]
    json: bool,
}

/// Does it.
pub(super) fn alarms(command: &Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::List(options) => list(options),
        Command::Test(options) => test::test(options),
        Command::Drill(options) => drill::drill(options),
    }
}

fn list(options: &Options) -> anyhow::Result<ExitCode> {
    let config = Config::load(options.file.config.as_deref(), std::env::vars_os())?;
    block_on(async {
        let (opened, looked) = by_hand(&config, None).await?;
        let rows = rows(&looked, options.all);
        if options.json {
            let all: Vec<Value> = rows.iter().map(Row::json).collect();
            output::result(&serde_json::to_string_pretty(&all)?);
        } else {
            output::result(&table(&rows, &opened.region, output::coloured()));
        }
        let unread = looked.actual.unread.iter().filter(|unread| is_alarm(unread.kind));
        let refused: Vec<Refusal> = unread.map(|unread| unread.refusal.clone()).collect();
        for sentence in sentences(&refused) {
            output::complaint(&sentence);
        }
        if let Some(policy) = policy(&refused) {
            output::complaint(&policy);
        }
        Ok(if refused.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(FAILED) })
    })
}

fn is_alarm(kind: Kind) -> bool {
    matches!(kind, Kind::Alarm | Kind::CompositeAlarm)
}

/// An alarm that is defined, or there, or both.
struct Row<'a> {
    address: &'a crate::provision::Address,
    defined: bool,
    held: Option<&'a Held>,
}

fn rows(looked: &Looked, all: bool) -> Vec<Row<'_>> {
    let defined = looked.desired.resources.iter().filter(|resource| is_alarm(resource.address.kind));
    let mut rows: Vec<Row<'_>> = defined
        .map(|resource| Row {
            address: &resource.address,
            defined: true,
            held: looked.actual.held.iter().find(|held| held.resource.address == resource.address),
        })
        .collect();
    if all {
        let others = looked.actual.held.iter().filter(|held| {
            let address = &held.resource.address;
            is_alarm(address.kind) && !looked.desired.resources.iter().any(|known| known.address == *address)
        });
        rows.extend(others.map(|held| Row {
            address: &held.resource.address,
            defined: false,
            held: Some(held),
        }));
    }
    // What asks for somebody comes first.
    rows.sort_by_key(Row::urgency);
    rows
}

impl Row<'_> {
    fn state(&self) -> Option<&State> {
        self.held.and_then(|held| held.state.as_ref())
    }

    fn urgency(&self) -> u8 {
        match (self.held, self.state().map(|state| state.value.as_str())) {
            (_, Some("ALARM")) => 0,
            (None, _) => 1,
            (_, Some("OK")) => 3,
            _ => 2,
        }
    }

    fn json(&self) -> Value {
        let state = self.state();
        json!({
            "name": self.address.name,
            "region": self.address.region,
            "kind": self.address.kind,
            "defined": self.defined,
            "there": self.held.is_some(),
            "state": state.map(|state| &state.value),
            "since": state.and_then(|state| time(state.since_ms)),
            "reason": state.map(|state| &state.reason),
        })
    }
}

/// `2026-11-23T09:50:05Z`
fn time(ms: i64) -> Option<String> {
    jiff::Timestamp::from_second(ms.div_euclid(1000)).ok().map(|time| time.to_string())
}

fn table(rows: &[Row<'_>], home: &str, coloured: bool) -> String {
    let names: Vec<String> = rows.iter().map(|row| name(row.address, home)).collect();
    let width = names.iter().map(|name| name.chars().count()).max().unwrap_or_default();
    let mut lines = Vec::new();
    for (row, name) in rows.iter().zip(&names) {
        let (word, colour) = match (row.held, row.state()) {
            (None, _) => ("not there", 35),
            (_, Some(state)) => match state.value.as_str() {
                "OK" => ("OK", 32),
                "ALARM" => ("ALARM", 31),
                other => (other, 33),
            },
            (Some(_), None) => ("unknown", 33),
        };
        let word = format!("{word:<17}");
        let word = if coloured { format!("\u{1b}[{colour}m{word}\u{1b}[0m") } else { word };
        let since = row.state().and_then(|state| time(state.since_ms));
        let since = since.map(|time| format!("since {}", time.replace('T', " "))).unwrap_or_default();
        let reason = row.state().map(|state| short(&state.reason)).unwrap_or_default();
        lines.push(format!("{word} {name:<width$}  {since:<26}  {reason}").trim_end().to_owned());
    }
    let count = |urgency: u8| rows.iter().filter(|row| row.urgency() == urgency).count();
    let counts = [
        (count(0), "in ALARM"),
        (count(1), "not there: `starttech-agent apply` makes them"),
        (count(2), "without data yet"),
        (count(3), "OK"),
    ];
    let counts = counts.iter().filter(|(count, _)| *count > 0).map(|(count, word)| format!("{count} {word}"));
    lines.push(format!("\n{}", counts.collect::<Vec<_>>().join(", ")));
    lines.join("\n").trim_start().to_owned()
}

/// The first thing it says, without what it says of the rules.
fn short(reason: &str) -> String {
    let told = reason.split(" (minimum ").next().unwrap_or(reason).trim_end_matches('.');
    let told = told.strip_prefix("Threshold Crossed: ").unwrap_or(told);
    let told = clean(&told.replace('\n', " "));
    if told.chars().count() <= REASON {
        return told;
    }
    told.chars().take(REASON - 1).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::apply::tests::{in_state, looked, platform};
    use crate::provision::plan::tests::model::now;
    use crate::provision::{Account, Content};
    use expect_test::expect;

    #[test]
    fn what_rings_comes_first_and_what_is_not_there_is_said() {
        let account = platform();
        let wanted = looked(&account).desired;
        for resource in wanted.resources.iter().filter(|resource| is_alarm(resource.address.kind)) {
            if resource.address.name != "starttech-disk" {
                now(account.put(resource, None)).unwrap_or_default();
            }
        }
        in_state(
            &account,
            "starttech-memory",
            "ALARM",
            "Threshold Crossed: 5 out of the last 5 datapoints [95.0 (23/11/25 09:26:00)] were greater than the \
             threshold (90.0) (minimum 5 datapoints for OK -> ALARM transition).",
        );
        in_state(&account, "starttech-cpu", "OK", "starttech-cpu-warning is OK");
        let mut theirs = account.held.borrow()[0].clone();
        theirs.resource.address.name = "theirs".into();
        if let Content::Alarm(alarm) = &mut theirs.resource.content {
            alarm.alarm_description = "Made by hand.".into();
        }
        account.held.borrow_mut().push(theirs);

        let looked = looked(&account);
        let mine = rows(&looked, false);
        expect![[r"
            ALARM             starttech-memory                              since 2025-11-23 09:26:40Z  5 out of the last 5 datapoints [95.0 (23/11/25 09:26:00)] were greater than the threshold…
            not there         starttech-disk
            INSUFFICIENT_DATA starttech-cpu-warning                         since 1970-01-01 00:00:00Z  Unchecked: Initial alarm creation
            INSUFFICIENT_DATA starttech-cpu-critical                        since 1970-01-01 00:00:00Z  Unchecked: Initial alarm creation
            INSUFFICIENT_DATA starttech-cpu-credits                         since 1970-01-01 00:00:00Z  Unchecked: Initial alarm creation
            INSUFFICIENT_DATA starttech-instance-check                      since 1970-01-01 00:00:00Z  Unchecked: Initial alarm creation
            INSUFFICIENT_DATA starttech-asg-below-desired                   since 1970-01-01 00:00:00Z  Unchecked: Initial alarm creation
            INSUFFICIENT_DATA starttech-unhealthy-targets                   since 1970-01-01 00:00:00Z  Unchecked: Initial alarm creation
            INSUFFICIENT_DATA starttech-no-healthy-target                   since 1970-01-01 00:00:00Z  Unchecked: Initial alarm creation
            INSUFFICIENT_DATA starttech-response-time                       since 1970-01-01 00:00:00Z  Unchecked: Initial alarm creation
            INSUFFICIENT_DATA starttech-error-rate                          since 1970-01-01 00:00:00Z  Unchecked: Initial alarm creation
            INSUFFICIENT_DATA starttech-load-balancer-5xx                   since 1970-01-01 00:00:00Z  Unchecked: Initial alarm creation
            INSUFFICIENT_DATA starttech-container-down                      since 1970-01-01 00:00:00Z  Unchecked: Initial alarm creation
            INSUFFICIENT_DATA starttech-container-restarts                  since 1970-01-01 00:00:00Z  Unchecked: Initial alarm creation
            INSUFFICIENT_DATA starttech-health-down                         since 1970-01-01 00:00:00Z  Unchecked: Initial alarm creation
            INSUFFICIENT_DATA starttech-error-rate-backend                  since 1970-01-01 00:00:00Z  Unchecked: Initial alarm creation
            INSUFFICIENT_DATA starttech-error-lines                         since 1970-01-01 00:00:00Z  Unchecked: Initial alarm creation
            INSUFFICIENT_DATA starttech-panics                              since 1970-01-01 00:00:00Z  Unchecked: Initial alarm creation
            INSUFFICIENT_DATA starttech-agent-silent                        since 1970-01-01 00:00:00Z  Unchecked: Initial alarm creation
            INSUFFICIENT_DATA starttech-agent-falling-behind                since 1970-01-01 00:00:00Z  Unchecked: Initial alarm creation
            INSUFFICIENT_DATA starttech-events-dropped                      since 1970-01-01 00:00:00Z  Unchecked: Initial alarm creation
            INSUFFICIENT_DATA starttech-cloudfront-error-rate in us-east-1  since 1970-01-01 00:00:00Z  Unchecked: Initial alarm creation
            INSUFFICIENT_DATA starttech-cache-hit-rate in us-east-1         since 1970-01-01 00:00:00Z  Unchecked: Initial alarm creation
            INSUFFICIENT_DATA starttech-backend-down                        since 1970-01-01 00:00:00Z  Unchecked: Initial alarm creation
            INSUFFICIENT_DATA starttech-errors                              since 1970-01-01 00:00:00Z  Unchecked: Initial alarm creation
            OK                starttech-cpu                                 since 2025-11-23 09:26:40Z  starttech-cpu-warning is OK

            1 in ALARM, 1 not there: `starttech-agent apply` makes them, 23 without data yet, 1 OK"]].assert_eq(&table(&mine, "eu-west-1", false));
        assert_eq!(rows(&looked, true).len(), mine.len() + 1);
        let shown = mine[0].json();
        assert_eq!((&shown["state"], &shown["since"]), (&json!("ALARM"), &json!("2025-11-23T09:26:40Z")));
        assert_eq!(mine[1].json()["there"], json!(false));
        assert!(table(&mine[..1], "eu-west-1", true).starts_with("\u{1b}[31mALARM"));
    }
}
