//! The package from a signed repository, by apt: it installs what was signed, and nothing else.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use harness::docker::Dockerd;
use harness::machine;
use harness::package;
use harness::repository::{Keys, publish, publish_from_above};

fn assert_done(output: &Output) {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// What apt says on a fresh host that trusts our key, with the repository behind a server on loopback. The host has
/// nothing but apt, as INSTALL.md has it.
fn install(docker: &Dockerd, image: &str, repository: &Path) -> (bool, String) {
    let key = repository.join("../ours.asc");
    let sum = Command::new("sha256sum").arg(&key).output().expect("sha256sum").stdout;
    let sum = String::from_utf8_lossy(&sum).into_owned();
    let sum = sum.split_whitespace().next().expect("a sum");
    let script = "busybox httpd -p 127.0.0.1:8080 -h /srv/repository && install -d /etc/apt/keyrings && \
        /usr/lib/apt/apt-helper download-file http://127.0.0.1:8080/starttech-agent.asc \
        /etc/apt/keyrings/starttech-agent.asc SHA256:SUM && \
        printf 'Types: deb\\nURIs: http://127.0.0.1:8080\\nSuites: stable\\nComponents: main\\n\
        Signed-By: /etc/apt/keyrings/starttech-agent.asc\\n' > /etc/apt/sources.list.d/starttech-agent.sources && \
        apt-get update --quiet; \
        apt-get install --yes --quiet --no-install-recommends starttech-agent && starttech-agent --version";
    let served = format!("{}:/srv/repository:ro", repository.display());
    // Whoever has the bucket has its key, too: hosts were told another way which one is ours.
    let trusted = format!("{}:/srv/repository/starttech-agent.asc:ro", key.display());
    let script = script.replace("SUM", sum);
    let output = docker.docker([
        "run",
        "--rm",
        "--network=none",
        "--volume",
        &served,
        "--volume",
        &trusted,
        "--env=DEBIAN_FRONTEND=noninteractive",
        "--env=LC_ALL=C.UTF-8",
        image,
        "sh",
        "-c",
        &script,
    ]);
    let said =
        [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).concat();
    (output.status.success(), said)
}

/// Copies a repository, for somebody to tamper with.
fn copy(repository: &Path, name: &str) -> PathBuf {
    let to = repository.with_file_name(name);
    let copied = Command::new("cp").arg("--recursive").arg(repository).arg(&to).status().expect("cp");
    assert!(copied.success());
    to
}

/// Replaces in a file of a repository what is there.
fn tamper(repository: &Path, file: &str, from: &str, to: &str) {
    let path = repository.join(file);
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    assert!(text.contains(from), "no {from} in {file}:\n{text}");
    fs::write(path, text.replace(from, to)).expect("it can be written");
}

#[test]
fn apt_installs_what_was_signed_and_nothing_else() {
    let (docker, keys) = (Dockerd::start(), Keys::make());
    let directory = tempfile::tempdir().expect("a directory");
    let repository = directory.path().join("repository");
    let package = package::built();
    let newer = package::changed(&package, directory.path(), "90.0", |_| {});
    assert_done(&publish(&keys, &keys.ours, &repository, &[&package]));
    // A second release beside the first.
    assert_done(&publish(&keys, &keys.ours, &repository, &[&newer]));
    fs::copy(repository.join("starttech-agent.asc"), directory.path().join("ours.asc"))
        .expect("it was exported");

    // A version that hosts may have is not published with another content.
    let others = tempfile::tempdir().expect("a directory");
    let other = package::changed(&package, others.path(), "90.0", |tree| {
        fs::write(tree.join("usr/bin/starttech-agent"), "#!/bin/sh\n").expect("it can be written");
    });
    let refused = publish(&keys, &keys.ours, &repository, &[&other]);
    assert!(!refused.status.success(), "{refused:?}");

    let index = "dists/stable/main/binary-amd64";
    let pool = "pool/main/s/starttech-agent";
    for suite in machine::suites() {
        let image = machine::import(&docker, &suite);
        let no_gpg = docker.docker([
            "run",
            "--rm",
            "--network=none",
            &image,
            "sh",
            "-c",
            "! command -v gpg && ! command -v curl",
        ]);
        assert!(no_gpg.status.success(), "a host has neither, and needs neither: {no_gpg:?}");
        let (done, said) = install(&docker, &image, &repository);
        assert!(done && said.contains("Setting up starttech-agent (90.0)"), "{said}");

        // Somebody puts in another package, and has only the bucket, not the key.
        let changed = copy(&repository, &format!("package-{suite}"));
        fs::copy(&other, changed.join(pool).join("starttech-agent_90.0_amd64.deb"))
            .expect("it can be written");
        let (done, said) = install(&docker, &image, &changed);
        assert!(!done && said.contains("unexpected size"), "{said}");

        // … and an index that says so,
        let indexed = copy(&changed, &format!("index-{suite}"));
        fs::remove_dir_all(indexed.join(index).join("by-hash")).expect("it was made");
        fs::remove_file(indexed.join(index).join("Packages.gz")).expect("it was made");
        tamper(&indexed, &format!("{index}/Packages"), "Version: 90.0", "Version: 90.1");
        let (done, said) = install(&docker, &image, &indexed);
        assert!(!done, "{said}");

        // … and a Release that says so, with our signature, which is of another one,
        let released = copy(&repository, &format!("release-{suite}"));
        tamper(&released, "dists/stable/InRelease", "Origin: StartTech", "Origin: Somebody");
        let (done, said) = install(&docker, &image, &released);
        assert!(!done && said.contains("BADSIG"), "{said}");

        // … or with theirs.
        let signed = copy(&changed, &format!("signed-{suite}"));
        assert_done(&publish(&keys, &keys.other, &signed, &[]));
        let (done, said) = install(&docker, &image, &signed);
        assert!(!done && said.contains("NO_PUBKEY"), "{said}");
    }
}

/// Everything in a directory and beside it, by path.
fn all_of(directory: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let listed = Command::new("find").arg(directory).args(["-type", "f"]).output().expect("find");
    let paths = String::from_utf8_lossy(&listed.stdout).into_owned();
    paths.lines().map(|path| (path.into(), fs::read(path).expect("it was found"))).collect()
}

#[test]
fn what_cannot_be_signed_changes_nothing() {
    let keys = Keys::make();
    let directory = tempfile::tempdir().expect("a directory");
    let repository = directory.path().join("repository");
    let package = package::built();
    let newer = package::changed(&package, directory.path(), "90.0", |_| {});
    fs::write(directory.path().join("passphrase"), "").expect("it can be written");
    let publish =
        |key: &str, options: &[&str]| publish_from_above(&keys, key, options, &repository, &[&newer]);
    let first = ["--passphrase-file", "passphrase", "--valid-days", "3"];
    assert_done(&publish_from_above(&keys, &keys.ours, &first, &repository, &[&package]));
    for kept in ["dists/stable/InRelease", "starttech-agent.gpg", "starttech-agent.asc"] {
        assert!(repository.join(kept).exists(), "no {kept}");
    }

    let before = all_of(directory.path());
    let nobody = "0".repeat(40);
    for (key, options) in [
        (nobody.as_str(), &[][..]),
        (&keys.ours, &["--valid-days", "soon"]),
        (&keys.ours, &["--valid-days", "0"]),
        (&keys.ours, &["--passphrase-file", "nowhere"]),
    ] {
        let refused = publish(key, options);
        assert!(!refused.status.success(), "{key} {options:?}: {refused:?}");
        assert!(all_of(directory.path()) == before, "{key} {options:?} changed what is published");
    }
    assert_done(&publish(&keys.ours, &[]));
    let after = all_of(&repository);
    assert!(before.iter().all(|(path, _)| path.starts_with(&repository) <= after.contains_key(path)));
    let indexed = fs::read_to_string(repository.join("dists/stable/main/binary-amd64/Packages"));
    assert_eq!(indexed.expect("it was made").matches("\nVersion: ").count(), 2);
    // apt asks by-hash for the longest sum that is in Release, and by-hash has one kind.
    let release = fs::read_to_string(repository.join("dists/stable/Release")).expect("it was made");
    assert!(release.contains("\nSHA256:") && !release.contains("\nSHA512:"), "{release}");
}
