//! Bodies as services write them, and as nobody should.

use proptest::prelude::*;

use super::State::{Disabled, Down, Up};
use super::word::LONGEST_NAME;
use super::*;

fn states(body: &str) -> Vec<(String, State)> {
    let found = dependencies(body.as_bytes());
    assert_eq!(found.faults, [""; 0], "{body}");
    found.states.into_iter().collect()
}

fn expect(body: &str, expected: &[(&str, State)]) {
    let expected: Vec<_> = expected.iter().map(|(name, state)| ((*name).to_owned(), *state)).collect();
    assert_eq!(states(body), expected, "{body}");
}

fn faults(body: &str) -> Vec<String> {
    dependencies(body.as_bytes()).faults
}

#[test]
fn the_platform_s_body_is_read() {
    expect(r#"{"cache":"disabled","database":"ok"}"#, &[("cache", Disabled), ("database", Up)]);
    expect(r#"{"cache":"error: EOF","database":"down"}"#, &[("cache", Down), ("database", Down)]);
}

#[test]
fn known_forms_are_read() {
    for container in CONTAINERS {
        let body = format!(
            r#"{{"status":"ok","{container}":{{"a":"up","b":{{"status":"down","details":{{"c":"up"}}}},
                "c":[{{"status":"pass"}},{{"status":"fail"}}],"d":true,"e":null}}}}"#
        );
        expect(&body, &[("a", Up), ("b", Down), ("c", Down), ("d", Up), ("e", Disabled)]);
    }
    // Spring Boot's actuator, 2 and 1.
    expect(
        r#"{"status":"DOWN","components":{"db":{"status":"UP","details":{"database":"MySQL",
           "validationQuery":"isValid()"}},"diskSpace":{"status":"OUT_OF_SERVICE"},"ping":{"status":"UP"}},
           "groups":["liveness","readiness"]}"#,
        &[("db", Up), ("diskSpace", Down), ("ping", Up)],
    );
    expect(
        r#"{"status":"UP","diskSpace":{"status":"UP","total":1},"mongo":{"status":"DOWN"}}"#,
        &[("diskSpace", Up), ("mongo", Down)],
    );
    // health+json.
    expect(
        r#"{"status":"pass","version":"1","releaseId":"1.2.2","notes":[""],"output":"","serviceId":"f0","description":"x",
           "checks":{"mongo:ping":[{"componentId":"d","componentType":"datastore","observedValue":250,
           "status":"pass","time":"2018-01-17T03:36:48Z"}],"cpu:utilization":[{"status":"warn"},{"status":"fail"}]},
           "links":{"about":"http://api.example"}}"#,
        &[("cpu:utilization", Down), ("mongo:ping", Up)],
    );
    // .NET.
    expect(
        r#"{"status":"Unhealthy","totalDuration":"00:00:00.05","entries":{"sql":{"data":{},"duration":"0","status":"Unhealthy",
           "tags":[]},"redis":{"status":"Degraded"}}}"#,
        &[("redis", Up), ("sql", Down)],
    );
    // MicroProfile.
    expect(
        r#"{"status":"UP","checks":[{"name":"db","status":"UP","data":{}},{"name":"queue","status":"DOWN"}]}"#,
        &[("db", Up), ("queue", Down)],
    );
    // NestJS.
    expect(
        r#"{"status":"error","info":{"db":{"status":"up"}},"error":{"http":{"status":"down","message":"x"}},
           "details":{"db":{"status":"up"},"http":{"status":"down","message":"x"}}}"#,
        &[("db", Up), ("http", Down)],
    );
}

#[test]
fn forms_without_a_name_of_their_own_are_read() {
    expect(r#"{"success":true,"data":{"database":"ok","version":"1.2"}}"#, &[("database", Up)]);
    expect(
        r#"{"services":{"databases":{"orders":"ok","users":{"status":"down"},"size":3}}}"#,
        &[("databases.orders", Up), ("databases.users", Down)],
    );
    expect(r#"[{"name":"db","status":"UP"}]"#, &[("db", Up)]);
    expect(r#"{"db":{"connected":false,"latency_ms":3},"pool":{"size":3}}"#, &[("db", Down)]);
    expect("\u{feff} {\"db\":true}\n", &[("db", Up)]);
    expect(r#"{"dependencies":{}}"#, &[]);
}

#[test]
fn words_mean_the_same_however_they_are_written() {
    for (words, state) in [
        (
            "ok OK up Healthy pass passed passing connected alive available ready running true SUCCESS warn degraded",
            Up,
        ),
        ("disabled off skipped not_configured NOT-CONFIGURED none N/A null", Disabled),
        ("down error fail failed failing unhealthy disconnected unavailable false timeout critical", Down),
        ("connection_refused OUT_OF_SERVICE error:x down(timeout) unhealthy,since,monday", Down),
    ] {
        for word in words.split(' ') {
            expect(&format!(r#"{{"x":" {word} "}}"#), &[("x", state)]);
            expect(&format!(r#"{{"checks":{{"x":{{"Status":"{word}"}}}}}}"#), &[("x", state)]);
        }
    }
    expect(r#"{"x":"not configured","y":"connection refused"}"#, &[("x", Disabled), ("y", Down)]);
}

#[test]
fn what_a_service_says_of_itself_is_no_dependency() {
    expect(
        r#"{"status":"ok","message":"error","msg":"x","version":"1","uptime":"3d","timestamp":"2026","time":1,
           "name":"backend","service":"backend","env":"prod","environment":"prod","host":"a","hostname":"a",
           "commit":"abc","build":"7","error":null,"code":200,"latency":"3ms","response_time":"4ms","gitCommit":"f",
           "goroutines":12,"flags":["a"],"Request-ID":"7","healthy":true}"#,
        &[],
    );
    expect(r#"{"responseTime":"4ms","realtime":"ok"}"#, &[("realtime", Up)]);
    expect(r#"{"details":{"message":"all fine","version":"1","error":null,"db":"ok"}}"#, &[("db", Up)]);
}

#[test]
fn what_is_no_json_has_no_dependencies() {
    for body in ["", "ok", "  OK\n", "<html>no</html>", "true", "200", "\"ok\"", "\u{0}\u{1}"] {
        expect(body, &[]);
    }
    assert_eq!(dependencies(b"\xff\xfe{"), Dependencies::default());
}

#[test]
fn an_unknown_word_is_a_gap_and_a_fault() {
    let body = r#"{"a":"sleepy","b":"at 12:03","checks":{"c":{"status":"UNKNOWN"},"d":7,"e":"ok"}}"#;
    let found = dependencies(body.as_bytes());
    assert_eq!(found.states.into_iter().collect::<Vec<_>>(), [("e".to_owned(), Up)]);
    assert_eq!(
        found.faults,
        [
            "the body says \"sleepy\" of a, which is neither up, down nor disabled",
            "the body says a text that is no known word of b, which is neither up, down nor disabled",
            "the body says \"UNKNOWN\" of c, which is neither up, down nor disabled",
            "the body says something without a status of d, which is neither up, down nor disabled",
        ]
    );
    // "ok" before a "but" is not believed.
    assert_eq!(faults(r#"{"a":"ok: 3 of 5 failed"}"#).len(), 1);
    // One instance that nobody understands is not covered by one that is up.
    assert_eq!(faults(r#"{"checks":{"a":[{"status":"pass"},{"status":"hm"}]}}"#).len(), 1);
}

#[test]
fn names_are_made_fit_for_a_dimension() {
    expect(
        r#"{" mongo db ":"ok","Größe":"ok",":x":"ok","a/b.c:d-e_f":"ok"}"#,
        &[("Gr__e", Up), ("_x", Up), ("a/b.c:d-e_f", Up), ("mongo_db", Up)],
    );
    let long = format!(r#"{{"{0}1":"ok","{0}2":"down"}}"#, "x".repeat(100));
    expect(&long, &[(&"x".repeat(64), Down)]);
    assert_eq!(faults(r#"{" ":"ok"}"#), ["the body has a dependency without a name"]);
    assert_eq!(faults(r#"["db"]"#), ["the list in the body has an entry without a name or without a status"]);
}

#[test]
fn more_dependencies_than_anybody_pays_for_are_a_fault() {
    let entries: Vec<_> = (0..5_000).rev().map(|n| format!("\"d{n:04}\":\"ok\"")).collect();
    let body = format!("{{{}}}", entries.join(",")).into_bytes();
    let found = dependencies(&body[..]);
    assert_eq!(found.faults.len(), 1, "{} bytes: {:?}", body.len(), found.faults);
    let short = format!("{{{}}}", entries[3_000..].join(","));
    let found = dependencies(short.as_bytes());
    assert_eq!(found.states.len(), 10);
    assert!(found.states.contains_key("d0000") && found.states.contains_key("d0009"), "{found:?}");
    assert_eq!(found.faults, ["the body names more than 10 dependencies: only the first by name are read"]);
    assert_eq!(faults(&short.replace("ok", "hm")).len(), MOST_FAULTS);
}

#[test]
fn hostile_bodies_are_faults() {
    const NO_JSON: &str = "the body is no JSON, though it begins like it: its dependencies are not read";
    for body in [
        "{".to_owned(),
        "[".repeat(BODY_BYTES),
        r#"{"a":"#.repeat(BODY_BYTES / 5),
        format!("{}{}", "[".repeat(30_000), "]".repeat(30_000)),
        r#"{"a":"\ud800"}"#.to_owned(),
        r#"{"a":1e999}"#.to_owned(),
        r#"{"a":"ok"} trailing"#.to_owned(),
    ] {
        assert_eq!(faults(&body), [NO_JSON], "{body:.40}");
    }
    let long = format!(r#"{{"database":"ok","x":"{}"}}"#, "x".repeat(BODY_BYTES));
    assert_eq!(faults(&long), ["the body is longer than 64 KiB: its dependencies are not read"]);
    assert!(dependencies(long.as_bytes()).states.is_empty());
}

/// Name, dependency, value.
type Read = (&'static str, Option<String>, f64);

fn read_to(status: u16, body: &str) -> (Vec<Read>, Vec<String>) {
    let mut readings = Readings::default();
    read("http://h/health", status, body.as_bytes(), &mut BTreeSet::new(), &mut readings);
    (readings.values.into_iter().map(|r| (r.metric.name, r.of, r.value)).collect(), readings.faults)
}

#[test]
fn only_200_is_up_and_a_service_that_is_down_says_why() {
    for status in [100, 199, 201, 204, 206, 301, 302, 307, 400, 401, 404, 429, 500, 502, 503, 504, 599] {
        assert!(!is_up(status), "{status}");
    }
    let dependency = |value| ("health_dependency_up", Some("db".to_owned()), value);
    let head = |up, code| vec![("health_up", None, up), ("health_status_code", None, code)];
    let body = r#"{"db":"down","cache":"off"}"#;
    assert_eq!(read_to(503, body).0, [head(0.0, 503.0), vec![dependency(0.0)]].concat());
    assert_eq!(read_to(200, r#"{"db":"ok"}"#).0, [head(1.0, 200.0), vec![dependency(1.0)]].concat());
    assert_eq!(read_to(404, r#"{"page":"nowhere"}"#), (head(0.0, 404.0), Vec::new()));
    let (values, faults) = read_to(200, r#"{"db":"hm"}"#);
    assert_eq!(values, head(1.0, 200.0));
    assert_eq!(
        faults,
        ["health check http://h/health: the body says \"hm\" of db, which is neither up, down nor disabled"]
    );
}

fn json() -> impl Strategy<Value = Value> {
    let key = prop_oneof![
        prop::sample::select(CONTAINERS.to_vec()).prop_map(str::to_owned),
        prop::sample::select(STATUSES.to_vec()).prop_map(str::to_owned),
        prop::sample::select(NAMES.to_vec()).prop_map(str::to_owned),
        ".{0,80}",
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        prop::sample::select(vec!["ok", "down", "disabled", "UP"]).prop_map(Value::from),
        ".{0,80}".prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 60, 12, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..12).prop_map(Value::from),
            prop::collection::vec((key.clone(), inner), 0..12)
                .prop_map(|members| Value::from(members.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

fn check_bounds(body: &[u8]) {
    let found = dependencies(body);
    assert!(found.states.len() <= MOST_DEPENDENCIES && found.faults.len() <= MOST_FAULTS, "{found:?}");
    for name in found.states.keys() {
        assert!((1..=LONGEST_NAME).contains(&name.len()) && !name.starts_with(':'), "{name}");
        assert!(name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.:/-".contains(&b)), "{name}");
    }
    // What is told is short, and what is told again is the same.
    assert!(found.faults.iter().all(|fault| fault.len() < 200), "{:?}", found.faults);
    assert_eq!(found, dependencies(body));
}

proptest! {
    #[test]
    fn whatever_the_json_says_little_comes_of_it(body in json()) {
        check_bounds(body.to_string().as_bytes());
    }

    #[test]
    fn whatever_the_bytes_little_comes_of_them(body in prop::collection::vec(any::<u8>(), 0..200)) {
        check_bounds(&body);
        check_bounds(&[b"{\"checks\":{", body.as_slice()].concat());
    }
}
