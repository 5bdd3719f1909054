//! Those who read a container's log: the agent, the docker client, other programs.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::agent::{self, Agent};
use crate::bench::Bench;
use crate::bench::rival::{Rival, Running};
use crate::docker::{Container, Dockerd};
use crate::endpoint::{Account, Markers, Search, Summary};
use crate::process;

/// Which one. The order is that of the table's columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Who {
    /// starttech-agent.
    Agent,
    /// Nobody: dockerd writes its json-file log, and that is all.
    Nobody,
    /// `docker logs --follow`.
    Client,
    /// dockerd itself, by its awslogs driver: the container waits when the driver is behind.
    AwslogsBlocking,
    /// The same; lines are dropped when the driver is behind.
    AwslogsNonBlocking,
    /// Somebody else's program.
    Rival(Rival),
}

impl Who {
    /// The head of the column.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Agent => "starttech-agent",
            Self::Nobody => "json-file alone",
            Self::Client => "docker logs -f",
            Self::AwslogsBlocking => "awslogs",
            Self::AwslogsNonBlocking => "awslogs non-blocking",
            Self::Rival(rival) => rival.program(),
        }
    }

    /// A container's name, of which no other of the same part is the beginning.
    pub(super) fn container(self, part: &str) -> String {
        match self {
            Self::Agent => format!("{part}-agent"),
            Self::Nobody => format!("{part}-nobody"),
            Self::Client => format!("{part}-client"),
            Self::AwslogsBlocking => format!("{part}-awslogs-waits"),
            Self::AwslogsNonBlocking => format!("{part}-awslogs-drops"),
            Self::Rival(rival) => format!("{part}-{}", rival.program()),
        }
    }

    /// Whether dockerd sends the lines itself.
    pub(super) fn is_driver(self) -> bool {
        matches!(self, Self::AwslogsBlocking | Self::AwslogsNonBlocking)
    }
}

/// A reader at work; it ends with this value.
#[derive(Debug)]
pub(super) enum Reader {
    /// Nobody reads, or dockerd does.
    None,
    /// The agent.
    Agent(Box<Agent>),
    /// The docker client.
    Client(Follower),
    /// Another program.
    Rival(Running),
}

impl Reader {
    /// Starts to read this container's log.
    pub(super) fn start(who: Who, bench: &Bench, container: &Container<'_>, name: &str) -> Self {
        match who {
            Who::Nobody | Who::AwslogsBlocking | Who::AwslogsNonBlocking => Self::None,
            Who::Agent => {
                let options = agent::Options::at(&bench.far.url()).with_docker(&bench.daemon);
                Self::Agent(Box::new(Agent::start(options)))
            }
            Who::Client => {
                Self::Client(Follower::start(&bench.daemon, &["logs", "--follow", container.id()]))
            }
            Who::Rival(rival) => {
                Self::Rival(Running::start(rival, bench.far.address(), &container.log_path(), name))
            }
        }
    }

    /// Its process, if it is one.
    pub(super) fn pid(&self) -> Option<u32> {
        match self {
            Self::None => None,
            Self::Agent(agent) => Some(agent.pid()),
            Self::Client(follower) => Some(follower.pid()),
            Self::Rival(running) => Some(running.pid()),
        }
    }

    /// The processor time it took so far, in seconds. A client that has given up took no more.
    pub(super) fn cpu_seconds(&self) -> Option<f64> {
        process::cpu_seconds(self.pid()?)
    }

    /// What it has read by now of the container with this name.
    pub(super) fn summary(&self, bench: &Bench, name: &str) -> Option<Summary> {
        match self {
            Self::Client(follower) => Some(follower.summary()),
            _ => bench.far.summary(name),
        }
    }

    /// Ends it as it wants to be ended.
    pub(super) fn end(self) {
        if let Self::Agent(mut agent) = self {
            agent.stop(Duration::from_secs(10));
        }
    }
}

/// A docker client whose output is counted line by line.
#[derive(Debug)]
pub(super) struct Follower {
    child: Child,
    account: Arc<Mutex<Account>>,
}

impl Follower {
    /// Runs the docker client.
    pub(super) fn start(daemon: &Dockerd, arguments: &[&str]) -> Self {
        let mut command = daemon.client();
        command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().expect("the docker client");
        let out = child.stdout.take().expect("piped");
        let account = Arc::new(Mutex::new(Account::default()));
        let theirs = Arc::clone(&account);
        // It ends with the client's output.
        std::thread::spawn(move || count(out, &theirs));
        Self { child, account }
    }

    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What it printed by now.
    pub(super) fn summary(&self) -> Summary {
        self.account.lock().unwrap_or_else(PoisonError::into_inner).summary()
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn count(from: impl Read, account: &Mutex<Account>) {
    let search = Search::new(&Markers::default());
    let mut from = BufReader::with_capacity(256 * 1024, from);
    let mut line = Vec::new();
    while from.read_until(b'\n', &mut line).is_ok_and(|length| length > 0) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
        let now = u64::try_from(now).unwrap_or(u64::MAX);
        account.lock().unwrap_or_else(PoisonError::into_inner).add(&line, &search, now);
        line.clear();
    }
}
