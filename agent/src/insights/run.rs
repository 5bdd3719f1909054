//! Rows through the steps of a query into its table.
//!
//! What is kept is bounded: rows without `stats` are cut to the limit while they come, and of groups, values and rows
//! together no more than `MOST_BYTES` are kept; then it stops, and the table says so. It knows no command.

use std::cmp::Ordering;
use std::collections::{HashMap, HashSet};

use super::aggregate::State;
use super::pattern::part;
use super::plan::{Output, Plan, Stage, Stats, Step};
use super::row::Row;
use super::value::{Value, order};
use super::{Event, Table};

/// What a query may keep of its own, beside the events that it is given.
const MOST_BYTES: usize = 128 << 20;

/// Runs a query.
pub(super) fn run<'v>(plan: &'v Plan, events: impl Iterator<Item = Event<'v>>) -> Table {
    let mut table = Table {
        columns: plan.output.columns.iter().map(|(name, _)| name.clone()).collect(),
        ..Table::default()
    };
    let Some((first, behind)) = plan.stages.split_first() else { return table };
    let mut sink = Sink::of(first, &plan.output);
    for event in events {
        table.scanned += 1;
        let mut row = Row::of(event, first.slots);
        if passes(first, &mut row) {
            table.matched += 1;
            sink.add(&row);
        }
        if sink.is_full() {
            table.cut = Some(format!(
                "more than {} MiB came together: the rows are of the first {} events",
                MOST_BYTES >> 20,
                table.scanned
            ));
            break;
        }
    }
    for stage in behind {
        let rows = match sink {
            Sink::Groups(groups) => groups.rows(),
            Sink::Rows(_) => Vec::new(),
        };
        sink = Sink::of(stage, &plan.output);
        for mut row in rows {
            row.slots.resize(stage.slots, None);
            if passes(stage, &mut row) {
                sink.add(&row);
            }
        }
    }
    if let Sink::Rows(rows) = sink {
        table.rows = rows.table();
    }
    table
}

/// Does the steps of a stage. False if a filter holds the row back.
fn passes<'v>(stage: &'v Stage, row: &mut Row<'v>) -> bool {
    for step in &stage.steps {
        match step {
            Step::Filter(filter) => {
                if !filter.holds(row) {
                    return false;
                }
            }
            Step::Set(slot, expression) => {
                let value = expression.value(row);
                set(row, *slot, value);
            }
            Step::Parse { from, taking, into } => {
                let text = from.value(row).and_then(Value::into_text);
                let parts = text.as_ref().and_then(|text| taking.of(text));
                for (index, slot) in into.iter().enumerate() {
                    let place = parts.as_ref().and_then(|parts| parts.get(index).copied().flatten());
                    let value = place.zip(text.as_ref()).and_then(|((from, to), text)| part(text, from, to));
                    set(row, *slot, value.map(Value::Text));
                }
            }
        }
    }
    true
}

fn set<'v>(row: &mut Row<'v>, slot: usize, value: Option<Value<'v>>) {
    if let Some(place) = row.slots.get_mut(slot) {
        *place = value;
    }
}

/// Where the rows of a stage go.
enum Sink<'v> {
    Groups(Groups<'v>),
    Rows(Rows<'v>),
}

impl<'v> Sink<'v> {
    fn of(stage: &'v Stage, output: &'v Output) -> Self {
        match &stage.stats {
            Some(stats) => Self::Groups(Groups {
                stats,
                numbers: HashMap::new(),
                all: Vec::new(),
                bytes: 0,
                key: String::new(),
            }),
            None => Self::Rows(Rows { output, all: Vec::new(), count: 0, bytes: 0 }),
        }
    }

    fn add(&mut self, row: &Row<'v>) {
        match self {
            Self::Groups(groups) => groups.add(row),
            Self::Rows(rows) => rows.add(row),
        }
    }

    fn is_full(&self) -> bool {
        let (Self::Groups(Groups { bytes, .. }) | Self::Rows(Rows { bytes, .. })) = self;
        *bytes > MOST_BYTES
    }
}

/// The groups of stats, in the order in which they come.
struct Groups<'v> {
    stats: &'v Stats,
    numbers: HashMap<String, usize>,
    all: Vec<(Vec<Option<Value<'v>>>, Vec<State<'v>>)>,
    bytes: usize,
    key: String,
}

impl<'v> Groups<'v> {
    fn add(&mut self, row: &Row<'v>) {
        let stats = self.stats;
        let values: Vec<Option<Value<'v>>> = stats.by.iter().map(|by| by.value(row)).collect();
        self.key.clear();
        write_key(&mut self.key, &values);
        let number = if let Some(number) = self.numbers.get(&self.key) {
            *number
        } else {
            self.bytes += self.key.len() + 64 + values.iter().flatten().map(Value::bytes).sum::<usize>();
            self.bytes += stats.aggregates.len() * size_of::<State<'_>>();
            self.numbers.insert(self.key.clone(), self.all.len());
            let gathered = stats.aggregates.iter().map(super::aggregate::Aggregate::empty).collect();
            self.all.push((values, gathered));
            self.all.len() - 1
        };
        let Some((_, gathered)) = self.all.get_mut(number) else { return };
        for (aggregate, state) in stats.aggregates.iter().zip(gathered) {
            self.bytes += aggregate.add(state, row);
        }
    }

    fn rows(self) -> Vec<Row<'v>> {
        let stats = self.stats;
        let row = |(mut values, states): (Vec<Option<Value<'v>>>, Vec<State<'v>>)| {
            let results =
                stats.aggregates.iter().zip(states).map(|(aggregate, state)| aggregate.result(state));
            let results = Row::computed(results.collect());
            values.extend(stats.columns.iter().map(|column| column.value(&results)));
            Row::computed(values)
        };
        self.all.into_iter().map(row).collect()
    }
}

/// Values as one text that no others have.
fn write_key(key: &mut String, values: &[Option<Value<'_>>]) {
    use std::fmt::Write as _;
    for value in values {
        match value {
            None => key.push('-'),
            Some(value) => {
                let shown = value.shown();
                // Writing to a string cannot fail.
                let _infallible = write!(key, "{}:", shown.len());
                key.push_str(&shown);
            }
        }
    }
}

/// The rows of the table, cut to the limit now and then.
struct Rows<'v> {
    output: &'v Output,
    all: Vec<Kept<'v>>,
    count: u64,
    bytes: usize,
}

struct Kept<'v> {
    values: Vec<Option<Value<'v>>>,
    keys: Vec<Option<Value<'v>>>,
    /// What there is one row of; none if something of it is absent.
    single: Option<String>,
    time_ms: i64,
    number: u64,
}

impl Kept<'_> {
    fn bytes(&self) -> usize {
        let values = self.values.iter().chain(&self.keys);
        let values: usize =
            values.map(|value| value.as_ref().map_or(size_of::<Value<'_>>(), Value::bytes)).sum();
        size_of::<Self>() + values + self.single.as_ref().map_or(0, String::len)
    }
}

impl<'v> Rows<'v> {
    fn add(&mut self, row: &Row<'v>) {
        let output = self.output;
        // "Null values are not considered duplicates for evaluation."
        // <https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL_QuerySyntax-Dedup.html>
        let single: Vec<Option<Value<'v>>> = output.dedup.iter().map(|by| by.value(row)).collect();
        let single = (!single.is_empty() && single.iter().all(Option::is_some)).then(|| {
            let mut key = String::new();
            write_key(&mut key, &single);
            key
        });
        let kept = Kept {
            values: output.columns.iter().map(|(_, field)| row.get(field)).collect(),
            keys: output.sort.iter().map(|(key, _)| key.value(row)).collect(),
            single,
            time_ms: row.time_ms(),
            number: self.count,
        };
        self.count += 1;
        self.bytes += kept.bytes();
        self.all.push(kept);
        if self.all.len() >= 2 * output.limit + 1024 || self.bytes > MOST_BYTES {
            self.cut();
        }
    }

    /// In order, without what dedup discards, and no more than the limit.
    fn cut(&mut self) {
        let output = self.output;
        self.all.sort_unstable_by(|a, b| compare(output, a, b));
        let mut seen = HashSet::new();
        self.all.retain(|row| row.single.as_ref().is_none_or(|single| seen.insert(single.clone())));
        self.all.truncate(output.limit);
        self.bytes = self.all.iter().map(Kept::bytes).sum();
    }

    fn table(mut self) -> Vec<Vec<Option<String>>> {
        self.cut();
        let shown = |row: Kept<'v>| row.values.iter().map(|value| value.as_ref().map(Value::shown)).collect();
        self.all.into_iter().map(shown).collect()
    }
}

/// Events without sort, and those that it finds equal: the newest first, unless it begins ascending. Groups stay
/// in the order in which they came. Without sort, "the default descending sort order using `@timestamp` is used".
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL_QuerySyntax-Dedup.html>
fn compare(output: &Output, a: &Kept<'_>, b: &Kept<'_>) -> Ordering {
    let keys = output.sort.iter().zip(a.keys.iter().zip(&b.keys)).map(|((_, descending), (a, b))| {
        let ordering = order(a.as_ref(), b.as_ref());
        if *descending { ordering.reverse() } else { ordering }
    });
    let newest_first = !output.grouped && output.sort.first().is_none_or(|(_, descending)| *descending);
    let tie = || {
        let ordering = (a.time_ms, a.number).cmp(&(b.time_ms, b.number));
        if newest_first { ordering.reverse() } else { ordering }
    };
    keys.into_iter().find(|ordering| ordering.is_ne()).unwrap_or_else(tie)
}
