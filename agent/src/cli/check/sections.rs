//! Findings of what is asked at the same time, shown in one order.
//!
//! Each section is told once; it is shown as soon as all before it are. What is not told when time is over is said to
//! have kept silent.

use std::cell::RefCell;

use super::{Finding, Report};

/// What is looked at, in the order in which it is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Section {
    Daemon,
    Spool,
    Docker,
    Metadata,
    Credentials,
    Endpoints,
    Group,
    Rights,
    LogGroups,
    Account,
    Metrics,
}

const ALL: [(Section, &str); 11] = [
    (Section::Daemon, "daemon"),
    (Section::Spool, "spool"),
    (Section::Docker, "docker"),
    (Section::Metadata, "instance metadata"),
    (Section::Credentials, "credentials"),
    (Section::Endpoints, "endpoints"),
    (Section::Group, "Auto Scaling group"),
    (Section::Rights, "role"),
    (Section::LogGroups, "log groups"),
    (Section::Account, "account"),
    (Section::Metrics, "metrics"),
];

/// The sections, and where they are shown.
pub(super) struct Sections<'a> {
    state: RefCell<State<'a>>,
}

struct State<'a> {
    told: [Option<Vec<Finding>>; ALL.len()],
    shown: usize,
    report: &'a mut Report,
}

impl<'a> Sections<'a> {
    pub(super) fn new(report: &'a mut Report) -> Self {
        Self { state: RefCell::new(State { told: Default::default(), shown: 0, report }) }
    }

    /// Takes what came of a section.
    pub(super) fn tell(&self, section: Section, findings: Vec<Finding>) {
        let mut state = self.state.borrow_mut();
        let State { told, shown, report } = &mut *state;
        if let Some((slot, _)) = told.iter_mut().zip(ALL).find(|(_, (known, _))| *known == section) {
            slot.get_or_insert(findings);
        }
        while let Some(findings) = told.get_mut(*shown).and_then(Option::as_mut) {
            report.add(std::mem::take(findings));
            *shown += 1;
        }
    }

    /// Says of the rest that it kept silent.
    pub(super) fn end(&self, seconds: u64) {
        for (section, name) in ALL {
            let detail = format!("not known within {seconds} s, which is all that a check may take");
            let mend = "what is said above is the likely reason; starttech-agent check again";
            self.tell(section, vec![Finding::unsure(name, detail, mend)]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_are_shown_in_their_order_and_the_silent_ones_are_named() {
        let mut report = Report { live: None, offline: false, findings: Vec::new() };
        let sections = Sections::new(&mut report);
        let good = |name: &str| vec![Finding::good(name, "x")];
        sections.tell(Section::Credentials, good("c"));
        sections.tell(Section::Daemon, good("a"));
        sections.tell(Section::Spool, Vec::new());
        sections.tell(Section::Docker, good("d"));
        sections.tell(Section::Docker, good("never"));
        sections.tell(Section::Metadata, Vec::new());
        sections.end(14);
        let names: Vec<&str> = report.findings.iter().map(|finding| finding.what.as_str()).collect();
        let silent = ["endpoints", "Auto Scaling group", "role", "log groups", "account", "metrics"];
        assert_eq!(names, [&["a", "d", "c"], &silent[..]].concat());
    }
}
