//! The package on a host with systemd: installed before Docker, through a shutdown, upgrades, removal and purge, with
//! no configuration but where the emulator is.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use harness::client::Client;
use harness::docker::Dockerd;
use harness::emulator::Emulator;
use harness::machine::{self, Machine};
use harness::package;
use harness::wait;

/// A loaded machine of two cores and an emulator that is no place for load.
const LIMIT: Duration = Duration::from_secs(90);
/// A datapoint a minute, sent within ten seconds of its end.
const MINUTE: Duration = Duration::from_secs(150);

const GROUP: &str = "/starttech/backend";
const UNIT: &str = "starttech-agent.service";
const INSTALL: &str = "apt-get install --yes --quiet --no-install-recommends";

/// What `systemd-analyze security` may say at most, times ten; systemd/starttech-agent.service says why not less.
const EXPOSURE: u32 = 18;

/// What the daemon may hold, in KiB: 10 MB in all, and 5 MB of its own, as much of it as one for tests relocates.
const RSS: (u64, u64) = (10_000_000 / 1024, 5_000_000 / 1024);
/// A program of this many bytes is a release. One for tests has three times the pages, which are not judged.
const RELEASE: u64 = 25_000_000;

/// Counts up, and says a last word when it is told to stop.
const BACKEND: &str = "trap 'echo last words; exit 0' TERM; echo \"begins $(date +%s)\"; n=0; \
                       while :; do n=$((n+1)); echo n=$n; sleep 0.2; done";

/// A host, and what it ships to.
struct Platform<'d> {
    host: Machine<'d>,
    client: Client,
}

impl<'d> Platform<'d> {
    /// Before anything is installed. Docker, once it is there, makes no network on this machine.
    fn new(docker: &'d Dockerd, image: &str, emulator: &Emulator) -> Self {
        let host = Machine::boot(docker, "host", image);
        host.expect(
            "mkdir -p /etc/docker && echo '{\"bridge\":\"none\",\"iptables\":false,\"ip6tables\":false,\
             \"ip-forward\":false}' > /etc/docker/daemon.json",
        );
        host.expect(&format!(
            "mkdir -p /etc/systemd/system/{UNIT}.d && printf '[Service]\\nEnvironment=AWS_ENDPOINT_URL={} \
             AWS_EC2_METADATA_DISABLED=true AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test\\n' \
             > /etc/systemd/system/{UNIT}.d/emulator.conf",
            emulator.url()
        ));
        host.expect("apt-get update --quiet");
        Self { host, client: emulator.client() }
    }

    fn install(&self, package: &Path, options: &str) {
        self.host.put(package, "/opt/agent.deb");
        self.host.expect(&format!("{INSTALL} --allow-downgrades {options} /opt/agent.deb </dev/null"));
    }

    fn install_docker(&self) {
        self.host.expect(&format!("{INSTALL} docker.io iptables"));
        self.host.await_that(LIMIT, "docker version");
        self.host.expect(
            "mkdir -p /opt/image/bin /opt/image/tmp && cp /bin/busybox /opt/image/bin/ && \
             for name in sh date sleep; do ln -sf busybox /opt/image/bin/$name; done && \
             tar -c -C /opt/image . | docker import - backend",
        );
    }

    fn start_backend(&self) {
        let run =
            "docker run --detach --network none --restart always --name starttech-backend backend sh -c";
        self.host.expect(&format!("{run} \"$(cat <<'END'\n{BACKEND}\nEND\n)\""));
    }

    /// All that arrived of the backend, in order.
    fn lines(&self) -> Vec<String> {
        let streams = self.client.streams(GROUP);
        let of_backend = streams.iter().filter(|stream| stream.contains("/starttech-backend/"));
        of_backend.flat_map(|stream| self.client.events(GROUP, stream)).map(|(_, line)| line).collect()
    }

    fn count(&self, line: &str) -> usize {
        self.lines().iter().filter(|have| have.starts_with(line)).count()
    }

    /// Waits until more of the backend has arrived than now.
    fn await_more_lines(&self) {
        let before = self.lines().len();
        let more = || self.lines().len() > before;
        wait::until_or(LIMIT, "more lines in the emulator", more, || self.host.journal());
    }

    fn is_active(&self) -> bool {
        self.host.is(&format!("systemctl is-active --quiet {UNIT}"))
    }

    fn main_pid(&self) -> u32 {
        self.host.property(UNIT, "MainPID").parse().expect("a number")
    }

    fn await_another_process(&self, than: u32) {
        let another = || self.is_active() && ![0, than].contains(&self.main_pid());
        wait::until_or(LIMIT, "the service to run anew", another, || self.host.journal());
    }

    /// Between two moments of the unit's life, in microseconds by systemd's clock.
    fn between(&self, first: &str, second: &str) -> u64 {
        let at = |name: &str| self.host.property(UNIT, name).parse::<u64>().expect("a number");
        at(second) - at(first)
    }
}

/// The numbers of the backend, by how often each arrived since it began for the last time but `runs`.
fn numbers(lines: &[String]) -> BTreeMap<u64, usize> {
    let mut numbers = BTreeMap::new();
    for number in lines.iter().filter_map(|line| line.strip_prefix("n=")?.parse().ok()) {
        *numbers.entry(number).or_default() += 1;
    }
    numbers
}

/// From 1 on, none left out and each as often as the backend began at that number.
fn assert_complete(lines: &[String]) {
    let mut expected = 1;
    let mut runs = 0;
    for line in lines {
        match line.strip_prefix("n=").and_then(|number| number.parse::<u64>().ok()) {
            Some(number) => {
                assert_eq!(number, expected, "after run {runs} began; {} lines", lines.len());
                expected += 1;
            }
            None if line.starts_with("begins") => {
                runs += 1;
                expected = 1;
            }
            None => {}
        }
    }
    assert!(runs > 0 && !numbers(lines).is_empty(), "there is nothing to judge: {} lines", lines.len());
}

#[test]
fn a_host_lives_with_the_package() {
    let (docker, emulator) = (Dockerd::start(), Emulator::start());
    for suite in machine::suites() {
        let image = machine::import(&docker, &suite);
        let platform = Platform::new(&docker, &image, &emulator);
        before_docker(&platform);
        with_docker(&platform);
        configuration_and_failures(&platform);
        with_credentials_in_files(&platform);
        through_a_shutdown(&platform);
        through_upgrades(&platform);
        removed_and_purged(&platform);
        docker.expect(["rm", "--force", "--volumes", "host"]);
        // The next one's lines are under the same names.
        let answer = platform.client.call("DeleteLogGroup", &serde_json::json!({ "logGroupName": GROUP }));
        assert_eq!(answer.expect("an answer").status, 200);
    }
}

/// Installed where there is no Docker, it runs as its own user with one capability, and waits.
fn before_docker(platform: &Platform<'_>) {
    let host = &platform.host;
    platform.install(&package::built(), "");
    assert!(platform.is_active() && host.is(&format!("systemctl is-enabled --quiet {UNIT}")));
    assert_eq!(host.property(UNIT, "NRestarts"), "0");
    assert_eq!(host.expect("id --groups --name starttech-agent"), "starttech-agent docker");
    let status = host.expect(&format!("cat /proc/{}/status", platform.main_pid()));
    // CAP_DAC_READ_SEARCH is the third bit.
    for line in ["CapEff:\t0000000000000004", "CapBnd:\t0000000000000004", "NoNewPrivs:\t1", "Seccomp:\t2"] {
        assert!(status.contains(line), "{line} is not in\n{status}");
    }
    assert!(!status.contains("\nUid:\t0"), "it runs as root");
    assert_eq!(
        host.expect("stat --format '%U:%G %a' /var/lib/starttech-agent"),
        "starttech-agent:starttech-agent 700"
    );
    assert_exposure(&platform.host);
    // Under all that hardening, whoever is in the group asks it.
    assert_eq!(
        host.expect("stat --format '%a %U:%G' /run/starttech-agent /run/starttech-agent/agent.sock"),
        "750 starttech-agent:starttech-agent\n660 starttech-agent:starttech-agent"
    );
    let status = host.run("starttech-agent status");
    let said = String::from_utf8_lossy(&status.stdout).into_owned();
    assert!(status.status.code() == Some(1) && said.contains("Docker"), "there is no Docker yet: {said}");

    // Somebody takes the group away: the service starts all the same, and a reinstallation brings it back.
    host.expect("groupdel docker && systemctl restart starttech-agent");
    assert!(platform.is_active());
    platform.install(&package::built(), "--reinstall");
    assert_eq!(host.expect("id --groups --name starttech-agent"), "starttech-agent docker");

    // Who takes the user out of the group finds it so after an upgrade.
    host.expect("gpasswd --delete starttech-agent docker");
    platform.install(&package::built(), "--reinstall");
    assert_eq!(host.expect("id --groups --name starttech-agent"), "starttech-agent");
    host.expect("adduser --quiet starttech-agent docker && systemctl restart starttech-agent");
}

fn assert_exposure(host: &Machine<'_>) {
    let said = host.expect(&format!("systemd-analyze security --no-pager {UNIT} | tail -n 1"));
    let figure = said.split_whitespace().find_map(|word| word.replace('.', "").parse::<u32>().ok());
    let figure = figure.unwrap_or_else(|| panic!("no figure in {said}"));
    println!("{said}");
    assert!(figure <= EXPOSURE, "{said}");
}

/// Docker comes later and is found without a restart; lines and metrics arrive.
fn with_docker(platform: &Platform<'_>) {
    let host = &platform.host;
    let process = platform.main_pid();
    platform.install_docker();
    platform.start_backend();
    platform.await_more_lines();
    assert_eq!(platform.main_pid(), process, "no restart was needed");
    assert_eq!(host.expect("stat --format %G /run/docker.sock"), "docker");
    assert_eq!(platform.client.retention_days(GROUP), Some(14));

    let metrics = || platform.client.list_metrics("StartTech/Backend");
    let arrived = || {
        let listed = metrics();
        // What each of them is read from: /proc, statvfs, control groups, the lines.
        ["cpu_usage_active", "mem_used_percent", "disk_used_percent", "container_cpu_percent", "container_up"]
            .iter()
            .all(|name| listed.iter().any(|(listed, _)| listed == name))
    };
    wait::until_or(MINUTE, "metrics of host and container", arrived, || {
        format!("{:?}\n{}", metrics().into_iter().map(|(name, _)| name).collect::<Vec<_>>(), host.journal())
    });
    let said = host.expect(&format!("journalctl --no-pager --output=cat --unit={UNIT}"));
    assert!(!said.contains("a gap in the metrics"), "what the sandbox hides is missed:\n{said}");
    assert_memory(platform);
    as_root_it_is_checked_for_the_service(platform);
}

/// With the unit's variables, which a shell of root's has not, and for the unit's user; and a stop is told.
fn as_root_it_is_checked_for_the_service(platform: &Platform<'_>) {
    let host = &platform.host;
    let check = || host.expect("starttech-agent check || true");
    let said = check();
    for words in [
        "✓ daemon: runs since ",
        "has them: AWS_ACCESS_KEY_ID, AWS_EC2_METADATA_DISABLED, AWS_ENDPOINT_URL, AWS_SECRET_ACCESS_KEY\n",
        "; user starttech-agent may use it",
        "✓ log files: readable by user starttech-agent",
        "✓ spool: /var/lib/starttech-agent/spool is writable",
        "✓ role: may cloudwatch:PutMetricData: the daemon delivered metrics ",
    ] {
        assert!(said.contains(words), "{words}: {said}");
    }
    host.expect("gpasswd --delete starttech-agent docker");
    let said = check();
    let words = "✗ docker: user starttech-agent (groups starttech-agent) may not use /var/run/docker.sock";
    assert!(said.contains(words) && said.contains("usermod -aG docker starttech-agent"), "{said}");
    host.expect("gpasswd --add starttech-agent docker");

    host.expect("systemctl stop starttech-agent");
    let said = check();
    assert!(said.contains("✗ daemon: does not run: the service is inactive"), "{said}");
    assert!(said.contains("→ sudo systemctl restart starttech-agent"), "{said}");
    host.expect("systemctl start starttech-agent");
    platform.await_more_lines();
}

/// After some minutes with lines and measures.
fn assert_memory(platform: &Platform<'_>) {
    let status = platform.host.expect(&format!("cat /proc/{}/status", platform.main_pid()));
    let kib = |field| {
        let line = status.lines().find_map(|line| line.strip_prefix(field)).expect(field);
        line.split_whitespace().next().and_then(|kib| kib.parse::<u64>().ok()).expect(field)
    };
    let (all, own) = (kib("VmRSS:"), kib("RssAnon:"));
    let program: u64 =
        platform.host.expect("stat --format %s /usr/bin/starttech-agent").parse().expect("bytes");
    println!("RSS of the daemon: {all} KiB, {own} KiB of its own; the program: {program} bytes");
    assert!(own <= RSS.1, "{own} KiB of its own, of {all}");
    assert!(all <= RSS.0 || program > RELEASE, "{all} KiB of RSS, {own} of its own");
}

/// SIGHUP, a bad configuration, a kill and a hang.
fn configuration_and_failures(platform: &Platform<'_>) {
    let host = &platform.host;
    let process = platform.main_pid();
    host.expect("systemctl reload starttech-agent");
    platform.await_more_lines();
    assert_eq!(platform.main_pid(), process);

    host.expect("printf '[logs]\\nretention = 14\\n' > /etc/starttech-agent/conf.d/typo.toml");
    assert!(!host.is("systemctl restart starttech-agent"), "it refuses a key that is not");
    let failed = || host.property(UNIT, "ActiveState") == "failed";
    wait::until_or(LIMIT, "the service to fail for good", failed, || host.journal());
    assert_eq!(host.property(UNIT, "ExecMainStatus"), "64");
    assert!(host.journal().contains("typo.toml"), "{}", host.journal());
    host.expect("rm /etc/starttech-agent/conf.d/typo.toml && systemctl start starttech-agent");

    let process = platform.main_pid();
    host.expect(&format!("kill -KILL {process}"));
    platform.await_another_process(process);

    // A hang is a fault: the watchdog ends what no longer says that it is alive.
    host.expect(&format!(
        "mkdir -p /run/systemd/system/{UNIT}.d && \
         printf '[Service]\\nWatchdogSec=4s\\n' > /run/systemd/system/{UNIT}.d/patience.conf && \
         systemctl daemon-reload && systemctl restart starttech-agent"
    ));
    let process = platform.main_pid();
    host.expect(&format!("kill -STOP {process}"));
    platform.await_another_process(process);
    host.expect(&format!("rm -r /run/systemd/system/{UNIT}.d && systemctl daemon-reload"));
    host.expect("systemctl restart starttech-agent");
    platform.await_more_lines();
    assert_complete(&platform.lines());
}

/// As INSTALL.md has it for hosts outside EC2: no secret in the unit, and a profile that the sandbox can read.
fn with_credentials_in_files(platform: &Platform<'_>) {
    let host = &platform.host;
    let drop_in = format!("/run/systemd/system/{UNIT}.d");
    host.expect(&format!(
        "cd /etc/starttech-agent && printf '[of-test]\\naws_access_key_id = test\\naws_secret_access_key = test\\n' > /run/given && \
         install -m 0640 -g starttech-agent /run/given credentials && install -m 0600 /dev/null aws.env && \
         printf 'AWS_PROFILE=of-test\\nAWS_SHARED_CREDENTIALS_FILE=/etc/starttech-agent/credentials\\n' > aws.env && \
         mkdir -p {drop_in} && printf '[Service]\\nEnvironmentFile=/etc/starttech-agent/aws.env\\n\
         UnsetEnvironment=AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY\\n' > {drop_in}/files.conf && \
         systemctl daemon-reload && systemctl restart starttech-agent"
    ));
    platform.await_more_lines();
    let environment = host.expect(&format!("tr '\\0' '\\n' < /proc/{}/environ", platform.main_pid()));
    assert!(environment.contains("AWS_PROFILE=of-test") && !environment.contains("SECRET"), "{environment}");
    host.expect(&format!(
        "rm -r {drop_in} /run/given /etc/starttech-agent/credentials /etc/starttech-agent/aws.env && \
         systemctl daemon-reload && systemctl restart starttech-agent"
    ));
    platform.await_more_lines();
}

/// The containers' last lines leave the host before it is down; afterwards everything runs by itself.
fn through_a_shutdown(platform: &Platform<'_>) {
    let host = &platform.host;
    let begun = platform.count("begins");
    assert_eq!(platform.count("last words"), 0);
    host.shut_down();
    assert_eq!(platform.count("last words"), 1, "what was said at the end is there, with the host down");
    host.boot_again();
    let again = || platform.count("begins") == begun + 1;
    wait::until_or(LIMIT, "the backend's first line after the boot", again, || host.journal());
    platform.await_more_lines();
    assert_complete(&platform.lines());
    println!(
        "systemctl start to READY: {} ms; the daemon's start to READY: {} ms",
        platform.between("InactiveExitTimestampMonotonic", "ActiveEnterTimestampMonotonic") / 1000,
        platform.between("ExecMainStartTimestampMonotonic", "ActiveEnterTimestampMonotonic") / 1000,
    );
    let memory = host.property(UNIT, "MemoryCurrent");
    println!("memory of the unit: {memory} bytes");
    first_line(platform);
}

/// How long a host is blind at the least: from the start until a line printed after it is there.
fn first_line(platform: &Platform<'_>) {
    let host = &platform.host;
    host.expect("systemctl stop starttech-agent");
    let before = platform.lines().len();
    let start = Instant::now();
    host.expect("systemctl start starttech-agent");
    let ready = start.elapsed();
    wait::until_or(LIMIT, "the first line", || platform.lines().len() > before, || host.journal());
    println!(
        "systemctl start returns after {ready:?}; the first line is in the emulator {:?} after it began",
        start.elapsed()
    );
}

/// The service runs the new program, lines go on without a gap, and what somebody wrote stays.
fn through_upgrades(platform: &Platform<'_>) {
    let host = &platform.host;
    let directory = tempfile::tempdir().expect("a directory");
    let built = package::built();
    let same = package::changed(&built, directory.path(), "90.0", |_| {});
    let other = package::changed(&built, directory.path(), "91.0", |tree| {
        let conffile = tree.join("etc/starttech-agent/agent.toml");
        let text = fs::read_to_string(&conffile).expect("it is in the package");
        fs::write(&conffile, format!("# Another release.\n{text}")).expect("it can be written");
    });

    // Untouched, the configuration is the new package's.
    let process = platform.main_pid();
    platform.install(&other, "");
    platform.await_another_process(process);
    assert!(host.is("grep -q 'Another release' /etc/starttech-agent/agent.toml"));
    platform.install(&built, "");
    assert!(!host.is("grep -q 'Another release' /etc/starttech-agent/agent.toml"));

    let edit = "\n[host]\ninstance_id = \"renamed\"\n";
    host.expect(&format!("sed -i '/^\\[host\\]/d' /etc/starttech-agent/agent.toml && printf '{}' >> /etc/starttech-agent/agent.toml", edit.replace('\n', "\\n")));
    let edited = "grep -q '^instance_id = \"renamed\"' /etc/starttech-agent/agent.toml";
    // The package's own is the same: nobody is asked.
    let process = platform.main_pid();
    platform.install(&same, "");
    platform.await_another_process(process);
    assert!(host.is(edited));
    // It is another one: with nobody to ask, dpkg keeps what is there if it is told so.
    platform.install(&other, "-o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold");
    assert!(host.is(edited) && platform.is_active());
    let renamed = || platform.client.streams(GROUP).iter().any(|stream| stream.starts_with("renamed/"));
    wait::until_or(LIMIT, "a stream under the new name", renamed, || host.journal());
    // Two streams now, by their names in order: together they have every line once.
    platform.await_more_lines();
    let lines = platform.lines();
    assert_complete(&lines);
    assert_eq!(host.property(UNIT, "NRestarts"), "0");

    // Who stopped and disabled it finds it so after an upgrade.
    host.expect("systemctl disable --now starttech-agent");
    platform.install(&same, "-o Dpkg::Options::=--force-confold");
    assert!(!platform.is_active() && !host.is(&format!("systemctl is-enabled --quiet {UNIT}")));
    host.expect("systemctl enable --now starttech-agent");
}

/// Removal keeps configuration and place; a purge keeps nothing but the user.
fn removed_and_purged(platform: &Platform<'_>) {
    let host = &platform.host;
    host.expect("apt-get remove --yes --quiet starttech-agent");
    assert!(!platform.is_active() && !host.is("test -e /usr/bin/starttech-agent"));
    assert!(host.is("test -e /etc/starttech-agent/agent.toml -a -d /var/lib/starttech-agent/spool"));
    platform.install(&package::built(), "-o Dpkg::Options::=--force-confold");
    assert!(platform.is_active());
    platform.await_more_lines();
    assert_complete(&platform.lines());

    host.expect("apt-get purge --yes --quiet starttech-agent");
    // What is left was not made by the package, but for its user.
    let left = host.expect(
        "find / -xdev -name '*starttech-agent*' -not -path '/proc/*' -not -path '/var/log/*' -not -path '/sys/*'",
    );
    assert_eq!(left, format!("/etc/systemd/system/{UNIT}.d"), "a purge leaves this behind");
    assert!(host.is("getent passwd starttech-agent"));

    // Docker first this time.
    platform.install(&package::built(), "");
    assert!(platform.is_active());
    platform.await_more_lines();
}

/// In an image build there is no systemd to talk to, or a policy says that nothing starts.
#[test]
fn an_image_is_built_with_the_package() {
    let docker = Dockerd::start();
    for suite in machine::suites() {
        let image = machine::import(&docker, &suite);
        let package = package::built();
        let mount = format!("{}:/opt/agent.deb:ro", package.display());
        let script = format!(
            "set -e; apt-get update --quiet; {INSTALL} /opt/agent.deb; systemctl is-enabled {UNIT}; \
             starttech-agent check --offline; apt-get purge --yes --quiet starttech-agent; \
             test ! -e /etc/starttech-agent"
        );
        docker.expect(["run", "--rm", "--network=none", "--volume", &mount, &image, "sh", "-c", &script]);

        let host = Machine::boot(&docker, "baked", &image);
        host.expect(
            "printf '#!/bin/sh\\nexit 101\\n' > /usr/sbin/policy-rc.d && chmod 755 /usr/sbin/policy-rc.d",
        );
        host.put(&package, "/opt/agent.deb");
        host.expect(&format!("apt-get update --quiet && {INSTALL} /opt/agent.deb"));
        assert!(host.is(&format!("systemctl is-enabled --quiet {UNIT}")), "enabled for the next boot");
        assert!(!host.is(&format!("systemctl is-active --quiet {UNIT}")), "and not started now");
        docker.expect(["rm", "--force", "--volumes", "baked"]);
    }
}

/// What is in the package, by its own tables.
#[test]
fn the_package_is_well_formed() {
    let package = package::built();
    let lintian = Command::new("lintian")
        .args(["--allow-root", "--fail-on", "error,warning", "--display-info"])
        .arg(&package)
        .output()
        .expect("lintian: run tests/setup.sh");
    assert!(lintian.status.success(), "{}", String::from_utf8_lossy(&lintian.stdout));
    let listed = Command::new("dpkg-deb").arg("--contents").arg(&package).output().expect("dpkg-deb");
    let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
    let has = |path: &str| listed.lines().any(|line| line.ends_with(&format!(" .{path}")));
    for path in [
        "/etc/starttech-agent/agent.toml",
        "/etc/starttech-agent/conf.d/",
        "/usr/share/starttech-agent/dashboards/starttech.json",
        "/usr/share/starttech-agent/dashboards/alarms/hosts.json",
        "/usr/share/starttech-agent/iam/host-minimal.json",
        "/usr/share/starttech-agent/packer/host.pkr.hcl",
        "/usr/share/starttech-agent/packer/provision.sh",
        "/usr/share/starttech-agent/terraform/host.tf",
        "/usr/share/starttech-agent/user-data/cloud-config.yaml",
        "/usr/share/man/man1/starttech-agent.1.gz",
        "/usr/share/man/man1/starttech-agent-alarms-test.1.gz",
        "/usr/share/bash-completion/completions/starttech-agent",
        "/usr/share/zsh/vendor-completions/_starttech-agent",
        "/usr/share/fish/vendor_completions.d/starttech-agent.fish",
        "/usr/share/doc/starttech-agent/changelog.gz",
        "/usr/share/doc/starttech-agent/third-party.txt.gz",
    ] {
        assert!(has(path), "no {path} in\n{listed}");
    }
    // Of a crate that is linked, its licence and its text; none of one that only tests.
    let unpacked =
        "dpkg-deb --fsys-tarfile \"$0\" | tar -xO ./usr/share/doc/starttech-agent/third-party.txt.gz | zcat";
    let notices = Command::new("sh").args(["-c", unpacked]).arg(&package).output().expect("sh").stdout;
    let notices = String::from_utf8_lossy(&notices);
    assert!(notices.contains("\n  aws-sdk-sns 1.") && notices.contains("Permission is hereby granted"));
    assert!(!notices.contains("\n  proptest "));
}

/// On a host that has nothing else of ours.
#[test]
fn what_the_package_says_leads_somewhere() {
    let directory = tempfile::tempdir().expect("a directory");
    let tree = directory.path().join("tree");
    let unpacked = Command::new("dpkg-deb").arg("--extract").arg(package::built()).arg(&tree).status();
    assert!(unpacked.expect("dpkg-deb").success());
    let documents = tree.join("usr/share/doc/starttech-agent");
    let mut links = 0;
    for file in files(&documents).iter().filter(|file| file.extension().is_some_and(|end| end == "md")) {
        let text = fs::read_to_string(file).expect("text");
        for target in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            if target.starts_with("http") || target.starts_with('#') {
                continue;
            }
            let path = target.split('#').next().expect("a path");
            let there = match path.strip_prefix('/') {
                Some(absolute) => tree.join(absolute),
                None => file.parent().expect("it is in one").join(path),
            };
            assert!(there.exists(), "{} names {target}, which no host has", file.display());
            links += 1;
        }
        for kind in ["iam", "packer", "terraform", "user-data"] {
            assert!(
                !text.contains(&format!("packaging/{kind}")),
                "{} names packaging/{kind}",
                file.display()
            );
        }
    }
    assert!(links > 20, "{links} links");
    // What Terraform's example reads lies where it looks for it.
    let example = tree.join("usr/share/starttech-agent/terraform");
    let text = fs::read_to_string(example.join("host.tf")).expect("text");
    for path in text.split("${path.module}/").skip(1).filter_map(|rest| rest.split('"').next()) {
        assert!(example.join(path).exists(), "host.tf reads {path}");
    }

    let unzip = |path: &str| {
        let output = Command::new("zcat").arg(tree.join(path)).output().expect("zcat");
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let changelog = unzip("usr/share/doc/starttech-agent/changelog.gz");
    let entries: Vec<_> = changelog.lines().filter(|line| line.starts_with("  ")).collect();
    let wrong = |line: &&&str| !line.starts_with("  * ") && !line.starts_with("    ") || line.len() > 80;
    assert!(entries.len() > 9 && !entries.iter().any(|line| wrong(&line)), "{changelog}");

    // Examples are to be typed: man keeps their lines.
    let page = "usr/share/man/man1/starttech-agent-alarms-test.1.gz";
    assert!(!unzip(page).contains("EXTRA"));
    let mut man = Command::new("man");
    man.env("MANWIDTH", "80").env("LC_ALL", "C.UTF-8").arg("--local-file").arg(tree.join(page));
    let shown = man.output().expect("man: run tests/setup.sh").stdout;
    let shown = String::from_utf8_lossy(&shown).into_owned();
    for words in [
        "\nEXAMPLES\n       starttech-agent alarms test dashboards/alarms/tests/*.toml\n",
        "  expect.memory = { states = \"ox9 AA o\", messages = [\"10 ALARM\", \"12 OK\"] }\n",
        "\nEXIT STATUS\n       0   all tests passed\n",
    ] {
        assert!(shown.contains(words), "{words:?} is not in\n{shown}");
    }
}

fn files(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).expect("a directory").map(|entry| entry.expect("an entry").path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

/// Built twice, in two places, it is the same to the byte.
#[test]
fn the_same_tree_gives_the_same_package() {
    let directories = [(); 2].map(|()| tempfile::tempdir().expect("a directory"));
    let packages = directories.each_ref().map(|directory| package::build(directory.path()));
    let bytes = packages.each_ref().map(|package: &PathBuf| fs::read(package).expect("it was built"));
    assert!(bytes[0] == bytes[1], "{packages:?} differ: diffoscope tells in what");
}
