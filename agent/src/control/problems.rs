//! What is wrong with a daemon, out of what it says of itself, and what to do about each.
//!
//! `status` prints it and ends with 1 for it; its help lists what is here. What is no fault, or over, is in
//! `control/notes.rs`.

use serde::{Deserialize, Serialize};

use super::status::{Container, Docker, Read, Service, Status, Trouble};

/// A failure may pass by itself within this.
const PASSING_MS: i64 = 10_000;
/// Lines that wait for longer are late.
const LATE_MS: i64 = 5 * 60_000;
/// What was refused for good before that is over: a stream that ended cannot show that it is well.
const RECENT_MS: i64 = 15 * 60_000;
/// From so much of its limit on, a spool will be full soon.
const NEARLY_FULL: f64 = 0.8;

/// Something is wrong, or worth knowing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// What, in words.
    pub what: String,
    /// What to do.
    pub mend: String,
}

impl Problem {
    /// Both, in words.
    pub fn new(what: impl Into<String>, mend: impl Into<String>) -> Self {
        Self { what: what.into(), mend: mend.into() }
    }
}

impl Status {
    /// All that is wrong now.
    pub fn problems(&self) -> Vec<Problem> {
        let mut problems: Vec<Problem> = self.unanswered.iter().map(|name| self.stuck(name)).collect();
        problems.extend(self.docker.as_ref().and_then(|docker| self.docker(docker)));
        let containers = self.containers.iter().flatten().filter(|container| !container.removed);
        problems.extend(containers.filter_map(container));
        problems.extend(self.services.iter().filter_map(|service| self.service(service)));
        if self.metrics.as_ref().and_then(|metrics| metrics.get("health_up", None)) == Some(0.0) {
            problems.push(Problem::new(
                "the health check of the backend fails",
                "docker ps; docker logs --tail 50 NAME; health.url says who is asked",
            ));
        }
        for open in self.alerts.iter().flat_map(|alerts| &alerts.open) {
            if !open.silenced && !open.ending {
                let run = open.run.iter().filter(|command| !self.is_local() || !is_of_a_unit(command));
                let run: Vec<&str> = run.map(String::as_str).collect();
                let mend = if run.is_empty() {
                    "docker ps -a; starttech-agent top".to_owned()
                } else {
                    run.join("; ")
                };
                problems.push(Problem::new(format!("alert {}: {}", open.rule, open.words), mend));
            }
        }
        problems
    }

    /// Whether it was started by hand into a directory: then it is no unit, and the journal has nothing of it.
    pub(super) fn is_local(&self) -> bool {
        self.host.local.is_some()
    }

    /// Where its own words are.
    pub(super) fn journal(&self) -> &'static str {
        if self.is_local() { "its own terminal has why" } else { "journalctl -u starttech-agent -e" }
    }

    /// That alerts are refused for want of a right is so under the role that most hosts have: it is known, the journal
    /// has the alerts, and nothing is to be mended for the host to be well.
    pub(super) fn is_only_told_here(service: &Service) -> bool {
        service.kind == "alerts" && service.denied && service.lasting
    }

    fn stuck(&self, name: &str) -> Problem {
        let what = format!("the {name} loop does not answer");
        Problem::new(what, format!("is the disk of the spool full or slow? df -h; {}", self.journal()))
    }

    fn docker(&self, docker: &Docker) -> Option<Problem> {
        let trouble = docker.trouble.as_ref()?;
        let unit = if self.is_local() { "is it running? docker info" } else { "systemctl status docker" };
        let mend = format!("{unit}; if it listens elsewhere: docker.socket");
        let mend = trouble.mend.clone().unwrap_or(mend);
        Some(Problem::new(format!("Docker is not followed: {}", trouble.words), mend))
    }

    fn service(&self, service: &Service) -> Option<Problem> {
        if Self::is_only_told_here(service) {
            return None;
        }
        let what = service.content();
        let lasts = |since_ms| service.lasting || self.now_ms - since_ms >= PASSING_MS;
        if service.failing_since_ms.is_some_and(lasts) {
            let last = service.last_error.as_ref();
            let words = last.map_or("no reason is known", |last| &last.words);
            let mend = last.and_then(|last| last.mend.as_deref()).filter(|mend| !mend.is_empty());
            let mend = mend.unwrap_or("starttech-agent check asks the service, and says what to do");
            return Some(Problem::new(format!("{what} are not delivered: {words}"), mend));
        }
        let refused = service.refused.as_ref().filter(|refused| self.now_ms - refused.at_ms < RECENT_MS);
        if let Some(Trouble { words, mend, .. }) = refused {
            let mend = mend.as_deref().unwrap_or("starttech-agent check");
            return Some(Problem::new(
                format!("{what} are refused for good, and lost: {words}"),
                format!("{mend}; what was refused is in {}", service.quarantine),
            ));
        }
        #[expect(clippy::cast_precision_loss, reason = "sizes of files")]
        let full = service.spool_bytes as f64 >= NEARLY_FULL * service.spool_max_bytes.max(1) as f64;
        if full && service.spool_max_bytes > 0 {
            return Some(Problem::new(
                format!("the spool of {what} is nearly full: then the oldest are given up"),
                "raise spool.max_bytes, or find out why they leave so slowly: starttech-agent check",
            ));
        }
        (service.lag_ms(self.now_ms) >= LATE_MS).then(|| {
            Problem::new(
                format!("{what} are late: the oldest waits for {} min", service.lag_ms(self.now_ms) / 60_000),
                "they leave one after the other; if this grows, starttech-agent check says why",
            )
        })
    }
}

fn container(container: &Container) -> Option<Problem> {
    let name = &container.name;
    match (container.read, &container.trouble) {
        (Read::Unreadable, _) => Some(Problem::new(
            format!("the log of {name} cannot be opened: its lines do not leave this host"),
            "sudo starttech-agent check says which right is missing",
        )),
        (Read::NotReadable, _) => Some(Problem::new(
            format!(
                "the log of {name} cannot be read back (driver {}): its lines do not leave this host",
                container.driver
            ),
            "start it with --log-driver json-file --log-opt max-size=10m --log-opt max-file=3",
        )),
        (_, Some(trouble)) => Some(Problem::new(
            format!("the log of {name} cannot be read, its lines do not leave this host: {}", trouble.words),
            trouble.mend.clone().unwrap_or_else(|| format!("docker logs --tail 1 {name}")),
        )),
        _ => None,
    }
}

/// It speaks of a service manager that may not be there.
fn is_of_a_unit(command: &str) -> bool {
    ["journalctl", "systemctl"].iter().any(|word| command.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::status::Open;
    use crate::control::tests::sample;

    fn trouble(words: &str, mend: &str) -> Trouble {
        Trouble { at_ms: sample::NOW - 60_000, words: words.to_owned(), mend: Some(mend.to_owned()) }
    }

    fn only(status: &Status) -> Problem {
        let problems = status.problems();
        assert_eq!(problems.len(), 1, "{problems:?}");
        problems.into_iter().next().unwrap()
    }

    /// Under `CloudWatchAgentServerPolicy`, of an account whose number has 429 in it.
    fn alerts_are_refused() -> Status {
        let mut status = sample::well();
        let alerts = &mut status.services[2];
        (alerts.lasting, alerts.denied, alerts.failing_streams) = (true, true, 1);
        (alerts.failing_since_ms, alerts.spool_batches) = (Some(sample::NOW - 3_600_000), 2);
        alerts.oldest_ms = alerts.failing_since_ms;
        alerts.last_error = Some(trouble(
            "this host's role may not publish to the topic arn:aws:sns:eu-west-1:342912345678:starttech-alarms",
            "allow sns:Publish on arn:aws:sns:eu-west-1:342912345678:starttech-alarms to this host's role",
        ));
        status
    }

    #[test]
    fn that_the_role_may_not_publish_alerts_is_to_be_known_and_not_wrong() {
        let mut status = alerts_are_refused();
        assert_eq!(status.problems(), []);
        let notes = status.notes();
        assert_eq!(notes.len(), 1, "{notes:?}");
        assert!(notes[0].what.contains("alerts are in the journal only") && notes[0].what.contains("2 wait"));
        assert!(notes[0].mend.starts_with("allow sns:Publish on arn:aws:sns:"), "{notes:?}");
        // The same of lines is wrong: they are nowhere else.
        status.services.swap(0, 2);
        status.services[0].kind = "logs".to_owned();
        assert!(only(&status).mend.starts_with("allow sns:Publish"), "the mend is the refusal's own");
        let mut status = alerts_are_refused();
        status.services[2].denied = false;
        assert!(only(&status).what.starts_with("alerts are not delivered"), "another reason is wrong");
    }

    #[test]
    fn what_was_refused_for_good_is_wrong_while_it_is_news() {
        let mut status = sample::well();
        let metrics = &mut status.services[1];
        metrics.refused = Some(trouble("PutMetricData: InvalidParameterValue", "is the namespace right?"));
        (metrics.set_aside, metrics.quarantine) = (136, "/spool/metrics/quarantine".to_owned());
        let problem = only(&status);
        assert!(
            problem.what.starts_with("metrics are refused for good, and lost: PutMetricData"),
            "{problem:?}"
        );
        assert_eq!(problem.mend, "is the namespace right?; what was refused is in /spool/metrics/quarantine");
        status.now_ms += RECENT_MS;
        assert!(!status.problems().iter().any(|problem| problem.what.contains("refused for good")));
        let note = &status.notes()[0];
        assert_eq!(note.what, "136 datapoints were refused for good");
        assert!(note.mend.ends_with("/spool/metrics/quarantine"));
    }

    #[test]
    fn a_log_that_cannot_be_read_is_wrong_and_one_that_was_emptied_is_to_be_known() {
        let mut status = sample::well();
        let containers = status.containers.as_mut().unwrap();
        containers[0].trouble = Some(trouble("Docker responded with status code 403", "let /logs through"));
        containers[1].truncated = 3;
        let problem = only(&status);
        assert!(problem.what.contains("the log of backend cannot be read") && problem.what.contains("403"));
        assert_eq!(problem.mend, "let /logs through");
        assert!(status.notes()[0].what.starts_with("the log of redis was emptied 3 times"));
        status.containers.as_mut().unwrap()[0].removed = true;
        assert_eq!(status.problems(), []);
    }

    #[test]
    fn an_alert_has_what_to_run() {
        let mut status = sample::well();
        let mut open = Open { rule: "container-died".to_owned(), ..Open::default() };
        open.run = vec!["docker logs --tail 100 web".to_owned(), "journalctl -u docker".to_owned()];
        status.alerts.as_mut().unwrap().open = vec![open];
        assert_eq!(only(&status).mend, "docker logs --tail 100 web; journalctl -u docker");
        status.host.local = Some("/tmp/x".to_owned());
        assert_eq!(only(&status).mend, "docker logs --tail 100 web");
    }

    #[test]
    fn a_daemon_that_is_no_unit_is_not_looked_for_as_one() {
        let mut status = sample::ill();
        status.lines.metric_errors = 1;
        let said = |status: &Status| format!("{:?} {:?}", status.problems(), status.notes());
        assert!(said(&status).contains("journalctl") && said(&status).contains("systemctl"));
        status.host.local = Some("/tmp/x".to_owned());
        let said = said(&status);
        assert!(!said.contains("journalctl") && !said.contains("systemctl"), "{said}");
    }
}
