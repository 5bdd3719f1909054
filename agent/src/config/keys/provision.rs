//! The keys of `[alerts]`, `[alarms]` and `[provision]`: what stands in the account.

use super::{Key, key, list, optional};

const PERCENT: &str = "a percentage between 0 and 100";

pub(in crate::config) const ALERTS_ENABLED: Key = key("alerts.enabled", "true or false", "true");

pub(in crate::config) const ALERTS_MAX_PER_HOUR: Key =
    key("alerts.max_per_hour", "a number of messages from 1 to 100000", "10");

pub(in crate::config) const ALERTS_RESTART_LOOP: Key =
    key("alerts.restart_loop", "a number of deaths and a duration up to 60m", r#""3 in 10m""#);

pub(in crate::config) const ALERTS_RECOVERY: Key =
    key("alerts.recovery", "a duration from 1s to 60m", r#""60s""#);

pub(in crate::config) const ALERTS_RULES: Key = list(
    "alerts.rules",
    "a list of rules",
    r#"[{ name = "disk-full", metric = "disk_used_percent", when = ">= 95" }]"#,
);

pub(in crate::config) const ALERTS_TOPIC: Key =
    key("alerts.topic", "the name of a topic", r#""starttech-alarms""#);

pub(in crate::config) const ALERTS_EMAILS: Key =
    list("alerts.emails", "a list of mail addresses", r#"["on-call@example.com"]"#);

pub(in crate::config) const ALERTS_WEBHOOKS: Key =
    list("alerts.webhooks", "a list of https:// URLs", r#"["https://hooks.example.com/starttech"]"#);

pub(in crate::config) const ALERTS_PUBLISHERS: Key =
    list("alerts.publishers", "a list of names of roles", r#"["starttech-backend-role"]"#);

pub(in crate::config) const ALERTS_RUNBOOK: Key =
    optional("alerts.runbook", "an https:// URL", r#""https://wiki.example.com/starttech""#);

pub(in crate::config) const ALARMS_OFF: Key =
    list("alarms.off", "a list of alarms' short names", r#"["cache-hit-rate"]"#);

pub(in crate::config) const ALARMS_CONTAINER: Key =
    key("alarms.container", "the name of the backend's container", r#""starttech-backend""#);

// What alarms compare with, in the order of `provision::Thresholds`.

pub(in crate::config) const CPU_WARNING: Key = key("alarms.cpu_warning", PERCENT, "70");

pub(in crate::config) const CPU_CRITICAL: Key = key("alarms.cpu_critical", PERCENT, "90");

pub(in crate::config) const CPU_CREDITS: Key = key("alarms.cpu_credits", "a number of CPU credits", "20");

pub(in crate::config) const MEMORY: Key = key("alarms.memory", PERCENT, "90");

pub(in crate::config) const DISK: Key = key("alarms.disk", PERCENT, "85");

pub(in crate::config) const RESPONSE_TIME: Key = key("alarms.response_time", "a number of seconds", "1.0");

pub(in crate::config) const ERROR_RATE: Key = key("alarms.error_rate", PERCENT, "5");

pub(in crate::config) const REQUESTS: Key = key("alarms.requests", "a number of requests", "20");

pub(in crate::config) const LOAD_BALANCER_5XX: Key =
    key("alarms.load_balancer_5xx", "a number of answers", "10");

pub(in crate::config) const ERROR_LINES: Key = key("alarms.error_lines", "a number of lines", "10");

pub(in crate::config) const RESTARTS: Key = key("alarms.restarts", "a number of restarts", "3");

pub(in crate::config) const CACHE_HIT_RATE: Key = key("alarms.cache_hit_rate", PERCENT, "50");

pub(in crate::config) const CLOUDFRONT_ERROR_RATE: Key = key("alarms.cloudfront_error_rate", PERCENT, "5");

pub(in crate::config) const DELIVERY_LAG: Key = key("alarms.delivery_lag", "a number of seconds", "300");

pub(in crate::config) const AT_START: Key = key("provision.at_start", "true or false", "true");

pub(in crate::config) const AT_START_WITHIN: Key =
    key("provision.at_start_within", "a duration from 0s to 10m", r#""60s""#);

pub(in crate::config) const PREFIX: Key =
    key("provision.prefix", "how names of alarms and queries begin", r#""starttech""#);

pub(in crate::config) const DASHBOARD: Key =
    key("provision.dashboard", "the name of a dashboard", r#""StartTech""#);

pub(in crate::config) const LOAD_BALANCER: Key = optional(
    "provision.load_balancer",
    "the end of the load balancer's ARN, or \"none\"",
    r#""app/starttech-alb/0123456789abcdef""#,
);

pub(in crate::config) const TARGET_GROUP: Key = optional(
    "provision.target_group",
    "the end of the target group's ARN, or \"none\"",
    r#""targetgroup/starttech-tg/fedcba9876543210""#,
);

pub(in crate::config) const DISTRIBUTION: Key = optional(
    "provision.distribution",
    "the id of a CloudFront distribution, or \"none\"",
    r#""E1EXAMPLE2345""#,
);

pub(in crate::config) const WITHOUT_DATA: Key = key("provision.without_data", "true or false", "false");

pub(in crate::config) const TAGS: Key =
    list("provision.tags", "a list of tags", r#"["team=platform", "cost-centre=42"]"#);
