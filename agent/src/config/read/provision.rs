//! The values of `[alerts]`, `[alarms]` and `[provision]`: what shall stand in the account.
//!
//! Names are judged by the rules of the service that gets them, so that it has none to refuse.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{boolean, duration_within};
use crate::config::fault::Fault;
use crate::config::keys::{self, provision as key};
use crate::config::values::{Values, Written, Wrong};
use crate::config::{Config, Provision};
use crate::metrics::{Metric, name as metric_name};
use crate::provision::mark::TAG;
use crate::provision::{Rhythm, Settings, Thresholds, Wanted, alarm};

/// What one writes for a part that there is not.
const NONE: &str = "none";

/// <https://docs.aws.amazon.com/sns/latest/api/API_CreateTopic.html>
const TOPIC_LENGTH: usize = 256;
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutDashboard.html>
const DASHBOARD_LENGTH: usize = 255;
/// It stands before every name, and in the mark of every description.
const PREFIX_LENGTH: usize = 64;
/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateRole.html>
const ROLE_LENGTH: usize = 64;
/// It stands in every description, of at most 1024 characters.
const URL_LENGTH: usize = 300;
/// A local part of 64, an `@`, a domain of 255; RFC 5321, 4.5.3.1.
const EMAIL_LENGTH: usize = 320;
/// <https://docs.aws.amazon.com/tag-editor/latest/userguide/best-practices-and-strats.html>: 50, of which the
/// mark and the severity of an alarm take two.
const TAGS: usize = 48;
/// After that, a host that boots would stay without its log groups for too long.
const WITHIN: std::ops::RangeInclusive<Duration> = Duration::ZERO..=Duration::from_mins(10);

/// Everything of the three sections; what others say of the account is filled in by whoever knows it.
pub(in crate::config) fn sections(values: &mut Values) -> Provision {
    let cpu = [&key::CPU_WARNING, &key::CPU_CRITICAL].map(|key| values.place(key));
    let thresholds = Thresholds {
        cpu_warning: values.take(&key::CPU_WARNING, percent),
        cpu_critical: values.take(&key::CPU_CRITICAL, percent),
        cpu_credits: values.take(&key::CPU_CREDITS, positive),
        memory: values.take(&key::MEMORY, percent),
        disk: values.take(&key::DISK, percent),
        response_time: values.take(&key::RESPONSE_TIME, positive),
        error_rate: values.take(&key::ERROR_RATE, percent),
        requests: values.take(&key::REQUESTS, positive),
        load_balancer_5xx: values.take(&key::LOAD_BALANCER_5XX, positive),
        error_lines: values.take(&key::ERROR_LINES, positive),
        restarts: values.take(&key::RESTARTS, positive),
        cache_hit_rate: values.take(&key::CACHE_HIT_RATE, percent),
        cloudfront_error_rate: values.take(&key::CLOUDFRONT_ERROR_RATE, percent),
        delivery_lag: values.take(&key::DELIVERY_LAG, positive),
    };
    let Thresholds { cpu_warning, cpu_critical, .. } = thresholds;
    // A value that was refused stands as 0, and was told.
    if cpu_warning >= cpu_critical && cpu_critical > 0.0 {
        let written = |place: &&crate::config::Place| &*place.source != keys::DEFAULT;
        let place = cpu.iter().flatten().find(written).or(cpu.iter().flatten().next());
        if let Some(place) = place {
            values.report(Fault {
                place: place.clone(),
                what: format!(
                    "`alarms.cpu_warning` is {cpu_warning}, which is not below `alarms.cpu_critical`, {cpu_critical}"
                ),
                mend: "write a warning that comes first: cpu_warning = 70, cpu_critical = 90".into(),
            });
        }
    }
    let at_start_written = values.place(&key::AT_START).is_some_and(|place| *place.source != *keys::DEFAULT);
    Provision {
        at_start_written,
        at_start: values.take(&key::AT_START, boolean),
        at_start_within: values.take(&key::AT_START_WITHIN, |within| duration_within(within, WITHIN)),
        settings: Settings {
            prefix: values.take(&key::PREFIX, prefix),
            dashboard: values.take(&key::DASHBOARD, dashboard),
            topic: values.take(&key::ALERTS_TOPIC, topic),
            emails: values.take(&key::ALERTS_EMAILS, emails),
            webhooks: values.take(&key::ALERTS_WEBHOOKS, webhooks),
            publishers: values.take(&key::ALERTS_PUBLISHERS, |roles| roles.each(role)),
            runbook: values.take_optional(&key::ALERTS_RUNBOOK, url),
            container: values.take(&key::ALARMS_CONTAINER, container),
            load_balancer: values.take(&key::LOAD_BALANCER, load_balancer),
            target_group: values.take(&key::TARGET_GROUP, target_group),
            distribution: values.take(&key::DISTRIBUTION, distribution),
            off: values.take(&key::ALARMS_OFF, |off| off.each(alarm_name)),
            thresholds,
            without_data: values.take(&key::WITHOUT_DATA, boolean),
            tags: values.take(&key::TAGS, tags),
            ..Settings::default()
        },
    }
}

/// Fills in what the account must have because of what the agent does, which other sections say.
pub(in crate::config) fn what_is_used(config: &mut Config) {
    let Config { logs, metrics, health, host, provision, .. } = config;
    let settings = &mut provision.settings;
    settings.log_groups = logs.selection.groups().into_iter().map(str::to_owned).collect();
    settings.retention_days = logs.retention_days;
    settings.namespace.clone_from(&metrics.namespace);
    settings.rhythm = Rhythm {
        sample_s: metrics.sample.as_secs_f64(),
        flush_s: u32::try_from(metrics.flush.as_secs()).unwrap_or(u32::MAX),
    };
    let unsent = |metric: &&'static Metric| {
        let key = match metric {
            _ if !metrics.enabled => "metrics.enabled",
            _ if !metrics.series.group => "metrics.series",
            metric if metrics.selection.off.is_match(metric.name) => "metrics.off",
            metric if !metrics.selection.sends(metric) => "metrics.on",
            metric if health.url.is_none() && metric.name.starts_with("health_") => "health.url",
            _ => return None,
        };
        Some((metric.name, key))
    };
    settings.unsent = metric_name::ALL.iter().filter_map(unsent).collect();
    // Alarms can do without a group; a host asks for its own as ever.
    let no_group = |group: &mut String| group == NONE;
    settings.auto_scaling_group = match host.auto_scaling_group.take_if(no_group) {
        Some(_) => Wanted::Nothing,
        None => host.auto_scaling_group.clone().map_or(Wanted::Find, Wanted::Named),
    };
}

/// Between 0 and 100; at either of them an alarm would ring always or never.
fn percent(written: Written<'_>) -> Result<f64, Wrong> {
    let number = written.number()?;
    if number > 0.0 && number < 100.0 { Ok(number) } else { Err(written.wrong(format!("is {number}"))) }
}

fn positive(written: Written<'_>) -> Result<f64, Wrong> {
    let number = written.number()?;
    if number > 0.0 && number.is_finite() {
        Ok(number)
    } else {
        Err(written.wrong(format!("is {number}, which is not above 0")))
    }
}

/// A name of letters, digits and a few others, of a limited length.
fn name(written: Written<'_>, others: &str, length: usize) -> Result<String, Wrong> {
    let text = written.text()?;
    if let Some(end) = text.strip_prefix("arn:").and_then(|rest| rest.rsplit([':', '/']).next()) {
        return Err(written.wrong_because("is a whole ARN", format!("write its name alone: \"{end}\"")));
    }
    if let Some(bad) = text.chars().find(|&c| !(c.is_ascii_alphanumeric() || others.contains(c))) {
        let others: Vec<String> = others.chars().map(|c| format!("`{c}`")).collect();
        return Err(written.wrong_because(
            format!("is {text:?}: {bad:?} is not allowed there"),
            format!("use letters, digits, {}", others.join(", ")),
        ));
    }
    if text.is_empty() || text.len() > length {
        return Err(written.wrong(format!("has {} characters, of 1 to {length}", text.len())));
    }
    Ok(text.to_owned())
}

fn topic(written: Written<'_>) -> Result<String, Wrong> {
    // SNS tells them by this ending alone, in these letters.
    #[expect(clippy::case_sensitive_file_extension_comparisons, reason = "it is no file")]
    let is_fifo = written.text()?.ends_with(".fifo");
    if is_fifo {
        return Err(written.wrong_because(
            "is a FIFO topic, which sends no mail",
            "write the name of a standard topic, without .fifo",
        ));
    }
    name(written, "-_", TOPIC_LENGTH)
}

fn dashboard(written: Written<'_>) -> Result<String, Wrong> {
    name(written, "-_", DASHBOARD_LENGTH)
}

fn prefix(written: Written<'_>) -> Result<String, Wrong> {
    name(written, "-_", PREFIX_LENGTH)
}

fn role(written: Written<'_>) -> Result<String, Wrong> {
    name(written, "+=,.@_-", ROLE_LENGTH)
}

/// <https://docs.docker.com/reference/cli/docker/container/run/>: what Docker takes for `--name`.
fn container(written: Written<'_>) -> Result<String, Wrong> {
    name(written, "_.-", 255)
}

fn alarm_name(written: Written<'_>) -> Result<String, Wrong> {
    let text = written.text()?;
    if alarm::names().any(|known| known == text) {
        return Ok(text.to_owned());
    }
    let mend = match keys::nearest_of(text, alarm::names()) {
        Some(near) => format!("write \"{near}\""),
        None => format!("write some of {}", alarm::names().collect::<Vec<_>>().join(", ")),
    };
    Err(written.wrong_because(format!("holds {text:?}, which no alarm is called"), mend))
}

/// All good, and none twice: each would get every mail twice, or be confirmed twice.
fn distinct(
    written: Written<'_>,
    read: impl Fn(Written<'_>) -> Result<String, Wrong>,
) -> Result<Vec<String>, Wrong> {
    let all = written.each(read)?;
    let twice = |(at, text): &(usize, &String)| {
        all.iter().take(*at).any(|earlier| earlier.eq_ignore_ascii_case(text))
    };
    match all.iter().enumerate().find(twice) {
        // The text itself may hold a token.
        Some((at, _)) => {
            Err(written
                .wrong_because(format!("holds the one in place {} twice", at + 1), "delete one of them"))
        }
        None => Ok(all),
    }
}

fn emails(written: Written<'_>) -> Result<Vec<String>, Wrong> {
    distinct(written, email)
}

/// What is surely none is refused; whether there is somebody behind it shows when they confirm.
fn email(written: Written<'_>) -> Result<String, Wrong> {
    let text = written.text()?;
    let wrong = |why: &str, mend: &str| {
        Err(written.wrong_because(format!("holds {text:?}, which is no mail address: {why}"), mend))
    };
    let bare = text.rsplit_once('<').map_or(text, |(_, rest)| rest.trim_end_matches('>'));
    let bare = bare.trim().trim_start_matches("mailto:");
    let instead = format!("write the address alone: \"{bare}\"");
    if text.contains(|c: char| c.is_whitespace() || c.is_control() || "<>()[],;:\\\"".contains(c)) {
        return wrong("it holds more than the address", &instead);
    }
    let Some((local, domain)) = text.split_once('@').filter(|(_, domain)| !domain.contains('@')) else {
        return wrong("it needs one @", "write \"name@example.com\"");
    };
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    if local.is_empty() || !text.is_ascii() || text.len() > EMAIL_LENGTH {
        return wrong("no mailbox is called so", "write \"name@example.com\", in ASCII");
    }
    if !domain.contains('.') || !domain.split('.').all(label) {
        return wrong("what follows the @ is no domain", "write \"name@example.com\"");
    }
    Ok(text.to_owned())
}

fn webhooks(written: Written<'_>) -> Result<Vec<String>, Wrong> {
    distinct(written, url)
}

/// The text itself is not told: it may hold a password, or a token in its path.
fn url(written: Written<'_>) -> Result<String, Wrong> {
    let text = written.text()?;
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let Some(rest) = rest else {
        return Err(written.wrong("is no URL that begins with https:// or http://"));
    };
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
    if host.is_empty() || host.starts_with([':', '.']) || text.chars().any(|c| !c.is_ascii_graphic()) {
        return Err(written.wrong("is a URL without a host, or with characters that no URL has"));
    }
    if text.len() > URL_LENGTH {
        return Err(written.wrong(format!("has {} characters, of at most {URL_LENGTH}", text.len())));
    }
    Ok(text.to_owned())
}

fn load_balancer(written: Written<'_>) -> Result<Wanted, Wrong> {
    let show = "aws elbv2 describe-load-balancers --query 'LoadBalancers[].LoadBalancerArn'";
    let mend = format!("write the end of its ARN, app/name/id, as this shows it: {show}");
    part(written, |text| end_of(text, "app", Some("loadbalancer/")), &mend)
}

fn target_group(written: Written<'_>) -> Result<Wanted, Wrong> {
    let show = "aws elbv2 describe-target-groups --query 'TargetGroups[].TargetGroupArn'";
    let mend = format!("write the end of its ARN, targetgroup/name/id, as this shows it: {show}");
    part(written, |text| end_of(text, "targetgroup", None), &mend)
}

fn distribution(written: Written<'_>) -> Result<Wanted, Wrong> {
    let id = |text: &str| {
        let is_id = |text: &&str| {
            text.starts_with('E')
                && (2..=32).contains(&text.len())
                && text.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit())
        };
        match text.strip_prefix("arn:").and_then(|rest| rest.split_once(":distribution/")) {
            Some((_, id)) => Err(Some(id).filter(is_id).map(str::to_owned)),
            None => Some(text).filter(is_id).map(str::to_owned).ok_or(None),
        }
    };
    let show = "aws cloudfront list-distributions --query 'DistributionList.Items[].[Id,DomainName]'";
    part(written, id, &format!("write its id, which begins with E, as this shows it: {show}"))
}

/// A part by its name. `read` gives it, or if it is but written otherwise, how to write it.
fn part(
    written: Written<'_>,
    read: impl Fn(&str) -> Result<String, Option<String>>,
    mend: &str,
) -> Result<Wanted, Wrong> {
    let text = written.text()?;
    if text == NONE {
        return Ok(Wanted::Nothing);
    }
    read(text).map(Wanted::Named).map_err(|instead| match instead {
        Some(instead) => written.wrong_because("is a whole ARN", format!("write \"{instead}\"")),
        None => written.wrong_because(format!("is {text:?}, not what its metrics call it"), mend),
    })
}

/// `first/name/id`, as `CloudWatch`'s dimensions have it.
/// <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-cloudwatch-metrics.html>
fn end_of(text: &str, first: &str, before: Option<&str>) -> Result<String, Option<String>> {
    let is_end = |end: &&str| {
        let parts: Vec<&str> = end.split('/').collect();
        let [kind, name, id] = parts.as_slice() else { return false };
        *kind == first
            && !name.is_empty()
            && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
            && !id.is_empty()
            && id.chars().all(|c| c.is_ascii_hexdigit())
    };
    let behind = |text: &str| {
        let end = text.rsplit(':').next().unwrap_or(text);
        let end = before.and_then(|before| end.strip_prefix(before)).unwrap_or(end);
        Some(end).filter(is_end).map(str::to_owned)
    };
    if text.starts_with("arn:") || before.is_some_and(|before| text.starts_with(before)) {
        return Err(behind(text));
    }
    Some(text).filter(is_end).map(str::to_owned).ok_or(None)
}

/// Each as `key=value`, so that a variable can hold them too.
fn tags(written: Written<'_>) -> Result<BTreeMap<String, String>, Wrong> {
    let pairs = written.each(|item| {
        let text = item.text()?;
        let Some((key, value)) = text.split_once('=').map(|(key, value)| (key.trim(), value.trim())) else {
            return Err(item.wrong(format!("holds {text:?}, which has no =")));
        };
        let allowed = |c: char| c.is_alphanumeric() || " _.:/=+-@".contains(c);
        if key.is_empty() || key.chars().count() > 128 || value.chars().count() > 256 {
            return Err(item.wrong_because(
                format!("holds {text:?}, too long or without a key"),
                "a key has 1 to 128 characters, a value up to 256",
            ));
        }
        if let Some(bad) = text.chars().find(|&c| !allowed(c)) {
            return Err(item.wrong_because(
                format!("holds {text:?}: AWS allows no {bad:?} in a tag"),
                "use letters, digits, spaces and _ . : / = + - @",
            ));
        }
        if key == TAG || key.to_ascii_lowercase().starts_with("aws:") {
            return Err(item.wrong_because(
                format!("holds the key {key:?}, which is taken"),
                "choose another; the agent knows its own by its tag, and aws: is AWS's",
            ));
        }
        Ok((key.to_owned(), value.to_owned()))
    })?;
    let count = pairs.len();
    let tags: BTreeMap<String, String> = pairs.into_iter().collect();
    if tags.len() < count {
        return Err(written.wrong_because("holds a key twice", "delete one of them"));
    }
    if count > TAGS {
        return Err(written
            .wrong_because(format!("has {count} tags"), format!("a thing has at most {TAGS} besides ours")));
    }
    Ok(tags)
}
