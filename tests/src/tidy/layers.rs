//! The architecture's rules: which module may name which, and which know nothing of the outside.

use std::collections::BTreeSet;

/// From the bottom up: each layer's modules may name those of the layers before, and not one another.
const LAYERS: [&[&str]; 11] = [
    &["errors", "retry"],
    &["metrics"],
    &["logs"],
    &["alarms", "insights"],
    &["alerts", "provision"],
    &["page"],
    &["listen"],
    &[
        "aws",
        "cgroup",
        "control",
        "docker",
        "exporter",
        "host",
        "imds",
        "local",
        "probe",
        "sample",
        "spool",
        "systemd",
        "tail",
        "telemetry",
        "viewer",
    ],
    &["config"],
    &["daemon"],
    &["cli"],
];

/// Layers below this one are pure.
const FIRST_EDGE: usize = 6;

/// Crates and modules of the standard library that pure modules do not name.
const OUTSIDE: [&str; 7] = ["tokio", "bollard", "std::env", "std::fs", "std::net", "std::process", "inotify"];

/// Calls that read a clock.
const CLOCKS: [&str; 4] = ["SystemTime::now", "Instant::now", "Timestamp::now", "Zoned::now"];

/// What breaks the rules in one file, given by its path below `agent/src` and its blanked code
/// without tests.
pub(crate) fn check(path: &str, code: &str) -> Vec<String> {
    let top = path.split('/').next().unwrap_or(path).trim_end_matches(".rs");
    if ["main", "lib"].contains(&top) {
        return Vec::new();
    }
    let Some(layer) = layer_of(top) else {
        return vec![format!("{path}: `{top}` stands in no layer")];
    };
    let mut named = names_behind(code, "crate::");
    if !path.contains('/') {
        named.extend(names_behind(code, "super::"));
    }
    let mut faults: Vec<String> = named
        .iter()
        .filter(|name| *name != top && layer_of(name).is_some_and(|of| of >= layer))
        .map(|name| format!("{path}: `{top}` names `{name}`, which does not stand below it"))
        .collect();
    if code.contains("super::super::") {
        faults.push(format!("{path}: `super::super` hides what is named: write `crate::`"));
    }
    if layer < FIRST_EDGE {
        let outside = OUTSIDE.iter().filter(|outside| names(code, outside));
        let clocks = CLOCKS.iter().filter(|clock| code.contains(*clock));
        let all = outside.chain(clocks).copied().chain(code_names_sdk(code).then_some("aws_…"));
        faults.extend(all.map(|what| format!("{path}: `{top}` is pure and names `{what}`")));
    }
    faults
}

fn layer_of(module: &str) -> Option<usize> {
    LAYERS.iter().position(|modules| modules.contains(&module))
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// The places right behind a prefix that does not continue a word or a path.
fn behind<'a>(code: &'a str, prefix: &'a str) -> impl Iterator<Item = &'a str> {
    code.match_indices(prefix).filter_map(move |(at, _)| {
        let continued = code[..at].chars().next_back().is_some_and(|c| is_word(c) || c == ':');
        (!continued).then_some(&code[at + prefix.len()..])
    })
}

/// The first names behind a path's beginning, those in braces included.
fn names_behind(code: &str, prefix: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for rest in behind(code, prefix) {
        let word = |text: &str| text.trim_start().chars().take_while(|c| is_word(*c)).collect::<String>();
        match rest.strip_prefix('{') {
            None => names.extend([word(rest)]),
            Some(group) => names.extend(members(group).into_iter().map(word)),
        }
    }
    names
}

/// The members of a group of imports, up to its closing brace.
fn members(group: &str) -> Vec<&str> {
    let (mut depth, mut from, mut members) = (0_u32, 0, Vec::new());
    for (at, byte) in group.bytes().enumerate() {
        match byte {
            b'{' => depth += 1,
            b'}' if depth == 0 => {
                members.push(&group[from..at]);
                break;
            }
            b'}' => depth -= 1,
            b',' if depth == 0 => {
                members.push(&group[from..at]);
                from = at + 1;
            }
            _ => {}
        }
    }
    members
}

/// Whether a crate, or a module of the standard library, is named.
fn names(code: &str, what: &str) -> bool {
    match what.split_once("::") {
        None => behind(code, what).any(|rest| rest.starts_with("::") || rest.starts_with(';')),
        Some((_, module)) => names_behind(code, "std::").contains(module),
    }
}

fn code_names_sdk(code: &str) -> bool {
    behind(code, "aws_").any(|rest| rest.trim_start_matches(is_word).starts_with("::"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(path: &str, code: &str, expected: &str) {
        let faults = check(path, code);
        assert!(faults.len() == 1 && faults[0].contains(expected), "{path} {code}: {faults:?}");
    }

    fn fine(path: &str, code: &str) {
        assert_eq!(check(path, code), [""; 0], "{path} {code}");
    }

    #[test]
    fn a_layer_names_only_what_stands_below() {
        fine("daemon/logs.rs", "use crate::{aws::logs::Sink, logs::batch, retry};");
        fine("aws/logs.rs", "use crate::aws::account; use crate::logs;");
        fault("logs/batch.rs", "use crate::spool::Entry;", "`logs` names `spool`");
        fault("config.rs", "fn f() { crate::daemon::run() }", "`config` names `daemon`");
        fault("retry.rs", "use crate::logs;", "`retry` names `logs`");
        fault("docker.rs", "use super::config::Config;", "`docker` names `config`");
    }

    #[test]
    fn edges_do_not_name_one_another() {
        fault("tail.rs", "use crate::{logs::line, docker::Container};", "`tail` names `docker`");
        fault("aws/logs.rs", "use crate::{\n  logs::{a, b},\n  spool,\n};", "`aws` names `spool`");
        fault("metrics.rs", "use crate::logs;", "`metrics` names `logs`");
    }

    #[test]
    fn a_module_without_a_layer_is_found() {
        fault("utilities.rs", "", "stands in no layer");
        fine("main.rs", "use starttech_agent::cli;");
        fine("lib.rs", "pub mod anything;");
    }

    #[test]
    fn a_path_does_not_hide_behind_super() {
        fault("logs/batch.rs", "use super::super::spool;", "`super::super`");
    }

    #[test]
    fn pure_modules_know_no_outside() {
        for code in [
            "use tokio::sync::mpsc;",
            "use std::fs;",
            "use std::{collections::BTreeMap, net::IpAddr};",
            "let home = std::env::var(x);",
            "std::process::exit(1)",
            "use bollard::Docker;",
            "let now = SystemTime::now();",
            "let now = jiff::Timestamp::now();",
            "use aws_sdk_cloudwatchlogs::Client;",
        ] {
            fault("logs/line.rs", code, "is pure");
            assert_eq!(check("spool.rs", code), [""; 0], "an edge may: {code}");
        }
        fine("logs/line.rs", "use std::time::SystemTime; let aws_region = 1; let tokio_like = 2;");
        fine("logs/line.rs", "use std::collections::{BTreeMap, btree_map}; my_std::fs::read();");
    }
}
