//! `plan`, `apply`, `destroy` and the daemon's `apply --at-start` as users run them: the binary, a role, and
//! an emulator of the account behind it.

use std::process::Output;
use std::time::Duration;

use harness::agent::{Agent, Options};
use harness::client::Client;
use harness::docker::{Dockerd, Run};
use harness::emulator::Emulator;
use harness::role::Role;
use harness::subscriber::Subscriber;
use harness::wait;
use serde_json::{Value, json};

const DEFAULT_ROLE: &str = include_str!("../policies/cloudwatch-agent-server-policy.json");
const PROVISIONER: &str = include_str!("../../packaging/iam/provisioner.json");

const DISTRIBUTION: &str = "[provision]\ndistribution = 'E1EXAMPLE2345'\n";
const EMAILS: &str = "[alerts]\nemails = ['on-call@example.com']\n";
const PUT_ALARM: &str = "cloudwatch:PutMetricAlarm";
const LIMIT: Duration = Duration::from_mins(1);

/// An account as the platform leaves it, but for CloudFront, which nobody has asked for anything yet.
struct Platform {
    role: Role,
    emulator: Emulator,
}

impl Platform {
    fn start() -> Self {
        let bare = Self::bare();
        let raw = bare.raw();
        let (balancer, target) = (
            ("LoadBalancer", "app/starttech-alb/0123456789abcdef"),
            ("TargetGroup", "targetgroup/starttech-tg/fe"),
        );
        put(raw, "AWS/EC2", "CPUUtilization", &[("AutoScalingGroupName", "starttech-asg")]);
        put(raw, "AWS/ApplicationELB", "HealthyHostCount", &[balancer, target]);
        bare
    }

    /// With nothing in it.
    fn bare() -> Self {
        let emulator = Emulator::start();
        let role = Role::start(emulator.address());
        role.attach(&serde_json::from_str(PROVISIONER).unwrap());
        Self { role, emulator }
    }

    fn raw(&self) -> Client {
        self.emulator.client()
    }

    fn options(&self, arguments: &[&str], config: &str) -> Options {
        Options::at(&self.role.url()).with_arguments(arguments).with_config(config)
    }

    /// Runs a command: its exit code, what it printed, and what it complained of.
    fn run(&self, arguments: &[&str], config: &str) -> (i32, String, String) {
        let Output { status, stdout, stderr } = Agent::output(self.options(arguments, config));
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (status.code().unwrap(), text(stdout), text(stderr))
    }

    /// Runs a command that ends with this code, and gives what it printed.
    fn expect(&self, code: i32, arguments: &[&str], config: &str) -> String {
        let (ended, said, complained) = self.run(arguments, config);
        assert_eq!(ended, code, "{arguments:?} said:\n{said}\nand complained:\n{complained}");
        said
    }

    /// How often anything was asked to change.
    fn changes(&self) -> usize {
        let changing =
            ["Put", "Create", "Subscribe", "Set", "Delete", "Tag", "Untag", "Publish", "Unsubscribe"];
        let asked = self.role.asked();
        let changes = asked.iter().map(|(action, _)| action).filter(|action| {
            let operation = action.split(':').nth(1).unwrap();
            changing.iter().any(|verb| operation.starts_with(verb))
        });
        changes.map(|action| self.role.calls(action)).sum()
    }

    fn alarm(&self, name: &str) -> Value {
        let answer = self.raw().cloudwatch("DescribeAlarms", &json!({ "AlarmNames": [name] }));
        answer["MetricAlarms"][0].clone()
    }
}

fn put(raw: Client, namespace: &str, name: &str, dimensions: &[(&str, &str)]) {
    let dimension = |(name, value): &(&str, &str)| json!({ "Name": name, "Value": value });
    let dimensions: Vec<Value> = dimensions.iter().map(dimension).collect();
    let datum = json!({ "MetricName": name, "Dimensions": dimensions, "Value": 1.0 });
    let request = json!({ "Namespace": namespace, "MetricData": [datum] });
    let listed = json!({ "Namespace": namespace, "MetricName": name });
    // The emulator makes its tables with the first datapoints, and may lose those.
    wait::until(LIMIT, "the emulator to have a metric", || {
        raw.put_metrics(&request, &[]).is_ok_and(|answer| answer.status == 200)
            && raw.cloudwatch("ListMetrics", &listed)["Metrics"][0].is_object()
    });
}

fn last_line(text: &str) -> &str {
    text.trim_end().lines().last().unwrap_or_default()
}

/// Nothing, everything, drift, everything again, nothing: at the quotas of an account.
#[test]
fn an_account_becomes_what_it_shall_be_stays_so_and_is_cleared() {
    let platform = Platform::start();
    platform.role.hold_quotas(true);
    let config = format!("{EMAILS}{DISTRIBUTION}");

    let planned = platform.expect(0, &["plan"], &config);
    assert!(planned.contains("  + alarm           starttech-cpu-warning"), "{planned}");
    assert!(
        planned.contains("aws autoscaling enable-metrics-collection"),
        "what is not enabled is said: {planned}"
    );
    platform.expect(2, &["plan", "--detailed-exitcode"], &config);
    let plan: Value = serde_json::from_str(&platform.expect(0, &["plan", "--json"], &config)).unwrap();
    let changes = plan["changes"].as_array().unwrap();
    assert!(changes.len() > 40 && changes.iter().all(|change| change["step"] == "create"), "{plan}");

    let (code, _, complaint) = platform.run(&["apply"], &config);
    assert_eq!(code, 64, "{complaint}");
    assert!(complaint.contains("write --yes"), "{complaint}");
    assert_eq!(platform.changes(), 0, "nobody was asked");

    let applied = platform.expect(0, &["apply", "--yes"], &config);
    assert!(applied.contains(&format!("\n{} created\n", changes.len())), "{applied}");
    assert!(applied.contains("not confirmed yet: email on-call@example.com"), "{applied}");
    assert_eq!(platform.raw().retention_days("/starttech/backend"), Some(14));
    assert_eq!(platform.raw().retention_days("/starttech/frontend"), Some(14));

    let unchanged = platform.expect(0, &["plan", "--detailed-exitcode"], &config);
    assert_eq!(last_line(&unchanged), format!("nothing to do: {} unchanged", changes.len()));
    let calls = platform.changes();
    platform.expect(0, &["apply", "--yes"], &config);
    assert_eq!(platform.changes(), calls, "a second time there is nothing to do");

    let mut memory = platform.alarm("starttech-memory");
    memory["Threshold"] = json!(99.0);
    platform.raw().cloudwatch("PutMetricAlarm", &only_input(&memory));
    platform.raw().cloudwatch("DeleteAlarms", &json!({ "AlarmNames": ["starttech-disk"] }));
    let drift = platform.expect(2, &["plan", "--detailed-exitcode"], &config);
    assert!(drift.contains("  ~ alarm           starttech-memory"), "{drift}");
    assert!(drift.contains("Threshold  99 -> 90"), "{drift}");
    assert!(drift.contains("  + alarm           starttech-disk"), "{drift}");
    assert!(last_line(&drift).starts_with("1 to create, 1 to change, "), "{drift}");
    platform.expect(0, &["apply", "--yes"], &config);
    assert_eq!(platform.alarm("starttech-memory")["Threshold"], json!(90.0));

    let states = platform.expect(0, &["alarms", "list", "--json"], &config);
    let states: Value = serde_json::from_str(&states).unwrap();
    let states = states.as_array().unwrap();
    assert!(states.iter().all(|alarm| alarm["there"] == true && alarm["defined"] == true), "{states:?}");
    let rendered: Value =
        serde_json::from_str(&platform.expect(0, &["dashboard", "render"], &config)).unwrap();
    let there = platform.raw().cloudwatch("GetDashboard", &json!({ "DashboardName": "StartTech" }));
    let there: Value = serde_json::from_str(there["DashboardBody"].as_str().unwrap()).unwrap();
    assert_eq!(rendered, there);

    let left = platform.expect(0, &["destroy", "--yes"], &config);
    assert!(left.contains("--log-groups deletes it, too"), "{left}");
    assert_eq!(platform.raw().retention_days("/starttech/backend"), Some(14));
    platform.expect(0, &["destroy", "--yes", "--log-groups"], &config);
    let answer = platform.raw().cloudwatch("DescribeAlarms", &json!({}));
    assert_eq!(answer["MetricAlarms"], json!([]), "nothing is left");
    assert_eq!(platform.raw().groups("/starttech"), [""; 0]);
    // Evenly sent is not evenly arrived where many want the processor; unpaced, nearly all would be refused.
    let (calls, throttled) = (platform.role.calls(PUT_ALARM), platform.role.throttled(PUT_ALARM));
    assert!(throttled <= calls / 4, "paced below the quota: {throttled} of {calls} throttled");
}

/// Of an alarm that was described, what one says to make it.
fn only_input(alarm: &Value) -> Value {
    let members = alarm.as_object().unwrap().iter();
    let output = |name: &str| name.starts_with("State") || name.ends_with("Timestamp") || name == "AlarmArn";
    Value::Object(members.filter(|(name, _)| !output(name)).map(|(k, v)| (k.clone(), v.clone())).collect())
}

/// Before anything is changed, and with the key to set.
#[test]
fn what_cannot_be_known_or_cannot_be_is_told_before_anything_is_changed() {
    let platform = Platform::bare();
    let planned = platform.expect(1, &["plan"], "");
    for key in ["host.auto_scaling_group", "provision.load_balancer", "provision.distribution"] {
        assert!(planned.contains(&format!("set {key} = ")), "{key} in {planned}");
    }
    let (code, _, complaint) = platform.run(&["apply", "--yes"], "");
    assert_eq!(code, 1);
    assert!(
        complaint.contains("it is not known what to provision for, so nothing was changed"),
        "{complaint}"
    );
    assert!(complaint.contains("provision.load_balancer = \"app/"), "{complaint}");
    platform.expect(1, &["plan", "--format", "cloudformation"], "");
    platform.expect(1, &["dashboard", "render"], "");

    for (config, told) in [
        ("alerts.emails = ['on-call']", "which is no mail address"),
        ("alarms.cpu_warning = 95", "which is not below `alarms.cpu_critical`"),
        ("provision.load_balancer = 'starttech-alb'", "app/name/id"),
    ] {
        let (code, _, complaint) = platform.run(&["apply", "--yes"], config);
        assert_eq!(code, 64, "{complaint}");
        assert!(complaint.contains(told), "{told} in {complaint}");
    }
    assert_eq!(platform.changes(), 0);

    // Whoever says that there is none gets the rest.
    let none = "host.auto_scaling_group = 'none'\n[provision]\nload_balancer = 'none'\ndistribution = 'none'";
    let applied = platform.expect(0, &["apply", "--yes"], none);
    assert!(!applied.contains("left out"), "{applied}");
    assert_eq!(platform.raw().cloudwatch("DescribeAlarms", &json!({}))["MetricAlarms"], json!([]));
}

#[test]
fn what_is_not_ours_or_of_a_newer_agent_stays_as_it_is() {
    let platform = Platform::start();
    let alarm = |name: &str, description: &str| {
        json!({ "AlarmName": name, "AlarmDescription": description, "Namespace": "AWS/EC2",
            "MetricName": "CPUUtilization", "Statistic": "Average", "Period": 60, "EvaluationPeriods": 1,
            "Threshold": 12.0, "ComparisonOperator": "GreaterThanThreshold" })
    };
    let newer = "CPU.\n\nManaged by starttech-agent (starttech, revision 999).";
    let yesterday = "CPU.\n\nManaged by starttech-agent (starttech, revision 1).";
    let other = "CPU.\n\nManaged by starttech-agent (staging, revision 1).";
    for (name, description) in [
        ("starttech-memory", "Ask Ann."),
        ("starttech-disk", newer),
        ("starttech-of-yesterday", yesterday),
        ("staging-disk", other),
        ("anns", "By hand."),
    ] {
        platform.raw().cloudwatch("PutMetricAlarm", &alarm(name, description));
    }
    let applied = platform.expect(0, &["apply", "--yes"], DISTRIBUTION);
    assert!(
        applied.contains("alarm starttech-memory\n    not ours: give this one a name of its own"),
        "{applied}"
    );
    assert!(
        applied.contains("made by a newer agent (revision 999, this one has 1): update this agent"),
        "{applied}"
    );
    assert!(applied.contains("  - alarm           starttech-of-yesterday"), "{applied}");
    for (name, there) in [
        ("starttech-memory", true),
        ("starttech-disk", true),
        ("starttech-of-yesterday", false),
        ("staging-disk", true),
        ("anns", true),
    ] {
        let held = platform.alarm(name);
        assert_eq!(held["Threshold"] == json!(12.0), there, "{name}: {held}");
    }
    platform.expect(0, &["destroy", "--yes"], DISTRIBUTION);
    assert_eq!(platform.alarm("starttech-memory")["Threshold"], json!(12.0), "a destroy leaves it, too");
    assert_eq!(platform.alarm("staging-disk")["Threshold"], json!(12.0));
}

#[test]
fn two_that_apply_at_once_end_in_the_same_state() {
    let platform = Platform::start();
    let config = format!("{EMAILS}{DISTRIBUTION}");
    std::thread::scope(|scope| {
        let applies = [(); 2].map(|()| scope.spawn(|| platform.run(&["apply", "--yes"], &config)));
        for apply in applies {
            let (code, said, complaint) = apply.join().unwrap();
            assert_eq!(code, 0, "{said}\n{complaint}");
        }
    });
    let after = platform.expect(0, &["plan", "--detailed-exitcode"], &config);
    assert!(last_line(&after).starts_with("nothing to do: "), "{after}");
}

/// The daemon's way on a host with nothing but the managed policy.
#[test]
fn under_the_default_role_the_log_groups_are_made_the_rest_is_said_once_and_lines_are_shipped() {
    let platform = Platform::start();
    platform.role.attach(&serde_json::from_str(DEFAULT_ROLE).unwrap());
    let docker = Dockerd::start();
    let options = platform
        .options(&["run"], "")
        .with_docker(&docker)
        .with_variable("STARTTECH_PROVISION_AT_START", "true")
        .with_variable("STARTTECH_PROVISION_AT_START_WITHIN", "0s");
    let mut agent = Agent::start(options);
    let refused = "not provisioned from here, which is normal under the default role";
    let log = || agent.log();
    wait::until_or(LIMIT, "what was refused", || log().contains(refused), log);
    assert_eq!(log().matches("the role may not sns:ListTopics").count(), 1, "{}", log());
    assert!(log().contains("what the role lacks: {\"Version\":"), "{}", log());
    assert_eq!(platform.raw().retention_days("/starttech/frontend"), Some(14));

    docker.run(&Run { name: "web", script: "echo shipped all the same; sleep 100", ..Run::default() });
    let raw = platform.raw();
    let arrived = || {
        raw.streams("/starttech/backend").iter().any(|stream| {
            raw.events("/starttech/backend", stream)
                .iter()
                .any(|(_, line)| line.contains("shipped all the same"))
        })
    };
    agent.wait_until(LIMIT, "a line", arrived);
    agent.stop(Duration::from_secs(5));
    assert_eq!(agent.log().matches(refused).count(), 1, "{}", agent.log());
}

/// The daemon's way with the right to provision, and without what nobody can know.
#[test]
fn a_host_that_may_provision_does_so_by_itself() {
    let platform = Platform::start();
    let options = platform
        .options(&["run"], EMAILS)
        .with_variable("STARTTECH_DOCKER_SOCKET", "unix:///nonexistent/docker.sock")
        .with_variable("STARTTECH_PROVISION_AT_START", "true")
        .with_variable("STARTTECH_PROVISION_AT_START_WITHIN", "0s");
    let mut agent = Agent::start(options);
    let log = || agent.log();
    wait::until_or(LIMIT, "the account", || log().contains("provisioned: "), log);
    assert!(log().contains("without what was not found: CloudFront distribution"), "{}", log());
    assert_eq!(platform.alarm("starttech-cpu-critical")["Threshold"], json!(90.0));
    agent.stop(Duration::from_secs(5));
    let planned = platform.expect(
        0,
        &["plan", "--detailed-exitcode"],
        &format!("provision.distribution = 'none'\n{EMAILS}"),
    );
    assert!(last_line(&planned).starts_with("nothing to do"), "{planned}");
}

/// A stop is not held up by it.
#[test]
fn a_stop_ends_a_child_that_still_provisions() {
    let platform = Platform::start();
    platform.role.slow("cloudwatch:DescribeAlarms", Duration::from_secs(30), 100);
    let options = platform
        .options(&["run"], "")
        .with_variable("STARTTECH_DOCKER_SOCKET", "unix:///nonexistent/docker.sock")
        .with_variable("STARTTECH_PROVISION_AT_START", "true")
        .with_variable("STARTTECH_PROVISION_AT_START_WITHIN", "0s");
    let mut agent = Agent::start(options);
    agent.wait_until(LIMIT, "the child to ask", || platform.role.calls("cloudwatch:DescribeAlarms") > 0);
    let children = harness::process::children(agent.pid());
    assert_eq!(children.len(), 1, "{}", agent.log());
    agent.stop(Duration::from_secs(5));
    wait::until(LIMIT, "the child's end", || harness::process::rss_kib(children[0]).is_none());
}

#[test]
fn a_test_notification_arrives() {
    let platform = Platform::start();
    let subscriber = Subscriber::start(platform.emulator.address());
    let config = format!("{DISTRIBUTION}[alerts]\nwebhooks = ['{}']\n", subscriber.url());
    let applied = platform.expect(0, &["apply", "--yes", "--test-notification"], &config);
    assert!(applied.contains("a test message went to arn:aws:sns:eu-west-1:"), "{applied}");
    // The emulator looks at new alarms at once, and tells of those that are well.
    let test = subscriber.until(LIMIT, "the test message", |body| {
        body["Subject"] == "Test of starttech-agent: nothing is wrong"
    });
    let said = test.body["Message"].as_str().unwrap();
    assert!(said.contains("nothing is wrong, and there is nothing to do"), "{said}");

    let state =
        json!({ "AlarmName": "starttech-cpu-critical", "StateValue": "ALARM", "StateReason": "a drill" });
    platform.raw().cloudwatch("SetAlarmState", &state);
    subscriber.until(LIMIT, "an alarm", |body| {
        let alarm: Value = serde_json::from_str(body["Message"].as_str().unwrap()).unwrap_or_default();
        alarm["AlarmName"] == "starttech-cpu-critical" && alarm["NewStateValue"] == "ALARM"
    });
}

#[test]
fn alarms_of_a_file_are_made_as_lint_understands_them() {
    let platform = Platform::bare();
    let directory = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = directory.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let good = file(
        "good.json",
        r#"{"alarms": [{"alarmName": "starttech-web-cpu", "alarmDescription": "Look at top.", "namespace": "AWS/EC2",
        "metricName": "CPUUtilization", "dimensions": {"AutoScalingGroupName": "web"}, "statistic": "Average",
        "period": 300, "evaluationPeriods": 3, "threshold": 80, "comparisonOperator": "GreaterThanThreshold",
        "treatMissingData": "missing"}]}"#,
    );
    let applied = platform.expect(0, &["apply", "--yes", "--from", &good], "");
    assert!(applied.contains("[1/1] alarm starttech-web-cpu … created"), "{applied}");
    let (_, _, warned) = platform.run(&["plan", "--from", &good], "");
    assert!(warned.contains("warning[alarm-no-action]"), "{warned}");
    let made = platform.alarm("starttech-web-cpu");
    assert_eq!(made["Dimensions"], json!([{ "Name": "AutoScalingGroupName", "Value": "web" }]));
    assert_eq!((&made["Threshold"], &made["Period"]), (&json!(80.0), &json!(300)));
    platform.expect(0, &["plan", "--detailed-exitcode", "--from", &good], "");

    // The agent's own account of things does not know it, and leaves it alone.
    let none = "host.auto_scaling_group = 'none'\n[provision]\nload_balancer = 'none'\ndistribution = 'none'";
    platform.expect(0, &["apply", "--yes"], none);
    assert_eq!(platform.alarm("starttech-web-cpu")["Threshold"], json!(80.0));

    let calls = platform.changes();
    let bad = file("bad.json", r#"{"AlarmName": "x", "MetricName": "CPUUtilization", "Threshold": "> 0"}"#);
    let (code, said, complaint) = platform.run(&["apply", "--yes", "--from", &good, &bad], "");
    assert_eq!((code, said.as_str()), (64, ""), "{complaint}");
    assert!(complaint.contains("bad.json:1:") && complaint.contains("nothing was changed"), "{complaint}");
    assert_eq!(platform.changes(), calls);
    platform.expect(1, &["apply", "--yes", "--from", "/nonexistent.json"], "");
}

#[test]
fn templates_are_printed_for_those_who_keep_infrastructure_code() {
    let platform = Platform::start();
    let template: Value =
        serde_json::from_str(&platform.expect(0, &["plan", "--format", "cloudformation"], DISTRIBUTION))
            .unwrap();
    assert!(template["Resources"].as_object().unwrap().len() > 30, "{template}");
    let us =
        platform.expect(0, &["plan", "--format", "cloudformation", "--region", "us-east-1"], DISTRIBUTION);
    assert!(us.contains("E1EXAMPLE2345"), "{us}");
    platform.expect(1, &["plan", "--format", "cloudformation", "--region", "us-west-2"], DISTRIBUTION);
    let code: Value =
        serde_json::from_str(&platform.expect(0, &["plan", "--format", "terraform-json"], DISTRIBUTION))
            .unwrap();
    assert!(code["resource"]["aws_cloudwatch_metric_alarm"].is_object(), "{code}");
    assert_eq!(platform.changes(), 0);
}
