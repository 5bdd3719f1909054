//! The variables that the service has and this call has not, and the other way round: with others it sees another
//! region, other credentials, another spool. Only names are shown, whatever the values are.

use std::collections::BTreeMap;
use std::os::unix::process::CommandExt;
use std::process::Command;

use super::Finding;
use super::systemd::{self, Systemd};
use super::user::{account, user};
use crate::cli::status::SOCKET_VARIABLE;

const WHAT: &str = "variables";

/// What the configuration, and the SDK, look at.
const OURS: [&str; 2] = ["AWS_", "STARTTECH_"];

/// Whose they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    /// With what the daemon was started.
    Process(u32),
    /// What the unit sets for the next start.
    Unit,
}

/// All of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Variables {
    pub(super) origin: Origin,
    pub(super) all: BTreeMap<String, String>,
    /// Files that hold more.
    pub(super) files: Vec<String>,
}

/// Of this call.
pub(super) fn own() -> BTreeMap<String, String> {
    let text = |text: std::ffi::OsString| text.to_string_lossy().into_owned();
    std::env::vars_os().map(|(name, value)| (text(name), text(value))).collect()
}

/// Where to ask says nothing of what is seen.
fn is_ours(name: &str) -> bool {
    OURS.iter().any(|prefix| name.starts_with(prefix)) && name != SOCKET_VARIABLE
}

/// Those that count. Unit files set a variable to nothing where they mean to leave it out.
fn counting(all: &BTreeMap<String, String>) -> BTreeMap<&str, &str> {
    let pairs = all.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    pairs.filter(|(name, value)| is_ours(name) && !value.is_empty()).collect()
}

/// How this call's differ from the service's.
pub(super) fn findings(service: &Variables, own: &BTreeMap<String, String>) -> Vec<Finding> {
    let (theirs, own) = (counting(&service.all), counting(own));
    let of = |names: Vec<&str>| names.join(", ");
    let missing = of(theirs.keys().filter(|name| !own.contains_key(*name)).copied().collect());
    let other: Vec<&str> = own
        .iter()
        .filter(|(name, value)| theirs.get(*name).is_some_and(|of| of != *value))
        .map(|(name, _)| *name)
        .collect();
    // What files hold is not known of a daemon that does not run.
    let added: Vec<&str> =
        own.keys().filter(|name| !theirs.contains_key(*name) && service.files.is_empty()).copied().collect();
    let same = of(theirs
        .iter()
        .filter(|(name, value)| own.get(*name) == Some(value))
        .map(|(name, _)| *name)
        .collect());
    let whose = match service.origin {
        Origin::Process(pid) => format!("the daemon (pid {pid})"),
        Origin::Unit => "the service".to_owned(),
    };
    let mut found = Vec::new();
    if !missing.is_empty() {
        let detail = format!("{whose} has {missing}, which this call has not: it may see something else");
        found.push(Finding::unsure(WHAT, detail, give(service)));
    }
    if !service.files.is_empty() {
        let detail =
            format!("{whose} reads more of them from {}, which this call does not", service.files.join(", "));
        found.push(Finding::unsure(WHAT, detail, give(service)));
    }
    let differs = of(other.iter().chain(&added).copied().collect());
    if !differs.is_empty() {
        let without: Vec<String> = other.iter().chain(&added).map(|name| format!("-u {name}")).collect();
        let detail = format!("{differs} of this call are not as {whose} has them: it may see something else");
        found.push(Finding::unsure(WHAT, detail, format!("env {} starttech-agent check", without.join(" "))));
    }
    if found.is_empty() && !same.is_empty() {
        found.push(Finding::good(WHAT, format!("as {whose} has them: {same}")));
    }
    found
}

/// How a call gets them: what a unit sets is taken by root's, so they are in a file, or were given by hand.
fn give(service: &Variables) -> String {
    if let [file, ..] = &service.files[..] {
        return format!("sudo sh -c 'set -a; . {file}; exec starttech-agent check'");
    }
    match service.origin {
        Origin::Process(_) => {
            "give them to this call, too; what a drop-in of the unit sets, sudo starttech-agent check takes by itself; \
             of an EnvironmentFile: sudo sh -c 'set -a; . FILE; exec starttech-agent check'"
                .to_owned()
        }
        Origin::Unit => "sudo starttech-agent check takes them".to_owned(),
    }
}

/// Begins this call anew with what the unit sets, where that is more than it has; nothing is said of what it has itself.
/// Only root's: the unit is root's word, and a process's own is not. Returns where there is nothing to take.
pub(super) async fn take() {
    if !user().root {
        return;
    }
    let Systemd::Has(unit) = systemd::ask().await else { return };
    let mut missing: Vec<(&str, &str)> = unit
        .variables
        .iter()
        .filter(|(name, value)| is_ours(name) && !value.is_empty() && std::env::var_os(name).is_none())
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    // Files of credentials are looked for there, and root's are not what the service sees.
    let home = account(&unit.user).filter(|account| account.uid != 0).map(|account| account.home);
    let is_other = |home: &&String| std::env::var_os("HOME").is_none_or(|own| own != home.as_str());
    if let Some(home) = home.as_ref().filter(is_other)
        && std::env::var_os("AWS_PROFILE").is_none()
    {
        missing.push(("HOME", home));
    }
    let Ok(program) = std::env::current_exe() else { return };
    if !missing.is_empty() {
        // In the environment alone: everybody sees arguments. If it fails, it is said below what is missing.
        drop(Command::new(program).args(std::env::args_os().skip(1)).envs(missing).exec());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::check::Verdict;

    fn all(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect()
    }

    fn service(pairs: &[(&str, &str)], files: &[&str]) -> Variables {
        let files = files.iter().map(|&file| file.to_owned()).collect();
        Variables { origin: Origin::Process(7), all: all(pairs), files }
    }

    #[test]
    fn what_differs_is_told_by_its_name_and_never_by_its_value() {
        let theirs = service(
            &[
                ("AWS_SECRET_ACCESS_KEY", "hunter2"),
                ("AWS_REGION", "eu-west-1"),
                ("HOME", "/x"),
                ("AWS_PROFILE", ""),
            ],
            &[],
        );
        for (own, verdicts, words) in [
            (
                &[][..],
                &[Verdict::Unsure][..],
                "has AWS_REGION, AWS_SECRET_ACCESS_KEY, which this call has not",
            ),
            (
                &[("AWS_REGION", "us-east-1"), ("AWS_SECRET_ACCESS_KEY", "hunter2")],
                &[Verdict::Unsure],
                "AWS_REGION of this call are not as the daemon",
            ),
            (
                &[("AWS_REGION", "eu-west-1"), ("AWS_SECRET_ACCESS_KEY", "hunter2"), ("LANG", "C")],
                &[Verdict::Good],
                "as the daemon (pid 7) has them: AWS_REGION, AWS_SECRET_ACCESS_KEY",
            ),
            (
                &[
                    ("AWS_REGION", "eu-west-1"),
                    ("AWS_SECRET_ACCESS_KEY", "hunter3"),
                    ("AWS_PROFILE", "sEcReT"),
                ],
                &[Verdict::Unsure],
                "AWS_SECRET_ACCESS_KEY, AWS_PROFILE of this call",
            ),
        ] {
            let found = findings(&theirs, &all(own));
            assert_eq!(
                found.iter().map(|finding| finding.verdict).collect::<Vec<_>>(),
                verdicts,
                "{found:?}"
            );
            assert!(found[0].detail.contains(words), "{found:?}");
            let text = format!("{found:?}");
            assert!(
                !text.contains("hunter") && !text.contains("sEcReT") && !text.contains("us-east"),
                "{text}"
            );
        }
        assert_eq!(findings(&service(&[("HOME", "/x")], &[]), &all(&[("HOME", "/y")])), []);
    }

    #[test]
    fn files_of_the_unit_are_named_with_the_way_to_read_them() {
        let theirs = service(&[], &["/etc/default/agent"]);
        let found = findings(&theirs, &all(&[("AWS_PROFILE", "x")]));
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].mend.contains(". /etc/default/agent;"), "{found:?}");
    }
}
