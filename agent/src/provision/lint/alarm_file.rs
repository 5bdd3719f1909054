//! What the alarms of a file have to do with one another: names, actions, keys.
//!
//! It does not look into one.

use std::collections::{BTreeMap, BTreeSet};

use super::draft::Draft;
use super::rule;
use super::shape::below;
use super::{Findings, action, composite};

/// Looks at all of them together.
pub(super) fn judge(drafts: &[Draft<'_>], out: &mut Findings) {
    names(drafts, out);
    nobody_hears(drafts, out);
    unknown_keys(drafts, out);
}

fn names(drafts: &[Draft<'_>], out: &mut Findings) {
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    for draft in drafts {
        let Some(name) = draft.text("AlarmName") else { continue };
        let at = draft.at("AlarmName");
        let path = draft.path("AlarmName");
        if name.is_empty() || name.chars().count() > 255 {
            let message = format!("the name has {} characters", name.chars().count());
            out.add(&rule::ALARM_NAME, at, &path, message, "write 1 to 255");
        }
        if let Some(first) = seen.get(name) {
            let message =
                format!("an alarm in line {first} has the name {name:?}, too: this one would replace it");
            out.add(&rule::ALARM_NAME, at, &path, message, "give it another name");
        } else {
            seen.insert(name, out.line(at));
        }
    }
}

fn nobody_hears(drafts: &[Draft<'_>], out: &mut Findings) {
    // What a composite alarm looks at speaks through that.
    let rules = drafts.iter().filter_map(|draft| draft.text("AlarmRule"));
    let named: BTreeSet<&str> = rules.flat_map(composite::names).collect();
    let spoken_for = |draft: &Draft<'_>| draft.name().is_some_and(|name| named.contains(name));
    let silent: Vec<&Draft<'_>> = drafts
        .iter()
        .filter(|draft| draft.entry.place.node.is_object() && !action::acts(draft) && !spoken_for(draft))
        .collect();
    let Some(first) = silent.first() else { return };
    let message = match (silent.len(), drafts.len()) {
        (1, 1) => "the alarm has no action: nobody hears of it".to_owned(),
        (some, all) if some == all => format!("none of the {all} alarms has an action: nobody hears of them"),
        (some, all) => {
            let some_of_them: Vec<&str> = silent.iter().filter_map(|draft| draft.name()).take(5).collect();
            format!(
                "{some} of {all} alarms have no action ({}): nobody hears of them",
                some_of_them.join(", ")
            )
        }
    };
    let mend = "write \"AlarmActions\": [the topic's ARN]";
    out.add(&rule::ALARM_NO_ACTION, first.at(""), &first.entry.place.path, message, mend);
}

/// Each key once: they are mostly in every alarm of a file.
fn unknown_keys(drafts: &[Draft<'_>], out: &mut Findings) {
    let mut found: BTreeMap<&str, (usize, usize, String, Option<&str>)> = BTreeMap::new();
    for draft in drafts {
        let path = &draft.entry.place.path;
        let others = draft.others.iter().map(|member| (*member, None));
        let renamed = draft
            .renamed
            .iter()
            .filter(|_| !draft.entry.place.filled_in)
            .map(|(member, name)| (*member, Some(*name)));
        for (member, meant) in others.chain(renamed) {
            let at = draft.origin(member.at);
            found.entry(&member.key).or_insert_with(|| (at, 0, below(path, &member.key), meant)).1 += 1;
        }
        if !draft.native && !draft.entry.place.filled_in && !draft.has("AlarmRule") {
            let message = "these are not PutMetricAlarm's words for the members of an alarm";
            let mend =
                "`starttech-agent apply --from` understands them; `aws cloudwatch put-metric-alarm` does not";
            out.add(&rule::ALARM_SHAPE, draft.at(""), path, message, mend);
        }
    }
    for (key, (at, count, path, meant)) in found {
        let times = if count > 1 { format!(" (in {count} alarms)") } else { String::new() };
        let message = format!("PutMetricAlarm has no member {key:?}{times}");
        let mend = meant.map_or_else(
            || "delete it, or say it in AlarmDescription or Tags".to_owned(),
            |meant| format!("write {meant:?}"),
        );
        out.add(&rule::ALARM_UNKNOWN_KEY, at, path, message, mend);
    }
}
