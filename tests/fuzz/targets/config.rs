//! Configurations of any text: every fault has its place, and what is accepted can be used.

#![no_main]

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;
use std::sync::LazyLock;

use libfuzzer_sys::arbitrary::{Result, Unstructured};
use libfuzzer_sys::fuzz_target;
use starttech_agent::config::{Config, Faults};
use starttech_agent::logs::Container;
use starttech_agent::logs::redact::Redactor;
use starttech_agent::logs::route::{STREAM_FORBIDDEN, STREAM_LENGTH};

/// One file, written anew for every input; nothing else is in its directory.
static FILE: LazyLock<PathBuf> = LazyLock::new(|| {
    tempfile::tempdir_in("/dev/shm").expect("a directory in memory").keep().join("agent.toml")
});

const VARIABLES: [&str; 19] = [
    "REGION",
    "LOG_LEVEL",
    "HOST_INSTANCE_ID",
    "DOCKER_SOCKET",
    "LOGS_GROUP",
    "LOGS_RETENTION_DAYS",
    "LOGS_STREAM",
    "LOGS_INCLUDE",
    "LOGS_EXCLUDE",
    "LOGS_ROUTES",
    "LOGS_STRUCTURE",
    "LOGS_MULTILINE",
    "LOGS_DROP",
    "LOGS_FLUSH",
    "LOGS_REDACT_ENABLED",
    "LOGS_REDACT_PATTERNS",
    "SPOOL_DIRECTORY",
    "SPOOL_MAX_BYTES",
    "",
];

fuzz_target!(|data: &[u8]| {
    check(data, load(data, Vec::new()));
    variables(Unstructured::new(data)).ok();
});

fn load(text: &[u8], variables: Vec<(OsString, OsString)>) -> std::result::Result<Config, Faults> {
    fs::write(&*FILE, text).expect("a file in memory");
    Config::load(Some(&FILE), variables)
}

fn variables(mut input: Unstructured<'_>) -> Result<()> {
    let mut variables = Vec::new();
    for _ in 0..input.int_in_range(1..=3)? {
        let name = *input.choose(&VARIABLES)?;
        let own = if name.is_empty() { input.arbitrary::<String>()? } else { name.to_owned() };
        let value = OsString::from_vec(input.arbitrary::<&[u8]>()?.to_vec());
        variables.push((format!("STARTTECH_{own}").into(), value));
    }
    let text = input.take_rest();
    check(text, load(text, variables));
    Ok(())
}

fn check(text: &[u8], loaded: std::result::Result<Config, Faults>) {
    match loaded {
        Ok(config) => {
            assert!(std::str::from_utf8(text).is_ok());
            used(&config);
        }
        Err(faults) => explained(text, &faults),
    }
}

fn explained(text: &[u8], faults: &Faults) {
    assert!(!faults.0.is_empty());
    let text = String::from_utf8_lossy(text);
    for fault in &faults.0 {
        assert!(!fault.what.is_empty() && !fault.mend.is_empty(), "{fault}");
        if fault.place.source.starts_with("STARTTECH_") {
            continue;
        }
        assert_eq!(*fault.place.source, *FILE.to_string_lossy());
        let (line, column) = fault.place.position.unwrap_or_else(|| panic!("no place: {fault}"));
        let written = text.split('\n').nth(line - 1).unwrap_or_else(|| panic!("no such line: {fault}"));
        assert!(column <= written.chars().count() + 1, "no such column: {fault}");
    }
}

fn used(config: &Config) {
    let labels = BTreeMap::from([("tier".to_owned(), "web".to_owned())]);
    for (name, image) in [("starttech-backend", "repo:5000/api:1.4*"), ("", ""), ("é\u{1}", "a/b@sha256:0")]
    {
        let container = Container {
            id: "0123456789abcdef".repeat(4),
            name: name.to_owned(),
            image: image.to_owned(),
            labels: labels.clone(),
        };
        let Some(to) = config.logs.selection.choose(&container, "i-1") else { continue };
        assert!((1..=STREAM_LENGTH).contains(&to.stream.len()), "{to:?}");
        assert!(!to.stream.contains(STREAM_FORBIDDEN), "{to:?}");
        assert!((1..=512).contains(&to.group.len()) && config.logs.selection.groups().contains(&&*to.group));
    }
    let patterns: Vec<String> = config.logs.redact.patterns.iter().map(|p| p.as_str().to_owned()).collect();
    let redactor = Redactor::new(&patterns).expect("patterns that were accepted");
    for line in ["", "{\"a\":\"b\"}", "é 1234-5678 \u{1}", &"x".repeat(500)] {
        redactor.redact(line);
        config.logs.drop.is_match(line);
    }
    assert!(config.spool.directory.is_absolute() && config.docker.socket.is_absolute());
}
