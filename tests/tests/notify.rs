//! What systemd is told, by its own protocol, on a socket of the test's.

use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::time::Duration;

use harness::agent::{Agent, Options};
use harness::docker::{Dockerd, IDLE};
use harness::endpoint::Endpoint;
use harness::stream::{GROUP, LIMIT, STOP};

/// The manager's end of the socket, and all that came.
struct Manager {
    socket: UnixDatagram,
    told: Vec<String>,
}

impl Manager {
    fn at(path: &Path) -> Self {
        let socket = UnixDatagram::bind(path).expect("a socket");
        socket.set_nonblocking(true).expect("a socket that does not block");
        Self { socket, told: Vec::new() }
    }

    fn listen(&mut self) {
        let mut buffer = [0; 4096];
        while let Ok(length) = self.socket.recv(&mut buffer) {
            let message = String::from_utf8_lossy(&buffer[..length]).into_owned();
            self.told.extend(message.lines().map(str::to_owned));
        }
    }

    fn count(&self, wanted: &str) -> usize {
        self.told.iter().filter(|told| told.starts_with(wanted)).count()
    }

    fn first(&self, wanted: &str) -> usize {
        let found = self.told.iter().position(|told| told.starts_with(wanted));
        found.unwrap_or_else(|| panic!("no {wanted} in {:?}", self.told))
    }

    fn await_told(&mut self, agent: &mut Agent, wanted: &str, times: usize) {
        agent.wait_until(LIMIT, wanted, || {
            self.listen();
            self.count(wanted) >= times
        });
    }
}

#[test]
fn systemd_is_told_what_is_going_on() {
    let (endpoint, docker) = (Endpoint::start(), Dockerd::start());
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("notify");
    let mut manager = Manager::at(&path);
    let options = Options::new(&endpoint)
        .with_docker(&docker)
        .with_variable("NOTIFY_SOCKET", &path.to_string_lossy())
        .with_variable("WATCHDOG_USEC", "1000000");
    let mut agent = Agent::start(options);
    manager.await_told(&mut agent, "READY=1", 1);
    assert_eq!(manager.count("READY=1"), 1);
    // Four within two limits: systemd is told at least twice a limit.
    manager.await_told(&mut agent, "WATCHDOG=1", 4);
    docker.run_script("web", &format!("echo n=1; {IDLE}"));
    endpoint.stream(GROUP, "/web/").await_distinct(&mut agent, 1);
    manager.await_told(&mut agent, "STATUS=", manager.count("STATUS=") + 2);
    let status = manager.told.iter().rfind(|told| told.starts_with("STATUS=")).unwrap();
    assert!(status.contains('1'), "one event was shipped: {status}");

    manager.told.clear();
    agent.sighup();
    manager.await_told(&mut agent, "READY=1", 1);
    assert!(manager.first("RELOADING=1") < manager.first("READY=1"), "{:?}", manager.told);
    // Type=notify-reload wants the time by systemd's own clock beside it.
    let stamp = &manager.told[manager.first("MONOTONIC_USEC=")];
    assert!(stamp["MONOTONIC_USEC=".len()..].parse::<u64>().is_ok(), "{stamp}");
    agent.options.config = "[logs]\ngroup = 7\n".to_owned();
    agent.sighup();
    manager.await_told(&mut agent, "READY=1", 2);
    assert_eq!(manager.count("RELOADING=1"), 2, "a refused reload ends too: {:?}", manager.told);
    assert_eq!(manager.count("STOPPING=1"), 0);

    agent.options.config.clear();
    agent.stop(STOP);
    manager.listen();
    assert_eq!(manager.count("STOPPING=1"), 1);
}

/// Set for another process, as where the agent is not what systemd started, it is not ours.
#[test]
fn a_watchdog_for_another_process_is_not_fed_at_its_pace() {
    let endpoint = Endpoint::start();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("notify");
    let mut manager = Manager::at(&path);
    let options = Options::new(&endpoint)
        .with_variable("STARTTECH_DOCKER_SOCKET", "unix:///nonexistent/docker.sock")
        .with_variable("NOTIFY_SOCKET", &path.to_string_lossy())
        .with_variable("WATCHDOG_USEC", "20000")
        .with_variable("WATCHDOG_PID", "1");
    let mut agent = Agent::start(options);
    manager.await_told(&mut agent, "READY=1", 1);
    agent.stop(Duration::from_secs(3));
    manager.listen();
    assert_eq!(manager.count("STOPPING=1"), 1);
    assert!(manager.count("WATCHDOG=1") <= 2, "{:?}", manager.told);
}
