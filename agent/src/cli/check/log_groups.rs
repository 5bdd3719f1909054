//! Log groups that nobody writes to, and groups that somebody reads and this host does not feed.
//!
//! Pure: what the service and Docker said comes as values.

use std::collections::BTreeMap;

use super::Finding;
use super::rights::Group;
use crate::provision::Refusal;

/// By group: the containers of this host whose lines go there.
pub(super) type Feeds = BTreeMap<String, Vec<String>>;

/// A group that is quieter for so long is as good as not written to: a health check every ten seconds prints lines.
const QUIET_MS: i64 = 3_600_000;

/// A line for each group. `feeds`: `None` where Docker cannot be asked.
pub(super) fn findings(groups: &[Group], feeds: Option<&Feeds>, now_ms: i64) -> Vec<Finding> {
    groups.iter().map(|group| finding(group, feeds, now_ms)).collect()
}

fn finding(group: &Group, feeds: Option<&Feeds>, now_ms: i64) -> Finding {
    let what = format!("log group {}", group.name);
    let fed = feeds.map(|feeds| feeds.get(&group.name).map(Vec::as_slice).unwrap_or_default());
    let (who, mend) = match fed {
        None => ("; which containers go there is not known without Docker".to_owned(), RUNNING),
        Some([]) => ("; no container of this host goes there".to_owned(), ROUTES),
        Some(names) => (format!("; of this host: {}", names.join(", ")), RUNNING),
    };
    // What others should feed, or nobody, is nothing that is wrong with this host.
    let is_others = fed.is_some_and(<[String]>::is_empty);
    let told = if is_others { Finding::note } else { Finding::unsure };
    let quiet = |detail: &str| told(what.clone(), format!("{detail}{who}"), mend.to_owned());
    match (&group.exists, &group.newest_ms) {
        (Ok(false), _) if is_others => quiet("is not there"),
        (Ok(false), _) => Finding::unsure(
            &what,
            format!("is not there{who}"),
            "the first line makes it, and so does: starttech-agent apply",
        ),
        (_, Ok(Some(newest))) if now_ms.saturating_sub(*newest) <= QUIET_MS => Finding::good(
            &what,
            format!("its newest event is {} old{who}", age(now_ms.saturating_sub(*newest))),
        ),
        (_, Ok(Some(newest))) => quiet(&format!(
            "nobody writes to it: its newest event is {} old",
            age(now_ms.saturating_sub(*newest))
        )),
        (Ok(true), Ok(None)) => quiet("nobody has written to it: it has no events"),
        (Err(refusal), _) | (_, Err(refusal)) => unknown(&what, refusal),
    }
}

const RUNNING: &str = "is the daemon running? systemctl status starttech-agent; what it has to say: \
     journalctl -u starttech-agent -e; do the containers say anything? starttech-agent logs";
const ROUTES: &str = "if one should, logs.routes in agent.toml says which containers go where; if none will ever, \
     leave the group out of logs.routes, and its queries read nothing";

fn unknown(what: &str, refusal: &Refusal) -> Finding {
    Finding::unsure(
        what,
        format!("whether anybody writes to it is not known: {refusal}"),
        super::rights::allow(std::slice::from_ref(refusal)),
    )
}

/// `3 h`
fn age(ms: i64) -> String {
    match ms.max(0).div_euclid(1_000) {
        seconds @ ..120 => format!("{seconds} s"),
        seconds @ ..7_200 => format!("{} min", seconds / 60),
        seconds @ ..172_800 => format!("{} h", seconds / 3_600),
        seconds => format!("{} days", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::check::Verdict;

    const NOW: i64 = 1_800_000_000_000;

    fn group(exists: bool, newest_ms: Result<Option<i64>, Refusal>) -> Group {
        Group { name: "/g".to_owned(), exists: Ok(exists), newest: Ok(None), newest_ms }
    }

    #[test]
    fn a_group_is_written_to_or_it_is_said_that_nobody_does() {
        let fed = Feeds::from([("/g".to_owned(), vec!["api".to_owned(), "web".to_owned()])]);
        let none = Feeds::new();
        let denied = Refusal::Denied { action: "logs:DescribeLogStreams".into(), resource: "arn:g".into() };
        for (group, feeds, verdict, words) in [
            (
                group(true, Ok(Some(NOW - 20_000))),
                Some(&fed),
                Verdict::Good,
                "20 s old; of this host: api, web",
            ),
            (
                group(true, Ok(Some(NOW - 20_000))),
                Some(&none),
                Verdict::Good,
                "no container of this host goes there",
            ),
            (
                group(true, Ok(Some(NOW - 3_700_000))),
                Some(&fed),
                Verdict::Unsure,
                "its newest event is 61 min old",
            ),
            (
                group(true, Ok(None)),
                Some(&none),
                Verdict::Note,
                "it has no events; no container of this host",
            ),
            (group(false, Ok(None)), Some(&none), Verdict::Note, "is not there; no container of this host"),
            (group(true, Ok(None)), None, Verdict::Unsure, "not known without Docker"),
            (group(false, Ok(None)), Some(&fed), Verdict::Unsure, "is not there; of this host: api, web"),
            (
                group(true, Err(denied)),
                Some(&fed),
                Verdict::Unsure,
                "the role may not logs:DescribeLogStreams",
            ),
        ] {
            let found = findings(&[group], feeds, NOW).remove(0);
            assert!(found.verdict == verdict && found.detail.contains(words), "{words}: {found:?}");
            assert!(verdict == Verdict::Good || !found.mend.is_empty(), "{found:?}");
        }
    }

    #[test]
    fn ages_are_said_as_one_says_them() {
        let ages = [-5, 119_000, 120_000, 7_200_000, 172_800_000].map(age);
        assert_eq!(ages, ["0 s", "119 s", "2 min", "2 h", "2 days"]);
    }
}
