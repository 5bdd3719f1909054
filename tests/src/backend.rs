//! A backend with nothing but a health check: a database that is well and a cache that is not wanted.

use std::io::{self, BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;

/// It listens on loopback as long as the test runs.
#[derive(Debug)]
pub struct Backend {
    address: SocketAddr,
    asked_ms: Arc<Mutex<Vec<i64>>>,
    is_well: Arc<AtomicBool>,
}

impl Backend {
    /// One whose answers take so long.
    pub fn start(delay: Duration) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free loopback port");
        let address = listener.local_addr().expect("it is bound");
        let asked_ms = Arc::<Mutex<Vec<i64>>>::default();
        let is_well = Arc::new(AtomicBool::new(true));
        let (times, well) = (Arc::clone(&asked_ms), Arc::clone(&is_well));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                times.lock().unwrap_or_else(PoisonError::into_inner).push(Timestamp::now().as_millisecond());
                // Who goes away in the middle is not answered.
                let _ = answer(stream, delay, well.load(Ordering::Relaxed));
            }
        });
        Self { address, asked_ms, is_well }
    }

    /// Its health check.
    pub fn url(&self) -> String {
        format!("http://{}/health", self.address)
    }

    /// What it answers from now on: 200, or 503.
    pub fn is_well(&self, is_well: bool) {
        self.is_well.store(is_well, Ordering::Relaxed);
    }

    /// When it was asked, in milliseconds since the epoch.
    pub fn asked_ms(&self) -> Vec<i64> {
        self.asked_ms.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn answer(mut stream: TcpStream, delay: Duration, is_well: bool) -> io::Result<()> {
    let lines = BufReader::new(stream.try_clone()?).lines();
    let request: Vec<String> = lines.map_while(|line| line.ok().filter(|line| !line.is_empty())).collect();
    std::thread::sleep(delay);
    let known = request.first().is_some_and(|line| line == "GET /health HTTP/1.1");
    let (status, body) = match (known, is_well) {
        (true, true) => ("200 OK", r#"{"cache":"disabled","database":"ok"}"#),
        (true, false) => ("503 Service Unavailable", r#"{"cache":"disabled","database":"down"}"#),
        (false, _) => ("404 Not Found", ""),
    };
    write!(stream, "HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n{body}", body.len())
}
