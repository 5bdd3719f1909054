//! The mail, for somebody who was woken by it: what, where, since when, what it said last, what to run, and where
//! there is more.

use std::fmt::Write;

use super::{Group, Member, Message, Place, Step};
use crate::alerts::state::NAMED;
use crate::alerts::words::{commands, one_line, time};
use crate::alerts::{Cause, MINUTE};
use crate::logs::Destination;
use crate::logs::clean::misleads;

pub(super) fn write(message: &Message, place: &Place, late_ns: Option<i64>) -> String {
    let mut text = String::new();
    if let Some(now_ns) = late_ns {
        let (at, now) = (time(message.at_ns()), time(now_ns));
        line(&mut text, &format!("LATE: this happened at {at}, and is sent only now, at {now}.\n"));
    }
    match message {
        Message::Group(group) => write_group(&mut text, group, place),
        Message::Summary { since_ns, held, held_in_all, .. } => {
            line(
                &mut text,
                &format!(
                    "Since {} there were {held_in_all} more alerts on {} than alerts.max_per_hour lets through. They are in the agent's journal (journalctl -u starttech-agent). The first:\n",
                    time(*since_ns),
                    host(place)
                ),
            );
            for title in held {
                line(&mut text, &format!("  {}", one_line(title, 200)));
            }
        }
    }
    if let Some(runbook) = &place.runbook {
        line(&mut text, &format!("\nRunbook: {runbook}"));
    }
    line(&mut text, &format!("\nSent by starttech-agent on {}.", place.instance_id));
    text.replace(misleads, "\u{fffd}")
}

fn write_group(text: &mut String, group: &Group, place: &Place) {
    line(text, &format!("{}.\n", capital(&group.title())));
    line(text, &format!("Where:  {}", host(place)));
    line(text, &format!("When:   {}", time(group.at_ns)));
    if let ([only], 1) = (group.members.as_slice(), group.count) {
        if !only.id.is_empty() {
            let id = only.id.get(..12).unwrap_or(&only.id);
            line(text, &format!("What:   container {id} of image {}", one_line(&only.image, 200)));
        }
        line(text, &format!("\n{}", only.explained));
    } else {
        line(text, "");
        let threshold = matches!(group.cause, Cause::Threshold(_));
        for member in &group.members {
            let name = if threshold { String::new() } else { format!("{} ", member.name) };
            line(text, &format!("  {name}{} at {}", member.happened, time(member.since_ns)));
        }
        let others = (group.count as usize).saturating_sub(group.members.len());
        if others > 0 {
            line(text, &format!("  … and {others} others; {NAMED} are named"));
        }
    }
    for member in &group.members {
        let threshold = matches!(group.cause, Cause::Threshold(_));
        if !member.around.is_empty() && (threshold || group.count == 1) {
            line(text, if threshold { "\nWhat Docker has there:" } else { "\nWhat changed:" });
            member.around.iter().for_each(|around| line(text, &format!("  {}", one_line(around, 200))));
        }
        write_lines(text, member, group.count > 1);
    }
    if group.step == Step::End {
        return;
    }
    write_commands(text, group);
    if place.region.is_empty() {
        return;
    }
    line(text, "\nMore:");
    if let Some((member, to)) =
        group.members.first().and_then(|member| Some((member, member.stream.as_ref()?)))
    {
        line(text, &format!("  its lines at that minute: {}", stream_link(place, to, member.since_ns)));
    }
    line(text, &format!("  all alarms: {}", console(place, "alarmsV2:")));
}

fn write_lines(text: &mut String, member: &Member, is_named: bool) {
    let of = match &member.lines_of {
        Some(container) => format!(" of {container}"),
        None if is_named => format!(" of {}", member.name),
        None => String::new(),
    };
    match &member.lines {
        None => {}
        Some(Err(why)) => line(text, &format!("\nThe last lines{of} are not here: {}.", one_line(why, 300))),
        Some(Ok(lines)) if lines.is_empty() => line(text, &format!("\nNo lines{of}: it printed nothing.")),
        Some(Ok(lines)) => {
            let plural = if lines.len() == 1 { "line" } else { "lines" };
            line(text, &format!("\nThe last {} {plural}{of}:\n", lines.len()));
            for said in lines {
                line(text, &format!("  | {said}"));
            }
        }
    }
}

fn write_commands(text: &mut String, group: &Group) {
    let Some(first) = group.members.first() else { return };
    let commands = commands(&group.cause, &first.name);
    if !commands.is_empty() {
        line(text, "\nOn the host:");
    }
    for command in commands {
        line(text, &format!("  {command}"));
    }
}

fn capital(text: &str) -> String {
    let mut all = text.chars();
    all.next().map(|first| first.to_uppercase().chain(all).collect()).unwrap_or_default()
}

fn host(place: &Place) -> String {
    let group = place.group.as_ref().map(|group| format!(", Auto Scaling group {group}"));
    let region = if place.region.is_empty() { String::new() } else { format!(", {}", place.region) };
    format!("{}{}{region}", place.instance_id, group.unwrap_or_default())
}

fn console(place: &Place, fragment: &str) -> String {
    let region = &place.region;
    let domain = match region.split('-').next() {
        Some("cn") => "console.amazonaws.cn",
        _ if region.starts_with("us-gov-") => "console.amazonaws-us-gov.com",
        _ => "console.aws.amazon.com",
    };
    format!("https://{region}.{domain}/cloudwatch/home?region={region}#{fragment}")
}

/// The console encodes names twice, and the second time writes `$` for `%`.
fn stream_link(place: &Place, to: &Destination, at_ns: i64) -> String {
    let encode = |name: &str| {
        let encoded: String = form_urlencoded::byte_serialize(name.as_bytes()).collect();
        encoded.replace('+', "%20").replace('%', "$25")
    };
    let (from_ms, to_ms) = ((at_ns - 5 * MINUTE) / 1_000_000, (at_ns + MINUTE) / 1_000_000);
    let fragment = format!(
        "logsV2:log-groups/log-group/{}/log-events/{}$3Fstart$3D{from_ms}$26end$3D{to_ms}",
        encode(&to.group),
        encode(&to.stream)
    );
    console(place, &fragment)
}

fn line(text: &mut String, line: &str) {
    writeln!(text, "{line}").unwrap_or_default();
}
