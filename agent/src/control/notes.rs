//! What is not wrong, or over, and still worth knowing of a daemon: what was lost, and what the host's role keeps from it.
//!
//! What is wrong now is in `control/problems.rs`.

use super::Problem;
use super::status::{Service, Status};

impl Status {
    /// All that is worth knowing beside what is wrong.
    pub fn notes(&self) -> Vec<Problem> {
        let mut notes: Vec<Problem> = self.services.iter().filter_map(Self::kept).collect();
        for service in &self.services {
            notes.extend(self.lost(service));
        }
        for container in self.containers.iter().flatten().filter(|container| container.truncated > 0) {
            notes.push(Problem::new(
                format!(
                    "the log of {} was emptied {} times while it was read: lines may be lost",
                    container.name, container.truncated
                ),
                "who empties it? With --log-opt max-size=10m --log-opt max-file=3 Docker keeps it small",
            ));
        }
        if self.lines.metric_errors > 0 {
            let mend = if self.is_local() {
                self.journal().to_owned()
            } else {
                "journalctl -u starttech-agent -g gap".to_owned()
            };
            notes.push(Problem::new(
                format!("{} readings failed, each a gap in a metric", self.lines.metric_errors),
                mend,
            ));
        }
        if let Some(last) = self.provision.as_ref().and_then(|provision| provision.last.as_ref()) {
            notes.push(Problem::new(
                format!("at the start, {}", last.words),
                format!("starttech-agent plan shows what is left; {}", self.journal()),
            ));
        }
        notes
    }

    fn kept(service: &Service) -> Option<Problem> {
        let last = service.last_error.as_ref().filter(|_| Self::is_only_told_here(service))?;
        let what = format!(
            "alerts are in the journal only, this host's role may not publish them ({} wait)",
            service.spool_batches
        );
        Some(Problem::new(
            what,
            last.mend.clone().unwrap_or_else(|| "allow sns:Publish on the topic".to_owned()),
        ))
    }

    fn lost(&self, service: &Service) -> Vec<Problem> {
        let lines = &self.lines;
        // A daemon of before has the counts of lines alone.
        let of_lines = |count: u64| if service.kind == "logs" { count } else { 0 };
        let things = service.things();
        let spool = if service.kind == "logs" {
            "raise spool.max_bytes, or have them leave: starttech-agent check"
        } else {
            "have them leave: starttech-agent check"
        };
        let quarantine = format!("they are in the spool's quarantine: {}", service.quarantine);
        [
            (
                service.too_old.max(of_lines(lines.dropped_too_old)),
                "were refused as too old",
                "is the clock right, and the retention of the group? timedatectl",
            ),
            (
                service.too_new.max(of_lines(lines.dropped_too_new)),
                "were refused as too new",
                "is the clock right? timedatectl",
            ),
            (
                service.spool_full.max(of_lines(lines.dropped_spool_full)),
                "were given up because the spool was full",
                spool,
            ),
            (service.set_aside.max(of_lines(lines.set_aside)), "were refused for good", &quarantine),
        ]
        .into_iter()
        .filter(|(count, ..)| *count > 0)
        .map(|(count, what, mend)| Problem::new(format!("{count} {things} {what}"), mend))
        .collect()
    }
}
