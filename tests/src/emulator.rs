//! Somebody else's CloudWatch and CloudWatch Logs: LocalStack from PyPI, without a container.
//!
//! A second opinion on what the strict endpoint asserts, and slow: no place for load. It cannot be
//! reset, so every test uses names of its own.

use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use crate::client::Client;
use crate::docker::tail;
use crate::http;
use crate::port::Port;
use crate::wait;

/// Three seconds on an idle machine.
const START: Duration = Duration::from_mins(2);

/// A running emulator; it ends with this value.
#[derive(Debug)]
pub struct Emulator {
    child: Child,
    directory: TempDir,
    /// Bound but not listened on, so that nobody else gets the number before the emulator does.
    port: Port,
}

impl Emulator {
    /// Starts it on a free loopback port.
    pub fn start() -> Self {
        let directory = TempDir::with_prefix("emulator-").expect("a temporary directory");
        let port = Port::reserve(0).expect("a free loopback port");
        let address = port.address().to_string();
        let log = File::create(directory.path().join("log")).expect("a log");
        let errors = log.try_clone().expect("a second handle");
        let child = Command::new("setpriv")
            .args(["--pdeathsig", "KILL"])
            .arg(python())
            .args(["-m", "localstack.runtime.main"])
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", directory.path())
            // Any other server would listen on every interface of the machine.
            .env("GATEWAY_SERVER", "hypercorn")
            .env("GATEWAY_LISTEN", &address)
            .env("LOCALSTACK_HOST", &address)
            // It would go to the network for these.
            .env("DNS_ADDRESS", "0")
            .env("SKIP_SSL_CERT_DOWNLOAD", "1")
            .env("DISABLE_EVENTS", "1")
            // What it keeps for itself lies there: two of them must not share it.
            .env("TMPDIR", directory.path())
            .env("FILESYSTEM_ROOT", directory.path().join("root"))
            .current_dir(directory.path())
            .stdin(Stdio::null())
            .stdout(log)
            .stderr(errors)
            .spawn()
            .expect("setpriv of util-linux");
        let mut emulator = Self { child, directory, port };
        emulator.wait_ready();
        emulator
    }

    fn wait_ready(&mut self) {
        let address = self.address();
        let log = self.directory.path().join("log");
        let mut ended = false;
        let ready = || {
            ended = !matches!(self.child.try_wait(), Ok(None));
            ended
                || http::send(address, "GET", "/_localstack/health", &[], &[])
                    .is_ok_and(|answer| answer.status == 200)
        };
        wait::until_or(START, "the emulator to answer", ready, || tail(&log, 4_000));
        assert!(!ended, "the emulator ended: {}", tail(&log, 4_000));
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.port.address()
    }

    /// The value for `AWS_ENDPOINT_URL`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address())
    }

    /// A client of its CloudWatch and CloudWatch Logs.
    pub fn client(&self) -> Client {
        Client::new(self.address())
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The interpreter of the emulator's virtual environment.
fn python() -> PathBuf {
    tool("python")
}

/// A program of the emulator's virtual environment, where the set-up put it.
pub fn tool(name: &str) -> PathBuf {
    let cache = cache();
    let complete = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.starts_with("emulator-") && path.join("ready").is_file()
    };
    let installations = fs::read_dir(&cache).into_iter().flatten().flatten().map(|entry| entry.path());
    // More than one stands there after the pins have changed: the set-up made the latest.
    let latest = installations
        .filter(complete)
        .max_by_key(|path| fs::metadata(path.join("ready")).and_then(|ready| ready.modified()).ok());
    let found = latest.unwrap_or_else(|| panic!("no emulator below {}: run tests/setup.sh", cache.display()));
    found.join("bin").join(name)
}

/// Where the set-up keeps what is made once.
pub fn cache() -> PathBuf {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let cache = set("XDG_CACHE_HOME").or_else(|| Some(set("HOME")?.join(".cache"))).expect("HOME is set");
    cache.join("starttech-agent-tests")
}
