//! `alarms drill --local`: messages of the daemon's own, that nobody can take for serious, by the way that serious
//! ones go: the same topic, the same role, the same code.

use std::process::ExitCode;

use crate::alerts::message::{Group, Member, Message, Step};
use crate::alerts::{Cause, Change, Incident, examples, names};
use crate::aws;
use crate::cli::account::{Asked, identity};
use crate::cli::check::user::asker;
use crate::cli::run::block_on;
use crate::cli::{BAD_USAGE, FAILED, output};
use crate::config::Config;
use crate::daemon::notify;
use crate::logs::Container;
use crate::provision::lint;
use crate::telemetry;

/// The container that nothing happened to.
const NAME: &str = "example";

/// Sends both.
pub(super) fn drill(config: &Config, written: &str, yes: bool) -> anyhow::Result<ExitCode> {
    let prefix = &config.provision.settings.prefix;
    let short = written.strip_prefix(prefix.as_str()).and_then(|rest| rest.strip_prefix('-'));
    let rule = short.unwrap_or(written);
    let rules = &config.alerts.rules;
    let Some(cause) = examples(rules).into_iter().find(|cause| cause.rule() == rule) else {
        let known = names(rules);
        let near = lint::nearest(rule, known.iter().map(String::as_str));
        let mend = near.map(|near| format!("did you mean {near}? ")).unwrap_or_default();
        output::complaint(&format!("there is no rule {written:?}: {mend}Rules are {}", known.join(", ")));
        return Ok(ExitCode::from(BAD_USAGE));
    };
    let topic_name = &config.provision.settings.topic;
    output::result(&format!(
        "Sends one ALARM and one OK of the rule {rule}, marked as a drill, to the topic {topic_name}: whoever has \
         subscribed to it gets them."
    ));
    if !config.alerts.enabled {
        output::complaint("but the daemon of this host tells nothing: alerts.enabled is false");
    }
    if let Some(code) = super::no_leave(yes)? {
        return Ok(code);
    }
    block_on(async {
        let identity = Box::pin(identity(config, Asked::AtStart)).await;
        let sdk = aws::sdk_config(&identity.region).await;
        let place = notify::place(config, &identity, false);
        let (_group, known) = tokio::sync::watch::channel(place.group.clone());
        let topic = notify::topic(sdk, topic_name.clone(), place, known);
        for step in [Step::Begin, Step::End] {
            let message = message(&cause, step, telemetry::now_ns());
            match topic.publish(|place, now_ns| message.write(place, now_ns).as_drill(&asker())).await {
                Ok(id) => {
                    let word = if step == Step::Begin { "ALARM" } else { "OK" };
                    output::result(&format!("{word} is with SNS, as message {id}"));
                }
                Err(refusal) => {
                    output::complaint(&format!("it cannot be delivered: {refusal}"));
                    return Ok(ExitCode::from(FAILED));
                }
            }
        }
        output::result("Look whether both arrive: their subjects begin with DRILL.");
        Ok(ExitCode::SUCCESS)
    })
}

fn message(cause: &Cause, step: Step, at_ns: i64) -> Message {
    let container = Container { name: NAME.to_owned(), ..Container::default() };
    let lines = Err("this is a drill, there is no such container".to_owned());
    let (lines, change) = match cause {
        Cause::Threshold(_) => (None, Change::Over),
        _ => (Some(lines), Change::Up),
    };
    let member = match step {
        Step::Begin => Member::new(Incident::of(container, at_ns, cause.clone(), lines), cause),
        Step::End => Member::ended(NAME, at_ns, cause, 0, change, at_ns),
    };
    Message::Group(Box::new(Group {
        step,
        cause: cause.clone(),
        at_ns,
        count: 1,
        members: vec![member],
        continued: false,
        others: false,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alerts::message::Place;

    #[test]
    fn nobody_takes_it_for_serious_wherever_it_is_read() {
        for cause in examples(&Config::defaults().unwrap().alerts.rules) {
            for (step, state) in [(Step::Begin, "ALARM"), (Step::End, "OK")] {
                let place = Place { instance_id: "i-0123456789abcdef0".to_owned(), ..Place::default() };
                let written = message(&cause, step, 0).write(&place, 0).as_drill("ann");
                let subject = &written.subject;
                assert!(subject.starts_with(&format!("DRILL, nothing is wrong: {state}: ")), "{subject}");
                assert!(subject.len() < 100, "{subject}");
                assert!(written.mail.starts_with("DRILL, nothing is wrong"), "{}", written.mail);
                let machine: serde_json::Value = serde_json::from_str(&written.machine).unwrap();
                assert_eq!(machine["NewStateValue"], state);
                let reason = machine["NewStateReason"].as_str().unwrap();
                assert!(reason.starts_with("DRILL, nothing is wrong") && reason.contains("ann"), "{reason}");
                assert_eq!(machine["StartTech"]["Drill"], true);
            }
        }
    }
}
