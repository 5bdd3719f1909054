//! Rules on what the host measures, in the local mode: a real dockerd, the binary, and what it tells.

use std::time::Duration;

use harness::agent::{Agent, Options};
use harness::backend::Backend;
use harness::docker::{Dockerd, IDLE};
use harness::stream::STOP;
use serde_json::Value;

const LIMIT: Duration = Duration::from_mins(2);

/// The rules that ship take minutes, as people want them.
const QUICK: &str = "metrics.sample = '1s'\n[alerts]\nrecovery = '1s'\n";

/// A daemon in the local mode, and what it has told.
struct Told {
    agent: Agent,
    seen: usize,
}

impl Told {
    fn start(docker: &Dockerd, health: &str, config: &str) -> Self {
        let options = Options::at("http://127.0.0.1:9")
            .with_docker(docker)
            .with_arguments(&["run", "--local=out"])
            .with_config(&format!("health.url = '{health}'\n{QUICK}{config}"))
            .with_variable("STARTTECH_ALERTS_ENABLED", "true");
        Self { agent: Agent::start(options), seen: 0 }
    }

    fn documents(&self) -> Vec<Value> {
        let text = std::fs::read_to_string(self.agent.directory().join("out/alerts.jsonl"));
        let text = text.unwrap_or_default();
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        whole.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// The next that is told; as `ALARM disk-full`.
    fn next(&mut self, what: &str) -> (String, Value) {
        let (path, seen) = (self.agent.directory().join("out/alerts.jsonl"), self.seen);
        let count = || std::fs::read_to_string(&path).unwrap_or_default().matches('\n').count();
        self.agent.wait_until(LIMIT, what, || count() > seen);
        let document = self.documents().swap_remove(seen);
        self.seen += 1;
        let word = |value: &Value| value.as_str().unwrap().to_owned();
        let (state, rule) = (word(&document["NewStateValue"]), word(&document["StartTech"]["Rule"]));
        (format!("{state} {rule}"), document)
    }
}

/// One rule changed so that it is quick.
fn rule(name: &str, when: &str) -> String {
    format!("[[alerts.rules]]\nname = '{name}'\nperiod = '10s'\ndatapoints = '1 of 1'\nwhen = '{when}'\n")
}

#[test]
fn a_backend_that_never_came_up_and_one_that_is_down_are_two_things() {
    let (docker, backend) = (Dockerd::start(), Backend::start(Duration::ZERO));
    docker.import_busybox();
    backend.is_well(false);
    let config = rule("never-came-up", ">= 1") + &rule("health-down", "< 1");
    let mut told = Told::start(&docker, &backend.url(), &config);

    let (title, document) = told.next("it never came up");
    assert_eq!(title, "ALARM never-came-up");
    let around = document["StartTech"]["Containers"][0]["Around"].as_array().unwrap();
    assert_eq!(around[0], "no container at all");
    let image = around[1].as_str().unwrap();
    assert!(
        image.starts_with("image busybox") && image.ends_with("of which no container was made"),
        "{image}"
    );

    backend.is_well(true);
    assert_eq!(told.next("it came up").0, "OK never-came-up");

    docker.run_script("web", &format!("echo listening; {IDLE}"));
    backend.is_well(false);
    let (title, document) = told.next("it is down");
    assert_eq!(title, "ALARM health-down");
    assert_eq!(document["Trigger"]["MetricName"], "health_up");
    let run = document["StartTech"]["Cause"]["threshold"]["run"].to_string();
    assert!(run.contains(&format!("curl -i '{}'", backend.url())), "{run}");
    let member = &document["StartTech"]["Containers"][0];
    assert!(member["Around"][0].as_str().unwrap().starts_with("web: Up "), "{member}");
    assert_eq!(member["Lines"][0], "listening");

    // It has come up once: after a restart of the agent it is still down, and nobody hears of it again.
    told.agent.stop(STOP);
    told.agent.start_again();
    backend.is_well(true);
    assert_eq!(told.next("it is up again").0, "OK health-down");
    backend.is_well(false);
    assert_eq!(told.next("it is down again").0, "ALARM health-down");
    told.agent.stop(STOP);
    assert_eq!(told.documents().len(), told.seen);
}

#[test]
fn panics_and_failures_are_read_from_lines_and_rules_change_at_a_reload() {
    let docker = Dockerd::start();
    let mut told = Told::start(&docker, "", &rule("failures", ">= 5"));
    let access = r#"[GIN] 2026/11/23 - 10:00:00 | 500 | 1.2ms | 10.0.0.7 | GET "/api/items""#;
    let script = format!(
        "sleep 2; echo 'password=hunter2'; \
         printf 'panic: out of luck\\n\\ngoroutine 1 [running]:\\nmain.main()\\n\\t/app/main.go:7 +0x1d\\n' >&2; \
         for i in 1 2 3 4 5 6; do echo '{access}'; done; {IDLE}"
    );
    docker.run_script("web", &script);
    let mut both = [told.next("one"), told.next("the other")];
    both.sort_by(|one, other| one.0.cmp(&other.0));
    assert_eq!([&both[0].0, &both[1].0], ["ALARM failures", "ALARM panic"]);
    let reason = both[0].1["NewStateReason"].as_str().unwrap();
    assert!(reason.starts_with("6 requests failed within 10 s on "), "{reason}");
    let lines = both[1].1["StartTech"]["Containers"][0]["Lines"].to_string();
    assert!(lines.contains("panic: out of luck") && !lines.contains("hunter2"), "{lines}");

    let always =
        "[[alerts.rules]]\nname = 'anything'\nmetric = 'mem_used_percent'\nperiod = '10s'\nwhen = '>= 0'\n";
    told.agent.options.config.push_str(always);
    told.agent.sighup();
    let mut ends = 0;
    let mut title = told.next("the new rule");
    while title.0 == "OK failures" {
        ends += 1;
        title = told.next("the new rule");
    }
    assert!(ends <= 1 && title.0 == "ALARM anything", "{title:?}");
    told.agent.stop(STOP);
}
