//! Whether the daemon runs, which is what most questions for lines end with, and what it finds wrong itself.
//!
//! Pure: what it, systemd and the clock say comes as values.

use std::path::Path;

use jiff::Timestamp;

use super::Finding;
use super::service::Known;
use super::systemd::{Systemd, Unit};
use crate::cli::BAD_USAGE;
use crate::cli::status::words::{length, safe};
use crate::control::Status;
use crate::control::client::Error;

const WHAT: &str = "daemon";
const JOURNAL: &str = "journalctl -u starttech-agent -e says why";

/// The daemon, then each of its own problems.
pub(super) fn findings(known: &Known) -> Vec<Finding> {
    match (&known.answer, &known.socket) {
        (Some(Ok(status)), _) => running(status),
        (Some(Err(error)), Some(socket)) => vec![unanswered(error, socket, known)],
        _ => vec![without_socket(&known.systemd)],
    }
}

fn running(status: &Status) -> Vec<Finding> {
    let since = Timestamp::from_millisecond(status.started_ms).unwrap_or_default();
    let detail = format!(
        "runs since {since:.0} ({}), version {}, pid {}",
        length(status.now_ms - status.started_ms),
        safe(&status.version),
        status.pid
    );
    let mut found = vec![if status.version == env!("CARGO_PKG_VERSION") {
        Finding::good(WHAT, detail)
    } else {
        let detail = format!("{detail}; installed is {}", env!("CARGO_PKG_VERSION"));
        Finding::unsure(WHAT, detail, "sudo systemctl restart starttech-agent")
    }];
    found.extend(
        status
            .problems()
            .into_iter()
            .map(|problem| Finding::bad(WHAT, safe(&problem.what), safe(&problem.mend))),
    );
    found
}

fn unanswered(error: &Error, socket: &Path, known: &Known) -> Finding {
    let socket = socket.display();
    match error {
        Error::NotRunning(_) => match &known.systemd {
            Systemd::Has(unit) => stopped(unit, &format!("nobody answers at {socket}")),
            Systemd::NoUnit => Finding::bad(
                WHAT,
                format!("does not run: nobody answers at {socket}, and systemd has no unit starttech-agent"),
                "install the package, which brings it; or starttech-agent run",
            ),
            Systemd::Absent if known.usual => Finding::note(
                WHAT,
                format!(
                    "none runs here: nobody answers at {socket}, and there is no systemd that would start it"
                ),
                "starttech-agent run",
            ),
            Systemd::Absent => Finding::bad(
                WHAT,
                format!("does not run: nobody answers at {socket}"),
                "starttech-agent run, with the same --config and variables",
            ),
        },
        Error::Forbidden(_) => Finding::unsure(
            WHAT,
            format!("whether it runs is not known: {socket} may not be used by this user"),
            "run this check with sudo",
        ),
        error if error.to_string().contains("is not understood") => Finding::unsure(
            WHAT,
            format!("runs, but is of another version: {}", safe(&error.to_string())),
            "sudo systemctl restart starttech-agent",
        ),
        error => Finding::bad(
            WHAT,
            format!("does not answer: {}", safe(&error.to_string())),
            format!("is its disk full or slow? df -h; {JOURNAL}; sudo systemctl restart starttech-agent"),
        ),
    }
}

fn without_socket(systemd: &Systemd) -> Finding {
    const WHY: &str = "control.socket is \"\", so it cannot be asked";
    match systemd {
        Systemd::Has(unit) if unit.state == "active" => {
            Finding::good(WHAT, format!("the service is active, pid {}; {WHY} how it goes", unit.pid))
        }
        Systemd::Has(unit) => stopped(unit, WHY),
        _ => Finding::note(WHAT, format!("whether one runs is not known: {WHY}"), ""),
    }
}

/// A unit of which nobody answers.
fn stopped(unit: &Unit, why: &str) -> Finding {
    let restart = "sudo systemctl restart starttech-agent";
    let (detail, mend) = match unit.state.as_str() {
        // This check would have ended with the same, were the configuration still bad.
        "failed" if unit.exit == BAD_USAGE.to_string() => (
            "refused its configuration, and systemd does not try that again; the one on disk is good"
                .to_owned(),
            restart.to_owned(),
        ),
        "active" => (
            format!("the service is active (pid {}), but {why}", unit.pid),
            format!("journalctl -u starttech-agent -g 'control socket' says why; {restart}"),
        ),
        "activating" => (
            format!("the service is starting; {why} yet"),
            format!("{JOURNAL} it takes so long; check again in a minute"),
        ),
        state => {
            let enable = "sudo systemctl enable --now starttech-agent";
            let start = if unit.enabled == "disabled" { enable } else { restart };
            (
                format!("does not run: the service is {state}, and {why}"),
                format!("{start}; {JOURNAL} it ended"),
            )
        }
    };
    Finding::bad(WHAT, detail, mend)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::check::Verdict;
    use crate::cli::check::access::As;
    use crate::control::tests::sample::{NOW, ill, well};

    fn known(answer: Option<Result<Status, Error>>, usual: bool, systemd: Systemd) -> Known {
        let socket = answer.is_some().then(|| "/run/x/agent.sock".into());
        Known { socket, usual, answer, systemd, variables: None, judged: As::Caller }
    }

    fn unit(state: &str, exit: &str, enabled: &str) -> Systemd {
        let text = str::to_owned;
        Systemd::Has(Unit {
            state: text(state),
            exit: text(exit),
            enabled: text(enabled),
            pid: 812,
            ..Unit::default()
        })
    }

    #[test]
    fn a_daemon_that_is_well_is_one_line_and_each_problem_another() {
        let status = Status { version: env!("CARGO_PKG_VERSION").to_owned(), ..well() };
        let found = findings(&known(Some(Ok(status.clone())), true, Systemd::Absent));
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0].verdict, Verdict::Good);
        assert!(found[0].detail.starts_with("runs since 2027-01-15T04:48:20Z (3 h"), "{found:?}");
        let older = Status { version: "0.0.9".to_owned(), now_ms: NOW, ..status };
        let found = findings(&known(Some(Ok(older)), true, Systemd::Absent));
        assert_eq!(found[0].verdict, Verdict::Unsure);
        let found = findings(&known(
            Some(Ok(Status { version: env!("CARGO_PKG_VERSION").to_owned(), ..ill() })),
            true,
            Systemd::Absent,
        ));
        assert_eq!(found.len(), 1 + ill().problems().len());
        assert!(
            found.iter().skip(1).all(|one| one.verdict == Verdict::Bad && !one.mend.is_empty()),
            "{found:?}"
        );
    }

    #[test]
    fn one_that_does_not_answer_is_bad_with_what_starts_it_unless_nothing_would() {
        let down = || Some(Err(Error::NotRunning("/run/x/agent.sock".into())));
        let path = || "/run/x/agent.sock".into();
        let broken = |words: &str| Some(Err(Error::Broken(path(), words.to_owned())));
        for (answer, usual, systemd, verdict, words) in [
            (down(), true, unit("inactive", "0", "enabled"), Verdict::Bad, "systemctl restart"),
            (down(), true, unit("inactive", "0", "disabled"), Verdict::Bad, "systemctl enable --now"),
            (down(), true, unit("failed", "64", "enabled"), Verdict::Bad, "refused its configuration"),
            (down(), true, unit("failed", "1", "enabled"), Verdict::Bad, "journalctl"),
            (down(), true, unit("active", "0", "enabled"), Verdict::Bad, "is active (pid 812), but nobody"),
            (down(), true, Systemd::NoUnit, Verdict::Bad, "install the package"),
            (down(), true, Systemd::Absent, Verdict::Note, "no systemd"),
            (down(), false, Systemd::Absent, Verdict::Bad, "starttech-agent run"),
            (Some(Err(Error::Forbidden(path()))), true, Systemd::Absent, Verdict::Unsure, "sudo"),
            (broken("no answer within 5 seconds"), true, Systemd::Absent, Verdict::Bad, "df -h"),
            (broken("the answer is not understood: x"), true, Systemd::Absent, Verdict::Unsure, "restart"),
            (None, true, unit("active", "0", "enabled"), Verdict::Good, "pid 812"),
            (None, true, unit("failed", "1", "enabled"), Verdict::Bad, "systemctl restart"),
            (None, true, Systemd::Absent, Verdict::Note, "control.socket"),
        ] {
            let found = findings(&known(answer, usual, systemd)).remove(0);
            let text = found.line(false);
            assert!(found.verdict == verdict && text.contains(words), "{words}: {text}");
        }
    }
}
