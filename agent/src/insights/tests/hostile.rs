//! Texts that nobody writes who means well.

use proptest::prelude::*;

use super::{Event, Query, run};

#[test]
fn a_query_has_a_length_and_a_depth() {
    let deep = |open: &str, close: &str| format!("filter {}a{}", open.repeat(1500), close.repeat(1500));
    for text in [
        "x".repeat(10_000_000),
        format!("filter a = {}", "1".repeat(9_000)),
        deep("(", ")"),
        deep("not ", ""),
        deep("abs(", ")"),
        deep("-", ""),
        format!("filter {}a", "a^".repeat(2000)),
        format!("filter {}a", "a+".repeat(2000)),
        format!("stats {}a{}", "sum(".repeat(1500), ")".repeat(1500)),
    ] {
        assert!(Query::parse(&text).is_err(), "{text:.40}");
    }
    let long = format!("filter {}a = 1", "a = 1 or ".repeat(1000));
    assert_eq!(run(&long, &[]).rows.len(), 0);
    assert!(Query::parse(&format!("filter {}", "|".repeat(9_000))).is_err());
}

#[test]
fn long_events_and_growing_values_end() {
    let long = "x".repeat(1_000_000);
    let json = format!(r#"{{"a":"{long}","b":{}}}"#, "[".repeat(500_000));
    let events = [long.as_str(), json.as_str()].map(|message| Event {
        time_ms: i64::MAX,
        ingested_ms: i64::MIN,
        group: "",
        stream: "",
        message,
    });
    let doubling: Vec<String> =
        (0..40).map(|n| format!("| fields concat(a{n}, a{n}) as a{}", n + 1)).collect();
    let doubling = doubling.join(" ");
    let table = run(&format!("fields @message as a0 {doubling} | display a40"), &events);
    // What became too long is absent, and concat leaves out what is absent.
    assert_eq!(table.rows, [[Some(String::new())], [Some(String::new())]]);
    let table =
        run("fields replace(@message, 'x', @message) as a, strlen(@message) as n, bin(1h) as t", &events);
    assert_eq!(table.rows[1][0], None);
    let table = run(
        "filter @message like /(x+x+)+y/ or @message like /x{50}$/ | parse @message '*x*x*y' as a, b, c | stats count(*) by @message",
        &events,
    );
    assert_eq!(table.matched, 1);
}

#[test]
fn what_is_kept_has_a_bound_and_the_table_says_so() {
    let message = "x".repeat(900_000);
    let event = Event { time_ms: 0, ingested_ms: 0, group: "", stream: "", message: &message };
    let events = (0..1000).map(|number| Event { time_ms: number, ..event });
    let query = Query::parse("stats count(*) by concat(toMillis(@timestamp), @message)").unwrap();
    let table = query.run(events);
    assert!(table.scanned < 200 && table.cut.is_some(), "{} {:?}", table.scanned, table.cut);
    assert_eq!(u64::try_from(table.rows.len()).unwrap(), table.scanned);
}

/// Words of queries in any order.
fn words() -> impl Strategy<Value = String> {
    let words = "fields filter stats parse sort limit dedup display SOURCE by as and or not in like =~ = != < ( ) [ ] , | * + - / ^ % ! # \
        @message @timestamp a `a-b` a.b[0] 5m 1 'a*' \"b\" /(?<x>a)/ count(*) sum( pct(a,95) bin(5m) jsonParse( concat( desc asc true";
    let words: Vec<&str> = words.split_whitespace().collect();
    prop::collection::vec(prop::sample::select(words), 0..24).prop_map(|words| words.join(" "))
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in prop_oneof![any::<String>(), words()], message in any::<String>()) {
        let events = [message.as_str(), r#"{"a":{"b":[1]},"a-b":"x"}"#].map(|message| Event { time_ms: 1, ingested_ms: 2, group: "g", stream: "s", message });
        match Query::parse(&text) {
            Ok(query) => {
                let table = query.run(events.into_iter());
                prop_assert!(table.rows.iter().all(|row| row.len() == table.columns.len()));
            }
            Err(fault) => {
                prop_assert!(text.get(fault.at..).is_some(), "{:?}", fault);
                prop_assert!(!fault.message.is_empty() && !fault.mend.is_empty());
            }
        }
    }
}
