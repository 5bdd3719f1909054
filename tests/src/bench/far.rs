//! The endpoint in a process of its own, so that what it costs is nobody else's.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

use serde::Deserialize;

use crate::bench::{beside, meter};
use crate::endpoint::Summary;
use crate::http;

/// Where everything arrives; it ends with this value.
#[derive(Debug)]
pub(super) struct FarEnd {
    child: Child,
    address: SocketAddr,
}

#[derive(Debug, Deserialize)]
struct Counts {
    streams: BTreeMap<String, BTreeMap<String, Summary>>,
    breaches: Vec<serde_json::Value>,
}

impl FarEnd {
    /// Starts it on the second core: the agent gets the first where it has one to itself.
    pub(super) fn start() -> Self {
        let mut command = Command::new("setpriv");
        // The signal at our death ends it even where no destructor runs.
        command.args(["--pdeathsig", "KILL"]).arg(beside("strict-endpoint"));
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().expect("setpriv");
        meter::pin(child.id(), 1);
        let mut line = String::new();
        let out = child.stdout.take().expect("piped");
        BufReader::new(out).read_line(&mut line).expect("it prints its address");
        let address = line.trim().trim_start_matches("http://").parse().expect("an address");
        Self { child, address }
    }

    /// Where it listens.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The value for `AWS_ENDPOINT_URL`.
    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The processor time it took so far, in seconds.
    pub(super) fn cpu_seconds(&self) -> f64 {
        crate::process::cpu_seconds(self.child.id()).expect("it runs")
    }

    /// What arrived on the stream whose name contains this.
    pub(super) fn summary(&self, name: &str) -> Option<Summary> {
        let mut streams = self.counts().streams.into_values().flatten();
        streams.find(|(stream, _)| stream.contains(name)).map(|(_, summary)| summary)
    }

    /// How many calls broke the service's contract, up to a limit.
    pub(super) fn breaches(&self) -> usize {
        self.counts().breaches.len()
    }

    fn counts(&self) -> Counts {
        let answer = http::send(self.address, "GET", "/_counts", &[], b"").expect("it answers");
        serde_json::from_slice(&answer.body).expect("its own counts")
    }
}

impl Drop for FarEnd {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
