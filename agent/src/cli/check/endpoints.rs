//! Whether AWS's endpoints are there, by which way, and whether they agree on the time.

use std::net::IpAddr;
use std::time::{Duration, SystemTime};

use tokio::net::lookup_host;
use tokio::time::timeout;

use super::{Finding, Verdict};
use crate::aws::probe::{self, Answer, Unreachable};
use crate::config::Config;
use crate::telemetry::chain;
use crate::{aws, telemetry};

/// A signature is refused when the clocks are further apart.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-troubleshooting.html>
const SKEW_REFUSED: Duration = Duration::from_mins(5);

/// Further apart than any network could explain.
const SKEW_ODD: Duration = Duration::from_mins(1);

/// For the address of a name that was just connected to.
const LOOKUP: Duration = Duration::from_secs(1);

/// What can be asked.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reached {
    pub(super) logs: bool,
    pub(super) metrics: bool,
    /// A signature made now would hold.
    pub(super) in_time: bool,
}

/// A service, and what it is for.
struct Service {
    name: &'static str,
    /// How the VPC endpoint's name ends.
    vpc: &'static str,
    /// What happens without it.
    lost: &'static str,
    verdict: Verdict,
}

const LOGS: Service =
    Service { name: "CloudWatch Logs", vpc: "logs", lost: "no line leaves this host", verdict: Verdict::Bad };
const METRICS: Service = Service {
    name: "CloudWatch",
    vpc: "monitoring",
    lost: "no metric leaves this host",
    verdict: Verdict::Bad,
};
const TOPICS: Service = Service {
    name: "SNS",
    vpc: "sns",
    lost: "nobody is told of this host's own alerts until it can be",
    verdict: Verdict::Unsure,
};

/// Asks all that the daemon needs, at the same time.
pub(super) async fn findings(config: &Config, region: &str) -> (Vec<Finding>, Reached) {
    let [logs, metrics, topics] =
        [aws::logs_endpoint(region), aws::metrics_endpoint(region), aws::topics_endpoint(region)];
    let (logs_answer, metrics_answer, topics_answer) = tokio::join!(
        reach(&logs),
        wanted(config.metrics.enabled, &metrics),
        wanted(config.alerts.enabled, &topics)
    );
    let mut found = Vec::new();
    let date = logs_answer.0.as_ref().ok().and_then(|answer| answer.date);
    let mut reached = Reached { logs: logs_answer.0.is_ok(), metrics: false, in_time: true };
    found.push(reachable(&LOGS, &logs, region, logs_answer));
    if let Some(date) = date {
        let clock = clock(date, telemetry::now());
        reached.in_time = clock.verdict != Verdict::Bad;
        found.push(clock);
    }
    if let Some(answer) = metrics_answer {
        reached.metrics = answer.0.is_ok();
        found.push(reachable(&METRICS, &metrics, region, answer));
    } else {
        reached.metrics = reached.logs;
    }
    found.extend(topics_answer.map(|answer| reachable(&TOPICS, &topics, region, answer)));
    (found, reached)
}

/// An answer, and by which address of a private network it came.
type Answered = (Result<Answer, Unreachable>, Option<IpAddr>);

async fn wanted(is_wanted: bool, endpoint: &str) -> Option<Answered> {
    if is_wanted { Some(reach(endpoint).await) } else { None }
}

async fn reach(endpoint: &str) -> Answered {
    let answer = probe::reach(endpoint).await;
    if answer.is_err() {
        return (answer, None);
    }
    let looked = timeout(LOOKUP, lookup_host((host_of(endpoint), 443))).await;
    let mut addresses = looked.ok().and_then(Result::ok).into_iter().flatten();
    let private = addresses.find_map(|address| match address.ip() {
        IpAddr::V4(ip) if ip.is_private() => Some(IpAddr::V4(ip)),
        _ => None,
    });
    (answer, private)
}

fn reachable(service: &Service, endpoint: &str, region: &str, (answer, private): Answered) -> Finding {
    let Err(error) = answer else {
        let by = private.map(|ip| format!(", by the VPC endpoint at {ip}")).unwrap_or_default();
        return Finding::good(service.name, format!("{endpoint} answers{by}"));
    };
    let detail = format!("{endpoint}: {}; {}", chain(&error), service.lost);
    let vpc = format!("com.amazonaws.{region}.{}", service.vpc);
    let mend = match error {
        Unreachable::Silent => format!(
            "a private subnet needs a NAT gateway or the VPC interface endpoint {vpc}, whose security group lets this \
             host in on port 443"
        ),
        Unreachable::Refused(_) => format!(
            "is the region right, and does the name resolve? getent hosts {}\n\
             with the VPC interface endpoint {vpc} private DNS must be on; without it, a private subnet needs a NAT \
             gateway",
            host_of(endpoint)
        ),
        Unreachable::Malformed(_) => {
            "set the AWS_ENDPOINT_URL… that says so to a whole URL such as http://127.0.0.1:4566, or unset it"
                .to_owned()
        }
    };
    Finding { verdict: service.verdict, ..Finding::bad(service.name, detail, mend) }
}

fn host_of(endpoint: &str) -> &str {
    let after_scheme = endpoint.split_once("://").map_or(endpoint, |(_, rest)| rest);
    after_scheme.split(['/', ':']).next().unwrap_or(after_scheme)
}

fn clock(theirs: SystemTime, ours: SystemTime) -> Finding {
    const WHAT: &str = "clock";
    const MEND: &str = "timedatectl set-ntp true; on EC2 chrony takes the time from 169.254.169.123";
    let (skew, direction) = match ours.duration_since(theirs) {
        Ok(ahead) => (ahead, "ahead of"),
        Err(behind) => (behind.duration(), "behind"),
    };
    let detail = format!("{} s {direction} AWS", skew.as_secs());
    if skew > SKEW_REFUSED {
        let detail = format!("{detail}: every call will be refused, signatures hold for 5 minutes");
        Finding::bad(WHAT, detail, MEND)
    } else if skew > SKEW_ODD {
        Finding::unsure(
            WHAT,
            format!("{detail}: events carry the wrong time, from 5 minutes on all is refused"),
            MEND,
        )
    } else {
        Finding::good(WHAT, "within a minute of AWS's")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_is_judged_in_both_directions() {
        let noon = SystemTime::UNIX_EPOCH + Duration::from_hours(12);
        for (seconds, verdict) in [
            (0, Verdict::Good),
            (60, Verdict::Good),
            (61, Verdict::Unsure),
            (300, Verdict::Unsure),
            (301, Verdict::Bad),
        ] {
            let skew = Duration::from_secs(seconds);
            assert_eq!(clock(noon, noon + skew).verdict, verdict, "{seconds} s ahead");
            assert_eq!(clock(noon, noon - skew).verdict, verdict, "{seconds} s behind");
        }
    }

    #[test]
    fn a_time_out_names_the_vpc_endpoint() {
        let silent = || (Err(Unreachable::Silent), None);
        let finding = reachable(&LOGS, "https://x", "eu-west-1", silent());
        assert!(finding.verdict == Verdict::Bad && finding.mend.contains("com.amazonaws.eu-west-1.logs"));
        let finding = reachable(&TOPICS, "https://x", "eu-west-1", silent());
        assert!(finding.verdict == Verdict::Unsure && finding.mend.contains("com.amazonaws.eu-west-1.sns"));
        let answer = || Ok(Answer { status: 404, date: None });
        let private = reachable(&LOGS, "https://x", "eu-west-1", (answer(), Some([10, 0, 1, 2].into())));
        assert_eq!(private.detail, "https://x answers, by the VPC endpoint at 10.0.1.2");
        assert_eq!(host_of("https://logs.eu-west-1.amazonaws.com/x"), "logs.eu-west-1.amazonaws.com");
        assert_eq!(host_of("http://127.0.0.1:4566"), "127.0.0.1");
    }
}
