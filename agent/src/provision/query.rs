//! The saved queries of Logs Insights: `dashboards/queries`, one file each.
//!
//! They ask for the fields that `logs::structure` writes, and a test holds them to it.

use super::mark::Mark;
use super::parts::Parts;
use super::{Address, Content, Kind, Resource, Settings};

/// A saved query as its file has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Query {
    /// The file's name without its end, and the end of the query's own.
    pub name: &'static str,
    /// Its first line is a comment: the title.
    pub text: &'static str,
    /// Whether it is about every container's lines, not the backend's alone.
    pub everywhere: bool,
}

macro_rules! queries {
    ($($name:literal $everywhere:literal),* $(,)?) => {
        /// All of them, those that are asked first in front.
        pub const ALL: &[Query] = &[$(Query {
            name: $name,
            text: include_str!(concat!("../../../dashboards/queries/", $name, ".txt")),
            everywhere: $everywhere,
        }),*];
    };
}

queries! {
    "errors" true,
    "errors-by-message" true,
    "failed-requests" false,
    "failures-over-time" false,
    "slow-requests" false,
    "latency-by-path" false,
    "requests-by-path-and-status" false,
    "requests-by-client" false,
    "failed-logins" false,
    "panics" true,
    "starts" true,
    "lines-by-container" true,
    "dropped-events" true,
}

/// The saved queries, with their marks. In the console the prefix is a folder.
pub(super) fn queries(settings: &Settings, parts: &Parts) -> Vec<Resource> {
    let mark = Mark::current(&settings.prefix).sentence();
    let saved = |query: &Query| {
        let (title, rest) = query.text.trim_end().split_once('\n').unwrap_or((query.text, ""));
        let groups = if query.everywhere { settings.log_groups.len() } else { 1 };
        Resource {
            address: Address {
                kind: Kind::SavedQuery,
                region: parts.region.clone(),
                name: format!("{}/{}", settings.prefix, query.name),
            },
            content: Content::SavedQuery {
                log_group_names: settings.log_groups.iter().take(groups).cloned().collect(),
                query_string: format!("{title}\n# {mark}\n{rest}"),
            },
            tags: std::collections::BTreeMap::new(),
        }
    };
    ALL.iter().map(saved).collect()
}
