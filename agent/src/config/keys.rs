//! The keys an operator may write, each with its default as it would stand in the file.
//!
//! The defaults are read by the same code as what the operator writes, as the lowest layer: there is
//! no second place that knows them, and none that could escape the checks.

pub(super) mod provision;

/// One key.
#[derive(Debug)]
pub(super) struct Key {
    /// Dotted: `logs.group`.
    pub(super) name: &'static str,
    /// What a value is, continuing "write".
    pub(super) expects: &'static str,
    /// The default as one writes it. None: if absent, the agent finds out by itself.
    pub(super) default: Option<&'static str>,
    /// A value as one writes it, for messages.
    pub(super) example: &'static str,
}

const fn key(name: &'static str, expects: &'static str, default: &'static str) -> Key {
    Key { name, expects, default: Some(default), example: default }
}

/// Without a default.
const fn optional(name: &'static str, expects: &'static str, example: &'static str) -> Key {
    Key { name, expects, default: None, example }
}

/// Empty by default, which would be no example.
const fn list(name: &'static str, expects: &'static str, example: &'static str) -> Key {
    Key { name, expects, default: Some("[]"), example }
}

pub(super) const REGION: Key = optional("region", "the name of an AWS region", r#""eu-west-1""#);

pub(super) const LOG_LEVEL: Key =
    key("log.level", "one of \"error\", \"warn\", \"info\", \"debug\", \"trace\"", r#""info""#);

pub(super) const HOST_INSTANCE_ID: Key =
    optional("host.instance_id", "a name for this host", r#""i-0123456789abcdef0""#);

pub(super) const HOST_AUTO_SCALING_GROUP: Key =
    optional("host.auto_scaling_group", "the name of an Auto Scaling group", r#""starttech-backend""#);

pub(super) const DOCKER_SOCKET: Key =
    key("docker.socket", "the address of Docker's socket on this host", r#""unix:///var/run/docker.sock""#);

pub(super) const LOGS_GROUP: Key = key("logs.group", "the name of a log group", r#""/starttech/backend""#);

pub(super) const LOGS_RETENTION_DAYS: Key = key("logs.retention_days", "a number of days", "14");

pub(super) const LOGS_STREAM: Key = key(
    "logs.stream",
    "the name of a stream with placeholders",
    r#""{instance_id}/{container_name}/{container_id}""#,
);

pub(super) const LOGS_INCLUDE: Key =
    list("logs.include", "a list of globs", r#"["starttech-*", "tier=web"]"#);

pub(super) const LOGS_EXCLUDE: Key = list("logs.exclude", "a list of globs", r#"["redis:*", "tier=debug"]"#);

pub(super) const LOGS_ROUTES: Key =
    key("logs.routes", "a list of routes", r#"[{ match = ["*frontend*"], group = "/starttech/frontend" }]"#);

pub(super) const LOGS_STRUCTURE: Key = key("logs.structure", "true or false", "true");

pub(super) const LOGS_MULTILINE: Key = key("logs.multiline", "true or false", "true");

pub(super) const LOGS_DROP: Key =
    list("logs.drop", "a list of regular expressions", r#"['"path":"/health".*"status":200']"#);

pub(super) const LOGS_FLUSH: Key = key("logs.flush", "a duration from 100ms to 1m", r#""1s""#);

pub(super) const LOGS_REDACT_ENABLED: Key = key("logs.redact.enabled", "true or false", "true");

pub(super) const LOGS_REDACT_PATTERNS: Key =
    list("logs.redact.patterns", "a list of regular expressions", r"['\b\d{4}-\d{4}-\d{4}\b']");

pub(super) const SPOOL_DIRECTORY: Key =
    key("spool.directory", "the whole path of a directory", r#""/var/lib/starttech-agent/spool""#);

pub(super) const SPOOL_MAX_BYTES: Key = key("spool.max_bytes", "a size of at least 8MiB", r#""256MiB""#);

pub(super) const CONTROL_SOCKET: Key = key(
    "control.socket",
    "the whole path of a socket, or \"\" for none",
    r#""/run/starttech-agent/agent.sock""#,
);

pub(super) const METRICS_ENABLED: Key = key("metrics.enabled", "true or false", "true");

pub(super) const METRICS_NAMESPACE: Key =
    key("metrics.namespace", "the name of a namespace", r#""StartTech/Backend""#);

pub(super) const METRICS_SAMPLE: Key = key("metrics.sample", "a duration from 1s to 1m", r#""10s""#);

pub(super) const METRICS_FLUSH: Key = key(
    "metrics.flush",
    "\"1s\", \"5s\", \"10s\", \"20s\", \"30s\", or whole minutes up to \"5m\"",
    r#""60s""#,
);

pub(super) const METRICS_SERIES: Key = key(
    "metrics.series",
    "a list of \"InstanceId\" and \"AutoScalingGroupName\"",
    r#"["InstanceId", "AutoScalingGroupName"]"#,
);

pub(super) const METRICS_ON: Key =
    list("metrics.on", "a list of globs over metrics' names", r#"["cpu_usage_iowait", "container_blkio_*"]"#);

pub(super) const METRICS_OFF: Key =
    list("metrics.off", "a list of globs over metrics' names", r#"["disk_inodes_*", "swap_used_percent"]"#);

pub(super) const METRICS_INCLUDE: Key =
    list("metrics.include", "a list of globs", r#"["starttech-*", "tier=web"]"#);

pub(super) const METRICS_EXCLUDE: Key =
    list("metrics.exclude", "a list of globs", r#"["redis:*", "tier=debug"]"#);

pub(super) const METRICS_PROMETHEUS: Key =
    optional("metrics.prometheus", "a loopback address and port", r#""127.0.0.1:9464""#);

pub(super) const METRICS_PATTERNS: Key = list(
    "metrics.patterns",
    "a list of patterns",
    r#"[{ name = "logins", regex = '"path":"/auth/login".*"status":200' }]"#,
);

pub(super) const HEALTH_URL: Key =
    key("health.url", "an http:// URL, or \"\" for none", r#""http://127.0.0.1:8080/health""#);

pub(super) const HEALTH_TIMEOUT: Key = key("health.timeout", "a duration from 100ms to 1m", r#""5s""#);

/// All of them, in the order of `agent.example.toml`.
pub(super) const ALL: [Key; 68] = [
    REGION,
    LOG_LEVEL,
    HOST_INSTANCE_ID,
    HOST_AUTO_SCALING_GROUP,
    DOCKER_SOCKET,
    LOGS_GROUP,
    LOGS_RETENTION_DAYS,
    LOGS_STREAM,
    LOGS_INCLUDE,
    LOGS_EXCLUDE,
    LOGS_STRUCTURE,
    LOGS_MULTILINE,
    LOGS_DROP,
    LOGS_FLUSH,
    LOGS_REDACT_ENABLED,
    LOGS_REDACT_PATTERNS,
    LOGS_ROUTES,
    METRICS_ENABLED,
    METRICS_NAMESPACE,
    METRICS_SAMPLE,
    METRICS_FLUSH,
    METRICS_SERIES,
    METRICS_ON,
    METRICS_OFF,
    METRICS_INCLUDE,
    METRICS_EXCLUDE,
    METRICS_PROMETHEUS,
    METRICS_PATTERNS,
    HEALTH_URL,
    HEALTH_TIMEOUT,
    SPOOL_DIRECTORY,
    SPOOL_MAX_BYTES,
    CONTROL_SOCKET,
    provision::ALERTS_ENABLED,
    provision::ALERTS_TOPIC,
    provision::ALERTS_EMAILS,
    provision::ALERTS_WEBHOOKS,
    provision::ALERTS_PUBLISHERS,
    provision::ALERTS_RUNBOOK,
    provision::ALERTS_MAX_PER_HOUR,
    provision::ALERTS_RESTART_LOOP,
    provision::ALERTS_RECOVERY,
    provision::ALERTS_RULES,
    provision::AT_START,
    provision::AT_START_WITHIN,
    provision::PREFIX,
    provision::DASHBOARD,
    provision::LOAD_BALANCER,
    provision::TARGET_GROUP,
    provision::DISTRIBUTION,
    provision::WITHOUT_DATA,
    provision::TAGS,
    provision::ALARMS_OFF,
    provision::ALARMS_CONTAINER,
    provision::CPU_WARNING,
    provision::CPU_CRITICAL,
    provision::CPU_CREDITS,
    provision::MEMORY,
    provision::DISK,
    provision::RESPONSE_TIME,
    provision::ERROR_RATE,
    provision::REQUESTS,
    provision::LOAD_BALANCER_5XX,
    provision::ERROR_LINES,
    provision::RESTARTS,
    provision::CACHE_HIT_RATE,
    provision::CLOUDFRONT_ERROR_RATE,
    provision::DELIVERY_LAG,
];

impl Key {
    /// The environment variable that sets it: `STARTTECH_LOGS_GROUP`.
    pub(super) fn variable(&self) -> String {
        variable(self.name)
    }

    /// The name without its section.
    pub(super) fn last(&self) -> &'static str {
        self.name.rsplit_once('.').map_or(self.name, |(_, last)| last)
    }
}

/// See [`Key::variable`].
pub(super) fn variable(name: &str) -> String {
    format!("{VARIABLE_PREFIX}{}", name.to_uppercase().replace('.', "_"))
}

/// What a variable of no key would have been the key of, for finding the one that was meant.
pub(super) fn dotted(variable: &str) -> String {
    variable.strip_prefix(VARIABLE_PREFIX).unwrap_or(variable).to_lowercase().replace('_', ".")
}

/// What every variable of ours begins with.
pub(super) const VARIABLE_PREFIX: &str = "STARTTECH_";

/// Where the lowest layer says that it was written.
pub(super) const DEFAULT: &str = "default";

/// The lowest layer.
pub(super) fn defaults() -> String {
    ALL.iter().filter_map(|key| Some(format!("{} = {}\n", key.name, key.default?))).collect()
}

/// The known key that `written` was most likely meant to be, if any is near.
pub(super) fn nearest(written: &str) -> Option<&'static str> {
    nearest_of(written, ALL.iter().map(|key| key.name))
}

/// The name that `written` was most likely meant to be, if any is near.
pub(super) fn nearest_of<'a>(written: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    // A variable does not tell a dot from an underscore.
    let plain = |name: &str| name.replace('_', ".");
    let last = |name: &str| name.rsplit('.').next().unwrap_or_default().to_owned();
    let slips = |name: &str| {
        // The right key in the wrong section is as near as one slip of the finger.
        distance(&plain(written), &plain(name)).min(1 + distance(&last(written), &last(name)))
    };
    let limit = (written.len() / 3).max(2);
    names.map(|name| (slips(name), name)).min().filter(|&(slips, _)| slips <= limit).map(|(_, name)| name)
}

/// How many characters must be typed, deleted, exchanged, or swapped with the next to make one word
/// the other.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let get = |row: &[usize], i: usize| row.get(i).copied().unwrap_or(usize::MAX - 1);
    let mut before = Vec::new();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    let mut previous = None;
    for (i, from) in a.chars().enumerate() {
        let mut next = vec![i + 1];
        let mut last_to = None;
        for (j, &to) in b.iter().enumerate() {
            let exchanged = get(&row, j) + usize::from(from != to);
            let mut least = exchanged.min(get(&row, j + 1) + 1).min(get(&next, j) + 1);
            if previous == Some(to) && last_to == Some(from) {
                least = least.min(get(&before, j.wrapping_sub(1)) + 1);
            }
            next.push(least);
            last_to = Some(to);
        }
        before = std::mem::replace(&mut row, next);
        previous = Some(from);
    }
    get(&row, b.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distance_counts_the_slips() {
        for (a, b, slips) in
            [("", "", 0), ("", "abc", 3), ("gruop", "group", 1), ("grop", "group", 1), ("ca", "abc", 3)]
        {
            assert_eq!(distance(a, b), slips, "{a} {b}");
            assert_eq!(distance(b, a), slips, "{b} {a}");
        }
    }

    #[test]
    fn the_nearest_key_is_found_across_sections() {
        for (written, meant) in [
            ("logs.gruop", Some("logs.group")),
            ("logs.retension_days", Some("logs.retention_days")),
            ("log.group", Some("logs.group")),
            ("retention_days", Some("logs.retention_days")),
            ("logs.level", Some("log.level")),
            ("spool.max_size", Some("spool.max_bytes")),
            ("logs.region", Some("region")),
            ("aws.region", Some("region")),
            ("metrics.namspace", Some("metrics.namespace")),
            ("logs.retention.dys", Some("logs.retention_days")),
            ("token", None),
            ("x", None),
        ] {
            assert_eq!(nearest(written), meant, "{written}");
        }
    }

    #[test]
    fn no_two_keys_share_a_variable() {
        let mut variables: Vec<String> = ALL.iter().map(Key::variable).collect();
        variables.sort();
        variables.dedup();
        assert_eq!(variables.len(), ALL.len());
    }
}
