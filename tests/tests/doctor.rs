//! `check` on what goes wrong around the agent: the daemon that does not run, the service's user, the role, the account,
//! the log groups, the metadata service, a network that swallows everything; on a host of which nothing is wrong; and
//! what it packs for a bug report.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use harness::agent::{Agent, Options};
use harness::backend::Backend;
use harness::docker::{Dockerd, IDLE, Options as DockerOptions, Run};
use harness::emulator::Emulator;
use harness::endpoint::{Behaviour, Endpoint, Instance};
use harness::role::Role;
use harness::stream::{LIMIT, STOP};
use harness::wait;
use rustix::process::Signal;
use serde_json::{Value, json};

const PROVISIONER: &str = include_str!("../../packaging/iam/provisioner.json");
const HOST: &str = include_str!("../../packaging/iam/host-minimal.json");
const PARTS: &str = "host.auto_scaling_group = 'web'\n[provision]\nload_balancer = 'none'\ndistribution = 'none'\n\
    [alerts]\nemails = ['on-call@example.com']\n";

/// What `check --json` says: of each finding its name, verdict, detail and mend.
fn findings(options: Options) -> Vec<[String; 4]> {
    let Output { stdout, stderr, .. } = Agent::output(options.with_arguments(&["check", "--json"]));
    read(&stdout).unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&stderr)))
}

/// The same of a check beside a daemon, with its exit code.
fn beside(agent: &Agent) -> (i32, Vec<[String; 4]>) {
    let (code, said) = agent.other(&["check", "--json"]);
    (code, read(said.as_bytes()).unwrap_or_else(|error| panic!("{error}: {said}")))
}

fn read(json: &[u8]) -> Result<Vec<[String; 4]>, serde_json::Error> {
    let said: Value = serde_json::from_slice(json)?;
    let text = |finding: &Value, member: &str| finding[member].as_str().unwrap().to_owned();
    let all = said.as_array().unwrap().iter();
    Ok(all.map(|finding| ["what", "verdict", "detail", "mend"].map(|member| text(finding, member))).collect())
}

fn assert_found(findings: &[[String; 4]], what: &str, verdict: &str, words: &str) {
    let fits = |one: &&[String; 4]| {
        one[0] == what && one[1] == verdict && (one[2].contains(words) || one[3].contains(words))
    };
    assert!(findings.iter().any(|one| fits(&one)), "{what} {verdict} {words}: {findings:#?}");
}

/// The provisioner's rights and the host's together.
fn both() -> Value {
    let statements =
        |text: &str| serde_json::from_str::<Value>(text).unwrap()["Statement"].as_array().unwrap().clone();
    let all = [statements(PROVISIONER), statements(HOST)].concat();
    json!({ "Version": "2012-10-17", "Statement": all })
}

#[test]
fn the_account_is_compared_with_what_was_declared() {
    let (emulator, docker) = (Emulator::start(), Dockerd::start());
    let role = Role::start(emulator.address());
    docker.run_script("api", IDLE);
    let options = || Options::at(&role.url()).with_docker(&docker).with_config(PARTS);
    let before = findings(options());
    assert_found(&before, "account", "unsure", " missing: alarm starttech-");
    assert_found(&before, "log group /starttech/backend", "unsure", "is not there; of this host: api");
    assert_found(&before, "subscriptions", "unsure", "nobody hears");
    assert_eq!(emulator.client().groups("/starttech"), [""; 0], "nothing was made by asking");

    let applied = Agent::output(options().with_arguments(&["apply", "--yes"]));
    assert!(applied.status.success(), "{}", String::from_utf8_lossy(&applied.stdout));
    let after = findings(options());
    assert_found(&after, "account", "good", "are there as declared");
    assert_found(&after, "subscription email on-call@example.com", "unsure", "is not confirmed");
    assert_found(&after, "log group /starttech/backend", "unsure", "it has no events; of this host: api");
    assert_found(&after, "log group /starttech/frontend", "note", "no container of this host goes there");
    assert_found(&after, "alarms' metrics", "unsure", "AutoScalingGroupName=web");
    assert_eq!(emulator.client().streams("/starttech/backend"), [""; 0], "no stream was made by asking");
    role.confirm("on-call@example.com");
    emulator.client().cloudwatch("DeleteAlarms", &json!({ "AlarmNames": ["starttech-disk"] }));
    let later = findings(options());
    assert_found(&later, "subscriptions", "good", "are confirmed");
    assert_found(&later, "account", "unsure", "1 missing: alarm starttech-disk; ");

    let mut some = both();
    let refused =
        ["cloudwatch:DescribeAlarms", "logs:PutLogEvents", "logs:CreateLogGroup", "logs:DescribeLogStreams"];
    for statement in some["Statement"].as_array_mut().unwrap() {
        if let Some(actions) = statement["Action"].as_array_mut() {
            actions.retain(|action| !refused.contains(&action.as_str().unwrap()));
        }
    }
    role.attach(&some);
    let limited = findings(options());
    for (what, verdict, action) in [
        ("role", "bad", "logs:PutLogEvents"),
        ("role", "unsure", "logs:CreateLogGroup"),
        ("log group /starttech/backend", "unsure", "logs:DescribeLogStreams"),
        ("account", "note", "cloudwatch:DescribeAlarms"),
    ] {
        assert_found(&limited, what, verdict, &format!("\"Action\":[\"{action}\"]"));
    }
    assert_found(&limited, "role", "note", "cloudwatch:PutMetricData cannot be asked");
    let wanted = findings(options().with_variable("STARTTECH_PROVISION_AT_START", "true"));
    assert_found(&wanted, "account", "unsure", "\"Action\":[\"cloudwatch:DescribeAlarms\"]");
}

fn await_socket(agent: &mut Agent) {
    let socket = agent.socket();
    agent.wait_until(LIMIT, "its socket", || UnixStream::connect(&socket).is_ok());
}

#[test]
fn a_daemon_that_does_not_run_is_told_before_all_else_and_one_that_runs_with_what_it_finds_wrong() {
    let endpoint = Endpoint::start();
    let options = Options::new(&endpoint).with_config("health.url = ''\n");
    let mut agent =
        Agent::prepared(options.with_variable("STARTTECH_DOCKER_SOCKET", "unix:///nonexistent/docker.sock"));
    let (code, down) = beside(&agent);
    assert_eq!(code, 1);
    assert_eq!(down[1][0], "daemon", "right after the configuration: {down:#?}");
    assert_found(&down, "daemon", "bad", "does not run: nobody answers at");
    assert_found(&down, "daemon", "bad", "starttech-agent run");

    agent.start_again();
    await_socket(&mut agent);
    let mut up = Vec::new();
    wait::until(LIMIT, "the daemon's own problem", || {
        up = beside(&agent).1;
        up.iter().any(|one| one[0] == "daemon" && one[1] == "bad")
    });
    assert_found(
        &up,
        "daemon",
        "good",
        &format!("version {}, pid {}", env!("CARGO_PKG_VERSION"), agent.pid()),
    );
    assert_found(&up, "daemon", "bad", "Docker is not followed");
    assert_found(&up, "variables", "good", "STARTTECH_DOCKER_SOCKET");

    // Stopped by a signal, it keeps the socket and says nothing.
    agent.signal(Signal::STOP);
    let (_, hung) = beside(&agent);
    agent.signal(Signal::CONT);
    assert_found(&hung, "daemon", "bad", "no answer within 5 seconds");

    // Before the start nobody is asked: neither is there a word of it, nor is it said that all is well.
    let (code, offline) = agent.other(&["check", "--offline"]);
    assert_eq!(code, 0, "{offline}");
    assert!(!offline.contains("daemon") && !offline.contains("all is well"), "{offline}");
    let last = "nothing wrong in configuration and spool; nothing else was looked at";
    assert!(offline.ends_with(&format!("\n\n{last}\n")), "{offline}");
    agent.stop(STOP);
}

/// In an image that is built there is no daemon yet, and nothing that would start one.
#[test]
fn without_systemd_and_with_the_usual_socket_no_daemon_is_a_remark() {
    let (endpoint, nothing) = (Endpoint::start(), tempfile::tempdir().unwrap());
    let options = Options::new(&endpoint).with_variable("STARTTECH_CONTROL_SOCKET", "");
    let found = findings(options.with_mounts(&[(Path::new("/run"), nothing.path())]));
    assert_found(&found, "daemon", "note", "no systemd");
}

/// What nobody can ask for is proved by what the daemon delivers, and what a host needs no right for is a remark.
#[test]
fn a_host_of_which_nothing_is_wrong_ends_with_all_is_well() {
    let (emulator, backend) = (Emulator::start(), Backend::start(Duration::ZERO));
    let role = Role::start(emulator.address());
    // A disk with room: that of this machine may be full.
    let mut docker = Dockerd::prepared(DockerOptions { data: Some("roomy"), ..DockerOptions::default() });
    let disk = docker.root().join("roomy");
    fs::create_dir(&disk).unwrap();
    let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", "size=1g", "tmpfs"]).arg(&disk).status();
    assert!(mounted.unwrap().success());
    docker.start_again();
    docker.import_busybox();
    docker.run(&Run {
        name: "api",
        script: "n=0; while :; do n=$((n+1)); echo n=$n; sleep 1; done",
        log_options: &["max-size=1m", "max-file=2"],
        ..Run::default()
    });
    let config =
        format!("health.url = '{}'\nmetrics.flush = '1s'\nhost.instance_id = 'here'\n{PARTS}", backend.url());
    let options = Options::at(&role.url()).with_docker(&docker).with_config(&config);
    let applied = Agent::output(options.clone().with_arguments(&["apply", "--yes"]));
    assert!(applied.status.success(), "{}", String::from_utf8_lossy(&applied.stdout));
    role.attach(&serde_json::from_str(HOST).unwrap());

    let mut agent = Agent::start(options);
    await_socket(&mut agent);
    let mut said = (1, String::new());
    let began = Instant::now();
    // Metrics and the newest event of the group come after some seconds. Each look takes one.
    while !(said.0 == 0 && said.1.ends_with("\n\nall is well\n")) && began.elapsed() < LIMIT {
        said = agent.other(&["check"]);
    }
    assert!(said.0 == 0 && said.1.ends_with("\n\nall is well\n"), "{}", said.1);
    for line in [
        "✓ daemon: runs since ",
        "✓ role: may cloudwatch:PutMetricData: the daemon delivered metrics ",
        "· log group /starttech/frontend: ",
        "· account: not all can be looked at from here: ",
    ] {
        assert!(said.1.contains(line), "{line}: {}", said.1);
    }
    assert!(!said.1.contains("\n? ") && !said.1.contains("\n✗ "), "{}", said.1);

    // The daemon cannot deliver any more: its problem, and no proof.
    backend.is_well(false);
    wait::until(LIMIT, "word of the backend", || {
        let (code, found) = beside(&agent);
        code == 1
            && found.iter().any(|one| one[0] == "daemon" && one[2].contains("health check of the backend"))
    });
    agent.stop(STOP);
}

/// After `gpasswd -d starttech-agent docker`, root may use Docker's socket and the service may not.
#[test]
fn root_is_told_what_the_services_user_may() {
    let (endpoint, docker) = (Endpoint::start(), Dockerd::start());
    docker.run_script("api", &format!("echo n=1; {IDLE}"));
    let socket = docker.root().join("s.sock");
    chown(&socket, None, Some(61_234)).unwrap();
    fs::set_permissions(&socket, fs::Permissions::from_mode(0o660)).unwrap();
    let names = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = names.path().join(name);
        fs::write(&path, text).unwrap();
        path
    };
    let passwd = "root:x:0:0:root:/root:/bin/sh\nstarttech-agent:x:61233:61233::/:/usr/sbin/nologin\n";
    let passwd = file("passwd", passwd);
    let of = |members: &str| {
        let group = format!("root:x:0:\nstarttech-agent:x:61233:\nshippers:x:61234:{members}\n");
        let group = file("group", &group);
        let mounts =
            [(Path::new("/etc/passwd"), passwd.as_path()), (Path::new("/etc/group"), group.as_path())];
        // The usual socket, where no daemon of this user is.
        let options =
            Options::new(&endpoint).with_docker(&docker).with_variable("STARTTECH_CONTROL_SOCKET", "");
        findings(options.with_mounts(&mounts))
    };
    let without = of("ubuntu");
    assert_found(&without, "docker", "bad", "user starttech-agent (groups starttech-agent) may not use");
    assert_found(&without, "docker", "bad", "sudo usermod -aG shippers starttech-agent");
    let with = of("ubuntu,starttech-agent");
    assert_found(&with, "docker", "good", "; user starttech-agent may use it");
    assert_found(&with, "log files", "good", "readable by user starttech-agent, 1 of them");
    // The directory of this test is root's.
    assert_found(&with, "spool", "bad", "user starttech-agent cannot write to");
}

#[test]
fn variables_of_the_daemon_that_this_call_has_not_are_named_and_their_values_are_nowhere() {
    const SECRETS: [&str; 4] = ["sEcReT/of/the/unit", "pLaNtEdPaSsWoRd", "uRlPaSs", "cUsToMeR"];
    let endpoint = Endpoint::start();
    let options = Options::new(&endpoint)
        .with_variable("STARTTECH_DOCKER_SOCKET", "unix:///nonexistent/docker.sock")
        .with_variable("AWS_SECRET_ACCESS_KEY", SECRETS[0])
        .with_variable("MY_DB_PASSWORD", SECRETS[1])
        .with_variable("STARTTECH_ALERTS_WEBHOOKS", "['https://u:uRlPaSs@hooks.example.com/T0']")
        .with_variable("STARTTECH_LOGS_REDACT_PATTERNS", "['cUsToMeR-1']");
    let mut agent = Agent::start(options);
    await_socket(&mut agent);
    for name in [
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "MY_DB_PASSWORD",
        "STARTTECH_ALERTS_WEBHOOKS",
        "STARTTECH_LOGS_REDACT_PATTERNS",
    ] {
        agent.options = agent.options.clone().without_variable(name);
    }
    agent.options =
        agent.options.clone().with_variable("AWS_REGION", "us-east-1").with_variable("AWS_PROFILE", "x");
    let target = agent.directory().join("bundle.tar.gz");
    let (_, said) = agent.other(&["check", "--bundle", target.to_str().unwrap()]);
    let missing = "has AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, STARTTECH_ALERTS_WEBHOOKS, \
                   STARTTECH_LOGS_REDACT_PATTERNS, which this call has not";
    assert!(said.contains(missing), "{said}");
    assert!(said.contains("AWS_REGION, AWS_PROFILE of this call are not as the daemon"), "{said}");
    let text = said + &unpacked(&target);
    for secret in SECRETS {
        assert!(!text.contains(secret), "{secret}");
    }
    let of_daemon = format!("# of the daemon, /proc/{}/environ\n", agent.pid());
    for word in [&of_daemon, "\nMY_DB_PASSWORD\n", "\nAWS_REGION=eu-west-1\n", "\nAWS_SECRET_ACCESS_KEY\n"] {
        assert!(text.contains(word), "{word} in {text}");
    }
    agent.stop(STOP);
}

#[test]
fn a_bad_configuration_has_its_bundle_without_the_secrets_in_it() {
    const SECRETS: [&str; 4] = ["hunter2", "pAtHsEcReT", "cUsToMeR", "on-call@"];
    let endpoint = Endpoint::start();
    let config = "[logs]\nflush = 'soon'\ndrop = ['cUsToMeR-(']\n[logs.redact]\npatterns = ['cUsToMeR-[']\n\
        [alerts]\nemails = ['on-call@example.com', 'nobody']\nwebhooks = ['ftp://u:hunter2@h/T0/pAtHsEcReT']\n";
    let agent = Agent::prepared(Options::new(&endpoint).with_config(config));
    let target = agent.directory().join("bundle.tar.gz");
    let arguments = ["check", "--bundle", target.to_str().unwrap()];
    let (code, said) = agent.other(&arguments);
    assert_eq!(code, 64, "as without it: {said}");
    assert!(said.contains("`logs.flush` is \"soon\"") && said.contains("configuration.txt"), "{said}");
    let text = unpacked(&target);
    for secret in SECRETS {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
    for word in
        ["✗ configuration: ", "`logs.flush` is \"soon\"", "logs.flush = \"soon\"", "starttech-agent 0."]
    {
        assert!(text.contains(word), "{word} in {text}");
    }
    let (code, said) = agent.other(&["check", "--json", "--bundle", target.to_str().unwrap()]);
    assert!(code == 1 && said.contains("is there already"), "{code}: {said}");
    assert_eq!(endpoint.totals().connections, 0);
}

#[test]
fn a_bundle_that_is_not_finished_leaves_no_file() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let options = Options::at(&format!("http://{}", silent.local_addr().unwrap()));
    let mut agent = Agent::start(options.with_arguments(&["check", "--bundle", "bundle.tar.gz"]));
    let target = agent.directory().join("bundle.tar.gz");
    agent.wait_until(LIMIT, "the file, before anybody has answered", || target.exists());
    agent.signal(Signal::INT);
    let status = agent.wait_exit(Duration::from_secs(5));
    assert_eq!(status.code(), Some(1), "{}", agent.log_tail());
    assert!(!target.exists());
}

fn unpacked(target: &Path) -> String {
    let unpacked = Command::new("tar").arg("-xzOf").arg(target).output().unwrap();
    assert!(unpacked.status.success());
    String::from_utf8(unpacked.stdout).unwrap()
}

#[test]
fn groups_that_are_written_to_are_well() {
    let (endpoint, docker) = (Endpoint::start(), Dockerd::start());
    docker.run_script("web", &format!("echo n=1; {IDLE}"));
    let mut agent = Agent::start(Options::new(&endpoint).with_docker(&docker));
    endpoint.stream(harness::stream::GROUP, "/web/").await_distinct(&mut agent, 1);
    agent.stop(harness::stream::STOP);
    let streams = endpoint.streams("/starttech/backend");
    let found = findings(Options::new(&endpoint).with_docker(&docker));
    assert_found(&found, "log group /starttech/backend", "good", "old; of this host: web");
    assert_found(&found, "role", "good", "logs:PutLogEvents");
    assert_eq!(endpoint.streams("/starttech/backend"), streams, "asking made no stream");
}

#[test]
fn a_network_that_swallows_everything_takes_no_longer_than_promised() {
    // Connections are taken by the kernel, and nobody ever answers on them.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    let options = Options::at(&url)
        .without_variable("AWS_EC2_METADATA_DISABLED")
        .without_variable("AWS_REGION")
        .with_variable("AWS_EC2_METADATA_SERVICE_ENDPOINT", &url)
        .with_variable("STARTTECH_DOCKER_SOCKET", "unix:///nonexistent/docker.sock")
        .with_variable("STARTTECH_HEALTH_URL", &format!("{url}/health"));
    for credentials in [true, false] {
        let options = if credentials {
            options.clone()
        } else {
            options.clone().without_variable("AWS_ACCESS_KEY_ID").without_variable("AWS_SECRET_ACCESS_KEY")
        };
        let began = Instant::now();
        let found = findings(options);
        let took = began.elapsed();
        assert!(took < Duration::from_secs(17), "{took:?}");
        assert_found(&found, "CloudWatch Logs", "bad", "com.amazonaws.eu-west-1.logs");
        assert_found(&found, "CloudWatch", "bad", "com.amazonaws.eu-west-1.monitoring");
    }
    let began = Instant::now();
    let offline = Agent::output(options.with_arguments(&["check", "--offline"]));
    assert!(offline.status.success() && began.elapsed() < Duration::from_secs(3));
}

#[test]
fn the_metadata_service_is_judged_by_what_it_lets_pass() {
    let endpoint = Endpoint::start();
    let of = |change: &dyn Fn(&mut Instance)| {
        endpoint.change_instance(|instance| {
            *instance = Instance::default();
            change(instance);
        });
        findings(Options::new(&endpoint).with_metadata_of(&endpoint))
    };
    let what = "instance metadata";
    assert_found(&of(&|_| {}), what, "good", "version 2 only");
    assert_found(&of(&|instance| instance.version_1 = true), what, "unsure", "--http-tokens required");
    assert_found(&of(&|instance| instance.behaviour = Behaviour::FarAway), what, "unsure", "hop-limit 2");
    let tagged = |instance: &mut Instance| {
        instance.tags.insert("aws:autoscaling:groupName".to_owned(), "web".to_owned());
        instance.tags_in_metadata = true;
    };
    assert_found(&of(&tagged), "Auto Scaling group", "good", "web, from the instance's tags");
    let no_role = of(&|instance| instance.role = None);
    assert_found(&no_role, "credentials", "bad", "instance profile");
}

#[test]
fn a_bundle_holds_no_secret_and_is_for_its_owner() {
    const SECRETS: [&str; 7] =
        ["hunter2", "pAtHsEcReT", "wJalrXUtnFEMI", "on-call@", "sEcReTlInE", "cUsToMeR", "example/secret/of"];
    let (endpoint, docker) = (Endpoint::start(), Dockerd::start());
    docker.run_script("api", &format!("echo sEcReTlInE; {IDLE}"));
    let config = "[logs]\ndrop = ['cUsToMeR']\n[logs.redact]\npatterns = ['cUsToMeR-\\d+']\n\
        [alerts]\nemails = ['on-call@example.com']\n\
        webhooks = ['https://u:hunter2@hooks.example.com/T0/pAtHsEcReT']\n";
    let mut options = Options::new(&endpoint)
        .with_docker(&docker)
        .with_config(config)
        .with_variable("MY_API_TOKEN", "wJalrXUtnFEMI")
        .with_variable("STARTTECH_HEALTH_URL", "http://127.0.0.1:9/health?token=wJalrXUtnFEMI")
        .with_arguments(&["check"]);
    options.config = config.to_owned();
    let agent = Agent::prepared(options);
    let target = agent.directory().join("bundle.tar.gz");
    let (code, said) = agent.other(&["check", "--bundle", target.to_str().unwrap()]);
    // No daemon runs, which is wrong, and no reason to pack less.
    assert!(
        code == 1 && said.contains("configuration.txt") && said.contains("bundle.tar.gz"),
        "{code}: {said}"
    );
    assert_eq!(fs::metadata(&target).unwrap().permissions().mode() & 0o777, 0o600);
    let text = unpacked(&target);
    for secret in SECRETS {
        assert!(!text.contains(secret), "{secret}");
    }
    for word in
        ["logs.retention_days = 14", "MY_API_TOKEN", "starttech-agent 0.", "api: Up", "\"verdict\": \"good\""]
    {
        assert!(text.contains(word), "{word} in {text}");
    }
    let (code, said) = agent.other(&["check", "--bundle", target.to_str().unwrap()]);
    assert!(code == 1 && said.contains("is there already"), "{code}: {said}");
}
