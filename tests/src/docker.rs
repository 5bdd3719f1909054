//! A private dockerd and containers on it.
//!
//! Each [`Dockerd`] has its own data root, exec root and socket, no bridge and no iptables rule, so
//! any number of them run side by side and beside the system's own. It ends with its value; one that
//! a killed test left behind is cleared away by the next one that starts.

mod collector;
mod container;
mod leftovers;
mod link;
mod stats;

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

pub use collector::Collector;
pub use container::{Container, Run};
pub use link::Link;
pub use stats::Stats;

use crate::wait;

/// The image that [`Dockerd::start`] imports: a static busybox and nothing else.
pub const IMAGE: &str = "busybox";

/// A script that does nothing and ends at once when asked to; a plain `sleep` would be waited for.
pub const IDLE: &str = "trap 'exit 0' TERM; sleep 100000 & wait";

/// A loaded machine of two cores needs several seconds; a working one about one.
const START: Duration = Duration::from_mins(1);

/// How the daemon is to be.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Further arguments: `--log-opt=max-size=1m` for the default log driver, for instance.
    pub arguments: Vec<String>,
    /// Further environment: credentials for the awslogs driver, for instance.
    pub environment: Vec<(String, String)>,
    /// The data root below [`Dockerd::root`]; it may lead through links. `data` if none.
    pub data: Option<&'static str>,
}

/// A running daemon.
#[derive(Debug)]
pub struct Dockerd {
    root: PathBuf,
    options: Options,
    child: Option<Child>,
}

static STARTED: AtomicU32 = AtomicU32::new(0);

impl Dockerd {
    /// Starts a daemon with the defaults and imports [`IMAGE`].
    pub fn start() -> Self {
        Self::start_with(Options::default())
    }

    /// Starts a daemon and imports [`IMAGE`].
    pub fn start_with(options: Options) -> Self {
        let daemon = Self::prepared(options);
        daemon.started()
    }

    /// A daemon that does not run yet: its socket's path is known, the socket is not there.
    pub fn prepared(options: Options) -> Self {
        assert!(rustix::process::geteuid().is_root(), "dockerd needs root: run the tests by tests/run.sh");
        leftovers::clear();
        // Short, because a unix socket's path has 108 characters and containerd makes long ones below it.
        let number = STARTED.fetch_add(1, Ordering::Relaxed);
        let root = PathBuf::from(format!("/tmp/{}{}-{number:02}", leftovers::PREFIX, std::process::id()));
        fs::create_dir(&root).unwrap_or_else(|error| panic!("cannot create {}: {error}", root.display()));
        Self { root, options, child: None }
    }

    fn started(mut self) -> Self {
        self.start_again();
        self.import_busybox();
        self
    }

    /// Starts the daemon on the data it left, after [`Dockerd::stop`] or [`Dockerd::prepared`].
    pub fn start_again(&mut self) {
        assert!(self.child.is_none(), "it runs already");
        let log = File::options().create(true).append(true).open(self.root.join("log")).expect("a log");
        let errors = log.try_clone().expect("a second handle");
        let mut command = Command::new("setpriv");
        // The signal at our death ends it even where no destructor runs: a test killed for its time.
        command.args(["--pdeathsig", "TERM", "dockerd"]);
        command.arg("--data-root").arg(self.data());
        for (name, value) in [("--exec-root", "exec"), ("--pidfile", "pid")] {
            command.arg(name).arg(self.root.join(value));
        }
        command.arg("--host").arg(self.socket_url());
        // A second daemon on the default bridge deletes the first one's.
        command.args(["--bridge=none", "--iptables=false", "--ip6tables=false", "--ip-forward=false"]);
        // Where the system's own containerd runs, dockerd takes that one: daemons must not meet in it.
        command.arg("--containerd-namespace").arg(self.root.file_name().expect("made above"));
        command.args(&self.options.arguments);
        command.env_remove("DOCKER_HOST").envs(self.options.environment.iter().cloned());
        command.stdin(Stdio::null()).stdout(log).stderr(errors);
        let child = command.spawn().expect("setpriv of util-linux");
        self.child = Some(child);
        let ready = || self.docker(["version"]).status.success();
        wait::until_or(START, "dockerd to answer", ready, || self.log_tail());
    }

    /// Stops the daemon and its containers; files and socket path stay for [`Dockerd::start_again`].
    pub fn stop(&mut self) {
        self.end(Signal::TERM);
    }

    /// Kills the daemon and its containerd as a crash would; containers and their shims live on until
    /// [`Dockerd::start_again`], which ends them.
    pub fn kill9(&mut self) {
        self.end(Signal::KILL);
        // A containerd that outlives its daemon, or its pid file, makes the next start wait in vain.
        leftovers::kill(&self.root, &[b"containerd"]);
        let _ = fs::remove_file(self.root.join("exec/containerd/containerd.pid"));
    }

    fn end(&mut self, signal: Signal) {
        let Some(mut child) = self.child.take() else { return };
        let _ = kill_process(Pid::from_child(&child), signal);
        let limit = Duration::from_secs(20);
        let start = std::time::Instant::now();
        while matches!(child.try_wait(), Ok(None)) && start.elapsed() < limit {
            std::thread::sleep(Duration::from_millis(20));
        }
        let _ = child.kill();
        let _ = child.wait();
    }

    /// The directory of everything this daemon has.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Where the containers' json-file logs lie: `…/CONTAINER_ID/CONTAINER_ID-json.log`.
    pub fn containers(&self) -> PathBuf {
        self.data().join("containers")
    }

    fn data(&self) -> PathBuf {
        self.root.join(self.options.data.unwrap_or("data"))
    }

    /// The value for `docker.socket` and `DOCKER_HOST`.
    pub fn socket_url(&self) -> String {
        format!("unix://{}", self.root.join("s.sock").display())
    }

    /// The last of what the daemon itself said.
    pub fn log_tail(&self) -> String {
        tail(&self.root.join("log"), 4_000)
    }

    /// Runs the docker client against this daemon.
    pub fn docker<'a>(&self, arguments: impl IntoIterator<Item = &'a str>) -> Output {
        self.client().args(arguments).stdin(Stdio::null()).output().expect("the docker client")
    }

    /// Runs the docker client, which must succeed, and gives what it printed.
    pub fn expect<'a>(&self, arguments: impl IntoIterator<Item = &'a str>) -> String {
        let output = self.docker(arguments);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "docker failed: {said}\n{}", self.log_tail());
        String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
    }

    /// Runs a container in the background and hands it over.
    pub fn run(&self, run: &Run<'_>) -> Container<'_> {
        Container::run(self, run)
    }

    /// Runs a container that carries out this shell script, with the default log driver.
    pub fn run_script(&self, name: &str, script: &str) -> Container<'_> {
        self.run(&Run { name, script, ..Run::default() })
    }

    /// The daemon's processes at this moment: itself, its containerd and the shim of each container.
    pub fn processes(&self) -> Vec<u32> {
        let programs: [&[u8]; 3] = [b"dockerd", b"containerd", b"containerd-shim-runc-v2"];
        let found = leftovers::processes_of(&self.root, &programs);
        found.into_iter().map(|pid| pid.as_raw_nonzero().get().cast_unsigned()).collect()
    }

    pub(crate) fn client(&self) -> Command {
        let mut command = Command::new("docker");
        command.env("DOCKER_HOST", self.socket_url()).env("DOCKER_CONFIG", self.root.join("client"));
        command
    }

    /// Imports [`IMAGE`]: for a daemon that was [`Dockerd::prepared`] and then started.
    pub fn import_busybox(&self) {
        let build = self.root.join("image");
        fs::create_dir_all(build.join("bin")).expect("a directory");
        fs::create_dir_all(build.join("tmp")).expect("a directory");
        fs::copy("/bin/busybox", build.join("bin/busybox")).expect("busybox-static is installed");
        for name in
            ["sh", "awk", "cat", "date", "echo", "head", "kill", "printf", "seq", "sleep", "true", "yes"]
        {
            std::os::unix::fs::symlink("busybox", build.join("bin").join(name)).expect("a link");
        }
        self.import(&build, IMAGE);
        let _ = fs::remove_dir_all(build);
    }

    /// Imports a directory as an image.
    pub fn import(&self, directory: &Path, name: &str) {
        let mut tar = Command::new("tar")
            .args(["-c", "-C"])
            .arg(directory)
            .arg(".")
            .stdout(Stdio::piped())
            .spawn()
            .expect("tar");
        let archive = tar.stdout.take().expect("piped");
        let import = self.client().args(["import", "-", name]).stdin(archive).output().expect("docker");
        let packed = tar.wait().expect("tar ends");
        let said = String::from_utf8_lossy(&import.stderr);
        assert!(packed.success() && import.status.success(), "cannot import {name}: {said}");
    }
}

impl Drop for Dockerd {
    fn drop(&mut self) {
        if self.child.is_some() {
            // Containers first: a stop waits up to ten seconds for each that ignores its signal.
            let ids = self.docker(["ps", "--all", "--quiet"]);
            let ids = String::from_utf8_lossy(&ids.stdout).into_owned();
            if !ids.trim().is_empty() {
                self.docker(["rm", "--force", "--volumes"].into_iter().chain(ids.split_whitespace()));
            }
            self.stop();
        }
        if std::thread::panicking() {
            eprintln!("dockerd said:\n{}", tail(&self.root.join("log"), 1_500));
        }
        leftovers::clear_one(&self.root);
    }
}

/// The last bytes of a file as text; nothing where there is none.
pub(crate) fn tail(path: &Path, bytes: usize) -> String {
    let content = fs::read(path).unwrap_or_default();
    String::from_utf8_lossy(&content[content.len().saturating_sub(bytes)..]).into_owned()
}
