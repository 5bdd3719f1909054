//! The binary `starttech-agent`, run as users run it: a configuration file, an environment, signals.

mod build;

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

pub use build::binary;
pub(crate) use build::without_cargo;

use crate::docker::{Dockerd, tail};
use crate::endpoint::Endpoint;
use crate::terminal::Terminal;
use crate::{process, wait};

/// How the agent is to be run.
#[derive(Debug, Clone)]
pub struct Options {
    /// What follows the program's name; `--config FILE` is added.
    pub arguments: Vec<String>,
    /// A program and its arguments that becomes the agent in the end: `prlimit --nofile=64`.
    pub through: Vec<String>,
    /// The configuration file.
    pub config: String,
    /// The whole environment besides `PATH` and `HOME`: nothing of the test's own gets through.
    pub environment: Vec<(String, String)>,
}

impl Options {
    /// `run`, with every AWS call to this endpoint and no metadata service.
    pub fn new(endpoint: &Endpoint) -> Self {
        Self::at(&endpoint.url())
    }

    /// `run`, with every AWS call to this address and no metadata service.
    pub fn at(endpoint_url: &str) -> Self {
        let environment = [
            ("AWS_ENDPOINT_URL", endpoint_url),
            ("AWS_REGION", "eu-west-1"),
            ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"),
            ("AWS_SECRET_ACCESS_KEY", "example/secret/of/the/test/harness/000000"),
            // A forgotten variable sends the SDK to a link-local address, which is refused and slow.
            ("AWS_EC2_METADATA_DISABLED", "true"),
            // A test that is about the account says so.
            ("STARTTECH_PROVISION_AT_START", "false"),
            ("STARTTECH_ALERTS_ENABLED", "false"),
            ("RUST_BACKTRACE", "1"),
        ];
        Self {
            arguments: vec![String::from("run")],
            through: Vec::new(),
            config: String::new(),
            environment: environment.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec(),
        }
    }

    /// With the containers of this daemon.
    #[must_use]
    pub fn with_docker(self, docker: &Dockerd) -> Self {
        self.with_variable("STARTTECH_DOCKER_SOCKET", &docker.socket_url())
    }

    /// With this configuration file.
    #[must_use]
    pub fn with_config(mut self, config: &str) -> Self {
        config.clone_into(&mut self.config);
        self
    }

    /// With this environment variable, whatever it was before.
    #[must_use]
    pub fn with_variable(mut self, name: &str, value: &str) -> Self {
        self.environment.retain(|(known, _)| known != name);
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Without this environment variable.
    #[must_use]
    pub fn without_variable(mut self, name: &str) -> Self {
        self.environment.retain(|(known, _)| known != name);
        self
    }

    /// Another command than `run`, or `run` with more arguments.
    #[must_use]
    pub fn with_arguments(mut self, arguments: &[&str]) -> Self {
        self.arguments = arguments.iter().map(|&argument| argument.to_owned()).collect();
        self
    }

    /// In a view of its own of the file system, where each first path has the second one's content.
    #[must_use]
    pub fn with_mounts(mut self, mounts: &[(&Path, &Path)]) -> Self {
        let bind =
            |(at, from): &(&Path, &Path)| format!("mount --bind '{}' '{}' && ", from.display(), at.display());
        let script = mounts.iter().map(bind).collect::<String>() + "exec \"$@\"";
        let through = ["unshare", "--mount", "--propagation=private", "sh", "-c", &script, "sh"];
        self.through = through.map(str::to_owned).to_vec();
        self
    }

    /// On an instance: identity, region and credentials come from the endpoint's metadata service.
    #[must_use]
    pub fn with_metadata_of(mut self, endpoint: &Endpoint) -> Self {
        let gone = ["AWS_EC2_METADATA_DISABLED", "AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"];
        self.environment.retain(|(name, _)| !gone.contains(&name.as_str()));
        self.with_variable("AWS_EC2_METADATA_SERVICE_ENDPOINT", &endpoint.url())
    }
}

/// The agent and the directory it lives in, which outlasts its stops and starts.
#[derive(Debug)]
pub struct Agent {
    directory: TempDir,
    /// For the next start.
    pub options: Options,
    child: Option<Child>,
}

impl Agent {
    /// Runs it in the background.
    pub fn start(options: Options) -> Self {
        let mut agent = Self::prepared(options);
        agent.start_again();
        agent
    }

    /// Its directory, without running it yet.
    pub fn prepared(options: Options) -> Self {
        let directory = TempDir::with_prefix("starttech-agent-").expect("a temporary directory");
        Self { directory, options, child: None }
    }

    /// Runs it on what it left behind; its log is added to.
    pub fn start_again(&mut self) {
        assert!(self.child.is_none(), "it runs already");
        let log = File::options().create(true).append(true).open(self.log_path()).expect("a log");
        let second = log.try_clone().expect("a second handle");
        let mut command = self.command();
        command.stdin(Stdio::null()).stdout(second).stderr(log);
        self.child = Some(command.spawn().expect("setpriv of util-linux"));
    }

    /// Runs it to its end and gives what it printed: for commands other than `run`.
    pub fn output(options: Options) -> Output {
        let agent = Self::prepared(options);
        agent.command().stdin(Stdio::null()).output().expect("setpriv of util-linux")
    }

    /// Runs another command beside it, with its configuration and environment: the exit code, and what it printed and
    /// complained of.
    pub fn other(&self, arguments: &[&str]) -> (i32, String) {
        let ended = self.command_of(arguments).stdin(Stdio::null()).output().expect("setpriv of util-linux");
        let said = [ended.stdout, ended.stderr].concat();
        (ended.status.code().unwrap_or(-1), String::from_utf8_lossy(&said).into_owned())
    }

    /// The same on a terminal of this size, in the background.
    pub fn on_terminal(&self, arguments: &[&str], rows: u16, columns: u16) -> Terminal {
        Terminal::run(&self.command_of(arguments), rows, columns)
    }

    fn command(&self) -> Command {
        let arguments: Vec<&str> = self.options.arguments.iter().map(String::as_str).collect();
        self.command_of(&arguments)
    }

    fn command_of(&self, arguments: &[&str]) -> Command {
        fs::write(self.config_path(), &self.options.config).expect("a configuration file");
        let mut command = Command::new("setpriv");
        // The signal at our death ends it even where no destructor runs: a test killed for its time.
        command.args(["--pdeathsig", "KILL"]).args(&self.options.through);
        command.arg(binary()).args(arguments);
        command.arg("--config").arg(self.config_path());
        command.env_clear().env("HOME", self.directory.path());
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("STARTTECH_SPOOL_DIRECTORY", self.spool());
        command.env("STARTTECH_CONTROL_SOCKET", self.socket());
        command.envs(self.options.environment.iter().cloned());
        command.current_dir(self.directory.path());
        command
    }

    /// Its directory: configuration, log and spool.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Its configuration file; written anew from [`Agent::options`] at every start.
    pub fn config_path(&self) -> PathBuf {
        self.directory.path().join("agent.toml")
    }

    /// Its spool, unless the environment names another.
    pub fn spool(&self) -> PathBuf {
        self.directory.path().join("spool")
    }

    /// Its control socket, likewise.
    pub fn socket(&self) -> PathBuf {
        self.directory.path().join("agent.sock")
    }

    fn log_path(&self) -> PathBuf {
        self.directory.path().join("log")
    }

    /// Everything it said so far, over all its starts.
    pub fn log(&self) -> String {
        tail(&self.log_path(), usize::MAX)
    }

    /// The last of what it said.
    pub fn log_tail(&self) -> String {
        tail(&self.log_path(), 6_000)
    }

    /// Whether it runs.
    pub fn is_running(&mut self) -> bool {
        self.child.as_mut().is_some_and(|child| matches!(child.try_wait(), Ok(None)))
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.child.as_ref().expect("it was started").id()
    }

    /// Asks it to stop, as systemd does.
    pub fn sigterm(&self) {
        self.signal(Signal::TERM);
    }

    /// Asks it to read its configuration again; what stands in [`Agent::options`] is written before.
    pub fn sighup(&self) {
        fs::write(self.config_path(), &self.options.config).expect("a configuration file");
        self.signal(Signal::HUP);
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        let child = self.child.as_ref().expect("it was started");
        kill_process(Pid::from_child(child), signal).expect("it runs");
    }

    /// Waits for its end.
    pub fn wait_exit(&mut self, limit: Duration) -> ExitStatus {
        let mut child = self.child.take().expect("it was started");
        let start = Instant::now();
        loop {
            if let Some(status) = child.try_wait().expect("our child") {
                return status;
            }
            if start.elapsed() >= limit {
                self.child = Some(child);
                panic!("the agent did not exit within {limit:?}; it said:\n{}", self.log_tail());
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Stops it as systemd does and asserts that it went well, within this limit.
    pub fn stop(&mut self, limit: Duration) {
        self.sigterm();
        let status = self.wait_exit(limit);
        assert!(status.success(), "the agent ended with {status}; it said:\n{}", self.log_tail());
    }

    /// Kills it: nothing of it gets to run any more.
    pub fn kill9(&mut self) {
        self.signal(Signal::KILL);
        self.wait_exit(Duration::from_secs(10));
    }

    /// Waits until the condition holds; panics after the limit, or at once when the agent has ended.
    pub fn wait_until(&mut self, limit: Duration, what: &str, mut condition: impl FnMut() -> bool) {
        let log = self.log_path();
        let holds_or_ended = || condition() || !self.is_running();
        wait::until_or(limit, what, holds_or_ended, || format!("the agent said:\n{}", tail(&log, 6_000)));
        let ended = !self.is_running();
        assert!(!ended || condition(), "the agent ended before {what}; it said:\n{}", self.log_tail());
    }

    /// The most memory it ever held, in KiB; only while it runs.
    pub fn rss_peak_kib(&self) -> u64 {
        process::rss_peak_kib(self.pid()).expect("it runs")
    }

    /// The memory it holds, in KiB; only while it runs.
    pub fn rss_kib(&self) -> u64 {
        process::rss_kib(self.pid()).expect("it runs")
    }

    /// The processor time it took so far, in seconds; only while it runs.
    pub fn cpu_seconds(&self) -> f64 {
        process::cpu_seconds(self.pid()).expect("it runs")
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
        if std::thread::panicking() {
            eprintln!("the agent said:\n{}", self.log_tail());
        }
    }
}
