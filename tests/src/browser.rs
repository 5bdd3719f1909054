//! A real browser without a window, driven over the `DevTools` protocol.

use std::io::{BufRead, BufReader};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tempfile::TempDir;
use tungstenite::stream::MaybeTlsStream;
use tungstenite::{Message, WebSocket};

/// A loaded machine of two cores.
const LIMIT: Duration = Duration::from_mins(1);
/// Under these names it is installed.
const NAMES: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];

/// A browser with one page; it goes with this value.
#[derive(Debug)]
pub struct Browser {
    child: Child,
    socket: WebSocket<MaybeTlsStream<TcpStream>>,
    session: String,
    number: u64,
    /// What the page complained of: errors of scripts, of its policy, of what it fetched.
    complaints: Vec<String>,
    _profile: TempDir,
}

impl Browser {
    /// Starts it.
    pub fn start() -> Self {
        let profile = TempDir::with_prefix("browser-").expect("a directory");
        let mut program =
            std::env::var("STARTTECH_TEST_BROWSER").ok().into_iter().chain(NAMES.map(str::to_owned));
        let mut child = program
            .find_map(|name| {
                Command::new(name)
                    .args([
                        "--headless",
                        "--no-sandbox",
                        "--disable-gpu",
                        "--disable-dev-shm-usage",
                        "--no-first-run",
                    ])
                    .args([
                        "--disable-extensions",
                        "--hide-scrollbars",
                        "--remote-debugging-port=0",
                        "about:blank",
                    ])
                    .arg(format!("--user-data-dir={}", profile.path().display()))
                    .stdout(Stdio::null())
                    .stderr(Stdio::piped())
                    .spawn()
                    .ok()
            })
            .expect("a browser: run tests/setup.sh");
        let mut said = BufReader::new(child.stderr.take().expect("piped"));
        let mut address = String::new();
        let address = loop {
            address.clear();
            assert!(said.read_line(&mut address).expect("text") > 0, "the browser ended");
            if let Some((_, found)) = address.split_once("DevTools listening on ") {
                break found.trim().to_owned();
            }
        };
        // What it goes on to say must not fill the pipe.
        std::thread::spawn(move || std::io::copy(&mut said, &mut std::io::sink()));
        let (socket, _) = tungstenite::connect(&address).expect("the browser answers");
        if let MaybeTlsStream::Plain(stream) = socket.get_ref() {
            stream.set_read_timeout(Some(LIMIT)).expect("a limit");
        }
        let mut browser = Self {
            child,
            socket,
            session: String::new(),
            number: 0,
            complaints: Vec::new(),
            _profile: profile,
        };
        let target = browser.call("Target.createTarget", &json!({ "url": "about:blank" }));
        let attach = json!({ "targetId": target["targetId"], "flatten": true });
        let session = browser.call("Target.attachToTarget", &attach);
        session["sessionId"].as_str().expect("a session").clone_into(&mut browser.session);
        for domain in ["Page.enable", "Runtime.enable", "Log.enable"] {
            browser.call(domain, &json!({}));
        }
        browser
    }

    fn call(&mut self, method: &str, parameters: &Value) -> Value {
        self.number += 1;
        let mut request = json!({ "id": self.number, "method": method, "params": parameters });
        if !self.session.is_empty() {
            request["sessionId"] = json!(self.session);
        }
        self.socket.send(Message::text(request.to_string())).expect("the browser listens");
        loop {
            let message = self.socket.read().unwrap_or_else(|error| panic!("{method}: {error}"));
            let Ok(text) = message.to_text() else { continue };
            let Ok(answer) = serde_json::from_str::<Value>(text) else { continue };
            if answer["id"] == self.number {
                assert!(answer["error"].is_null(), "{method}: {}", answer["error"]);
                return answer["result"].clone();
            }
            self.hear(&answer);
        }
    }

    fn hear(&mut self, event: &Value) {
        let parameters = &event["params"];
        let complaint = match event["method"].as_str() {
            Some("Runtime.exceptionThrown") => true,
            Some("Log.entryAdded") => parameters["entry"]["level"] == "error",
            Some("Runtime.consoleAPICalled") => parameters["type"] == "error",
            _ => false,
        };
        if complaint {
            self.complaints.push(parameters.to_string());
        }
    }

    /// Opens an address and waits until it is loaded.
    pub fn open(&mut self, address: &str) {
        self.call("Page.navigate", &json!({ "url": address }));
        self.await_that("document.readyState === 'complete' && location.href !== 'about:blank'");
    }

    /// What an expression of JavaScript gives.
    pub fn value(&mut self, expression: &str) -> Value {
        let ask = json!({ "expression": expression, "returnByValue": true, "awaitPromise": true });
        let answer = self.call("Runtime.evaluate", &ask);
        assert!(answer["exceptionDetails"].is_null(), "{expression}: {}", answer["exceptionDetails"]);
        answer["result"]["value"].clone()
    }

    /// Waits until an expression is true.
    pub fn await_that(&mut self, expression: &str) {
        let limit = Instant::now() + LIMIT;
        while self.value(expression) != json!(true) {
            assert!(Instant::now() < limit, "never: {expression}\n{}", self.value("document.body.innerText"));
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// The window's size, and whether it is a phone's.
    pub fn size(&mut self, width: u32, height: u32, mobile: bool) {
        let size = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": mobile });
        self.call("Emulation.setDeviceMetricsOverride", &size);
    }

    /// Whether the system is dark.
    pub fn dark(&mut self, dark: bool) {
        let value = if dark { "dark" } else { "light" };
        let features = json!({ "features": [{ "name": "prefers-color-scheme", "value": value }] });
        self.call("Emulation.setEmulatedMedia", &features);
    }

    /// A picture of what is in the window.
    pub fn picture(&mut self, path: &Path) {
        let answer = self.call("Page.captureScreenshot", &json!({ "format": "png" }));
        let bytes = STANDARD.decode(answer["data"].as_str().expect("a picture")).expect("base64");
        std::fs::write(path, bytes).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    }

    /// What was complained of so far.
    pub fn complaints(&mut self) -> Vec<String> {
        self.value("1"); // what was said before is heard before the answer
        std::mem::take(&mut self.complaints)
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
