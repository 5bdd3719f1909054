//! The .deb: named by `STARTTECH_AGENT_DEB`, or packed around the binary that is tested.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use tempfile::TempDir;

use crate::agent::{binary, without_cargo};

/// The package to test.
pub fn built() -> PathBuf {
    static BUILT: OnceLock<(PathBuf, Option<TempDir>)> = OnceLock::new();
    let (package, _) = BUILT.get_or_init(|| {
        if let Some(path) = std::env::var_os("STARTTECH_AGENT_DEB") {
            return (PathBuf::from(path), None);
        }
        let directory = TempDir::with_prefix("package-").expect("a temporary directory");
        (build(directory.path()), Some(directory))
    });
    package.canonicalize().unwrap_or_else(|error| panic!("there is no {}: {error}", package.display()))
}

/// Packs the binary that is tested into a package in this directory.
pub fn build(directory: &Path) -> PathBuf {
    let mut command = Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../packaging/deb/build.sh"));
    without_cargo(&mut command);
    let output = command.arg("--binary").arg(binary()).arg(directory).output().expect("bash");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "the package does not build: {said}");
    PathBuf::from(String::from_utf8_lossy(&output.stdout).trim_end())
}

/// A package of another version, made from one, in this directory.
pub fn changed(package: &Path, directory: &Path, version: &str, change: impl FnOnce(&Path)) -> PathBuf {
    let tree = directory.join(format!("tree-{version}"));
    deb(&["--raw-extract".as_ref(), package, &tree]);
    let control = tree.join("DEBIAN/control");
    let text = fs::read_to_string(&control).expect("every package has one");
    let of_version = |line: &str| {
        if line.starts_with("Version: ") { format!("Version: {version}") } else { line.to_owned() }
    };
    let text: String = text.lines().map(|line| of_version(line) + "\n").collect();
    fs::write(&control, text).expect("it can be written");
    change(&tree);
    let made = directory.join(format!("starttech-agent_{version}.deb"));
    deb(&[
        "--root-owner-group".as_ref(),
        "-Zgzip".as_ref(),
        "-z1".as_ref(),
        "--build".as_ref(),
        &tree,
        &made,
    ]);
    made
}

fn deb(arguments: &[&Path]) {
    let output = Command::new("dpkg-deb").args(arguments).output().expect("dpkg-deb");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
