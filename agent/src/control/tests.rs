//! Both ends on a socket in a directory of their own.

pub(crate) mod sample;
mod versions;

use std::os::unix::fs::MetadataExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::client::{Error as AskError, ask, ask_raw};
use super::*;

/// Runs the socket beside `ask`, with answers that name what was asked, and ends it by its token.
async fn beside<F: Future<Output = ()>>(asks: impl FnOnce(PathBuf) -> F) -> Vec<Request> {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("agent.sock");
    let socket = bind(&path).await.unwrap();
    let stop = CancellationToken::new();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let answer = {
        let seen = Arc::clone(&seen);
        move |request: Request, _| {
            let seen = Arc::clone(&seen);
            async move {
                seen.lock().await.push(request.clone());
                match request {
                    Request::Status => Answer::good(&sample::well()),
                    Request::EndSilence { .. } => Answer::absent("not silenced"),
                    _ => Answer::good(&"done"),
                }
            }
        }
    };
    tokio::join!(run(socket, answer, stop.clone()), async {
        asks(path.clone()).await;
        stop.cancel();
    });
    assert!(!path.exists(), "it takes its name away");
    // Connections that were cut off may hold it for a moment longer.
    seen.lock().await.clone()
}

/// Sends these bytes and reads to the end.
async fn talk(path: &Path, request: &str) -> String {
    let mut stream = UnixStream::connect(path).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.ok();
    String::from_utf8(answer).unwrap()
}

#[tokio::test]
async fn what_is_asked_arrives_and_so_does_the_answer() {
    let silencing =
        Silencing { rule: "container-*".into(), seconds: 60, reason: Some("a & b=ü".into()), by: None };
    let end = Request::EndSilence { rule: "a&b=ü *".into() };
    let (wanted, ending) = (Request::Silence(silencing), end.clone());
    let seen = beside(async |path| {
        let status: Status = ask(&path, &Request::Status).await.unwrap();
        assert_eq!(status, sample::well());
        for request in [Request::Reload, Request::Silences, wanted.clone()] {
            let done: String = ask(&path, &request).await.unwrap();
            assert_eq!(done, "done");
        }
        let refused = ask_raw(&path, &ending).await.unwrap_err();
        assert!(matches!(&refused, AskError::Refused(words) if words == "not silenced"), "{refused:?}");
    })
    .await;
    assert_eq!(seen, [Request::Status, Request::Reload, Request::Silences, wanted, end]);
}

#[tokio::test]
async fn everything_else_is_refused_in_json() {
    let seen = beside(async |path| {
        for (head, body, status, words) in [
            ("GET /", "", "404", "there are GET /v1/status"),
            ("GET /v1/status/", "", "404", "there are"),
            ("POST /v1/status", "", "405", "/v1/status takes GET"),
            ("GET /v1/reload", "", "405", "/v1/reload takes POST"),
            ("DELETE /v1/silences", "", "400", "?rule=RULE"),
            ("PUT /v1/silences", "{}", "400", "missing field `rule`"),
            ("PUT /v1/silences", "{\"rule\":\"all\",\"seconds\":1,\"x\":1}", "400", "unknown field `x`"),
            ("PUT /v1/silences", "not json", "400", "the body is no"),
        ] {
            let request =
                format!("{head} HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n{body}", body.len());
            let answer = talk(&path, &request).await;
            assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{head}: {answer}");
            assert!(answer.contains("\r\ncontent-type: application/json\r\n"), "{answer}");
            let body = answer.split("\r\n\r\n").nth(1).unwrap();
            let complaint: Complaint = serde_json::from_str(body).unwrap();
            assert!(complaint.error.contains(words), "{head}: {complaint:?}");
        }
        let endless = format!("GET /v1/status HTTP/1.1\r\nX: {}", "x".repeat(LIMITS.header_bytes));
        assert!(talk(&path, &endless).await.starts_with("HTTP/1.1 431 "));
        let large = format!(
            "PUT /v1/silences HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n{}",
            2 * BODY_BYTES,
            "x".repeat(2 * BODY_BYTES)
        );
        let answer = talk(&path, &large).await;
        assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
        assert!(talk(&path, "\u{0}\r\n\r\n").await.starts_with("HTTP/1.1 400 "));
    })
    .await;
    assert_eq!(seen, [], "nothing of it was taken for a request");
}

#[tokio::test(start_paused = true)]
async fn those_who_say_nothing_keep_others_waiting_and_not_out() {
    beside(async |path| {
        let mut silent = Vec::new();
        for _ in 0..100 {
            silent.push(UnixStream::connect(&path).await.unwrap());
        }
        let begun = Instant::now();
        let status: Status = ask(&path, &Request::Status).await.unwrap();
        assert_eq!(status.pid, 812);
        // They are served in turns, and each turn of silence lasts as long as a header may.
        assert_eq!(begun.elapsed().as_secs(), 100 / LIMITS.connections as u64 * LIMITS.header.as_secs());
    })
    .await;
}

#[tokio::test]
async fn only_owner_and_group_may_ask() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("agent.sock");
    let socket = bind(&path).await.unwrap();
    assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o660);
    drop(socket);
    assert!(!path.exists());
}

#[tokio::test]
async fn what_is_left_is_replaced_and_what_lives_is_not() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("agent.sock");
    // A killed daemon leaves its socket, and nobody holds its lock.
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    assert!(path.exists());
    let first = bind(&path).await.unwrap();
    let why = bind(&path).await.unwrap_err().to_string();
    assert_eq!(why, format!("{} is in use by another program", path.display()));
    UnixStream::connect(&path).await.expect("the first is still there");
    drop(first);

    // Somebody else's, who knows nothing of the lock.
    let other = std::os::unix::net::UnixListener::bind(&path).unwrap();
    assert!(matches!(bind(&path).await, Err(Error::InUse(_))));
    drop(other);
    fs::remove_file(&path).unwrap();
    fs::write(&path, "a file").unwrap();
    assert!(matches!(bind(&path).await, Err(Error::NoSocket(_))));
    assert_eq!(fs::read_to_string(&path).unwrap(), "a file");
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let hand = directory.path().join("by-hand/agent.sock");
    let started = bind(&hand).await.expect("its directory is made");
    assert_eq!((mode(hand.parent().unwrap()), mode(&hand)), (0o750, 0o660));
    drop(started);
    let absent = directory.path().join("absent/or/more/agent.sock");
    assert!(matches!(bind(&absent).await, Err(Error::Make(..))));
    let long = directory.path().join("x".repeat(LONGEST_PATH));
    assert!(matches!(bind(&long).await, Err(Error::TooLong(_))));
}

#[tokio::test]
async fn who_cannot_ask_is_told_why() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("agent.sock");
    assert!(matches!(ask_raw(&path, &Request::Status).await, Err(AskError::NotRunning(_))));
    let left = std::os::unix::net::UnixListener::bind(&path).unwrap();
    drop(left);
    assert!(matches!(ask_raw(&path, &Request::Status).await, Err(AskError::NotRunning(_))));
    fs::remove_file(&path).unwrap();
    let mute = UnixListener::bind(&path).unwrap();
    let (answer, ()) = tokio::join!(ask_raw(&path, &Request::Status), async {
        drop(mute.accept().await.unwrap());
    });
    assert!(matches!(answer, Err(AskError::Broken(..))), "{answer:?}");
}

#[tokio::test]
async fn each_is_asked_for_itself() {
    let asked = Arc::new(AtomicUsize::new(0));
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("agent.sock");
    let (socket, stop) = (bind(&path).await.unwrap(), CancellationToken::new());
    let answer = {
        let asked = Arc::clone(&asked);
        move |_, uid| {
            asked.fetch_add(1, Ordering::Relaxed);
            async move { Answer::good(&uid) }
        }
    };
    tokio::join!(run(socket, answer, stop.clone()), async {
        for _ in 0..3 {
            let uid: u32 = ask(&path, &Request::Reload).await.unwrap();
            assert_eq!(uid, rustix::process::geteuid().as_raw(), "it is known who asks");
        }
        stop.cancel();
    });
    assert_eq!(asked.load(Ordering::Relaxed), 3);
}
