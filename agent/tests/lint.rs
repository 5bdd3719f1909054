//! The program's own dashboards and queries have no finding, and `lint` answers as its help says.

#![expect(clippy::unwrap_used, reason = "a test: what is not as expected ends it")]

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

fn lint(arguments: &[&str], input: &[u8]) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_starttech-agent"))
        .arg("lint")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    child.wait_with_output().unwrap()
}

/// A file, or everything below a folder.
fn files(below: &Path) -> Vec<PathBuf> {
    if below.is_file() {
        return vec![below.to_owned()];
    }
    let Ok(entries) = std::fs::read_dir(below) else { return Vec::new() };
    entries
        .map(|entry| entry.unwrap().path())
        .flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] })
        .collect()
}

/// What of a folder is a dashboard, alarms or queries is without a finding. Answers how many there are.
fn clean(folder: &Path) -> usize {
    let is_ours = |path: &PathBuf| {
        path.extension().is_some_and(|ending| ["json", "txt"].iter().any(|known| ending == *known))
    };
    let files: Vec<PathBuf> = files(folder).into_iter().filter(is_ours).collect();
    for file in &files {
        let output = lint(&[file.to_str().unwrap()], b"");
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stdout));
    }
    files.len()
}

#[test]
fn what_we_ship_is_clean() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../dashboards");
    // The alarms there are in words of the agent's own, with names to fill in.
    let dashboards = clean(&root.join("starttech.json"));
    let queries = clean(&root.join("queries"));
    assert!(
        dashboards == 1 && queries > 5,
        "{dashboards} dashboards and {queries} queries in {}",
        root.display()
    );
}

#[test]
fn the_exit_code_tells_whether_there_are_findings() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let good = path("good.json", r#"{"widgets":[]}"#);
    let bad = path(
        "bad.json",
        r#"{"widgets":[{"type":"log","properties":{"region":"eu-west-1","query":"limit 5"}}]}"#,
    );
    let (empty, binary) = (path("empty.txt", ""), path("binary.json", &"\0\u{1}".repeat(4000)));
    for (arguments, code) in [
        (vec![good.as_str()], 0),
        (vec![good.as_str(), bad.as_str()], 2),
        (vec!["--json", bad.as_str()], 2),
        (vec![empty.as_str()], 2),
        (vec![binary.as_str()], 2),
        (vec![good.as_str(), "/nowhere/at/all.json"], 1),
        (vec![bad.as_str(), folder.path().to_str().unwrap()], 1),
        (vec![], 64),
        (vec!["--no-such-option"], 64),
    ] {
        assert_eq!(lint(&arguments, b"").status.code(), Some(code), "{arguments:?}");
    }
}

#[test]
fn standard_input_and_json_are_for_other_programs() {
    let output = lint(&["--json", "-"], b"filter msg like /x/i");
    assert_eq!(output.status.code(), Some(2));
    let reports: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let finding = &reports[0]["findings"][0];
    assert_eq!(reports[0]["file"], "<stdin>");
    assert_eq!(
        (&finding["rule"], &finding["line"], &finding["column"]),
        (&"query-regex-flags".into(), &1.into(), &20.into())
    );
    assert_eq!(finding["severity"], "error");
    let shown = lint(&["-"], b"filter msg like /x/i");
    let shown = String::from_utf8(shown.stdout).unwrap();
    assert!(
        shown.starts_with("<stdin>:1:20: error[query-regex-flags]: ")
            && shown.ends_with("1 file: 1 error, 0 warnings, 0 hints\n"),
        "{shown}"
    );
}
