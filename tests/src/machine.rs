//! A host with systemd as its first process, in a container: what the package is installed on.
//!
//! It has the network of this machine, so that it reaches an emulator on loopback, and a Docker of its own only once
//! that is installed. `tests/rootfs.sh` makes its root file system.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::Duration;

use crate::docker::Dockerd;
use crate::emulator::cache;
use crate::wait;

/// Two seconds on an idle machine.
const BOOT: Duration = Duration::from_mins(2);

/// What a container needs to be a host: its own mounts and control groups, and nothing that systemd may not do.
/// Without SYS_RESOURCE, because a container that has it is refused on some machines that run tests.
const AS_HOST: [&str; 21] = [
    "--cap-add=ALL",
    "--cap-drop=SYS_RESOURCE",
    "--security-opt=seccomp=unconfined",
    "--security-opt=apparmor=unconfined",
    "--security-opt=systempaths=unconfined",
    "--cgroupns=private",
    "--network=host",
    "--tmpfs=/run",
    "--tmpfs=/run/lock",
    "--tmpfs=/tmp",
    "--tmpfs=/sys/fs/cgroup",
    // Docker in it must not lie on the overlay of the Docker that it is in; newer ones keep images elsewhere.
    "--volume=/var/lib/docker",
    "--volume=/var/lib/containerd",
    "--env=container=docker",
    "--env=DEBIAN_FRONTEND=noninteractive",
    "--env=LC_ALL=C.UTF-8",
    "--env=SYSTEMD_PAGER=",
    "--env=SYSTEMD_COLORS=0",
    "--stop-signal=SIGRTMIN+3",
    "--stop-timeout=60",
    "--hostname=host",
];

/// The releases to test on: those named in `STARTTECH_TEST_SUITES`, else the one that this machine has.
pub fn suites() -> Vec<String> {
    if let Ok(named) = std::env::var("STARTTECH_TEST_SUITES") {
        return named.split_whitespace().map(str::to_owned).collect();
    }
    let release = fs::read_to_string("/etc/os-release").expect("every release has one");
    let name = release.lines().find_map(|line| line.strip_prefix("VERSION_CODENAME="));
    vec![name.expect("Debian and Ubuntu have one").to_owned()]
}

/// Imports the root file system of a release, and gives the image's name.
pub fn import(docker: &Dockerd, suite: &str) -> String {
    let image = format!("host:{suite}");
    let archive = fs::File::open(root_file_system(suite)).expect("the set-up made it");
    let mut unpacked = std::process::Command::new("zstd")
        .arg("-dc")
        .stdin(archive)
        .stdout(Stdio::piped())
        .spawn()
        .expect("zstd");
    let stream = unpacked.stdout.take().expect("piped");
    let imported = docker.client().args(["import", "-", &image]).stdin(stream).output().expect("docker");
    assert!(
        unpacked.wait().expect("zstd ends").success() && imported.status.success(),
        "cannot import {image}"
    );
    image
}

/// Where the set-up put it.
fn root_file_system(suite: &str) -> PathBuf {
    let prefix = format!("rootfs-{suite}-");
    let named = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.starts_with(&prefix) && name.ends_with(".tar.zst") && !name.contains(".part.")
    };
    let found = fs::read_dir(cache()).into_iter().flatten().flatten().map(|entry| entry.path()).filter(named);
    let latest = found.max_by_key(|path| fs::metadata(path).and_then(|file| file.modified()).ok());
    latest.unwrap_or_else(|| panic!("no root file system of {suite}: run tests/setup.sh {suite}"))
}

/// A host that runs; it goes with its daemon.
#[derive(Debug)]
pub struct Machine<'d> {
    docker: &'d Dockerd,
    name: &'static str,
}

impl<'d> Machine<'d> {
    /// Boots one from an image of [`import`].
    pub fn boot(docker: &'d Dockerd, name: &'static str, image: &str) -> Self {
        let mut arguments = vec!["run", "--detach", "--name", name];
        arguments.extend(AS_HOST);
        arguments.extend([image, "/sbin/container-init"]);
        docker.expect(arguments);
        let machine = Self { docker, name };
        machine.await_booted();
        machine
    }

    /// Shuts it down as `poweroff` does; what is on its disk stays.
    pub fn shut_down(&self) {
        self.docker.expect(["stop", "--time=60", self.name]);
    }

    /// Boots it again.
    pub fn boot_again(&self) {
        self.docker.expect(["start", self.name]);
        self.await_booted();
    }

    fn await_booted(&self) {
        let booted = || {
            let state = self.run("systemctl is-system-running");
            matches!(String::from_utf8_lossy(&state.stdout).trim(), "running" | "degraded")
        };
        wait::until_or(BOOT, "the host to boot", booted, || {
            String::from_utf8_lossy(&self.run("systemctl list-jobs; systemctl --failed").stdout).into_owned()
        });
    }

    /// A shell script's output on it.
    pub fn run(&self, script: &str) -> Output {
        self.docker.docker(["exec", self.name, "sh", "-c", script])
    }

    /// What a shell script prints, which must succeed, without the newline at its end.
    pub fn expect(&self, script: &str) -> String {
        let output = self.run(script);
        let [out, err] =
            [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text).into_owned());
        assert!(output.status.success(), "{script}\n{out}{err}\n{}", self.journal());
        out.trim_end().to_owned()
    }

    /// Whether a shell script succeeds.
    pub fn is(&self, condition: &str) -> bool {
        self.run(condition).status.success()
    }

    /// Waits until a shell script succeeds.
    pub fn await_that(&self, limit: Duration, condition: &str) {
        wait::until_or(limit, condition, || self.is(condition), || self.journal());
    }

    /// Puts a file onto it.
    pub fn put(&self, file: &Path, to: &str) {
        self.docker.expect(["cp", &file.to_string_lossy(), &format!("{}:{to}", self.name)]);
    }

    /// A property of a unit, as systemd tells it.
    pub fn property(&self, unit: &str, name: &str) -> String {
        self.expect(&format!("systemctl show --property={name} --value {unit}"))
    }

    /// The last of what the agent said.
    pub fn journal(&self) -> String {
        let said = self.run("journalctl --no-pager --lines=30 --output=cat --unit=starttech-agent");
        String::from_utf8_lossy(&said.stdout).into_owned()
    }
}
