//! Sequences of Docker's events, and what they mean.

use super::*;

const MS: i64 = SECOND / 1000;
/// Some time of day.
const T0: i64 = 1_800_000_000 * SECOND;

fn container(name: &str) -> Container {
    Container { id: format!("id-{name}"), name: name.to_owned(), ..Container::default() }
}

/// Plays events of "web", each at its millisecond, and a look that answers 20 ms after it was asked for; what is
/// said by then, as words.
fn play(events: &[(i64, What)], looked: &Looked) -> Vec<String> {
    let mut rules = Rules::new(0, 0);
    play_on(&mut rules, events, looked)
}

fn play_on(rules: &mut Rules, events: &[(i64, What)], looked: &Looked) -> Vec<String> {
    let mut events: VecDeque<_> = events.iter().cloned().collect();
    let mut said = Vec::new();
    let mut looks: VecDeque<i64> = VecDeque::new();
    for ms in 0..120_000 {
        let now = T0 + ms * MS;
        let mut turns = Vec::new();
        while events.front().is_some_and(|(at, _)| *at == ms)
            && let Some((_, what)) = events.pop_front()
        {
            turns.extend(rules.take(Fact { at_ns: now, container: container("web"), what }, now));
        }
        while looks.front().is_some_and(|due| *due <= ms) {
            looks.pop_front();
            turns.extend(rules.looked("id-web", looked.clone(), now));
        }
        if rules.next().is_some_and(|due| due <= now) {
            turns.extend(rules.due(now));
        }
        for turn in turns {
            match turn {
                Turn::Look(_) => looks.push_back(ms + 20),
                Turn::Begin(incident) => said.push(format!("{ms} {:?}", incident.cause)),
                Turn::Change { change, .. } => said.push(format!("{ms} {change:?}")),
                Turn::Rename { to, .. } => said.push(format!("{ms} now {to}")),
            }
        }
    }
    assert_eq!(rules.next(), None, "nothing is left open");
    said
}

fn look() -> Looked {
    Looked { standing: Some(Standing::default()), ..Looked::default() }
}

fn died(exit_code: i64) -> What {
    What::Died { exit_code }
}

fn killed(signal: i64) -> What {
    What::Killed { signal }
}

#[test]
fn a_crash_is_told_soon_and_a_restart_after_it() {
    let said = play(&[(0, What::Started), (1000, died(3)), (1100, What::Started)], &look());
    assert_eq!(said, ["0 Up", "1150 Died { exit_code: 3, starved: false }", "1150 Up"]);
}

#[test]
fn whoever_is_stopped_killed_or_redeployed_has_not_crashed() {
    for events in [
        // docker stop, of one that ends, and of one that does not
        vec![(0, killed(15)), (200, died(143)), (300, What::Stopped)],
        vec![(0, killed(15)), (10_000, killed(9)), (10_050, died(137)), (10_100, What::Stopped)],
        vec![(0, killed(15)), (500, died(1)), (600, What::Stopped)],
        // STOPSIGNAL SIGUSR1: only the event behind it says that it was stopped
        vec![(0, killed(10)), (50, died(138)), (120, What::Stopped)],
        // docker kill; rm -f
        vec![(0, killed(9)), (60, died(137))],
        vec![(0, killed(9)), (60, died(137)), (200, What::Removed)],
        // the host shuts down, or somebody on it asked the process itself
        vec![(0, died(143))],
        vec![(0, died(130))],
    ] {
        let said = play(&events, &look());
        assert!(!said.is_empty() && said.iter().all(|said| !said.contains("Died")), "{events:?}: {said:?}");
    }
}

#[test]
fn whoever_was_only_told_something_has_crashed_nonetheless() {
    // SIGHUP is how one has a configuration read again.
    for signal in [1, 10, 12] {
        let said = play(&[(0, killed(signal)), (900, died(1))], &look());
        assert_eq!(said, ["1050 Died { exit_code: 1, starved: false }"], "signal {signal}");
    }
    // A stack trace was wanted, and long ago.
    let said = play(&[(0, killed(3)), (60_000, died(1))], &look());
    assert_eq!(said, ["60150 Died { exit_code: 1, starved: false }"]);
    let said = play(&[(0, killed(9)), (50_000, died(137))], &look());
    assert_eq!(said, ["50150 Died { exit_code: 137, starved: false }"], "that kill was long ago");
}

#[test]
fn a_good_end_is_one_unless_it_is_to_be_kept_up() {
    assert_eq!(play(&[(0, died(0))], &look()), ["150 Stopped"]);
    let always = Looked {
        standing: Some(Standing { is_always_up: true, ..Standing::default() }),
        ..Looked::default()
    };
    assert_eq!(play(&[(0, died(0))], &always), ["150 Died { exit_code: 0, starved: false }"]);
}

#[test]
fn memory_is_told_from_other_reasons() {
    let oom = || What::OutOfMemory;
    assert_eq!(play(&[(0, oom()), (5, died(137))], &look()), ["155 OutOfMemory"]);
    assert_eq!(play(&[(0, died(137)), (5, oom())], &look()), ["150 OutOfMemory"], "events in either order");
    let host = Looked { host_killed: true, ..look() };
    assert_eq!(
        play(&[(0, died(137))], &host),
        ["150 OutOfMemory"],
        "Docker missed it, the kernel counted it"
    );
    assert_eq!(play(&[(0, died(1))], &host), ["150 Died { exit_code: 1, starved: false }"]);
    assert_eq!(play(&[(0, oom())], &look()), ["520 ChildOutOfMemory"], "a child, and it lives on");
    assert_eq!(
        play(&[(0, oom()), (300, died(4))], &look()),
        ["450 Died { exit_code: 4, starved: true }"],
        "it ended because of its child"
    );
    assert_eq!(
        play(&[(0, oom()), (3000, died(4))], &look()),
        ["520 ChildOutOfMemory", "3150 Died { exit_code: 4, starved: true }"]
    );
}

#[test]
fn health_changes_are_told_as_they_come() {
    let health = |is_healthy| What::Health { is_healthy };
    assert_eq!(play(&[(0, health(false)), (5000, health(true))], &look()), ["20 Unhealthy", "5000 Healthy"]);
}

#[test]
fn what_never_comes_up_is_told() {
    let standing = Standing { error: "no such file".to_owned(), ..Standing::default() };
    let failed = Looked { standing: Some(standing), ..Looked::default() };
    let said = play(&[(0, What::Created)], &failed);
    assert_eq!(said, [r#"2020 NotStarted { error: "no such file" }"#]);
    assert_eq!(play(&[(0, What::Created)], &look()), [""; 0], "somebody made it for later");
    assert_eq!(play(&[(0, What::Created), (400, What::Started)], &failed), ["400 Up"]);
}

#[test]
fn without_an_answer_it_is_told_all_the_same() {
    let mut rules = Rules::new(0, 0);
    let fact = Fact { at_ns: T0, container: container("web"), what: died(1) };
    assert_eq!(rules.take(fact, T0), [Turn::Look(container("web"))]);
    assert_eq!(rules.next(), Some(T0 + LOOK));
    let turns = rules.due(T0 + LOOK);
    let [Turn::Begin(incident)] = turns.as_slice() else { panic!("{turns:?}") };
    assert!(incident.lines.as_ref().unwrap().is_err());
}

#[test]
fn what_is_told_twice_happened_once() {
    let mut rules = Rules::new(T0 - SECOND, 0);
    let fact = |at_ns| Fact { at_ns, container: container("web"), what: died(1) };
    assert_eq!(rules.take(fact(T0 - SECOND), T0), [], "an earlier run has judged it");
    assert_eq!(rules.take(fact(T0), T0).len(), 1);
    assert_eq!(rules.judged_ns(), T0 - 1, "a restart would judge it again");
    rules.due(T0 + SECOND);
    assert_eq!(rules.judged_ns(), T0);
    assert_eq!(rules.take(fact(T0), T0 + 5 * SECOND), []);
    assert_eq!(rules.take(fact(T0 + 1), T0 + 5 * SECOND).len(), 1);
}

#[test]
fn a_container_found_dead_died_unseen() {
    let standing = |exit_code| Standing { ended_ns: Some(T0), exit_code, ..Standing::default() };
    let begins = |rules: &mut Rules, standing: &Standing| {
        let mut turns = rules.stands(container("web"), standing, T0 + MINUTE);
        turns.extend(rules.due(T0 + 2 * MINUTE));
        turns.into_iter().filter(|turn| matches!(turn, Turn::Begin(_))).count()
    };
    assert_eq!(begins(&mut Rules::new(T0 - 1, 0), &standing(1)), 1);
    assert_eq!(begins(&mut Rules::new(T0, 0), &standing(1)), 0, "that is known");
    assert_eq!(begins(&mut Rules::new(T0 - 1, 0), &standing(0)), 0);
    assert_eq!(begins(&mut Rules::new(T0 - 1, 0), &standing(137)), 0, "dockerd may have stopped it");
    let starved = Standing { is_out_of_memory: true, ..standing(137) };
    assert_eq!(begins(&mut Rules::new(T0 - 1, 0), &starved), 1);
    let running = Standing { is_running: true, ..standing(1) };
    assert_eq!(begins(&mut Rules::new(T0 - 1, 0), &running), 0);

    // Its events come after it was found: they know better.
    let mut rules = Rules::new(T0 - SECOND, 0);
    assert_eq!(rules.stands(container("web"), &standing(1), T0 + MINUTE).len(), 1);
    for (at_ns, what) in [(T0 - 100 * MS, killed(15)), (T0, died(1)), (T0 + 50 * MS, What::Stopped)] {
        rules.take(Fact { at_ns, container: container("web"), what }, T0 + MINUTE);
    }
    assert_eq!(rules.due(T0 + 2 * MINUTE), []);
}

#[test]
fn memory_is_bounded() {
    let mut rules = Rules::new(0, 0);
    for n in 0..3000 {
        let container = container(&n.to_string());
        rules.take(Fact { at_ns: T0 + n, container, what: What::Started }, T0);
    }
    assert_eq!((rules.histories.len(), rules.seen.len()), (MOST, REMEMBERED));
}

#[test]
fn a_clock_that_is_set_back_hides_nothing() {
    let mut rules = Rules::new(T0, 0);
    let fact = |at_ns| Fact {
        at_ns,
        container: Container { id: "x".to_owned(), ..Container::default() },
        what: died(1),
    };
    let hour_ago = T0 - 60 * MINUTE;
    assert_eq!(rules.take(fact(hour_ago), T0), [], "that was judged in an earlier run");
    rules.clock(hour_ago);
    assert_eq!(rules.take(fact(hour_ago + SECOND), hour_ago + SECOND).len(), 1);
}

#[test]
fn what_is_open_follows_a_new_name() {
    let renamed = What::Renamed { from: "web-new".to_owned() };
    let container = Container { id: "x".to_owned(), name: "web".to_owned(), ..Container::default() };
    let turns = Rules::new(0, 0).take(Fact { at_ns: T0, container, what: renamed }, T0);
    assert_eq!(turns, [Turn::Rename { from: "web-new".to_owned(), to: "web".to_owned() }]);
}

#[test]
fn what_changed_is_told_with_a_death() {
    let around = |made_ns, started_ns| {
        let standing = Standing { made_ns, started_ns, ..Standing::default() };
        let mut rules = Rules::new(0, 0);
        let container = Container { id: "x".to_owned(), ..Container::default() };
        rules.take(Fact { at_ns: T0, container, what: died(1) }, T0);
        rules.looked("x", Looked { standing: Some(standing), ..Looked::default() }, T0);
        let Some(Turn::Begin(incident)) = rules.due(T0 + SECOND).pop() else { panic!() };
        incident.around.join("; ")
    };
    let deployed = around(Some(T0 - 4 * MINUTE), Some(T0 - 3 * MINUTE));
    assert!(deployed.starts_with("its container was made 4 min before, at "), "{deployed}");
    assert!(deployed.ends_with(": a new version, perhaps; it had been up for 3 min"), "{deployed}");
    let old = around(Some(T0 - 9000 * MINUTE), Some(T0 + SECOND));
    assert!(old.starts_with("its container is the same since ") && !old.contains("up for"), "{old}");
    assert_eq!(around(None, None), "");
}

#[test]
fn what_was_missed_and_is_told_late_does_not_end_what_came_after_it() {
    let mut rules = Rules::new(T0 - 1, 0);
    let standing = Standing { ended_ns: Some(T0 + SECOND), exit_code: 1, ..Standing::default() };
    assert_eq!(rules.stands(container("web"), &standing, T0 + MINUTE).len(), 1);
    rules.take(Fact { at_ns: T0, container: container("web"), what: What::Started }, T0 + MINUTE);
    let turns = rules.due(T0 + 2 * MINUTE);
    assert!(matches!(turns.as_slice(), [Turn::Begin(_)]), "{turns:?}");
}

#[test]
fn what_ended_with_the_host_is_no_crash() {
    let standing = |ended_ns| Standing { ended_ns: Some(ended_ns), exit_code: 1, ..Standing::default() };
    let turns =
        |ended_ns| Rules::new(T0, T0 + MINUTE).stands(container("web"), &standing(ended_ns), T0 + 2 * MINUTE);
    assert!(matches!(turns(T0 + SECOND).as_slice(), [Turn::Change { change: Change::Stopped, .. }]));
    assert!(matches!(turns(T0 + MINUTE + SECOND).as_slice(), [Turn::Look(_)]));
}

#[test]
fn who_was_asked_to_end_and_fails_long_after_has_crashed() {
    let later = |exit_code| play(&[(0, killed(15)), (40_000, died(exit_code))], &look());
    assert_eq!(later(3), ["40150 Died { exit_code: 3, starved: false }"]);
    assert_eq!(later(143), ["40000 Stopped"]);
    assert_eq!(later(0), ["40000 Stopped"]);
    assert_eq!(play(&[(0, killed(15)), (8_000, died(3))], &look()), ["8000 Stopped"]);
    let stop = [(0, killed(15)), (40_000, died(3)), (40_050, What::Stopped)];
    assert_eq!(play(&stop, &look()), ["40050 Stopped"], "docker stop with a long time to end in");
}

#[test]
fn who_dies_of_a_request_to_read_its_configuration_has_crashed() {
    assert_eq!(
        play(&[(0, killed(1)), (100, died(129))], &look()),
        ["250 Died { exit_code: 129, starved: false }"]
    );
}

#[test]
fn one_that_never_started_is_told_of_once_and_not_after_months() {
    let standing = Standing { error: "no such file".to_owned(), made_ns: Some(T0), ..Standing::default() };
    let turns = Rules::new(T0 - 1, 0).stands(container("web"), &standing, T0 + MINUTE);
    let [Turn::Begin(incident)] = turns.as_slice() else { panic!("{turns:?}") };
    assert_eq!(incident.at_ns, T0);
    assert_eq!(Rules::new(T0, 0).stands(container("web"), &standing, T0 + MINUTE), []);
}

#[test]
fn what_is_removed_is_forgotten() {
    let mut rules = Rules::new(0, 0);
    for what in [died(1), What::Removed] {
        let at_ns = T0 + i64::from(what == What::Removed);
        rules.take(Fact { at_ns, container: container("web"), what }, T0);
    }
    assert_eq!(rules.histories.len(), 1, "it is still to be judged");
    assert_eq!(rules.due(T0 + MINUTE).len(), 2);
    assert_eq!(rules.histories.len(), 0);
}
