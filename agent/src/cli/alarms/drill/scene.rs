//! What a drill of an alarm would do: to whom, for how long, and what else may ring.
//!
//! Decides from what stands in the account. It calls nobody.

use std::time::Duration;

use crate::alarms::rule::{Rule, name_of};
use crate::provision::plan::clean;
use crate::provision::{Address, Content, Held, alarm, lint};

/// How long an alarm stays in ALARM: its actions run at once.
const HOLD: Duration = Duration::from_secs(5);
/// After what it waits for another that may silence it, an alarm still needs a moment.
const AFTER_WAIT: Duration = Duration::from_secs(15);

/// An alarm that can be drilled, among the others.
#[derive(Debug)]
pub(super) struct Scene<'a> {
    held: &'a Held,
    alarms: &'a [Held],
}

/// Why there is no drill.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Refused {
    pub(super) complaint: String,
    /// It was asked for something that is not.
    pub(super) is_usage: bool,
}

/// What matters of an alarm, of either kind.
struct Facts<'a> {
    enabled: bool,
    on_alarm: &'a [String],
    on_ok: &'a [String],
    on_no_data: &'a [String],
    /// Who keeps it silent, and for how many seconds it waits for that.
    suppressor: Option<(&'a str, u32)>,
    rule: Option<&'a str>,
}

fn facts(held: &Held) -> Option<Facts<'_>> {
    match &held.resource.content {
        Content::Alarm(alarm) => Some(Facts {
            enabled: alarm.actions_enabled,
            on_alarm: &alarm.alarm_actions,
            on_ok: &alarm.ok_actions,
            on_no_data: &alarm.insufficient_data_actions,
            suppressor: None,
            rule: None,
        }),
        Content::CompositeAlarm(alarm) => Some(Facts {
            enabled: alarm.actions_enabled,
            on_alarm: &alarm.alarm_actions,
            on_ok: &alarm.ok_actions,
            on_no_data: &alarm.insufficient_data_actions,
            suppressor: alarm
                .actions_suppressor
                .as_deref()
                .map(|by| (name_of(by), alarm.actions_suppressor_wait_period.unwrap_or_default())),
            rule: Some(&alarm.alarm_rule),
        }),
        _ => None,
    }
}

fn state(held: &Held) -> &str {
    held.state.as_ref().map_or("INSUFFICIENT_DATA", |state| state.value.as_str())
}

fn no(complaint: String) -> Refused {
    Refused { complaint, is_usage: false }
}

impl<'a> Scene<'a> {
    /// Finds the alarm, and whether a drill of it proves anything and harms nobody.
    pub(super) fn of(name: &str, prefix: &str, alarms: &'a [Held]) -> Result<Self, Refused> {
        let whole = format!("{prefix}-{name}");
        let by_name = |name: &str| alarms.iter().find(|held| held.resource.address.name == name);
        let Some(held) = by_name(name).or_else(|| by_name(&whole)) else {
            return Err(unknown(name, prefix, alarms));
        };
        let scene = Self { held, alarms };
        let name = &held.resource.address.name;
        let Some(facts) = facts(held) else { return Err(no(format!("{name} is no alarm"))) };
        if state(held) == "ALARM" {
            let reason = held.state.as_ref().map(|state| clean(&state.reason)).unwrap_or_default();
            return Err(no(format!(
                "{name} is in ALARM, so it is not touched: a drill would hide what is wrong. {reason}"
            )));
        }
        if !facts.enabled || facts.on_alarm.is_empty() {
            let why = if facts.enabled { "has no action" } else { "has its actions disabled" };
            let parents = scene.parents();
            let instead = match parents.first() {
                Some((parent, _)) => {
                    format!("; {parent} speaks for it: starttech-agent alarms drill {parent}")
                }
                None => String::new(),
            };
            return Err(no(format!(
                "{name} {why}, so nobody would be told and a drill proves nothing{instead}"
            )));
        }
        let all = facts.on_alarm.iter().chain(facts.on_ok).chain(facts.on_no_data);
        let acts: Vec<&str> =
            all.filter(|action| action.split(':').nth(2) != Some("sns")).map(String::as_str).collect();
        if !acts.is_empty() {
            return Err(no(format!(
                "{name} does more than send messages, and a drill would do it: {}. It is left alone",
                acts.join(", ")
            )));
        }
        if let Some((by, _)) = facts.suppressor
            && by_name(by).is_some_and(|other| state(other) == "ALARM")
        {
            return Err(no(format!(
                "{name} is kept silent by {by}, which is in ALARM, so nobody would be told and a drill proves nothing"
            )));
        }
        Ok(scene)
    }

    pub(super) fn address(&self) -> &'a Address {
        &self.held.resource.address
    }

    /// The state to which it goes back.
    pub(super) fn before(&self) -> &'a str {
        state(self.held)
    }

    /// The topics.
    pub(super) fn actions(&self) -> &'a [String] {
        facts(self.held).map_or(&[], |facts| facts.on_alarm)
    }

    /// How long it is in ALARM. One that waits for another to silence it acts after that.
    /// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Create_Composite_Alarm_Suppression.html>
    pub(super) fn hold(&self) -> Duration {
        let suppressor = facts(self.held).and_then(|facts| facts.suppressor);
        suppressor.map_or(HOLD, |(_, seconds)| Duration::from_secs(seconds.into()) + AFTER_WAIT)
    }

    /// Composite alarms that ask for it and act, with the seconds for which they wait first.
    fn parents(&self) -> Vec<(&'a str, Option<u32>)> {
        let Address { region, name, .. } = self.address();
        let near = self.alarms.iter().filter(|other| other.resource.address.region == *region);
        let asks = |other: &'a Held| {
            let facts = facts(other).filter(|facts| facts.enabled && !facts.on_alarm.is_empty())?;
            let rule = Rule::parse(facts.rule?).ok()?;
            let named = rule.names().iter().any(|asked| name_of(asked) == name);
            let wait = facts.suppressor.map(|(_, seconds)| seconds);
            named.then_some((other.resource.address.name.as_str(), wait))
        };
        near.filter_map(asks).collect()
    }

    /// Composite alarms that it keeps silent.
    fn silenced(&self) -> Vec<&'a str> {
        let Address { region, name, .. } = self.address();
        let near = self.alarms.iter().filter(|other| other.resource.address.region == *region);
        near.filter(|other| facts(other).and_then(|facts| facts.suppressor).is_some_and(|(by, _)| by == name))
            .map(|other| other.resource.address.name.as_str())
            .collect()
    }

    /// What will happen, for whoever is asked.
    pub(super) fn shown(&self) -> String {
        let Address { region, name, .. } = self.address();
        let hold = self.hold().as_secs();
        let mut lines = vec![format!(
            "{name} in {region} is {before}. It goes to ALARM for {hold} s and back to {before}.",
            before = self.before()
        )];
        if let Some((by, wait)) = facts(self.held).and_then(|facts| facts.suppressor) {
            lines.push(format!("  · it acts only after {wait} s, for it waits whether {by} silences it"));
        }
        for (parent, wait) in self.parents() {
            lines.push(match wait {
                Some(wait) if u64::from(wait) >= hold => {
                    format!("  · composite alarm {parent} asks for it; it waits {wait} s before it acts, so it may stay silent")
                }
                _ => format!("  · composite alarm {parent} asks for it and may ring as well"),
            });
        }
        for other in self.silenced() {
            lines.push(format!("  · composite alarm {other} is silent meanwhile, and for a while after"));
        }
        if facts(self.held).is_some_and(|facts| facts.rule.is_none()) {
            lines.push(
                "  · CloudWatch sets it right by itself at its next look, maybe sooner than the drill"
                    .to_owned(),
            );
        }
        lines.join("\n")
    }

    /// What must arrive now.
    pub(super) fn expected(&self) -> String {
        let name = &self.address().name;
        let facts = facts(self.held);
        let back = match self.before() {
            "OK" => facts.is_some_and(|facts| !facts.on_ok.is_empty()),
            _ => facts.is_some_and(|facts| !facts.on_no_data.is_empty()),
        };
        let end = if back {
            format!(", then one of its going back to {}", self.before())
        } else {
            format!("; none of its going back to {}, for that has no action", self.before())
        };
        format!(
            "The drill is over. Whoever is named above gets `ALARM: \"{name}\"`{end}. If it does not come, the way is broken."
        )
    }
}

fn unknown(name: &str, prefix: &str, alarms: &[Held]) -> Refused {
    let short = name.strip_prefix(prefix).and_then(|rest| rest.strip_prefix('-')).unwrap_or(name);
    if alarm::names().any(|known| known == short) {
        return no(format!(
            "there is no alarm {prefix}-{short} in the account: `starttech-agent apply` makes it"
        ));
    }
    let there = alarms.iter().map(|held| held.resource.address.name.as_str());
    let near = lint::nearest(short, alarm::names()).or_else(|| lint::nearest(name, there));
    let mend = near.map_or("`starttech-agent alarms list --all` shows what there is".to_owned(), |near| {
        format!("did you mean {near}?")
    });
    Refused { complaint: format!("there is no alarm {name:?}: {mend}"), is_usage: true }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::apply::tests::{in_state, looked, platform};
    use crate::provision::Account;
    use crate::provision::plan::tests::model::now;

    fn alarms(states: &[(&str, &str)]) -> Vec<Held> {
        let account = platform();
        for resource in &looked(&account).desired.resources {
            now(account.put(resource, None)).unwrap_or_default();
        }
        for (name, state) in states {
            in_state(&account, name, state, "because");
        }
        let held = account.held.borrow().clone();
        held.into_iter().filter(|held| facts(held).is_some()).collect()
    }

    fn refused(name: &str, alarms: &[Held]) -> (String, bool) {
        let Refused { complaint, is_usage } = Scene::of(name, "starttech", alarms).unwrap_err();
        (complaint, is_usage)
    }

    #[test]
    fn what_proves_nothing_or_does_harm_is_refused_with_what_to_do_instead() {
        let mut all = alarms(&[("starttech-cpu-critical", "ALARM"), ("starttech-memory", "OK")]);
        for (name, told, is_usage) in [
            ("cpu-critical", "is in ALARM, so it is not touched", false),
            ("cpu", "kept silent by starttech-cpu-critical, which is in ALARM", false),
            ("container-down", "starttech-backend-down speaks for it", false),
            ("memroy", "did you mean memory?", true),
            ("starttech-memroy", "did you mean memory?", true),
            ("nothing-like-it", "alarms list --all", true),
        ] {
            let (complaint, usage) = refused(name, &all);
            assert!(complaint.contains(told) && usage == is_usage, "{complaint}");
        }
        for held in &mut all {
            let Content::Alarm(alarm) = &mut held.resource.content else { continue };
            match alarm.alarm_name.as_str() {
                "starttech-memory" => {
                    alarm.ok_actions.push("arn:aws:automate:eu-west-1:ec2:reboot".to_owned());
                }
                "starttech-disk" => alarm.alarm_actions.clear(),
                _ => {}
            }
        }
        assert!(refused("memory", &all).0.contains("arn:aws:automate:eu-west-1:ec2:reboot"));
        assert!(refused("disk", &all).0.contains("has no action"));
        all.retain(|held| held.resource.address.name != "starttech-disk");
        let (complaint, is_usage) = refused("disk", &all);
        assert!(complaint.contains("`starttech-agent apply` makes it") && !is_usage, "{complaint}");
    }

    #[test]
    fn it_says_what_else_may_ring_and_lasts_as_long_as_the_alarm_waits() {
        let all = alarms(&[("starttech-no-healthy-target", "OK"), ("starttech-errors", "OK")]);
        let scene = |name: &str| Scene::of(name, "starttech", &all).unwrap();
        let silencer = scene("no-healthy-target");
        assert_eq!((silencer.hold(), silencer.before()), (HOLD, "OK"));
        let shown = silencer.shown();
        assert!(shown.contains("starttech-errors is silent meanwhile"), "{shown}");
        assert!(silencer.expected().contains("then one of its going back to OK"));
        let composite = scene("starttech-errors");
        assert_eq!(composite.hold(), Duration::from_secs(75));
        let shown = composite.shown();
        assert!(shown.contains("it acts only after 60 s"), "{shown}");
        assert!(!shown.contains("sets it right by itself"), "{shown}");
        let untried = scene("memory");
        assert_eq!(untried.before(), "INSUFFICIENT_DATA");
        assert!(untried.expected().contains("none of its going back"), "{}", untried.expected());
    }
}
