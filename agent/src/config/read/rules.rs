//! `alerts.rules`: the daemon's own rules, and what the operator writes of them or besides them.
//!
//! Those that ship are read by the same code; one of the operator's with the same name changes what it writes.

use super::{boolean, duration};
use crate::alarms::definition::{Comparison, Missing};
use crate::alarms::evaluate::metric::Evaluation;
use crate::alarms::evaluate::statistic::Statistic;
use crate::alerts::boot::NEVER_UP;
use crate::alerts::names;
use crate::alerts::silence::ALL;
use crate::alerts::threshold::Rule;
use crate::config::fault::Fault;
use crate::config::file::{self, Entry, Kind};
use crate::config::keys::{self, provision as key};
use crate::config::values::{Values, Written, Wrong};
use crate::logs::pattern::Pattern;
use crate::metrics::{Metric, name};

const BUILT_IN: &str = include_str!("../../../../dashboards/rules.toml");
const BUILT_IN_NAME: &str = "the rules that ship";

const FIELDS: [&str; 12] = [
    "name",
    "metric",
    "statistic",
    "period",
    "when",
    "datapoints",
    "missing",
    "says",
    "over",
    "run",
    "while_down",
    "enabled",
];

/// It becomes a part of an alarm's name.
const NAME_LENGTH: usize = 60;
/// All that it looks back on is in memory.
const LONGEST_S: u64 = 3600;
/// Of what is told.
const TEXT_LENGTH: usize = 200;

/// A rule that may lack something, or be turned off.
#[derive(Debug, Clone)]
struct Draft {
    name: String,
    metric: Option<&'static Metric>,
    statistic: String,
    period_s: u32,
    when: Option<(Comparison, f64)>,
    datapoints: (u32, u32),
    missing: Missing,
    says: Option<String>,
    over: Option<String>,
    run: Vec<String>,
    while_down: bool,
    enabled: bool,
}

/// The rules that hold.
pub(in crate::config) fn rules(values: &mut Values, patterns: &[Pattern]) -> Vec<Rule> {
    values.take(&key::ALERTS_RULES, |written| read(written, patterns))
}

/// Those that ship.
fn built_in() -> Vec<Rule> {
    let (entries, faults) = file::entries(BUILT_IN_NAME, BUILT_IN);
    let mut values = Values::new(entries, faults);
    let drafts = values.take(&key::ALERTS_RULES, |written| drafts(written, &[], &[]));
    drafts.into_iter().filter_map(Draft::rule).collect()
}

fn read(written: Written<'_>, patterns: &[Pattern]) -> Result<Vec<Rule>, Wrong> {
    let shipped: Vec<Draft> = built_in().into_iter().map(Draft::of).collect();
    let drafts = drafts(written, &shipped, patterns)?;
    Ok(drafts.into_iter().filter(|draft| draft.enabled).filter_map(Draft::rule).collect())
}

/// Those that are there already, with what is written.
fn drafts(written: Written<'_>, shipped: &[Draft], patterns: &[Pattern]) -> Result<Vec<Draft>, Wrong> {
    let read = written.each(|item| draft(item, shipped, patterns))?;
    let mut all = shipped.to_vec();
    for (nth, draft) in read.iter().enumerate() {
        if read.iter().take(nth).any(|earlier| earlier.name == draft.name) {
            return Err(written.wrong_because(
                format!("holds two rules of the name {:?}", draft.name),
                "write all of it into one of them, or give one another name",
            ));
        }
        match all.iter_mut().find(|known| known.name == draft.name) {
            Some(known) => known.clone_from(draft),
            None => all.push(draft.clone()),
        }
    }
    Ok(all)
}

fn draft(item: Written<'_>, shipped: &[Draft], patterns: &[Pattern]) -> Result<Draft, Wrong> {
    let Kind::Table(entries) = &item.value.kind else { return Err(item.mistyped(&item.value.kind)) };
    let named = entries.iter().find(|entry| entry.key == "name");
    let Some(named) = named else {
        return Err(item.wrong_because("holds a rule without a `name`", "write name = \"disk-full\""));
    };
    let name = rule_name(item.field(&named.key, &named.value))?;
    if names(&[]).contains(&name) || name == ALL {
        let mend = format!(
            "give yours another name; starttech-agent silence {name} keeps it from telling for a time, the label \
             starttech.alerts=false one container"
        );
        let what =
            format!("holds the rule {name:?}, which is on what happens to containers, and not to be changed");
        return Err(item.wrong_because(what, mend));
    }
    let known = shipped.iter().find(|draft| draft.name == name);
    let mut draft = known.cloned().unwrap_or_else(|| Draft::new(name));
    let mut faults = Vec::new();
    for entry in entries {
        if let Err(Wrong(more)) = field(&mut draft, item, entry, patterns) {
            faults.extend(more);
        }
    }
    if !faults.is_empty() {
        return Err(Wrong(faults));
    }
    let name = &draft.name;
    if draft.metric.is_none() || draft.when.is_none() {
        let mend = match keys::nearest_of(name, shipped.iter().map(|draft| draft.name.as_str())) {
            Some(near) if near != name => format!("add both, or write {near:?}, which ships, and change it"),
            _ => "add metric = \"disk_used_percent\" and when = \">= 95\", for example".to_owned(),
        };
        let what = format!("holds the rule {name:?} without a `metric` or a `when`");
        return Err(item.wrong_because(what, mend));
    }
    let reach_s = u64::from(draft.period_s) * u64::from(draft.datapoints.1);
    if reach_s > LONGEST_S {
        return Err(item.wrong_because(
            format!("holds the rule {name:?}, which looks back for {} minutes", reach_s / 60),
            "an hour is the most of `period` times `datapoints`; an alarm in CloudWatch looks back for a week",
        ));
    }
    let unfit = |why: Vec<String>| {
        item.wrong_because(format!("holds the rule {name:?}: {}", why.join("; ")), "see docs/alerts.md")
    };
    match draft.clone().rule().map(|rule| Evaluation::new(&rule.alarm("n", None))) {
        Some(Err(why)) => Err(unfit(why)),
        _ => Ok(draft),
    }
}

fn field(draft: &mut Draft, item: Written<'_>, entry: &Entry, patterns: &[Pattern]) -> Result<(), Wrong> {
    let value = item.field(&entry.key, &entry.value);
    match entry.key.as_str() {
        "name" => {}
        "metric" => draft.metric = Some(metric(value, patterns)?),
        "statistic" => {
            let text = value.text()?;
            Statistic::parse(text).map_err(|why| {
                value
                    .wrong_because(format!("cannot be: {why}"), "write \"Maximum\", or a percentile: \"p95\"")
            })?;
            text.clone_into(&mut draft.statistic);
        }
        "period" => draft.period_s = period(value)?,
        "when" => draft.when = Some(when(value)?),
        "datapoints" => draft.datapoints = datapoints(value)?,
        "missing" => draft.missing = missing(value)?,
        "says" => draft.says = Some(sentence(value)?),
        "over" => draft.over = Some(sentence(value)?),
        "run" => draft.run = value.each(text)?,
        "while_down" => draft.while_down = boolean(value)?,
        "enabled" => draft.enabled = boolean(value)?,
        other => {
            let mend = match keys::nearest_of(other, FIELDS.into_iter()) {
                Some(near) => format!("write `{near}`"),
                None => format!("there are `{}`", FIELDS.join("`, `")),
            };
            let what = format!("a rule has no key `{other}`");
            return Err(Wrong(vec![Fault { place: entry.place.clone(), what, mend }]));
        }
    }
    Ok(())
}

/// A text in which values are filled in.
fn sentence(written: Written<'_>) -> Result<String, Wrong> {
    let text = text(written)?;
    let mut names = text.split('{').skip(1).filter_map(|rest| Some(rest.split_once('}')?.0));
    if let Some(name) = names.find(|name| !["value", "of", "period"].contains(name)) {
        let what = format!("has {{{name}}} in it, for which there is no value");
        return Err(written.wrong_because(what, "there are {value}, {of} and {period}"));
    }
    Ok(text)
}

fn rule_name(written: Written<'_>) -> Result<String, Wrong> {
    let text = written.text()?;
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if text.is_empty() || text.len() > NAME_LENGTH || !text.chars().all(fits) {
        let what = format!("is {text:?}, which is no name of a rule");
        return Err(written.wrong_because(what, "use small letters, digits and `-`: \"disk-full\""));
    }
    Ok(text.to_owned())
}

fn metric(written: Written<'_>, patterns: &[Pattern]) -> Result<&'static Metric, Wrong> {
    let text = written.text()?;
    let own = patterns.iter().map(Pattern::metric);
    let all = || name::ALL.iter().copied().chain([&NEVER_UP]).chain(own.clone());
    all().find(|metric| metric.name == text).ok_or_else(|| {
        let mend = match keys::nearest_of(text, all().map(|metric| metric.name)) {
            Some(near) => format!("write \"{near}\""),
            None => "docs/metrics.md lists them, and those of metrics.patterns can be named too".to_owned(),
        };
        written.wrong_because(format!("is {text:?}, a metric that nobody measures"), mend)
    })
}

/// The periods of `CloudWatch`'s alarms.
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html>
fn period(written: Written<'_>) -> Result<u32, Wrong> {
    let text = written.text()?;
    let seconds = duration(text).filter(|period| period.subsec_nanos() == 0).map(|period| period.as_secs());
    let fits = |seconds: &u32| {
        matches!(seconds, 10 | 30) || (*seconds > 0 && seconds.is_multiple_of(60) && *seconds <= 3600)
    };
    seconds.and_then(|seconds| u32::try_from(seconds).ok()).filter(fits).ok_or_else(|| {
        written.wrong_because(
            format!("is {text:?}, a period that alarms do not have"),
            "write \"10s\", \"30s\", or minutes up to an hour: \"5m\"",
        )
    })
}

/// `>= 95`
fn when(written: Written<'_>) -> Result<(Comparison, f64), Wrong> {
    let text = written.text()?.trim();
    let operators = [
        (">=", Comparison::GreaterThanOrEqualToThreshold),
        ("<=", Comparison::LessThanOrEqualToThreshold),
        (">", Comparison::GreaterThanThreshold),
        ("<", Comparison::LessThanThreshold),
    ];
    let parsed = operators.into_iter().find_map(|(operator, comparison)| {
        let number: f64 = text.strip_prefix(operator)?.trim().parse().ok()?;
        number.is_finite().then_some((comparison, number))
    });
    parsed.ok_or_else(|| {
        written.wrong_because(
            format!("is {text:?}, which compares with no number"),
            "write \">= 95\", with one of >=, >, <, <=",
        )
    })
}

/// `3 of 5`
fn datapoints(written: Written<'_>) -> Result<(u32, u32), Wrong> {
    let text = written.text()?;
    let parsed = text
        .split_once(" of ")
        .and_then(|(breaching, last)| Some((breaching.trim().parse().ok()?, last.trim().parse().ok()?)));
    parsed.filter(|(breaching, last)| (1..=*last).contains(breaching) && *last <= 60).ok_or_else(|| {
        written.wrong_because(
            format!("is {text:?}, which are no datapoints out of at most 60"),
            "write \"3 of 5\": so many of the last so many periods",
        )
    })
}

fn missing(written: Written<'_>) -> Result<Missing, Wrong> {
    match written.text()? {
        "missing" => Ok(Missing::Missing),
        "ignore" => Ok(Missing::Ignore),
        "breaching" => Ok(Missing::Breaching),
        "notBreaching" => Ok(Missing::NotBreaching),
        other => Err(written.wrong_because(
            format!("is {other:?}"),
            "write \"missing\", \"ignore\", \"breaching\" or \"notBreaching\", as CloudWatch calls them",
        )),
    }
}

fn text(written: Written<'_>) -> Result<String, Wrong> {
    let text = written.text()?;
    if text.trim().is_empty() || text.chars().count() > TEXT_LENGTH || text.chars().any(char::is_control) {
        let what = format!("is no line of 1 to {TEXT_LENGTH} characters");
        return Err(
            written.wrong_because(what, "write one line, {value} and {of} stand for what was measured")
        );
    }
    Ok(text.to_owned())
}

impl Draft {
    fn new(name: String) -> Self {
        Self {
            name,
            metric: None,
            statistic: "Average".to_owned(),
            period_s: 60,
            when: None,
            datapoints: (1, 1),
            missing: Missing::Missing,
            says: None,
            over: None,
            run: Vec::new(),
            while_down: true,
            enabled: true,
        }
    }

    fn of(rule: Rule) -> Self {
        Self {
            name: rule.name,
            metric: Some(rule.metric),
            statistic: rule.statistic,
            period_s: rule.period_s,
            when: Some((rule.comparison, rule.threshold)),
            datapoints: rule.datapoints,
            missing: rule.missing,
            says: Some(rule.says),
            over: Some(rule.over),
            run: rule.run,
            while_down: rule.while_down,
            enabled: true,
        }
    }

    /// `None` where something is missing, which was told.
    fn rule(self) -> Option<Rule> {
        let (metric, (comparison, threshold)) = (self.metric?, self.when?);
        let of = if metric.dimension.is_some() { " of {of}" } else { "" };
        let says = self.says.unwrap_or_else(|| format!("{}{of} is {{value}}", metric.name));
        let over = self.over.unwrap_or_else(|| format!("{}{of} is within its threshold again", metric.name));
        Some(Rule {
            name: self.name,
            metric,
            statistic: self.statistic,
            period_s: self.period_s,
            datapoints: self.datapoints,
            comparison,
            threshold,
            missing: self.missing,
            says,
            over,
            run: self.run,
            while_down: self.while_down,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_that_ship_are_good() {
        let (entries, faults) = file::entries(BUILT_IN_NAME, BUILT_IN);
        assert_eq!(faults, []);
        let mut values = Values::new(entries, faults);
        rules(&mut values, &[]);
        values.finish().map_err(|faults| faults.to_string()).unwrap();
        let names: Vec<String> = built_in().into_iter().map(|rule| rule.name).collect();
        assert_eq!(names.len(), BUILT_IN.matches("[[alerts.rules]]").count());
    }
}
