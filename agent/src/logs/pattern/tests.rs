//! What patterns make of messages, and which patterns are refused.

use proptest::prelude::*;
use serde_json::Value as Json;

use super::*;

const GAP: f64 = f64::NAN;

fn regex(pattern: &str) -> Option<Regex> {
    Regex::new(pattern).ok()
}

/// A message that counts, with its value and the dimension's; where no number is, `GAP`.
#[track_caller]
fn finds(pattern: &Pattern, message: &str, value: f64, of: Option<&str>) {
    let found = pattern.find(message).unwrap_or_else(|| panic!("{message} does not count"));
    let value = if value.is_nan() { None } else { Some(value) };
    assert_eq!((found.value, found.of.as_deref()), (value, of), "{message}");
}

#[track_caller]
fn passes(pattern: &Pattern, message: &str) {
    assert_eq!(pattern.find(message), None, "{message}");
}

#[test]
fn an_expression_alone_counts_its_matches() {
    let pattern = Pattern::new("pattern_slow", regex("slow query"), None, "Count", None).unwrap();
    assert_eq!(pattern.metric().kind, Kind::Count);
    finds(&pattern, "a slow query, and another slow query", 1.0, None);
    passes(&pattern, "a quick query");
}

#[test]
fn a_group_is_the_value_or_the_dimension() {
    let expression = r"(?<route>\S+) took (?<value>\S+) ms(?: by (?<who>.+))?";
    let pattern = |dimension| {
        Pattern::new("pattern_took", regex(expression), None, "Milliseconds", Some(dimension)).unwrap()
    };
    let by_route = pattern("route");
    assert_eq!((by_route.metric().kind, by_route.metric().dimension), (Kind::Distribution, Some("route")));
    finds(&by_route, "/a took 12.5 ms", 12.5, Some("/a"));
    finds(&by_route, "/a took 12,5 ms", GAP, Some("/a"));
    for no_number in ["inf", "NaN", "1e999", "x", "infinity", "-"] {
        finds(&by_route, &format!("/a took {no_number} ms"), GAP, Some("/a"));
    }
    finds(&pattern("who"), "/a took 1 ms by Zoë:\u{1}", 1.0, Some("Zo_:_"));
    finds(&pattern("who"), "/a took 1 ms", 1.0, Some("_"));
    let optional =
        Pattern::new("pattern_optional", regex("ready(?: in (?<value>.))?"), None, "Seconds", None).unwrap();
    finds(&optional, "ready in 3", 3.0, None);
    passes(&optional, "ready");
}

#[test]
fn a_field_is_the_value() {
    let pattern = |field, expression: Option<&str>, dimension| {
        Pattern::new("pattern_field", expression.and_then(regex), Some(field), "Seconds", dimension).unwrap()
    };
    let items = pattern("cart.items", None, None);
    finds(&items, r#"{"cart":{"id":7,"items":3}}"#, 3.0, None);
    finds(&items, r#" {"cart.items":-2.5e1,"cart":{"items":3}}"#, -25.0, None);
    finds(&items, r#"{"cart":7,"cart.items":4}"#, 4.0, None);
    for no_number in ["\"3\"", "true", "[3]", "{}"] {
        finds(&items, &format!(r#"{{"cart":{{"items":{no_number}}}}}"#), GAP, None);
    }
    for message in [
        r#"{"cart":{"items":null}}"#,
        r#"{"cart":{}}"#,
        r#"{"items":3}"#,
        r#"{"cart":{"items2":3}}"#,
        "cart.items=3",
        "",
    ] {
        passes(&items, message);
    }
    let of_orders = pattern("n", Some("order"), Some("shop"));
    finds(&of_orders, r#"{"msg":"an order","n":1,"shop":"b\u00e9 \"1\""}"#, 1.0, Some("b_ \"1\""));
    finds(&of_orders, r#"{"msg":"an order","n":1,"shop":12}"#, 1.0, Some("12"));
    finds(&of_orders, r#"{"msg":"an order","n":1,"shop":{}}"#, 1.0, Some("_"));
    finds(&of_orders, r#"{"msg":"an order","n":1}"#, 1.0, Some("_"));
    passes(&of_orders, r#"{"msg":"a return","n":1}"#);
    let counted =
        Pattern::new("pattern_failed", regex(r#""status":5\d\d"#), None, "Count", Some("path")).unwrap();
    finds(&counted, r#"{"path":"/a","status":503}"#, 1.0, Some("/a"));
}

#[test]
fn values_are_summed_or_distributed_by_their_unit() {
    let kind = |unit| Pattern::new("pattern_kind", None, Some("n"), unit, None).unwrap().metric().kind;
    assert_eq!(
        ["Count", "Bytes", "Seconds", "Percent", "None"].map(kind),
        [Kind::Count, Kind::Count, Kind::Distribution, Kind::Distribution, Kind::Distribution]
    );
}

#[test]
fn what_is_wrong_is_said_in_words() {
    let long = "x".repeat(256);
    let e = |expression: &str| regex(expression);
    for (name, regex, field, unit, dimension, words) in [
        ("", e("x"), None, "Count", None, "is not the name of a metric"),
        ("a b", e("x"), None, "Count", None, "is not the name of a metric"),
        (long.as_str(), e("x"), None, "Count", None, "is not the name of a metric"),
        ("requests", e("x"), None, "Count", None, "is a metric of the agent's own"),
        ("p", None, None, "Count", None, "needs a regular expression, a field, or both"),
        ("p", e("(?<value>x)"), Some("n"), "Count", None, "are two values"),
        ("p", e("x"), None, "Seconds", None, "which are no Seconds"),
        ("p", e("x"), Some("a..b"), "Count", None, "`a..b` is no field"),
        ("p", e("x"), Some(""), "Count", None, "is no field"),
        ("p", e("x"), None, "Count", Some(""), "is not the name of a dimension"),
        ("p", e("x"), None, "Count", Some("a b"), "is not the name of a dimension"),
        ("p", e("x"), None, "Count", Some("InstanceId"), "has the dimension InstanceId already"),
        ("p", e("(?<value>x)"), None, "Count", Some("value"), "cannot be its dimension"),
        (
            "p",
            e("(?<route>x)(?<who>y)"),
            None,
            "Count",
            Some("rout"),
            "no group `rout` for the dimension: it has route, who",
        ),
    ] {
        let refused = Pattern::new(name, regex, field, unit, dimension).unwrap_err();
        assert!(refused.contains(words), "{refused}");
    }
}

proptest! {
    #[test]
    fn a_dimension_is_always_one_that_cloudwatch_takes(text in prop_oneof![any::<String>(), "[ :a]{0,80}"]) {
        let message = format!("user {text}");
        let pattern = Pattern::new("pattern_any", regex("(?s)user (?<who>.*)"), None, "Count", Some("who")).unwrap();
        let of = pattern.find(&message).unwrap().of.unwrap();
        prop_assert!((1..=64).contains(&of.len()) && of.bytes().all(|b| (b' '..=b'~').contains(&b)), "{of:?}");
        prop_assert!(!of.starts_with(':') && of.trim() == of, "{of:?}");
    }

    #[test]
    fn a_field_has_the_value_that_serde_finds(members in prop::collection::btree_map("[a-c]{1,2}", prop_oneof![
        any::<f64>().prop_map(Json::from), any::<i64>().prop_map(Json::from), any::<String>().prop_map(Json::from),
        prop::collection::btree_map("[a-c]{1,2}", any::<i32>(), 0..3).prop_map(|map| serde_json::to_value(map).unwrap()),
    ], 0..6), path in "[a-c]{1,2}(\\.[a-c]{1,2})?") {
        let text = serde_json::to_string(&members).unwrap();
        let expected = Json::from(members.into_iter().collect::<serde_json::Map<_, _>>());
        let expected = expected.pointer(&format!("/{}", path.replace('.', "/"))).filter(|value| !value.is_null());
        let pattern = Pattern::new("pattern_serde", None, Some(&path), "Seconds", None).unwrap();
        prop_assert_eq!(pattern.find(&text).map(|found| found.value), expected.map(Json::as_f64));
    }

    #[test]
    fn any_message_will_do(text in any::<String>(), field in "[a-z.]{1,5}") {
        if let Ok(pattern) = Pattern::new("pattern_text", None, Some(&field), "Seconds", Some("x")) {
            pattern.find(&text);
        }
    }
}
