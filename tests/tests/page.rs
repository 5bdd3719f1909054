//! The dashboard's page in a real browser, over measures and lines that this test writes as the local mode does.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::SystemTime;

use harness::agent::binary;
use harness::browser::Browser;
use serde_json::{Value, json};
use tempfile::TempDir;

/// Text that would do something if it were markup or script.
const HOSTILE: &str = "</script><script>window.injected=1</script><img src=x onerror=\"window.injected=1\">'\"`&lt;{{7*7}}\u{1b}[2J";

/// A directory of the local mode, and its page.
struct Page {
    child: Child,
    address: String,
    directory: TempDir,
}

impl Page {
    /// Shows what `fill` writes.
    fn of(arguments: &[&str], fill: impl FnOnce(&Path)) -> Self {
        let directory = TempDir::with_prefix("page-").expect("a directory");
        fill(directory.path());
        let mut command = Command::new(binary());
        command
            .env_clear()
            .args(["dashboard", "serve", "--listen", "127.0.0.1:0", "--dir"])
            .arg(directory.path());
        let mut child = command.args(arguments).stdout(Stdio::piped()).spawn().expect("the agent");
        let mut said = String::new();
        let mut out = child.stdout.take().expect("piped");
        let mut byte = [0];
        while !said.ends_with('\n') && out.read(&mut byte).expect("text") > 0 {
            said.push(char::from(byte[0]));
        }
        let address = said.split_whitespace().next().unwrap_or_else(|| panic!("no address in {said:?}"));
        Self { child, address: address.to_owned(), directory }
    }

    fn ask(&self, head: &str) -> String {
        let host = self.address.trim_start_matches("http://").trim_end_matches('/');
        let mut stream = TcpStream::connect(host).expect("it listens");
        stream.write_all(format!("{head}\r\n\r\n").as_bytes()).expect("it reads");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("it answers");
        answer
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("after 1970");
    i64::try_from(since.as_millis()).expect("before the end")
}

/// The minute that began so many minutes ago.
fn minute(ago: i64) -> i64 {
    (now_ms() / 60_000 - ago) * 60_000
}

/// What the host measured in a minute: memory so full, and requests with 5xx among them.
fn measured(ago: i64, memory: f64, weight: f64) -> String {
    let time = minute(ago);
    let wave = f64::from(i32::try_from(ago).expect("minutes") % 60) / 60.0;
    let set = |value: f64| json!([value, value, value * weight, weight]);
    json!({
        "namespace": "StartTech/Backend", "series": [[["InstanceId", "laptop"]]], "resolution_s": 60,
        "data": [
            { "name": "mem_used_percent", "unit": "Percent", "time": time, "set": set(memory) },
            { "name": "cpu_usage_active", "unit": "Percent", "time": time, "set": set(20.0 + 30.0 * wave) },
            { "name": "requests", "unit": "Count", "time": time, "value": 100.0 + 80.0 * wave },
            { "name": "responses_5xx", "unit": "Count", "time": time, "value": 2.0 },
            { "name": "responses_4xx", "unit": "Count", "time": time, "value": 5.0 },
            { "name": "response_time", "unit": "Seconds", "time": time, "values": [[0.01, 80], [0.2 + wave, 20]] },
            { "name": "container_up", "of": ["ContainerName", HOSTILE], "unit": "None", "time": time, "set": set(1.0) },
            { "name": "health_up", "unit": "None", "time": time, "set": set(1.0) },
        ]
    })
    .to_string()
        + "\n"
}

/// So much more of something in each of the last minutes.
fn counted(name: &str, value: f64) -> String {
    let one = |ago| json!({ "name": name, "unit": "Count", "time": minute(ago), "value": value });
    let series = json!([[["InstanceId", "laptop"]]]);
    let data: Vec<Value> = (1..60).map(one).collect();
    let batch =
        json!({ "namespace": "StartTech/Backend", "series": series, "resolution_s": 60, "data": data });
    format!("{batch}\n")
}

/// What only AWS has, usually.
fn of_aws() -> String {
    let data = json!([{ "name": "RequestCount", "unit": "Count", "time": minute(2), "value": 7.0 }]);
    let series = json!([[["LoadBalancer", "app/web/1"]]]);
    let batch =
        json!({ "namespace": "AWS/ApplicationELB", "series": series, "resolution_s": 60, "data": data });
    format!("{batch}\n")
}

fn append(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().expect("a directory")).expect("it can be made");
    let mut file = File::options().append(true).create(true).open(path).expect("it can be opened");
    file.write_all(text.as_bytes()).expect("it can be written");
}

fn history(directory: &Path) -> PathBuf {
    directory.join(".spool/history/metrics.jsonl")
}

/// Three hours of measures, and lines.
fn fill(directory: &Path, lines: i64) {
    let all: String = (1..180).rev().map(|ago| measured(ago, 40.0, 6.0)).collect();
    append(&history(directory), &all);
    let alert = json!({ "AlarmName": "starttech-panic-laptop", "NewStateValue": "ALARM", "NewStateReason": HOSTILE,
        "StateChangeTime": "2026-11-23T10:00:00.000+0000", "StartTech": { "Rule": "panic" } });
    append(&directory.join(".spool/history/alerts.jsonl"), &format!("{alert}\n"));
    let mut text = String::new();
    let line = |n: i64, message: &str| json!({ "timestamp": minute(170) + n * 9_000_000 / lines.max(1), "message": message });
    for n in 0..lines {
        let status = if n % 50 == 0 { 500 } else { 200 };
        let message = json!({ "time": "x", "level": "INFO", "msg": format!("GET /tasks/{n} {status}"), "method": "GET",
            "path": format!("/tasks/{}", n % 7), "status": status, "latency_ms": n % 90, "ip": "10.0.0.7" });
        text.extend([line(n, &message.to_string()).to_string().as_str(), "\n"]);
    }
    let error = json!({ "time": "x", "level": "ERROR", "msg": HOSTILE });
    text.extend([line(lines, &error.to_string()).to_string().as_str(), "\n"]);
    append(&directory.join("starttech/backend/laptop/web/0123456789ab.jsonl"), &text);
}

fn pictures() -> PathBuf {
    let directory = binary().parent().expect("a directory").join("pictures");
    fs::create_dir_all(&directory).expect("it can be made");
    directory
}

fn assert_inert(browser: &mut Browser) {
    assert_eq!(browser.value("window.injected === undefined && !document.querySelector('img')"), json!(true));
    assert_eq!(browser.complaints(), Vec::<String>::new());
}

#[test]
fn measures_alarms_and_lines_are_on_the_page_and_what_changes_changes() {
    let page = Page::of(&[], |directory| fill(directory, 2_000));
    let mut browser = Browser::start();
    browser.size(1400, 1000, false);
    browser.open(&format!("{}?range=3h", page.address));
    browser.await_that("document.querySelectorAll('.chart .line').length >= 8");
    // Axes, thresholds and legends, where they can be read.
    let cut_off = "[...document.querySelectorAll('.tick')].map(tick => { const box = tick.getBoundingClientRect(); \
                   const chart = tick.closest('.chart').getBoundingClientRect(); \
                   return [tick.textContent, tick.closest('[id]').id, box.left - chart.left, box.width, chart.right - box.right]; }) \
                   .filter(([, , left, width, right]) => left < -1 || width <= 0 || right < -1)";
    assert_eq!(browser.value(cut_off), json!([]), "labels of axes are cut off");
    let text = browser.value("document.body.innerText");
    let text = text.as_str().expect("text");
    for wanted in ["Memory (%)", "error-rate-backend 5", "/tasks/3", "only AWS measures", "starttech-memory"]
    {
        assert!(text.contains(wanted), "no {wanted} in\n{text}");
    }
    browser.picture(&pictures().join("light.png"));
    assert_inert(&mut browser);

    // Requests begin to fail, and so many then do not that the rate is small, all without a reload of the page.
    let stands = |class: &str| {
        format!(
            "[...document.querySelectorAll('#strip .chip.{class} b')].some(name => name.textContent === \
             'starttech-error-rate-backend')"
        )
    };
    assert_eq!(browser.value(&stands("ok")), json!(true), "{text}");
    browser.value("window.same = true");
    append(&history(page.directory.path()), &counted("responses_5xx", 100.0));
    browser.await_that(&stands("alarm"));
    browser.picture(&pictures().join("alarm.png"));
    append(&history(page.directory.path()), &counted("requests", 100_000.0));
    browser.await_that(&stands("ok"));
    assert_eq!(browser.value("window.same"), json!(true), "it is the same page");
    assert_inert(&mut browser);

    for (asked, wanted) in [
        ("window.injected", "1 of 2001 lines"),
        ("filter status = 500 | stats count(*) as times by method", "times"),
    ] {
        browser.value(&format!(
            "document.querySelector('#search input[type=search]').value = {}; \
             document.querySelector('#search form').requestSubmit(); 1",
            json!(asked)
        ));
        browser
            .await_that(&format!("document.querySelector('#found').innerText.includes({})", json!(wanted)));
    }
    // What is no query is said, with its place.
    browser.value(
        "document.querySelector('#search input[type=search]').value = 'filter status ='; \
         document.querySelector('#search form').requestSubmit(); 1",
    );
    browser.await_that("document.querySelector('#found .why') !== null");
    // What was folded away has data: it moves up, for which the page loads itself again, with the same search.
    assert_eq!(browser.value("document.querySelector('#aside #w2') !== null && window.same"), json!(true));
    append(&history(page.directory.path()), &of_aws());
    browser.await_that(
        "document.querySelector('body > main > #w2 .line') !== null && window.same === undefined",
    );
    browser.await_that("document.querySelector('#found .why') !== null");
    assert_inert(&mut browser);
}

#[test]
fn it_is_read_on_a_phone_and_at_night() {
    let page = Page::of(&[], |directory| fill(directory, 500));
    let mut browser = Browser::start();
    browser.size(390, 844, true);
    browser.dark(true);
    browser.open(&format!("{}?range=3h", page.address));
    browser.await_that("document.querySelectorAll('.chart .line').length >= 8");
    let wide = browser.value("document.documentElement.scrollWidth");
    assert!(wide.as_u64() <= Some(390), "it is {wide} wide");
    let back =
        "getComputedStyle(document.body).backgroundColor.match(/\\d+/g).slice(0, 3).every(part => part < 60)";
    assert_eq!(
        browser.value(back),
        json!(true),
        "{}",
        browser.value("getComputedStyle(document.body).backgroundColor")
    );
    browser.picture(&pictures().join("phone-dark.png"));
    browser.value("document.querySelector('#theme').click()");
    assert_eq!(browser.value(back), json!(false), "the button makes it light");
    assert_inert(&mut browser);
}

#[test]
fn anybodys_dashboard_with_500_widgets_is_drawn() {
    let file = TempDir::new().expect("a directory");
    let path = file.path().join("many.json");
    let widget = |n: u32| {
        let metrics = json!([["StartTech/Backend", "mem_used_percent", "InstanceId", "laptop"]]);
        json!({ "type": "metric", "x": n % 4 * 6, "y": n / 4 * 4, "width": 6, "height": 4,
            "properties": { "title": format!("{n} {HOSTILE}"), "region": "eu-west-1", "metrics": metrics } })
    };
    let mut widgets: Vec<Value> = (0..499).map(widget).collect();
    widgets.push(json!({ "type": "text", "x": 0, "y": 600, "width": 24, "height": 4,
        "properties": { "markdown": format!("# {HOSTILE}\n[a](javascript:window.injected=1) {HOSTILE}") } }));
    fs::write(&path, json!({ "widgets": widgets }).to_string()).expect("it can be written");
    let page = Page::of(&["--dashboard", path.to_str().expect("text")], |directory| fill(directory, 10));
    let mut browser = Browser::start();
    browser.open(&format!("{}?range=3h", page.address));
    browser.await_that("document.querySelectorAll('section.w').length === 500");
    browser.await_that("document.querySelectorAll('.chart .line').length === 499");
    browser.value("[...document.querySelectorAll('a[href^=javascript]')].forEach(link => link.click()); 1");
    assert_inert(&mut browser);
}

#[test]
fn strangers_do_not_get_in() {
    let page = Page::of(&[], |_| {});
    assert!(page.ask("GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close").starts_with("HTTP/1.1 200 "));
    for (head, wanted) in [
        ("GET / HTTP/1.1\r\nHost: evil.example\r\nConnection: close", "HTTP/1.1 403 "),
        ("POST / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 0", "HTTP/1.1 405 "),
        ("GET /etc/passwd HTTP/1.1\r\nHost: localhost\r\nConnection: close", "HTTP/1.1 404 "),
    ] {
        let answer = page.ask(head);
        assert!(answer.starts_with(wanted), "{head}: {answer}");
    }
    let taken = page.address.trim_start_matches("http://").trim_end_matches('/').to_owned();
    let refused = |arguments: &[&str]| {
        let output = Command::new(binary()).env_clear().args(["dashboard", "serve"]).args(arguments).output();
        let output = output.expect("the agent");
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let directory = page.directory.path().to_str().expect("text");
    let (code, said) = refused(&["--dir", directory, "--listen", &taken]);
    assert!(code == Some(1) && said.contains("in use"), "{said}");
    let (code, said) = refused(&["--dir", directory, "--listen", "0.0.0.0:0"]);
    assert!(code == Some(1) && said.contains("--token-file"), "{said}");
    let nowhere = page.directory.path().join("agent.toml");
    fs::write(&nowhere, "[spool]\ndirectory = '/nonexistent'\n").expect("it can be written");
    let (code, said) = refused(&["--config", nowhere.to_str().expect("text"), "--listen", "127.0.0.1:0"]);
    assert!(code == Some(1) && said.contains("no daemon was here"), "{said}");
}

/// Page, vector and pixels of the dashboard that ships and of one that is broken.
#[test]
fn a_dashboard_is_drawn_before_it_is_imported() {
    let directory = TempDir::new().expect("a directory");
    let shipped = concat!(env!("CARGO_MANIFEST_DIR"), "/../dashboards/starttech.json");
    let preview = |file: &str, out: &str| {
        let out = directory.path().join(out);
        let mut command = Command::new(binary());
        command.env_clear().args(["dashboard", "preview", file, "--out"]).arg(&out);
        let output = command.output().expect("the agent");
        let said =
            [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).concat();
        (output.status.code(), said, fs::read(out).unwrap_or_default())
    };
    let (code, said, page) = preview(shipped, "page.html");
    assert_eq!((code, said.contains("40 widgets; lint finds nothing")), (Some(0), true), "{said}");
    assert!(String::from_utf8_lossy(&page).contains("sample data"));
    let (_, said, picture) = preview(shipped, "picture.svg");
    assert!(String::from_utf8_lossy(&picture).starts_with("<svg "), "{said}");
    let (_, said, pixels) = preview(shipped, "pixels.png");
    assert!(pixels.starts_with(b"\x89PNG") && pixels.len() > 100_000, "{said}");
    let mut browser = Browser::start();
    browser.open(&format!("file://{}", directory.path().join("page.html").display()));
    browser.await_that("document.querySelectorAll('.chart .line').length >= 40");
    assert_inert(&mut browser);

    let broken = directory.path().join("broken.json");
    fs::write(&broken, "{\n  \"widgets\": [ {] }").expect("it can be written");
    let (code, said, _) = preview(broken.to_str().expect("text"), "none.html");
    assert!(code == Some(1) && said.contains("line 2, column 17"), "{said}");
    let faulty = json!({ "widgets": [{ "type": "metric", "x": 0, "y": 0, "width": 6, "height": 6,
        "properties": { "title": "CPU", "region": "eu-west-1", "metrics": [["AWS/EC2", "CpuUtilisation", "InstanceId", "i-1"]] } }] });
    fs::write(&broken, faulty.to_string()).expect("it can be written");
    let (code, said, page) = preview(broken.to_str().expect("text"), "faulty.html");
    assert!(code == Some(0) && said.contains("finding"), "{said}");
    assert!(String::from_utf8_lossy(&page).contains("CPUUtilization"), "lint's reason is on the widget");
}
