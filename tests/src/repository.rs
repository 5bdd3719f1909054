//! A signed repository of packages, as packaging/deb/repository.sh makes it.

use std::path::Path;
use std::process::{Command, Output};

use tempfile::TempDir;

/// Two keys: ours, and somebody's.
#[derive(Debug)]
pub struct Keys {
    home: TempDir,
    /// The fingerprint of ours.
    pub ours: String,
    /// Of somebody's.
    pub other: String,
}

impl Keys {
    /// Makes them, in a place of their own.
    pub fn make() -> Self {
        // Short, because the agent's socket is in it.
        let home = TempDir::with_prefix_in("gpg-", "/tmp").expect("a temporary directory");
        let [ours, other] = ["ours@starttech.example", "other@starttech.example"].map(|user| {
            let arguments = ["--passphrase", "", "--quick-generate-key", user, "ed25519", "sign", "never"];
            gpg(home.path(), &arguments);
            let listed = gpg(home.path(), &["--with-colons", "--list-keys", user]);
            let line =
                listed.lines().find_map(|line| line.strip_prefix("fpr:::::::::")).expect("a fingerprint");
            line.trim_end_matches(':').to_owned()
        });
        Self { home, ours, other }
    }
}

impl Drop for Keys {
    fn drop(&mut self) {
        // The agent that gpg started would outlive its home.
        let _ = Command::new("gpgconf").env("GNUPGHOME", self.home.path()).args(["--kill", "all"]).output();
    }
}

fn gpg(home: &Path, arguments: &[&str]) -> String {
    let output =
        Command::new("gpg").env("GNUPGHOME", home).args(["--batch", "--quiet"]).args(arguments).output();
    let output = output.expect("gpg: run tests/setup.sh");
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Signs a repository in this directory.
pub fn publish(keys: &Keys, key: &str, directory: &Path, packages: &[&Path]) -> Output {
    let mut command = publisher();
    command.env("GNUPGHOME", keys.home.path()).args(["--key", key]).arg(directory).args(packages);
    command.output().expect("bash")
}

/// The same with options, called in the directory above, by paths that hold only there.
pub fn publish_from_above(
    keys: &Keys,
    key: &str,
    options: &[&str],
    directory: &Path,
    packages: &[&Path],
) -> Output {
    let above = directory.parent().expect("there is one");
    let home = above.join("gpg");
    if !home.exists() {
        std::os::unix::fs::symlink(keys.home.path(), &home).expect("it can be linked");
    }
    let mut command = publisher();
    command.current_dir(above).env("GNUPGHOME", "gpg").args(["--key", key]).args(options);
    command.arg(directory.file_name().expect("it has a name")).args(packages);
    command.output().expect("bash")
}

fn publisher() -> Command {
    Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../packaging/deb/repository.sh"))
}
