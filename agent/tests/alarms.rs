//! `alarms test` answers as its help and docs/alarm-tests.md say.

#![expect(clippy::unwrap_used, reason = "a test: what is not as expected ends it")]

use std::path::Path;
use std::process::{Command, Output};

use expect_test::expect_file;
use tempfile::TempDir;

/// In a folder with an empty configuration, which says that the defaults hold.
fn alarms_test(folder: &Path, arguments: &[&str]) -> Output {
    std::fs::write(folder.join("agent.toml"), "").unwrap();
    Command::new(env!("CARGO_BIN_EXE_starttech-agent"))
        .args(["alarms", "test", "--config", "agent.toml"])
        .args(arguments)
        .env_clear()
        .current_dir(folder)
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// `UPDATE_EXPECT=1` writes into the page what the command prints.
#[test]
fn the_page_shows_what_the_command_prints() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/alarm-tests.md");
    let words = std::fs::read_to_string(&page).unwrap();
    let (before, rest) = words.split_once("```text\n").unwrap();
    let (_, after) = rest.split_once("```\n").unwrap();
    let (_, example) = before.split_once("```toml\n").unwrap();
    let (example, _) = example.split_once("```\n").unwrap();
    let folder = TempDir::new().unwrap();
    std::fs::write(folder.path().join("memory.toml"), example).unwrap();
    let output = alarms_test(folder.path(), &["memory.toml"]);
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
    expect_file![page].assert_eq(&format!("{before}```text\n{}```\n{after}", text(&output.stdout)));
}

#[test]
fn exit_codes_are_those_of_the_help() {
    let folder = TempDir::new().unwrap();
    let file = |name: &str, states: &str| {
        let test = format!(
            "[[test]]\nname = 'x'\nstart = 'OK'\nseries.panics = '0 1'\nexpect.panics = '{states}'\n"
        );
        std::fs::write(folder.path().join(name), test).unwrap();
    };
    file("good.toml", "oA");
    file("fails.toml", "oo");
    file("bad.toml", "oB");
    let code = |arguments: &[&str]| alarms_test(folder.path(), arguments).status.code();
    assert_eq!(code(&["good.toml"]), Some(0));
    assert_eq!(code(&["good.toml", "fails.toml", "--junit", "report.xml"]), Some(1));
    let report = std::fs::read_to_string(folder.path().join("report.xml")).unwrap();
    assert!(report.contains("tests=\"2\"") && report.contains("failures=\"1\""), "{report}");
    assert_eq!(code(&[]), Some(64));
    let output =
        alarms_test(folder.path(), &["good.toml", "bad.toml", "nowhere.toml", "--junit", "none.xml"]);
    assert_eq!(output.status.code(), Some(64));
    assert_eq!(text(&output.stdout), "", "nothing is played");
    let told = text(&output.stderr);
    assert!(told.starts_with("2 faults in the tests:\nbad.toml:5:19: 'B' is no state"), "{told}");
    assert!(told.contains("nowhere.toml: No such file"), "{told}");
    assert!(!folder.path().join("none.xml").exists());
}
