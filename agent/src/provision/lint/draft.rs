//! An alarm as somebody wrote it, by `PutMetricAlarm`'s names for its members.
//!
//! It finds members in whatever words; whether they make sense is `alarm.rs`.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use super::json::{Member, Node, Value, plain};
use super::shape::{Entry, below};

/// Members of `PutMetricAlarm` and `PutCompositeAlarm`, and what else people call them, without case and
/// signs.
const MEMBERS: [(&str, &[&str]); 30] = [
    ("AlarmName", &["name", "alarm", "title"]),
    ("AlarmDescription", &["description", "desc"]),
    ("ActionsEnabled", &["enabled"]),
    ("AlarmActions", &["alarmaction", "actions", "action", "snstopic", "snstopicarn", "topicarn", "notify"]),
    ("OKActions", &["okaction"]),
    ("InsufficientDataActions", &["insufficientdataaction"]),
    ("MetricName", &["metric"]),
    ("Namespace", &[]),
    ("Dimensions", &["dimension"]),
    ("Statistic", &["stat"]),
    ("ExtendedStatistic", &[]),
    ("Period", &["periodseconds", "periodinseconds", "periodsec"]),
    ("Unit", &[]),
    ("Metrics", &["metricquery", "metricqueries"]),
    ("EvaluationPeriods", &["evaluationperiod", "evaluations", "periods"]),
    ("DatapointsToAlarm", &["datapoints"]),
    ("Threshold", &[]),
    ("ThresholdMetricId", &[]),
    ("ComparisonOperator", &["comparison", "operator"]),
    ("TreatMissingData", &["missingdata"]),
    ("EvaluateLowSampleCountPercentile", &["evaluatelowsamplecountpercentiles"]),
    ("Tags", &[]),
    ("EvaluationCriteria", &[]),
    ("EvaluationInterval", &[]),
    ("AlarmRule", &["rule"]),
    ("ActionsSuppressor", &[]),
    ("ActionsSuppressorWaitPeriod", &[]),
    ("ActionsSuppressorExtensionPeriod", &[]),
    ("TagsAll", &[]),
    ("Region", &[]),
];

/// What `describe-alarms` answers besides.
const READ_ONLY: [&str; 11] = [
    "AlarmArn",
    "AlarmConfigurationUpdatedTimestamp",
    "StateValue",
    "StateReason",
    "StateReasonData",
    "StateUpdatedTimestamp",
    "StateTransitionedTimestamp",
    "EvaluationState",
    "ActionsSuppressedBy",
    "ActionsSuppressedReason",
    "Type",
];

/// What a key means.
enum Meant {
    ReadOnly,
    /// By its own name, or by one that people give it.
    Member(&'static str, bool),
}

/// Keys without what differs between the ways of writing them.
static WORDS: LazyLock<BTreeMap<String, Meant>> = LazyLock::new(|| {
    let others = MEMBERS.iter().flat_map(|(name, others)| others.iter().map(|other| (*other, *name)));
    let mut words: BTreeMap<String, Meant> =
        others.map(|(other, name)| (other.to_owned(), Meant::Member(name, false))).collect();
    words.extend(MEMBERS.iter().map(|(name, _)| (plain(name), Meant::Member(name, true))));
    words.extend(READ_ONLY.iter().map(|name| (plain(name), Meant::ReadOnly)));
    words
});

/// An alarm.
pub(super) struct Draft<'a> {
    pub(super) entry: &'a Entry,
    members: BTreeMap<&'static str, &'a Member>,
    /// What has no place in an alarm.
    pub(super) others: Vec<&'a Member>,
    /// What stands for a member, in other words, where the words are `PutMetricAlarm`'s otherwise.
    pub(super) renamed: Vec<(&'a Member, &'static str)>,
    /// Whether it is written in `PutMetricAlarm`'s words.
    pub(super) native: bool,
}

impl<'a> Draft<'a> {
    pub(super) fn of(entry: &'a Entry) -> Self {
        let all = entry.place.node.members();
        let exact = |name: &str| all.iter().any(|member| member.key == name);
        let native = exact("AlarmName") || exact("MetricName") || exact("ComparisonOperator");
        let mut draft =
            Self { entry, members: BTreeMap::new(), others: Vec::new(), renamed: Vec::new(), native };
        draft.take(all);
        draft
    }

    fn take(&mut self, all: &'a [Member]) {
        for member in all {
            let words = plain(&member.key);
            if words.is_empty() || member.key.starts_with('_') {
                continue;
            }
            match WORDS.get(&words) {
                Some(Meant::ReadOnly) => {}
                // A metric as an object of its own.
                Some(Meant::Member("MetricName", _)) if member.value.is_object() => {
                    self.take(member.value.members());
                }
                Some(Meant::Member(name, direct)) => {
                    if self.native && member.key != *name {
                        self.renamed.push((member, name));
                    }
                    let taken = *direct || !self.members.contains_key(name);
                    if taken && !matches!(member.value.value, Value::Null) {
                        self.members.insert(name, member);
                    }
                }
                None => self.others.push(member),
            }
        }
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.members.contains_key(name)
    }

    pub(super) fn node(&self, name: &str) -> Option<&'a Node> {
        self.members.get(name).map(|member| &member.value)
    }

    pub(super) fn text(&self, name: &str) -> Option<&'a str> {
        self.node(name)?.str()
    }

    /// A number, also one in quotes.
    pub(super) fn number(&self, name: &str) -> Option<f64> {
        let node = self.node(name)?;
        node.number().or_else(|| node.str()?.trim().parse().ok())
    }

    /// Where in the file its value stands, or the alarm if there is none.
    pub(super) fn at(&self, name: &str) -> usize {
        self.origin(self.node(name).unwrap_or(&self.entry.place.node).at())
    }

    pub(super) fn origin(&self, at: usize) -> usize {
        self.entry.place.text.origin(at)
    }

    /// Where in its structure: in the file's own words.
    pub(super) fn path(&self, name: &str) -> String {
        self.members.get(name).map_or_else(
            || self.entry.place.path.clone(),
            |member| below(&self.entry.place.path, &member.key),
        )
    }

    /// A member of which only a template knows what it will be.
    pub(super) fn unknown(&self) -> Option<&'static str> {
        let unknown =
            |(name, member): (&&'static str, &&Member)| member.value.holds_unknown().then_some(*name);
        self.members.iter().filter(|(name, _)| !name.starts_with("Tags")).find_map(unknown)
    }

    /// What it is called, also by the key that it stands under.
    pub(super) fn name(&self) -> Option<&str> {
        self.text("AlarmName").or(self.entry.key.as_deref())
    }
}

/// Lists that hold texts, or are one.
pub(super) fn texts(node: &Node) -> Vec<&Node> {
    match &node.value {
        Value::Array(items) => items.iter().collect(),
        Value::String(_) => vec![node],
        _ => Vec::new(),
    }
}
