//! One container: what runs in it, and what is done to it.

use std::path::PathBuf;
use std::time::Duration;

use crate::docker::{Dockerd, IMAGE};
use crate::wait;

/// What to run.
#[derive(Debug, Clone, Copy)]
pub struct Run<'a> {
    /// The container's name.
    pub name: &'a str,
    /// For `sh -c`.
    pub script: &'a str,
    /// Its image.
    pub image: &'a str,
    /// `--log-driver`; the daemon's default if none.
    pub log_driver: Option<&'a str>,
    /// `--log-opt`, each `key=value`.
    pub log_options: &'a [&'a str],
    /// `--label`, each `key=value`.
    pub labels: &'a [&'a str],
    /// `--tty`: one pipe, no stream headers, lines end in `\r\n`.
    pub tty: bool,
    /// Further arguments for `docker run`: `--rm`, `--restart=always`, `--memory=8m` …
    pub arguments: &'a [&'a str],
}

impl Default for Run<'_> {
    fn default() -> Self {
        Self {
            name: "",
            script: "true",
            image: IMAGE,
            log_driver: None,
            log_options: &[],
            labels: &[],
            tty: false,
            arguments: &[],
        }
    }
}

/// A container; it is removed with its daemon, not with this value.
#[derive(Debug)]
pub struct Container<'d> {
    daemon: &'d Dockerd,
    id: String,
}

impl<'d> Container<'d> {
    pub(crate) fn run(daemon: &'d Dockerd, run: &Run<'_>) -> Self {
        let mut arguments = vec!["run", "--detach", "--network=none"];
        if !run.name.is_empty() {
            arguments.extend(["--name", run.name]);
        }
        if run.tty {
            arguments.push("--tty");
        }
        arguments.extend(run.log_driver.iter().flat_map(|driver| ["--log-driver", driver]));
        arguments.extend(run.log_options.iter().flat_map(|option| ["--log-opt", option]));
        arguments.extend(run.labels.iter().flat_map(|label| ["--label", label]));
        arguments.extend(run.arguments);
        arguments.extend([run.image, "sh", "-c", run.script]);
        let id = daemon.expect(arguments);
        Self { daemon, id }
    }

    /// The full id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The first 12 characters of the id, as they stand in a stream's name.
    pub fn short_id(&self) -> &str {
        &self.id[..12]
    }

    /// The json-file log that is written at the moment.
    pub fn log_path(&self) -> PathBuf {
        self.daemon.containers().join(&self.id).join(format!("{}-json.log", self.id))
    }

    /// `docker stop` with this patience in seconds.
    pub fn stop(&self, seconds: u32) {
        self.daemon.expect(["stop", "--time", &seconds.to_string(), &self.id]);
    }

    /// `docker kill`.
    pub fn kill(&self) {
        self.daemon.expect(["kill", &self.id]);
    }

    /// `docker start`.
    pub fn start(&self) {
        self.daemon.expect(["start", &self.id]);
    }

    /// `docker restart` with this patience in seconds.
    pub fn restart(&self, seconds: u32) {
        self.daemon.expect(["restart", "--time", &seconds.to_string(), &self.id]);
    }

    /// `docker rename`.
    pub fn rename(&self, name: &str) {
        self.daemon.expect(["rename", &self.id, name]);
    }

    /// `docker rm --force`; its log files go with it.
    pub fn rm(&self) {
        self.daemon.expect(["rm", "--force", "--volumes", &self.id]);
    }

    /// Standard output as `docker logs` shows it.
    pub fn logs(&self) -> String {
        self.daemon.expect(["logs", &self.id])
    }

    /// A shell script's output inside the running container.
    pub fn exec(&self, script: &str) -> String {
        self.daemon.expect(["exec", &self.id, "sh", "-c", script])
    }

    /// Waits until the container has ended by itself and gives its exit code.
    pub fn wait_exit(&self, limit: Duration) -> i32 {
        let mut code = None;
        wait::until_or(
            limit,
            "the container to exit",
            || {
                let state = self.inspect("{{.State.Running}} {{.State.ExitCode}}");
                code = state.strip_prefix("false ").and_then(|code| code.parse().ok());
                code.is_some()
            },
            || self.daemon.log_tail(),
        );
        code.expect("waited for it")
    }

    /// Prints a line from the running container, as its first process would.
    pub fn say(&self, line: &str) {
        self.exec(&format!("echo '{line}' >/proc/1/fd/1"));
    }

    /// A field of `docker inspect` by its Go template.
    pub fn inspect(&self, template: &str) -> String {
        self.daemon.expect(["inspect", "--format", template, &self.id])
    }
}
