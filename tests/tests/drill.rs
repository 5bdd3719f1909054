//! `alarms drill` as users run it: the binary, a role, an emulator of the account behind it, and somebody who has
//! subscribed.

use std::process::Output;
use std::time::Duration;

use harness::agent::{Agent, Options};
use harness::emulator::Emulator;
use harness::role::{ACCOUNT, Role};
use harness::subscriber::Subscriber;
use rustix::process::Signal;
use serde_json::{Value, json};

const PROVISIONER: &str = include_str!("../../packaging/iam/provisioner.json");
const WITH_ALERTS: &str = include_str!("../../packaging/iam/host-with-alerts.json");
const DEFAULT_ROLE: &str = include_str!("../policies/cloudwatch-agent-server-policy.json");

const TOPIC: &str = "starttech-alarms";
const SET_STATE: &str = "cloudwatch:SetAlarmState";
const LIMIT: Duration = Duration::from_mins(2);

/// Alarms in the shape that the platform's have, on metrics that nobody sends, and a subscriber.
struct Platform {
    role: Role,
    emulator: Emulator,
    subscriber: Subscriber,
}

impl Platform {
    fn start() -> Self {
        let emulator = Emulator::start();
        let role = Role::start(emulator.address());
        role.attach(&policy(PROVISIONER));
        let subscriber = Subscriber::of_topic(emulator.address(), "eu-west-1", TOPIC);
        let platform = Self { role, emulator, subscriber };
        platform.put("starttech-memory", true, "OK");
        platform.put("starttech-container-down", false, "OK");
        platform.put("starttech-no-healthy-target", true, "OK");
        platform.composite("starttech-backend-down", "ALARM(\"starttech-container-down\")");
        platform
    }

    fn put(&self, name: &str, enabled: bool, state: &str) {
        let arn = format!("arn:aws:sns:eu-west-1:{ACCOUNT}:{TOPIC}");
        let alarm = json!({ "AlarmName": name, "AlarmDescription": "Of a test.", "ActionsEnabled": enabled,
            "AlarmActions": [arn], "OKActions": [arn], "Namespace": "Test", "MetricName": name,
            "Statistic": "Average", "Period": 86400, "EvaluationPeriods": 1, "Threshold": 12.0,
            "ComparisonOperator": "GreaterThanThreshold", "TreatMissingData": "ignore" });
        self.ask("PutMetricAlarm", &alarm);
        self.ask(
            "SetAlarmState",
            &json!({ "AlarmName": name, "StateValue": state, "StateReason": "by the test" }),
        );
    }

    fn composite(&self, name: &str, rule: &str) {
        let arn = format!("arn:aws:sns:eu-west-1:{ACCOUNT}:{TOPIC}");
        let alarm = json!({ "AlarmName": name, "AlarmRule": rule, "ActionsEnabled": true, "AlarmActions": [arn],
            "OKActions": [arn], "ActionsSuppressor": "starttech-no-healthy-target",
            "ActionsSuppressorWaitPeriod": 60, "ActionsSuppressorExtensionPeriod": 60 });
        self.ask("PutCompositeAlarm", &alarm);
    }

    fn ask(&self, operation: &str, request: &Value) -> Value {
        self.emulator.client().cloudwatch(operation, request)
    }

    fn state(&self, name: &str) -> String {
        let asked = json!({ "AlarmNames": [name], "AlarmTypes": ["MetricAlarm", "CompositeAlarm"] });
        let answer = self.ask("DescribeAlarms", &asked);
        let all = ["MetricAlarms", "CompositeAlarms"].map(|kind| answer[kind][0]["StateValue"].clone());
        all.iter().find_map(Value::as_str).unwrap_or_default().to_owned()
    }

    fn options(&self, arguments: &[&str]) -> Options {
        let arguments = [&["alarms", "drill"], arguments].concat();
        Options::at(&self.role.url()).with_arguments(&arguments).with_config("host.instance_id = 'i-0abc'")
    }

    fn expect(&self, code: i32, arguments: &[&str]) -> String {
        let Output { status, stdout, stderr } = Agent::output(self.options(arguments));
        let said = String::from_utf8([stdout, stderr].concat()).unwrap();
        assert_eq!(status.code(), Some(code), "{arguments:?} said:\n{said}");
        said
    }

    fn told(&self, name: &str, state: &str) -> Value {
        let is_it = |body: &Value| {
            let told: Value =
                serde_json::from_str(body["Message"].as_str().unwrap_or_default()).unwrap_or_default();
            told["AlarmName"] == name
                && told["NewStateValue"] == state
                && told["NewStateReason"] != "by the test"
        };
        self.subscriber.until(LIMIT, &format!("{name} to be {state}"), is_it).document()
    }
}

fn policy(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

#[test]
fn a_drill_arrives_and_leaves_the_alarm_as_it_was() {
    let platform = Platform::start();
    let said = platform.expect(0, &["memory", "--yes"]);
    assert!(said.contains("starttech-memory in eu-west-1 is OK. It goes to ALARM for 5 s"), "{said}");
    assert!(said.contains(&format!("    http {}", platform.subscriber.url())), "who gets it: {said}");
    assert!(said.contains("starttech-memory is back to OK"), "{said}");
    let told = platform.told("starttech-memory", "ALARM");
    let reason = told["NewStateReason"].as_str().unwrap();
    assert!(reason.starts_with("DRILL, nothing is wrong: ") && reason.contains("asked for by "), "{reason}");
    let told = platform.told("starttech-memory", "OK");
    assert!(told["NewStateReason"].as_str().unwrap().starts_with("DRILL is over"), "{told}");
    assert_eq!(platform.state("starttech-memory"), "OK");

    // Where nothing is proved or something is wrong, nothing is touched.
    let calls = platform.role.calls(SET_STATE);
    platform.put("starttech-disk", true, "ALARM");
    for (code, name, why) in [
        (64, "memroy", "did you mean memory?"),
        (1, "cpu-credits", "`starttech-agent apply` makes it"),
        (1, "starttech-disk", "is in ALARM, so it is not touched"),
        (1, "container-down", "starttech-backend-down speaks for it"),
    ] {
        let said = platform.expect(code, &[name, "--yes"]);
        assert!(said.contains(why), "{said}");
    }
    let said = platform.expect(64, &["memory"]);
    assert!(said.contains("write --yes to do this"), "{said}");
    assert_eq!(platform.role.calls(SET_STATE), calls);
    assert_eq!(platform.state("starttech-disk"), "ALARM");
}

/// By a signal in the middle, of the longer one of a composite alarm, and by an answer that is lost.
#[test]
fn an_alarm_is_set_back_whatever_happens_in_the_middle() {
    let platform = Platform::start();
    let before = platform.state("starttech-backend-down");
    assert_ne!(before, "ALARM");
    for signal in [Signal::INT, Signal::HUP] {
        let mut agent = Agent::start(platform.options(&["backend-down", "--yes"]));
        let is_set = || platform.state("starttech-backend-down") == "ALARM";
        agent.wait_until(LIMIT, "the drill to be under way", is_set);
        agent.signal(signal);
        let status = agent.wait_exit(LIMIT);
        assert_eq!(status.code(), Some(1), "{}", agent.log());
        assert!(agent.log().contains("interrupted: setting it back"), "{}", agent.log());
        assert!(agent.log().contains("it acts only after 60 s"), "{}", agent.log());
        assert_eq!(platform.state("starttech-backend-down"), before, "{}", agent.log());
    }
    platform.role.lose(SET_STATE, 2);
    let said = platform.expect(1, &["memory", "--yes"]);
    assert!(said.contains("it is not known whether it is in ALARM"), "{said}");
    assert_eq!(platform.state("starttech-memory"), "OK", "{said}");
}

#[test]
fn what_the_role_may_not_is_said_with_the_policy_and_nothing_is_done() {
    let platform = Platform::start();
    let mut without = policy(PROVISIONER);
    for statement in without["Statement"].as_array_mut().unwrap() {
        if let Some(actions) = statement["Action"].as_array_mut() {
            actions.retain(|action| action != SET_STATE);
        }
    }
    platform.role.attach(&without);
    let said = platform.expect(1, &["memory", "--yes"]);
    assert!(said.contains("the role may not cloudwatch:SetAlarmState"), "{said}");
    let arn = format!("arn:aws:cloudwatch:eu-west-1:{ACCOUNT}:alarm:starttech-memory");
    assert!(said.contains("To allow it, add this to the role") && said.contains(&arn), "{said}");
    assert_eq!(platform.state("starttech-memory"), "OK");
    platform.role.attach(&policy(DEFAULT_ROLE));
    let said = platform.expect(1, &["memory", "--yes"]);
    assert!(said.contains("the role may not cloudwatch:DescribeAlarms"), "{said}");
}

#[test]
fn a_rule_of_the_daemons_own_is_drilled_by_its_own_way() {
    let platform = Platform::start();
    platform.role.attach(&policy(WITH_ALERTS));
    let said = platform.expect(0, &["--local", "container-died", "--yes"]);
    assert_eq!(said.matches("is with SNS, as message ").count(), 2, "{said}");
    for (state, how) in [("ALARM", "died (exit 1)"), ("OK", "is up again")] {
        let told = platform.subscriber.until(LIMIT, "a drill", |body| {
            body["Subject"].as_str().is_some_and(|subject| subject.starts_with("DRILL"))
        });
        assert!(
            told.subject().starts_with("DRILL, nothing is wrong: ") && told.subject().contains(how),
            "{told:?}"
        );
        let document = told.document();
        assert_eq!(
            (&document["StartTech"]["Rule"], &document["NewStateValue"]),
            (&json!("container-died"), &json!(state))
        );
        assert_eq!(document["StartTech"]["Drill"], true);
        let name = document["AlarmName"].as_str().unwrap();
        assert!(name.starts_with("starttech-container-down-") && name.ends_with("-drill"), "{name}");
    }
    let said = platform.expect(64, &["--local", "container-dead", "--yes"]);
    assert!(said.contains("did you mean container-died?"), "{said}");
    platform.role.attach(&policy(DEFAULT_ROLE));
    let said = platform.expect(1, &["--local", "container-died", "--yes"]);
    assert!(
        said.contains("it cannot be delivered: ") && said.contains(r#""Action":"sns:Publish""#),
        "{said}"
    );
}
