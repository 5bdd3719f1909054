//! What becomes of a container's lines, judged by its logging driver and the driver's options.
//!
//! Pure. Containers with the same verdict become one finding: a host may run fifty of them.

use std::collections::{BTreeMap, HashMap};

use super::Finding;

/// What its logging does to a container's lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Logging {
    /// Kept in rotated files, or in the journal: all can be read.
    Sound,
    /// `json-file` that grows for ever.
    Unbounded,
    /// `json-file` that is emptied when it is full.
    Truncated,
    /// Docker ships them itself.
    Awslogs,
    /// Thrown away.
    None,
    /// Shipped elsewhere, with at most a cache on this host.
    Remote,
}

/// Judges one container.
pub(super) fn judge(driver: &str, options: &HashMap<String, String>) -> Logging {
    match driver {
        "json-file" => {
            let number = |option: &str| options.get(option).map(String::as_str).unwrap_or_default();
            // `-1` is Docker's word for no limit; without max-file there is a single file.
            match (number("max-size"), number("max-file").parse().unwrap_or(1)) {
                ("" | "-1", _) => Logging::Unbounded,
                (_, ..=1) => Logging::Truncated,
                _ => Logging::Sound,
            }
        }
        "local" | "journald" => Logging::Sound,
        "awslogs" => Logging::Awslogs,
        "none" | "" => Logging::None,
        _ => Logging::Remote,
    }
}

const ROTATION: &str = "in /etc/docker/daemon.json: \
    {\"log-driver\": \"json-file\", \"log-opts\": {\"max-size\": \"10m\", \"max-file\": \"3\"}}\n\
    then: systemctl restart docker, and create the containers anew (a restart keeps their old options)";

const FILES: &str = "start the container without --log-driver (compose: without `logging`): the agent ships json-file, local, journald";

/// The findings over all containers: name and judgement of each.
pub(super) fn findings(judged: &[(String, Logging)]) -> Vec<Finding> {
    let mut groups: BTreeMap<Logging, Vec<&str>> = BTreeMap::new();
    for (name, logging) in judged {
        groups.entry(*logging).or_default().push(name);
    }
    groups.into_iter().map(|(logging, names)| finding(logging, &names)).collect()
}

fn finding(logging: Logging, names: &[&str]) -> Finding {
    let plural = if names.len() == 1 { "" } else { "s" };
    let what = format!("container{plural} {}", names.join(", "));
    match logging {
        Logging::Sound => Finding::good(what, "logs are kept and rotated"),
        Logging::Unbounded => {
            Finding::unsure(what, "json-file without max-size: it grows until the disk is full", ROTATION)
        }
        Logging::Truncated => Finding::unsure(
            what,
            "max-size without max-file of 2 or more: a full file is emptied, and what was not read is lost",
            ROTATION,
        ),
        Logging::Awslogs => Finding::unsure(
            what,
            "Docker ships them to CloudWatch itself (awslogs): the agent leaves them alone",
            FILES,
        ),
        Logging::None => Finding::unsure(
            what,
            "logging driver `none`: the lines are thrown away, nobody can ship them",
            FILES,
        ),
        Logging::Remote => Finding::unsure(
            what,
            "the driver sends the lines elsewhere: the agent sees only what Docker caches here",
            FILES,
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logging_is_judged_by_driver_and_options() {
        for (driver, options, logging) in [
            ("json-file", &[][..], Logging::Unbounded),
            ("json-file", &[("max-file", "3")], Logging::Unbounded),
            ("json-file", &[("max-size", "-1"), ("max-file", "3")], Logging::Unbounded),
            ("json-file", &[("max-size", "10m")], Logging::Truncated),
            ("json-file", &[("max-size", "10m"), ("max-file", "1")], Logging::Truncated),
            ("json-file", &[("max-size", "10m"), ("max-file", "2")], Logging::Sound),
            ("json-file", &[("max-size", "10m"), ("max-file", "3"), ("compress", "true")], Logging::Sound),
            ("local", &[], Logging::Sound),
            ("journald", &[("tag", "x")], Logging::Sound),
            ("awslogs", &[("awslogs-group", "/x")], Logging::Awslogs),
            ("none", &[], Logging::None),
            ("", &[], Logging::None),
            ("fluentd", &[], Logging::Remote),
        ] {
            let map = options.iter().map(|&(option, value)| (option.to_owned(), value.to_owned())).collect();
            assert_eq!(judge(driver, &map), logging, "{driver} {options:?}");
        }
    }

    #[test]
    fn containers_of_one_verdict_share_a_line() {
        let judged = [("a", Logging::Sound), ("b", Logging::Unbounded), ("c", Logging::Sound)]
            .map(|(name, logging)| (name.to_owned(), logging));
        let lines: Vec<_> = findings(&judged).into_iter().map(|finding| finding.what).collect();
        assert_eq!(lines, ["containers a, c", "container b"]);
    }
}
