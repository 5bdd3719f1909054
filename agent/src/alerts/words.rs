//! Exit codes, signals and times in words.

use jiff::Timestamp;

use super::{Cause, MINUTE, SECOND};

/// What happened, continuing a container's name, short enough for a subject.
pub(super) fn happened(cause: &Cause) -> String {
    match cause {
        Cause::Died { exit_code, .. } => match signal(*exit_code) {
            Some(signal) => format!("was killed by {signal} (exit {exit_code})"),
            None => format!("died (exit {exit_code})"),
        },
        Cause::OutOfMemory => "was killed: out of memory".to_owned(),
        Cause::ChildOutOfMemory => "lost a process: out of memory".to_owned(),
        Cause::NotStarted { .. } => "could not be started".to_owned(),
        Cause::RestartLoop { deaths, minutes } => format!("died {deaths} times in {minutes} min"),
        Cause::Unhealthy => "is unhealthy".to_owned(),
        Cause::Threshold(crossed) => crossed.says.clone(),
    }
}

/// The same of many containers.
pub(super) fn happened_to_many(cause: &Cause) -> &str {
    match cause {
        Cause::Died { .. } => "died",
        Cause::OutOfMemory => "were killed: out of memory",
        Cause::ChildOutOfMemory => "lost a process: out of memory",
        Cause::NotStarted { .. } => "could not be started",
        Cause::RestartLoop { .. } => "restart in a loop",
        Cause::Unhealthy => "are unhealthy",
        Cause::Threshold(crossed) => &crossed.says,
    }
}

/// What more there is to say of it.
pub(super) fn explained(cause: &Cause) -> String {
    match cause {
        Cause::Died { exit_code, starved } => {
            let code = exit_code_in_words(*exit_code);
            let why = if *starved {
                " Shortly before, the kernel had killed one of its processes because memory was used up."
            } else {
                ""
            };
            format!("Docker was not asked to stop it: {code}.{why}")
        }
        Cause::OutOfMemory => {
            "The kernel killed it because the memory it may use, or the host's, was used up.".to_owned()
        }
        Cause::ChildOutOfMemory => {
            "The kernel killed one of its processes because memory was used up; the container lives on, without it."
                .to_owned()
        }
        Cause::NotStarted { error } => format!("Docker could not start it: {}", one_line(error, 600)),
        Cause::RestartLoop { .. } => {
            "It dies again and again. No more messages about each death until it stays up.".to_owned()
        }
        Cause::Unhealthy => "Its health check fails; Docker lets it run on.".to_owned(),
        Cause::Threshold(crossed) => crossed.reason.clone(),
    }
}

/// What to run on the host about it, `name` being the container.
pub(super) fn commands(cause: &Cause, name: &str) -> Vec<String> {
    match cause {
        Cause::Threshold(crossed) => crossed.run.clone(),
        Cause::Unhealthy => vec![
            format!("docker inspect --format '{{{{json .State.Health}}}}' {name}"),
            format!("docker logs --tail 100 {name}"),
        ],
        Cause::OutOfMemory | Cause::ChildOutOfMemory => vec![
            format!("docker stats --no-stream {name}"),
            "free -m; dmesg | grep -i 'killed process'".to_owned(),
        ],
        Cause::NotStarted { .. } => {
            vec![format!("docker inspect {name}"), "journalctl -u docker --since -15min".to_owned()]
        }
        Cause::Died { .. } | Cause::RestartLoop { .. } => vec![
            format!("docker logs --tail 100 {name}"),
            format!("docker inspect --format '{{{{json .State}}}}' {name}"),
            "journalctl -u docker --since -15min".to_owned(),
        ],
    }
}

fn exit_code_in_words(code: i64) -> String {
    let meaning = match code {
        0 => "exit code 0, which is a good end; but it is to be kept up".to_owned(),
        1 => "exit code 1, a failure of the program's own".to_owned(),
        2 => "exit code 2, which is also how a Go program ends after a panic".to_owned(),
        101 => "exit code 101, which is how a Rust program ends after a panic".to_owned(),
        125 => "exit code 125: Docker itself failed".to_owned(),
        126 => "exit code 126: the command cannot be executed".to_owned(),
        127 => "exit code 127: the command was not found".to_owned(),
        137 => {
            "killed by SIGKILL, and not by Docker: by somebody on the host, or for want of memory (see dmesg)"
                .to_owned()
        }
        _ => String::new(),
    };
    match (meaning.is_empty(), signal(code)) {
        (false, _) => meaning,
        (true, Some(signal)) => format!("killed by {signal} (exit code {code})"),
        (true, None) => format!("exit code {code}"),
    }
}

/// The signal behind an exit code, by Linux's numbers on x86 and ARM.
fn signal(code: i64) -> Option<&'static str> {
    Some(match code - 128 {
        1 => "SIGHUP",
        2 => "SIGINT",
        3 => "SIGQUIT",
        4 => "SIGILL",
        5 => "SIGTRAP",
        6 => "SIGABRT",
        7 => "SIGBUS",
        8 => "SIGFPE",
        9 => "SIGKILL",
        10 => "SIGUSR1",
        11 => "SIGSEGV",
        12 => "SIGUSR2",
        13 => "SIGPIPE",
        14 => "SIGALRM",
        15 => "SIGTERM",
        24 => "SIGXCPU",
        25 => "SIGXFSZ",
        31 => "SIGSYS",
        _ => return None,
    })
}

/// `3 min`, as one says it.
pub(super) fn duration(ns: i64) -> String {
    let seconds = ns.max(0) / SECOND;
    match (seconds / 3600, ns.max(0) / MINUTE) {
        (0, 0) => format!("{seconds} s"),
        (0, minutes) => format!("{minutes} min"),
        (hours, minutes) if hours < 48 => format!("{hours} h {} min", minutes % 60),
        (hours, _) => format!("{} days", hours / 24),
    }
}

/// `2026-11-23 12:03:04 UTC`
pub(super) fn time(ns: i64) -> String {
    let text = written(ns, "%Y-%m-%d %H:%M:%S UTC");
    if text.is_empty() { format!("{ns} ns") } else { text }
}

/// By strftime's signs; empty for a time that no calendar has.
pub(super) fn written(ns: i64, format: &str) -> String {
    let time = Timestamp::from_nanosecond(i128::from(ns));
    time.map(|time| time.strftime(format).to_string()).unwrap_or_default()
}

/// Without line breaks and other controls, and not longer.
pub(super) fn one_line(text: &str, most: usize) -> String {
    let mut short: String = text.chars().take(most).collect();
    if short.len() < text.len() {
        short.push_str(" […]");
    }
    short.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exit_codes_have_words() {
        let died = |exit_code| Cause::Died { exit_code, starved: false };
        for (code, words) in [
            (1, "died (exit 1)"),
            (139, "was killed by SIGSEGV (exit 139)"),
            (255, "died (exit 255)"),
            (-1, "died (exit -1)"),
        ] {
            assert_eq!(happened(&died(code)), words);
        }
        assert!(explained(&died(139)).ends_with("killed by SIGSEGV (exit code 139)."));
        assert!(explained(&died(127)).ends_with("the command was not found."));
    }

    #[test]
    fn durations_are_as_one_says_them() {
        for (seconds, words) in
            [(-5, "0 s"), (59, "59 s"), (60, "1 min"), (3_660, "1 h 1 min"), (400_000, "4 days")]
        {
            assert_eq!(duration(seconds * SECOND), words);
        }
    }
}
