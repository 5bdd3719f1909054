//! What Docker says that a container uses, as `docker stats` shows it.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;

use serde_json::Value;

use crate::docker::Dockerd;

/// The answer to `GET /containers/ID/stats`, one look.
#[derive(Debug, Clone)]
pub struct Stats(Value);

impl Dockerd {
    /// Asks for one look at a container, which costs the daemon no second one.
    pub fn stats(&self, id: &str) -> Stats {
        let socket = self.socket_url();
        let mut stream = UnixStream::connect(socket.trim_start_matches("unix://")).expect("it listens");
        let request = format!("GET /containers/{id}/stats?stream=false&one-shot=true HTTP/1.0\r\n\r\n");
        stream.write_all(request.as_bytes()).expect("it reads");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("it answers");
        let (_, body) = answer.split_once("\r\n\r\n").unwrap_or_default();
        Stats(serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {answer}")))
    }
}

impl Stats {
    /// The number at this JSON pointer.
    pub fn number(&self, path: &str) -> f64 {
        self.0.pointer(path).and_then(Value::as_f64).unwrap_or_else(|| panic!("no {path} in {}", self.0))
    }

    /// Of one processor, since an earlier look, as the docker client computes it.
    pub fn cpu_percent(&self, before: &Self) -> f64 {
        let added = |path: &str| self.number(path) - before.number(path);
        let share = added("/cpu_stats/cpu_usage/total_usage") / added("/cpu_stats/system_cpu_usage");
        share * self.number("/cpu_stats/online_cpus") * 100.0
    }

    /// Without page cache, in bytes, as the docker client computes it.
    pub fn memory_used(&self) -> f64 {
        let of = |key: &str| self.0.pointer(&format!("/memory_stats/stats/{key}")).and_then(Value::as_f64);
        let usage = self.number("/memory_stats/usage");
        let cache = of("total_inactive_file").or_else(|| of("inactive_file")).unwrap_or_default();
        if cache < usage { usage - cache } else { usage }
    }

    /// Written to block devices, in bytes since the container was started.
    pub fn written(&self) -> f64 {
        let of = self.0.pointer("/blkio_stats/io_service_bytes_recursive").and_then(Value::as_array);
        let writes = of.into_iter().flatten().filter(|entry| {
            entry["op"].as_str().is_some_and(|operation| operation.eq_ignore_ascii_case("write"))
        });
        writes.filter_map(|entry| entry["value"].as_f64()).sum()
    }
}
