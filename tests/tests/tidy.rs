//! The tree obeys the rules that no lint knows.

use std::fs;
use std::path::Path;
use std::process::Command;

use harness::tidy::{self, File};

/// Everything git tracks, and what it would track, below a folder of the repository.
fn files(below: &str, ending: &str) -> Vec<File> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace");
    let mut git = Command::new("git");
    // Whoever owns the clone: under sudo it is not who reads it.
    git.args(["-c", "safe.directory=*", "-C"]).arg(root);
    git.args(["ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", below]);
    let output = git.output().expect("git");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let listed = String::from_utf8(output.stdout).expect("names are UTF-8");
    let read = |path: &str| {
        // What is deleted but not committed is listed; what is no text has no lines.
        let text = String::from_utf8(fs::read(root.join(path)).ok()?).ok()?;
        let path = path.strip_prefix(below).filter(|_| below.ends_with('/')).unwrap_or(path).to_owned();
        Some(File { path, text })
    };
    listed.split('\0').filter(|path| path.ends_with(ending)).filter_map(read).collect()
}

fn assert_none(faults: &[String]) {
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

#[test]
fn layers_name_only_what_stands_below() {
    assert_none(&tidy::layers(&files("agent/src/", ".rs")));
}

#[test]
fn files_stay_within_their_budget() {
    assert_none(&tidy::budget(&files("agent/src/", ".rs")));
}

#[test]
fn every_rust_file_has_its_form() {
    let all = files(".", ".rs");
    assert!(all.len() > 20, "only {} files were found", all.len());
    assert_none(&tidy::form(&all));
}

#[test]
fn nothing_belongs_to_one_machine() {
    assert_none(&tidy::foreign(&files(".", "")));
}

#[test]
fn the_map_of_the_code_is_short() {
    let maps = files("ARCHITECTURE.md", "");
    assert_none(&maps.iter().flat_map(|map| tidy::architecture(&map.text)).collect::<Vec<_>>());
}
