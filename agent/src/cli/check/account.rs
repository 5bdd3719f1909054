//! Whether AWS is there, knows us, and agrees on the time.

use std::time::{Duration, SystemTime};

use aws_config::SdkConfig;

use super::{Finding, Verdict};
use crate::aws::probe::{self, Unreachable, Welcome};
use crate::config::Config;
use crate::config::identity::{Identity, Origin, environment_region};
use crate::telemetry::chain;
use crate::{aws, imds, telemetry};

/// A signature is refused when the clocks are further apart.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-troubleshooting.html>
const SKEW_REFUSED: Duration = Duration::from_mins(5);

/// Further apart than any network could explain.
const SKEW_ODD: Duration = Duration::from_mins(1);

/// Where, who, whether at all, and when. Each is handed over as soon as it is known. Gives whether the host is
/// in an Auto Scaling group.
pub(super) async fn findings(config: &Config, add: &mut impl FnMut(Vec<Finding>)) -> bool {
    let metadata = imds::identity(aws::http_client()).await;
    let environment = environment_region(|name| std::env::var(name).ok());
    let host_name = gethostname::gethostname().to_string_lossy().into_owned();
    let told = metadata.as_ref().ok().cloned();
    let identity = Identity::resolve(config, environment.clone(), told, host_name);
    let needed = Identity::needs_metadata(config, environment.as_deref());
    add(vec![metadata_service(&metadata, needed), host(&identity), region(&identity)]);

    let sdk = aws::sdk_config(&identity.region).await;
    let credentials = credentials(&sdk).await;
    let known = credentials.verdict == Verdict::Good;
    add(vec![credentials]);

    let endpoint = aws::logs_endpoint(&identity.region);
    let answer = probe::reach(&endpoint).await;
    let reached = answer.is_ok();
    let now = telemetry::now();
    let date = answer.as_ref().ok().and_then(|answer| answer.date);
    let mut found = vec![reachable(&endpoint, &identity.region, answer.err())];
    let clock = date.map(|date| clock(date, now));
    // What AWS says of a signature from another time would accuse the key.
    let in_time = clock.as_ref().is_none_or(|clock| clock.verdict != Verdict::Bad);
    found.extend(clock);
    add(found);

    if known && reached && in_time {
        add(vec![welcome(probe::signed(&sdk, &config.logs.selection.group).await)]);
    }
    if !config.metrics.enabled {
        return false;
    }
    let endpoint = aws::metrics_endpoint(&identity.region);
    let answer = probe::reach(&endpoint).await.err();
    let (in_group, group) = group(config, &identity, &sdk, known).await;
    add(vec![reachable_metrics(&endpoint, &identity.region, answer), group]);
    in_group
}

fn reachable_metrics(endpoint: &str, region: &str, error: Option<Unreachable>) -> Finding {
    const WHAT: &str = "CloudWatch";
    let Some(error) = error else { return Finding::good(WHAT, format!("{endpoint} answers")) };
    Finding::bad(
        WHAT,
        format!("{endpoint}: {}; no metric leaves this host", chain(&error)),
        format!(
            "a private subnet needs a NAT gateway or the VPC interface endpoint com.amazonaws.{region}.monitoring, \
             whose security group lets this host in on port 443; does the name resolve? getent hosts {}",
            host_of(endpoint)
        ),
    )
}

/// The host's Auto Scaling group, as the daemon finds it.
async fn group(config: &Config, identity: &Identity, sdk: &SdkConfig, known: bool) -> (bool, Finding) {
    const WHAT: &str = "Auto Scaling group";
    const MEND: &str = "set host.auto_scaling_group; or allow ec2:DescribeTags (CloudWatchAgentServerPolicy does); or let \
         the metadata service tell tags: --instance-metadata-tags enabled";
    if let Some(group) = &config.host.auto_scaling_group {
        return (true, Finding::good(WHAT, format!("{group}, from the configuration")));
    }
    if !identity.is_instance() {
        return (false, Finding::good(WHAT, "none: this is no EC2 instance"));
    }
    if let Ok(Some(group)) = imds::auto_scaling_group(aws::http_client()).await {
        return (true, Finding::good(WHAT, format!("{group}, from the instance's tags")));
    }
    if !known {
        return (false, Finding::unsure(WHAT, "unknown, for want of credentials", MEND));
    }
    match aws::tags::auto_scaling_group(sdk, &identity.instance_id).await {
        Ok(Some(group)) => (true, Finding::good(WHAT, format!("{group}, from EC2"))),
        Ok(None) => (false, Finding::good(WHAT, "none: the instance has no tag aws:autoscaling:groupName")),
        Err(error) => (false, Finding::unsure(WHAT, chain(&error), MEND)),
    }
}

fn metadata_service(metadata: &Result<imds::Identity, imds::Error>, needed: bool) -> Finding {
    const WHAT: &str = "instance metadata";
    match metadata {
        Ok(found) => Finding::good(WHAT, format!("instance {} in {}", found.instance_id, found.region)),
        Err(error) if !needed => {
            Finding::good(WHAT, format!("{}, and need not: region and host are configured", chain(error)))
        }
        Err(imds::Error::Disabled) => Finding::unsure(
            WHAT,
            "AWS_EC2_METADATA_DISABLED is set",
            "unset it on an EC2 host; elsewhere set region and host.instance_id in agent.toml",
        ),
        Err(error) => Finding::unsure(
            WHAT,
            chain(error),
            "on EC2: aws ec2 modify-instance-metadata-options --instance-id … --http-endpoint enabled \
             --http-put-response-hop-limit 2\n\
             elsewhere: set region and host.instance_id in agent.toml",
        ),
    }
}

fn host(identity: &Identity) -> Finding {
    let detail = format!("streams name it {}, {}", identity.instance_id, identity.instance_id_from);
    Finding::good("host", detail)
}

fn region(identity: &Identity) -> Finding {
    let detail = format!("{}, {}", identity.region, identity.region_from);
    match identity.region_from {
        Origin::Default => Finding::unsure(
            "region",
            detail,
            "if that is not where the log groups are, set region in agent.toml",
        ),
        _ => Finding::good("region", detail),
    }
}

async fn credentials(sdk: &SdkConfig) -> Finding {
    const WHAT: &str = "credentials";
    const MEND: &str = "on EC2: attach an instance profile whose role has CloudWatchAgentServerPolicy\n\
         elsewhere: AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, in the environment; for the \
         service: systemctl edit starttech-agent";
    match probe::credentials(sdk).await {
        Ok(found) if found.expires.is_some_and(|at| at <= telemetry::now()) => {
            Finding::bad(WHAT, format!("from {}, key …{}, but expired", found.provider, found.key_ends), MEND)
        }
        Ok(found) => Finding::good(WHAT, format!("from {}, key …{}", found.provider, found.key_ends)),
        // The SDK lists all its providers, and says so of each.
        Err(error) => {
            Finding::bad(WHAT, chain(&error).replace("the credential provider was not enabled: ", ""), MEND)
        }
    }
}

fn reachable(endpoint: &str, region: &str, error: Option<Unreachable>) -> Finding {
    const WHAT: &str = "CloudWatch Logs";
    let Some(error) = error else { return Finding::good(WHAT, format!("{endpoint} answers")) };
    let detail = format!("{endpoint}: {}", chain(&error));
    let mend = match error {
        Unreachable::Silent => format!(
            "a private subnet needs a NAT gateway or the VPC interface endpoint com.amazonaws.{region}.logs, whose \
             security group lets this host in on port 443"
        ),
        Unreachable::Refused(_) => format!(
            "is the region right, and does the name resolve? getent hosts {}\n\
             with the VPC interface endpoint com.amazonaws.{region}.logs private DNS must be on",
            host_of(endpoint)
        ),
        Unreachable::Malformed(_) => {
            "set AWS_ENDPOINT_URL_LOGS to a whole URL such as http://127.0.0.1:4566, or unset it".to_owned()
        }
    };
    Finding::bad(WHAT, detail, mend)
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

fn welcome(welcome: Welcome) -> Finding {
    const WHAT: &str = "access";
    match welcome {
        Welcome::Allowed => Finding::good(WHAT, "the credentials are accepted and may use CloudWatch Logs"),
        Welcome::Denied(message) => Finding::unsure(
            WHAT,
            format!("the credentials are accepted, but not for everything: {message}"),
            "attach CloudWatchAgentServerPolicy to the role; it must allow logs:PutLogEvents, logs:CreateLogStream, \
             logs:CreateLogGroup and logs:PutRetentionPolicy",
        ),
        Welcome::Refused(code, message) => Finding::bad(
            WHAT,
            format!("AWS refuses the credentials with {code}: {message}"),
            "the key was deleted, mistyped or has expired: renew what the line `credentials` names",
        ),
        Welcome::Unclear(why) => Finding::unsure(
            WHAT,
            format!("nobody can tell: {why}"),
            "try again; the daemon itself never gives up",
        ),
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
        let finding = reachable("https://x", "eu-west-1", Some(Unreachable::Silent));
        assert!(finding.mend.contains("com.amazonaws.eu-west-1.logs"));
        assert_eq!(host_of("https://logs.eu-west-1.amazonaws.com/x"), "logs.eu-west-1.amazonaws.com");
        assert_eq!(host_of("http://127.0.0.1:4566"), "127.0.0.1");
    }
}
