//! An HTTP endpoint that a topic of the emulator calls: it confirms its own subscription and keeps what it
//! is told, with the time at which it came.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::client::Client;
use crate::http;
use crate::role::ACCOUNT;
use crate::wait;

/// No neighbour on loopback takes longer to send what it began.
const PATIENCE: Duration = Duration::from_secs(10);

/// A subscriber. Its thread ends with the process of the test.
#[derive(Debug)]
pub struct Subscriber {
    address: SocketAddr,
    notifications: Receiver<Notification>,
}

/// What a topic sent.
#[derive(Debug, Clone)]
pub struct Notification {
    /// When it was there.
    pub at: Instant,
    /// As SNS writes it: `Subject`, `Message` …
    pub body: Value,
}

impl Notification {
    /// Its subject.
    pub fn subject(&self) -> &str {
        self.body["Subject"].as_str().unwrap_or_default()
    }

    /// Its message, which is JSON.
    pub fn document(&self) -> Value {
        let message = self.body["Message"].as_str().unwrap_or_default();
        serde_json::from_str(message).unwrap_or_else(|error| panic!("{error} in {message}"))
    }
}

impl Subscriber {
    /// Listens on a free loopback port. `topics` is where a subscription is confirmed.
    pub fn start(topics: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free loopback port");
        let address = listener.local_addr().expect("its address");
        let (sender, notifications) = channel();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                // Who breaks off has told nothing.
                take(stream, topics, &sender).unwrap_or_default();
            }
        });
        Self { address, notifications }
    }

    /// Makes a topic and subscribes to it.
    pub fn of_topic(topics: SocketAddr, region: &str, name: &str) -> Self {
        let subscriber = Self::start(topics);
        let client = Client::new(topics);
        let ask =
            |parameters: &[(&str, &str)]| client.query("sns", parameters).expect("the topics answer").text();
        assert!(ask(&[("Action", "CreateTopic"), ("Name", name)]).contains(&format!(":{name}<")));
        let arn = format!("arn:aws:sns:{region}:{ACCOUNT}:{name}");
        let url = subscriber.url();
        let subscribe =
            [("Action", "Subscribe"), ("TopicArn", &arn), ("Protocol", "http"), ("Endpoint", url.as_str())];
        ask(&subscribe);
        wait::until(PATIENCE, "the subscription to be confirmed", || {
            let listed = ask(&[("Action", "ListSubscriptionsByTopic"), ("TopicArn", &arn)]);
            listed.contains(&url) && !listed.contains("PendingConfirmation")
        });
        subscriber
    }

    /// What a topic is told to call.
    pub fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    /// The first notification that this holds of, past all others; panics after the limit, naming what was
    /// awaited and what came instead.
    pub fn until(&self, limit: Duration, what: &str, holds: impl Fn(&Value) -> bool) -> Notification {
        let end = Instant::now() + limit;
        let mut others = Vec::new();
        loop {
            let left = end.saturating_duration_since(Instant::now());
            match self.notifications.recv_timeout(left) {
                Ok(notification) if holds(&notification.body) => return notification,
                Ok(other) => others.push(other.body["Subject"].clone()),
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                    panic!("waited {limit:?} in vain for {what}; others came: {others:?}")
                }
            }
        }
    }

    /// The next notification if there is one by now.
    pub fn try_next(&self) -> Option<Notification> {
        self.notifications.try_recv().ok()
    }

    /// The next notification; panics after the limit, naming what was awaited.
    pub fn next(&self, limit: Duration, what: &str) -> Notification {
        self.notifications
            .recv_timeout(limit)
            .unwrap_or_else(|_| panic!("waited {limit:?} in vain for {what}"))
    }
}

fn take(mut stream: TcpStream, topics: SocketAddr, to: &Sender<Notification>) -> std::io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut from = BufReader::new(stream.try_clone()?);
    let (mut line, mut length) = (String::new(), 0);
    while from.read_line(&mut line)? > 2 {
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap_or_default();
        }
        line.clear();
    }
    let mut body = vec![0; length];
    from.read_exact(&mut body)?;
    let at = Instant::now();
    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")?;
    let body: Value = serde_json::from_slice(&body)?;
    if body["Type"] == "SubscriptionConfirmation" {
        let url = body["SubscribeURL"].as_str().unwrap_or_default();
        let path = url.splitn(4, '/').nth(3).unwrap_or_default();
        http::send(topics, "GET", &format!("/{path}"), &[], &[])?;
    } else {
        // Nobody listens after the test.
        to.send(Notification { at, body }).ok();
    }
    Ok(())
}
