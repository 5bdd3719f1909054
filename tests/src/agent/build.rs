//! Where the binary is: named by `STARTTECH_AGENT_BIN`, or built once per test process.

use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

/// The binary to test.
pub fn binary() -> PathBuf {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    let found = BINARY.get_or_init(|| match std::env::var_os("STARTTECH_AGENT_BIN") {
        Some(path) => PathBuf::from(path),
        None => build(),
    });
    assert!(found.is_file(), "there is no binary at {}", found.display());
    found.clone()
}

/// Builds with the profile and into the directory of the running test.
fn build() -> PathBuf {
    let test = std::env::current_exe().expect("a test runs from a file");
    let deps = test.ancestors().find(|path| path.ends_with("deps"));
    let directory =
        deps.and_then(|deps| deps.parent()).unwrap_or_else(|| test.parent().expect("a directory"));
    let profile = match directory.file_name().and_then(|name| name.to_str()) {
        Some("debug") | None => "dev",
        Some(name) => name,
    };
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    // Package by package, or without the tests, features would be other ones, and most of the
    // dependencies would be built a second time.
    command.args(["build", "--quiet", "--workspace", "--bins", "--tests", "--profile", profile]);
    command.arg("--manifest-path").arg(concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml"));
    command.arg("--target-dir").arg(directory.parent().expect("the target directory"));
    without_cargo(&mut command);
    let status = command.status().expect("cargo");
    assert!(status.success(), "the agent does not build");
    directory.join("starttech-agent")
}

/// Takes from a command what cargo tells the running test about itself: to a build in it, that would look like a
/// change to build scripts.
pub(crate) fn without_cargo(command: &mut Command) {
    for (name, _) in std::env::vars_os() {
        let told = name.to_str().is_some_and(|name| {
            ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_", "CARGO_CRATE_"]
                .iter()
                .any(|prefix| name.starts_with(prefix))
        });
        if told {
            command.env_remove(name);
        }
    }
}
