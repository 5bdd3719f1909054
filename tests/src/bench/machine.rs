//! What the figures depend on: the machine, what runs on it, the command.

use std::fmt::Write;
use std::fs;
use std::process::Command;

use jiff::Timestamp;

use crate::agent;
use crate::bench::plan::Plan;
use crate::bench::rival::Rival;

/// The head of the table.
pub(super) fn describe(arguments: &[String], plan: &Plan) -> String {
    let mut out = String::from("# Benchmarks\n\n");
    let arguments = [&[String::from("just bench-logs")], arguments].concat().join(" ");
    let date = Timestamp::now().strftime("%Y-%m-%d %H:%M UTC");
    let _ = writeln!(out, "Printed by `{arguments}` on {date}.\n");
    out.push_str(&here());
    let _ = writeln!(out, "- Agent: {}, structuring and redaction on, all else as by default", version());
    for rival in Rival::ALL {
        let there = if rival.is_there() { rival.version() } else { String::from("not on PATH") };
        let _ = writeln!(out, "- {}: {there}", rival.program());
    }
    if plan.quick {
        out.push_str("\n**Sizes of a trial: the tool works, the figures mean nothing.**\n");
    }
    out
}

/// Two lines of a list: the machine with its load, and its system.
pub(crate) fn here() -> String {
    let cpu = field("/proc/cpuinfo", "model name").unwrap_or_else(|| String::from("unknown"));
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let memory = field("/proc/meminfo", "MemTotal")
        .and_then(|total| total.split(' ').next()?.parse::<u64>().ok())
        .map_or_else(String::new, |kib| format!(", {} GiB", kib / (1 << 20)));
    let mut out = format!("- Machine: {cpu}, {cores} cores{memory}; load before the run {}\n", load());
    let _ = writeln!(out, "- System: Linux {}, Docker {}", kernel(), docker());
    out
}

fn field(file: &str, name: &str) -> Option<String> {
    let text = fs::read_to_string(file).ok()?;
    let line = text.lines().find(|line| line.starts_with(name))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

fn load() -> String {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().unwrap_or_default().to_owned()
}

fn kernel() -> String {
    fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default().trim().to_owned()
}

fn docker() -> String {
    // "Docker version 20.10.24+dfsg1, build 297e128"
    let said = said(Command::new("dockerd").arg("--version"));
    said.split([' ', ',']).nth(2).unwrap_or("unknown").to_owned()
}

/// The agent's.
pub(super) fn version() -> String {
    said(Command::new(agent::binary()).arg("--version"))
}

/// The first line that a command prints.
pub(super) fn said(command: &mut Command) -> String {
    let output = command.output().map(|output| output.stdout).unwrap_or_default();
    String::from_utf8_lossy(&output).lines().next().unwrap_or_default().to_owned()
}
