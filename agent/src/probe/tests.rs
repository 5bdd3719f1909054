//! A real listener on loopback that answers as services do, and as nobody should.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;

const TIMEOUT: Duration = Duration::from_secs(5);

/// Looks once at a service that answers the request's header with what `answer` does, and returns what
/// was measured and the request.
async fn look<F>(timeout: Duration, answer: impl FnOnce(TcpStream) -> F) -> (Probe, Readings, String)
where
    F: Future<Output = ()>,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/health", listener.local_addr().unwrap());
    let mut probe = Probe::new(parse_url(&url).unwrap(), timeout);
    let mut readings = Readings::default();
    let mut request = Vec::new();
    let serve = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        while !request.ends_with(b"\r\n\r\n") {
            request.push(stream.read_u8().await.unwrap());
        }
        answer(stream).await;
        std::future::pending::<()>().await;
    };
    tokio::select! {
        () = serve => unreachable!(),
        () = probe.sample(&mut readings) => {}
    }
    // The port differs from run to run.
    let here = url.trim_end_matches("/health");
    readings.faults.iter_mut().for_each(|fault| *fault = fault.replace(here, "http://h"));
    (probe, readings, String::from_utf8(request).unwrap())
}

async fn answered(answer: impl Into<Vec<u8>>) -> (Probe, Readings) {
    let answer = answer.into();
    let (probe, readings, _) = look(TIMEOUT, async |mut stream| {
        stream.write_all(&answer).await.ok();
    })
    .await;
    (probe, readings)
}

fn with_body(status: u16, body: &str) -> String {
    format!("HTTP/1.1 {status} Any\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

/// `name=value`, in order; the time, which nobody knows, without its value.
fn values(readings: &Readings) -> Vec<String> {
    let one = |reading: &crate::metrics::Reading| {
        let of = reading.of.as_ref().map(|of| format!("{{{of}}}")).unwrap_or_default();
        if reading.metric == &name::HEALTH_TIME {
            assert!((0.0..5.0).contains(&reading.value), "{reading:?}");
            return "time".to_owned();
        }
        format!("{}{of}={}", reading.metric.name.trim_start_matches("health_"), reading.value)
    };
    readings.values.iter().map(one).collect()
}

fn down(probe: &Probe, readings: &Readings, fault: &str) {
    assert_eq!(values(readings), ["up=0"], "{:?}", probe.last());
    let expected: &[String] = &[format!("health check http://h/health: {fault}")];
    assert_eq!(readings.faults, if fault.is_empty() { &[] } else { expected });
    assert!(matches!(probe.last(), Some(Outcome::Nothing(_))));
}

#[tokio::test]
async fn a_service_that_is_well_is_up_and_names_what_it_depends_on() {
    let body = r#"{"cache":"disabled","database":"ok"}"#;
    let mut port = 0;
    let (probe, readings, request) = look(TIMEOUT, async |mut stream| {
        port = stream.local_addr().unwrap().port();
        stream.write_all(with_body(200, body).as_bytes()).await.unwrap();
    })
    .await;
    assert_eq!(values(&readings), ["up=1", "status_code=200", "dependency_up{database}=1", "time"]);
    assert_eq!(readings.faults, [""; 0]);
    assert_eq!(
        request,
        format!(
            "GET /health HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\nuser-agent: starttech-agent/{}\r\naccept: */*\r\n\
             connection: close\r\n\r\n",
            env!("CARGO_PKG_VERSION")
        )
    );
    assert!(probe.last().unwrap().to_string().starts_with("200 in "), "{:?}", probe.last());
}

#[tokio::test]
async fn a_service_that_is_down_still_says_why() {
    let (_, readings) = answered(with_body(503, r#"{"database":"down","cache":"ok"}"#)).await;
    assert_eq!(
        values(&readings),
        ["up=0", "status_code=503", "dependency_up{cache}=1", "dependency_up{database}=0", "time"]
    );
    assert_eq!(readings.faults, [""; 0]);
}

#[tokio::test]
async fn names_that_change_from_look_to_look_are_measured_up_to_a_bound() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/health?token=secret", listener.local_addr().unwrap());
    let mut probe = Probe::new(parse_url(&url).unwrap(), TIMEOUT);
    let mut measured = Vec::new();
    for look in 0..30 {
        let mut readings = Readings::default();
        let serve = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = Vec::new();
            while !request.ends_with(b"\r\n\r\n") {
                request.push(stream.read_u8().await.unwrap());
            }
            let body = format!(r#"{{"db":"ok","job-{look}":"ok","cache-{look}":"disabled"}}"#);
            stream.write_all(with_body(200, &body).as_bytes()).await.unwrap();
            String::from_utf8(request).unwrap()
        };
        let (request, ()) = tokio::join!(serve, probe.sample(&mut readings));
        assert!(request.starts_with("GET /health?token=secret HTTP/1.1\r\n"), "{request}");
        let names = readings.values.iter().filter_map(|reading| reading.of.clone());
        measured.push((names.count(), readings.faults.len()));
        for fault in &readings.faults {
            let words =
                "/health?…: its bodies named more than 20 dependencies by now: the others are not measured";
            assert!(fault.ends_with(words), "{fault}");
        }
    }
    assert_eq!(measured, [[(2, 0); 19].as_slice(), &[(1, 1); 11]].concat(), "db stays");
}

#[tokio::test]
async fn only_200_is_up() {
    for status in [200, 201, 204, 304, 400, 401, 404, 418, 429, 500, 502, 503, 504, 599, 999] {
        let body = if [204, 304].contains(&status) { "" } else { "ok" };
        let (_, readings) = answered(with_body(status, body)).await;
        let up = format!("up={}", u8::from(status == 200));
        assert_eq!(values(&readings), [up, format!("status_code={status}"), "time".to_owned()]);
    }
}

#[tokio::test]
async fn all_framings_of_a_body_are_read() {
    let body = r#"{"db":"ok"}"#;
    for answer in [
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n{\"db\r\n7\r\n\":\"ok\"}\r\n0\r\n\r\n"
            .to_owned(),
        format!("HTTP/1.1 100 Continue\r\n\r\n{}", with_body(200, body)),
        format!("HTTP/1.0 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len()),
    ] {
        let (_, readings) = answered(answer.clone()).await;
        assert_eq!(values(&readings), ["up=1", "status_code=200", "dependency_up{db}=1", "time"], "{answer}");
    }
    // To the end of the connection.
    for version in ["1.0", "1.1"] {
        let answer = format!("HTTP/{version} 200 OK\r\n\r\n{body}");
        let (_, readings, _) = look(TIMEOUT, async |mut stream| {
            stream.write_all(answer.as_bytes()).await.unwrap();
            stream.shutdown().await.unwrap();
        })
        .await;
        assert_eq!(values(&readings), ["up=1", "status_code=200", "dependency_up{db}=1", "time"], "{answer}");
    }
    let (_, readings) = answered("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
    assert_eq!(values(&readings), ["up=1", "status_code=200", "time"]);
}

#[tokio::test]
async fn a_redirect_to_itself_is_asked_once() {
    let (probe, readings) =
        answered("HTTP/1.1 302 Found\r\nLocation: /health\r\nContent-Length: 0\r\n\r\n").await;
    assert_eq!(values(&readings), ["up=0", "status_code=302", "time"]);
    assert_eq!(
        readings.faults,
        [
            "health check http://h/health: it answers with a redirect, which load balancers do not follow: ask \
          for the page that it leads to"
        ]
    );
    assert!(matches!(probe.last(), Some(Outcome::Answered { status: 302, .. })));
}

#[tokio::test]
async fn a_refused_connection_is_the_answer_and_no_fault() {
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    for host in ["127.0.0.1", "localhost"] {
        let url = parse_url(&format!("http://{host}:{}/", free.port())).unwrap();
        let mut probe = Probe::new(url, TIMEOUT);
        let mut readings = Readings::default();
        probe.sample(&mut readings).await;
        down(&probe, &readings, "");
        assert!(matches!(probe.last(), Some(Outcome::Nothing(NoAnswer::Refused(_)))), "{:?}", probe.last());
    }
}

#[tokio::test]
async fn localhost_is_found_without_a_resolver() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = parse_url(&format!("http://localhost:{}/", listener.local_addr().unwrap().port())).unwrap();
    assert!(connect(&url).await.is_ok());
}

#[tokio::test]
async fn a_host_that_is_not_found_is_a_gap_and_a_fault() {
    let mut probe = Probe::new(parse_url("http://no-such-host.invalid/").unwrap(), TIMEOUT);
    let mut readings = Readings::default();
    probe.sample(&mut readings).await;
    assert_eq!(values(&readings), [""; 0]);
    assert_eq!(
        readings.faults,
        ["health check http://no-such-host.invalid/: the address of its host cannot be found"]
    );
}

#[test]
fn a_host_that_cannot_ask_does_not_say_that_the_service_is_down() {
    use rustix::io::Errno;
    for (errno, down) in [
        (Errno::CONNREFUSED, true),
        (Errno::TIMEDOUT, true),
        (Errno::HOSTUNREACH, true),
        (Errno::MFILE, false),
        (Errno::NOBUFS, false),
        (Errno::ADDRNOTAVAIL, false),
        (Errno::ACCESS, false),
    ] {
        let why = refused(errno.into());
        assert_eq!((why.is_down(), why.is_fault()), (down, !down), "{why:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_silent_service_is_down_when_the_time_is_over() {
    let begun = Instant::now();
    let (probe, readings, _) = look(TIMEOUT, async |stream| {
        std::future::pending::<()>().await;
        drop(stream);
    })
    .await;
    down(&probe, &readings, "");
    assert_eq!(begun.elapsed().as_secs(), 5);
    assert_eq!(probe.last().unwrap().to_string(), "no whole answer within 5 s");
}

#[tokio::test(start_paused = true)]
async fn a_slow_service_is_up_if_it_is_in_time() {
    for (delay, up) in [(4, "up=1"), (6, "up=0")] {
        let (_, readings, _) = look(TIMEOUT, async |mut stream| {
            tokio::time::sleep(Duration::from_secs(delay)).await;
            stream.write_all(with_body(200, "ok").as_bytes()).await.ok();
        })
        .await;
        assert_eq!(values(&readings)[0], up);
        assert_eq!(readings.values.iter().any(|reading| reading.metric == &name::HEALTH_TIME), up == "up=1");
    }
}

#[tokio::test(start_paused = true)]
async fn bytes_that_drip_for_ever_end_with_the_time() {
    for head in ["", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n"] {
        let (probe, readings, _) = look(TIMEOUT, async |mut stream| {
            stream.write_all(head.as_bytes()).await.ok();
            let drops = if head.is_empty() { "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok" } else { "x" };
            for drop in drops.bytes().cycle() {
                tokio::time::sleep(Duration::from_secs(1)).await;
                if stream.write_all(&[drop]).await.is_err() {
                    break;
                }
            }
        })
        .await;
        down(&probe, &readings, "");
        assert!(matches!(probe.last(), Some(Outcome::Nothing(NoAnswer::Late(_)))), "{:?}", probe.last());
    }
}

#[tokio::test]
async fn a_gigabyte_is_not_read() {
    const GIGABYTE: usize = 1 << 30;
    // What the kernel holds of one connection on loopback, at its largest.
    const IN_FLIGHT: usize = 32 << 20;
    for (framing, before) in [("Transfer-Encoding: chunked", "10000\r\n"), ("Content-Length: 1073741824", "")]
    {
        let written = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&written);
        let (probe, readings, _) = look(Duration::from_mins(1), async move |mut stream| {
            let piece =
                [before.as_bytes(), &vec![b'x'; 0x10000], before.get(5..).unwrap_or("").as_bytes()].concat();
            stream.write_all(format!("HTTP/1.1 200 OK\r\n{framing}\r\n\r\n").as_bytes()).await.ok();
            while counter.load(Ordering::Relaxed) < GIGABYTE && stream.write_all(&piece).await.is_ok() {
                counter.fetch_add(piece.len(), Ordering::Relaxed);
            }
        })
        .await;
        assert_eq!(values(&readings), ["up=1", "status_code=200"], "{:?}", probe.last());
        assert_eq!(
            readings.faults,
            ["health check http://h/health: the body is longer than 64 KiB: its dependencies are not read"]
        );
        let written = written.load(Ordering::Relaxed);
        assert!(written < IN_FLIGHT, "{written} bytes were taken");
    }
}

#[tokio::test]
async fn what_is_no_http_is_a_fault() {
    for garbage in [
        "SSH-2.0-OpenSSH_9.6\r\n",
        "\u{0}\u{1}\u{2}\r\n\r\n",
        "HTTP/1.1 999999 OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\nno colon here\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        "HTTP/2 200\r\n\r\n",
    ] {
        let (probe, readings) = answered(garbage).await;
        down(&probe, &readings, "what it answers is no HTTP");
    }
}

#[tokio::test]
async fn a_header_without_end_is_a_fault() {
    for line in ["x: y\r\n", "x"] {
        let (probe, readings, _) = look(Duration::from_mins(1), async |mut stream| {
            stream.write_all(b"HTTP/1.1 200 OK\r\nfirst: ").await.ok();
            let lines = line.repeat(1024);
            while stream.write_all(lines.as_bytes()).await.is_ok() {}
        })
        .await;
        down(&probe, &readings, "the header of its answer is longer than 64 KiB");
    }
}

#[tokio::test]
async fn a_connection_that_ends_early_is_down_and_no_fault() {
    let parts = ["", "HTTP/1.1 20", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{"];
    for (part, reset) in parts.into_iter().flat_map(|part| [(part, false), (part, true)]) {
        let (probe, readings, _) = look(TIMEOUT, async |mut stream| {
            stream.write_all(part.as_bytes()).await.unwrap();
            if reset {
                stream.set_zero_linger().unwrap();
            }
        })
        .await;
        down(&probe, &readings, "");
        assert!(matches!(probe.last(), Some(Outcome::Nothing(NoAnswer::Broken(_)))), "{:?}", probe.last());
    }
}
