//! A plan for a person: a line for each thing that is made or deleted, the differences of what changes, and
//! what stands in the way.

use serde_json::Value;

use super::{Change, Field, Plan, Step, sentences, words};
use crate::provision::Refusal;
use crate::provision::parts::Missing;

/// Names are not padded further, so that one long name does not push everything away.
const NAME: usize = 44;
/// Longer values are cut, and texts of more than this are shown line by line.
const VALUE: usize = 60;

/// What is shown of a plan, and how.
#[derive(Debug, Clone, Copy)]
pub struct View<'a> {
    /// The region that needs not be said.
    pub home: &'a str,
    /// What could not be asked about the platform's parts.
    pub refusals: &'a [Refusal],
    /// Whether colours are understood.
    pub coloured: bool,
}

/// The whole plan, without a newline at its end.
pub fn text(plan: &Plan, view: View<'_>) -> String {
    let done: Vec<&Change> = plan.changes.iter().filter(|change| change.is_done()).collect();
    let mut lines: Vec<String> = Vec::new();
    let width = done.iter().map(|change| width(&words::name(&change.address, view.home))).max();
    let width = width.unwrap_or_default().min(NAME);
    for change in &done {
        lines.push(head(change, width, view));
        if change.step == Step::Update {
            lines.extend(fields(&change.fields, view));
        }
    }
    section(&mut lines, "Left as they are:", &left(&plan.changes, view));
    section(&mut lines, "Not found:", &plan.missing.iter().map(missing).collect::<Vec<_>>());
    section(&mut lines, "Not known:", &unknown(plan, view));
    section(&mut lines, "Notes:", &plan.notes);
    if !lines.is_empty() {
        lines.push(String::new());
    }
    lines.push(counts(plan));
    lines.join("\n")
}

/// Under a heading, if there are any; each with a mark before it, and further lines below.
fn section(lines: &mut Vec<String>, heading: &str, items: &[String]) {
    if items.is_empty() {
        return;
    }
    if !lines.is_empty() {
        lines.push(String::new());
    }
    lines.push(heading.to_owned());
    lines.extend(
        items
            .iter()
            .map(|item| format!("  · {}", item.lines().map(words::clean).collect::<Vec<_>>().join("\n    "))),
    );
}

fn head(change: &Change, name_width: usize, view: View<'_>) -> String {
    let (sign, colour) = match change.step {
        Step::Create => ("+", 32),
        Step::Delete => ("-", 31),
        _ => ("~", 33),
    };
    let name = words::name(&change.address, view.home);
    let gist = match change.step {
        Step::Create => change.wanted.as_ref().map(words::gist).unwrap_or_default(),
        _ => String::new(),
    };
    let padding = " ".repeat(name_width.saturating_sub(width(&name)));
    let line = format!("{sign} {:<15} {name}{padding}  {gist}", change.address.kind.word());
    format!("  {}", painted(line.trim_end(), colour, view))
}

/// Each in a line if it fits, the arrows below one another.
fn fields(fields: &[Field], view: View<'_>) -> Vec<String> {
    let is_short = |field: &&Field| !is_text(field);
    let longest = fields.iter().filter(is_short).map(|field| width(&field.path)).max();
    let longest = longest.unwrap_or_default().min(NAME);
    let mut lines = Vec::new();
    for field in fields {
        let path = &words::clean(&field.path);
        if is_text(field) {
            lines.push(format!("      {path}"));
            lines.extend(changed_lines(field).into_iter().map(|(sign, line)| {
                let line = words::clean(&format!("{sign} {line}"));
                format!("        {}", painted(&line, if sign == '+' { 32 } else { 31 }, view))
            }));
            continue;
        }
        let padding = " ".repeat(longest.saturating_sub(width(path)));
        lines.push(format!(
            "      {path}{padding}  {} -> {}",
            value(field.old.as_ref()),
            value(field.new.as_ref())
        ));
    }
    lines
}

/// Whether it is a text of several lines, or a long one.
fn is_text(field: &Field) -> bool {
    let long = |value: Option<&Value>| {
        value.and_then(Value::as_str).is_some_and(|text| text.contains('\n') || text.len() > VALUE)
    };
    long(field.old.as_ref()) || long(field.new.as_ref())
}

fn value(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => "nothing".to_owned(),
        // 70, not 70.0.
        Some(Value::Number(number)) if number.is_f64() => number.as_f64().unwrap_or_default().to_string(),
        Some(value) => words::cut(&value.to_string(), VALUE),
    }
}

/// The lines that went and those that came, where they are; those that stayed are left out.
fn changed_lines(field: &Field) -> Vec<(char, String)> {
    let text = |value: &Option<Value>| match value {
        Some(Value::String(text)) => text.clone(),
        None | Some(Value::Null) => String::new(),
        Some(other) => other.to_string(),
    };
    let (old, new) = (text(&field.old), text(&field.new));
    let (old, new): (Vec<&str>, Vec<&str>) = (old.lines().collect(), new.lines().collect());
    // Texts have some dozen lines: the longest common subsequence may cost the square of it.
    let mut common = vec![vec![0_u32; new.len() + 1]; old.len() + 1];
    let at = |common: &Vec<Vec<u32>>, i: usize, j: usize| {
        common.get(i).and_then(|row| row.get(j)).copied().unwrap_or_default()
    };
    for (i, was) in old.iter().enumerate().rev() {
        for (j, is) in new.iter().enumerate().rev() {
            let longest = if was == is {
                at(&common, i + 1, j + 1) + 1
            } else {
                at(&common, i + 1, j).max(at(&common, i, j + 1))
            };
            if let Some(cell) = common.get_mut(i).and_then(|row| row.get_mut(j)) {
                *cell = longest;
            }
        }
    }
    let (mut i, mut j, mut lines) = (0, 0, Vec::new());
    loop {
        match (old.get(i), new.get(j)) {
            (Some(was), Some(is)) if was == is => (i, j) = (i + 1, j + 1),
            (Some(was), is) if is.is_none() || at(&common, i + 1, j) >= at(&common, i, j + 1) => {
                lines.push(('-', (*was).to_owned()));
                i += 1;
            }
            (_, Some(is)) => {
                lines.push(('+', (*is).to_owned()));
                j += 1;
            }
            (_, None) => return lines,
        }
    }
}

/// What is left alone, those of one reason together.
fn left(changes: &[Change], view: View<'_>) -> Vec<String> {
    let mut by_reason: Vec<(&str, Vec<String>)> = Vec::new();
    for change in changes {
        let Step::Leave(reason) = &change.step else { continue };
        let name = format!("{} {}", change.address.kind.word(), words::name(&change.address, view.home));
        match by_reason.iter_mut().find(|(known, _)| known == reason) {
            Some((_, names)) => names.push(name),
            None => by_reason.push((reason, vec![name])),
        }
    }
    let item = |(reason, names): (&str, Vec<String>)| format!("{}\n{reason}", some(&names));
    by_reason.into_iter().map(item).collect()
}

/// The first of them, and how many more there are.
fn some(names: &[String]) -> String {
    const SHOWN: usize = 6;
    let shown: Vec<&str> = names.iter().take(SHOWN).map(String::as_str).collect();
    match names.len().checked_sub(SHOWN) {
        Some(more @ 1..) => format!("{} and {more} more", shown.join(", ")),
        _ => shown.join(", "),
    }
}

/// What to ask the operator for: two lines.
pub fn missing(missing: &Missing) -> String {
    let Missing { key, what, candidates } = missing;
    let example = match *key {
        "host.auto_scaling_group" => "the group's name",
        "provision.load_balancer" => "app/name/id",
        "provision.target_group" => "targetgroup/name/id",
        _ => "its id",
    };
    match candidates.as_slice() {
        [] => format!("{what}: no metric tells of one\nset {key} = \"{example}\", or \"none\""),
        several => format!(
            "{what}: there are {}, {}\nset {key} to one of them, or to \"none\"",
            several.len(),
            several.join(", ")
        ),
    }
}

/// What could not be looked at: nothing is done with it.
fn unknown(plan: &Plan, view: View<'_>) -> Vec<String> {
    let mut by_reason: Vec<(&Refusal, Vec<String>)> = Vec::new();
    for unread in &plan.unread {
        let what = unread.kind.word().replace('_', " ");
        let place = if unread.region == view.home { String::new() } else { format!(" in {}", unread.region) };
        let what = format!("{what}{place}");
        match by_reason.iter_mut().find(|(known, _)| **known == unread.refusal) {
            Some((_, whats)) => whats.push(what),
            None => by_reason.push((&unread.refusal, vec![what])),
        }
    }
    let item = |(refusal, whats): (&Refusal, Vec<String>)| {
        format!("{refusal}\nnothing is known and nothing done of: {}", whats.join(", "))
    };
    let parts = sentences(view.refusals)
        .into_iter()
        .map(|sentence| format!("{sentence}\nso the platform's parts may not all have been found"));
    by_reason.into_iter().map(item).chain(parts).collect()
}

fn counts(plan: &Plan) -> String {
    let count = |is: fn(&Step) -> bool| plan.changes.iter().filter(|change| is(&change.step)).count();
    let (kept, left) = (count(|step| *step == Step::Keep), count(|step| matches!(step, Step::Leave(_))));
    let rest = format!(
        "{kept} unchanged{}",
        if left == 0 { String::new() } else { format!(", {left} left as they are") }
    );
    let done = [
        (count(|step| *step == Step::Create), "create"),
        (count(|step| *step == Step::Update), "change"),
        (count(|step| *step == Step::Delete), "delete"),
    ];
    let done: Vec<String> = done
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, verb)| format!("{count} to {verb}"))
        .collect();
    match (done.is_empty(), plan.is_whole()) {
        (true, true) => format!("nothing to do: {rest}"),
        (true, false) => format!("nothing to do as far as is known: {rest}"),
        (false, _) => format!("{}, {rest}", done.join(", ")),
    }
}

fn painted(text: &str, colour: u8, view: View<'_>) -> String {
    if view.coloured { format!("\u{1b}[{colour}m{text}\u{1b}[0m") } else { text.to_owned() }
}

fn width(text: &str) -> usize {
    text.chars().count()
}
