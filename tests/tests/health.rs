//! The health check, asked of a backend that is well, ill, silent, or sends whoever asks in circles.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use harness::agent::{Agent, Options};
use harness::endpoint::{Datum, Endpoint};
use harness::series::now_ms;
use harness::stream::STOP;

/// What the backend answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Says {
    Well,
    DatabaseDown,
    Nothing,
    AskMeAgain,
    /// No more: it ends.
    GoodBye,
}

/// A backend of one thread; it ends with its value.
struct Backend {
    address: SocketAddr,
    says: Arc<Mutex<Says>>,
    redirects: Arc<AtomicU32>,
    thread: Option<JoinHandle<()>>,
}

impl Backend {
    fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let (says, redirects) = (Arc::new(Mutex::new(Says::Well)), Arc::new(AtomicU32::new(0)));
        let (theirs, redirected) = (Arc::clone(&says), Arc::clone(&redirects));
        let thread = thread::spawn(move || {
            let mut unanswered = Vec::new();
            for stream in listener.incoming() {
                let Ok(mut stream) = stream else { return };
                let says = *theirs.lock().unwrap();
                match says {
                    Says::GoodBye => return,
                    Says::Nothing => unanswered.push(stream),
                    Says::AskMeAgain => {
                        redirected.fetch_add(1, Ordering::Relaxed);
                        let to = format!("302 Found\r\nlocation: http://{address}/health");
                        answer(&mut stream, &to, "");
                    }
                    Says::Well => answer(&mut stream, "200 OK", r#"{"cache":"disabled","database":"ok"}"#),
                    Says::DatabaseDown => {
                        answer(
                            &mut stream,
                            "503 Service Unavailable",
                            r#"{"cache":"disabled","database":"down"}"#,
                        );
                    }
                }
            }
        });
        Self { address, says, redirects, thread: Some(thread) }
    }

    /// From now on, which is told: in milliseconds since 1970.
    fn says(&self, says: Says) -> i64 {
        *self.says.lock().unwrap() = says;
        now_ms()
    }
}

impl Drop for Backend {
    fn drop(&mut self) {
        self.says(Says::GoodBye);
        let _ = TcpStream::connect(self.address);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Whoever asks may be gone by then.
fn answer(stream: &mut TcpStream, status: &str, body: &str) {
    stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    let (mut request, mut buffer) = (Vec::new(), [0; 1024]);
    while !request.ends_with(b"\r\n\r\n") {
        match stream.read(&mut buffer) {
            Ok(length) if length > 0 => request.extend_from_slice(&buffer[..length]),
            _ => return,
        }
    }
    assert!(request.starts_with(b"GET /health HTTP/1.1\r\n"), "{}", String::from_utf8_lossy(&request));
    let length = body.len();
    let _ =
        write!(stream, "HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}");
}

#[test]
fn a_backend_that_is_not_well_is_known_to_be_so_and_the_tick_goes_on() {
    let (endpoint, backend) = (Endpoint::start(), Backend::start());
    let options = Options::measuring(&endpoint)
        .with_variable("STARTTECH_HEALTH_URL", &format!("http://{}/health", backend.address))
        .with_variable("STARTTECH_HEALTH_TIMEOUT", "700ms")
        .with_more_config("[metrics]\non = [\"health_status_code\"]\n");
    let mut agent = Agent::start(options);
    let (up, code) = (endpoint.of_host("health_up"), endpoint.of_host("health_status_code"));
    let database = endpoint.of_host("health_dependency_up").of("Dependency", "database");
    let is = |series: &harness::series::Series<'_>, agent: &mut Agent, since: i64, value: f64| {
        let holds =
            |datum: &Datum| datum.timestamp_ms >= since && (datum.min(), datum.max()) == (value, value);
        series.await_any(agent, &format!("{value}"), holds);
    };
    is(&up, &mut agent, 0, 1.0);
    is(&database, &mut agent, 0, 1.0);
    is(&code, &mut agent, 0, 200.0);

    let ill = backend.says(Says::DatabaseDown);
    is(&up, &mut agent, ill, 0.0);
    is(&database, &mut agent, ill, 0.0);
    is(&code, &mut agent, ill, 503.0);

    // A period later all answers from before are told.
    let silent = backend.says(Says::Nothing) + 1_000;
    is(&up, &mut agent, silent, 0.0);

    let circling = backend.says(Says::AskMeAgain);
    is(&code, &mut agent, circling, 302.0);
    is(&up, &mut agent, circling, 0.0);
    agent.stop(STOP);

    for series in [&code, &endpoint.of_host("health_time"), &database] {
        let while_silent =
            series.times().into_iter().filter(|time| (silent..circling - 1_000).contains(time));
        assert_eq!(while_silent.count(), 0, "nobody knows: {series:?}");
    }
    let time = endpoint.of_host("health_time");
    assert!(time.min() > 0.0 && time.max() <= 0.7, "{} to {}", time.min(), time.max());
    let of_group = endpoint.of_group("health_up");
    assert_eq!((of_group.sum(), of_group.sample_count()), (up.sum(), up.sample_count()));
    let series = endpoint.metric_series();
    assert!(
        !series.keys().any(|series| series.contains("cache")),
        "disabled is nothing to measure: {series:?}"
    );
    // Each look is one request, which may have been under way at the stop.
    let looks =
        code.datums().iter().filter(|datum| datum.max() > 301.0).map(Datum::sample_count).sum::<f64>();
    let redirects = f64::from(backend.redirects.load(Ordering::Relaxed));
    assert!(redirects <= looks + 2.0, "{redirects} requests for {looks} looks");
    for name in ["agent_up", "mem_used_percent"] {
        endpoint.of_host(name).assert_no_gap(1_000);
    }
    endpoint.assert_no_breach();
}
