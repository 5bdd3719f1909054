//! Where a log driver sends that keeps no file of its own. Docker keeps a copy of what it sent,
//! and only its API serves that.

use std::net::UdpSocket;

use super::Options;

/// Takes whatever is sent to it, and reads none of it.
#[derive(Debug)]
pub struct Collector(UdpSocket);

impl Collector {
    /// On a free port of this host.
    pub fn start() -> Self {
        Self(UdpSocket::bind("127.0.0.1:0").expect("a port"))
    }

    /// A daemon whose containers log here by the `syslog` driver, unless they name another.
    pub fn options(&self) -> Options {
        let address = self.0.local_addr().expect("it is bound");
        let arguments =
            vec!["--log-driver=syslog".to_owned(), format!("--log-opt=syslog-address=udp://{address}")];
        Options { arguments, ..Options::default() }
    }
}
