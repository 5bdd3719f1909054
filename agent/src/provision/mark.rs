//! The mark by which the agent knows its own: in each thing, where people see it too.
//!
//! It names the deployment, so that two in one account leave each other alone, and the revision of the
//! definitions, so that an older agent leaves a newer one's alone. It does not decide what to do then.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Content, Resource};

/// Of the definitions in this program: raised with every change of what is provisioned from the same
/// settings. A test holds it.
pub const REVISION: u32 = 1;

/// The tag's key, on what has tags.
pub const TAG: &str = "starttech-agent";

/// Whose a thing is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    /// [`super::Settings::prefix`] of whoever made it.
    pub prefix: String,
    /// Of the definitions it was made from.
    pub revision: u32,
}

impl Mark {
    /// Of things made now.
    pub fn current(prefix: &str) -> Self {
        Self { prefix: prefix.to_owned(), revision: REVISION }
    }

    /// A sentence, for descriptions, queries and texts.
    pub fn sentence(&self) -> String {
        format!("{OPENING}{}, revision {}).", self.prefix, self.revision)
    }

    /// The value of the tag. Tags take no parentheses and no comma.
    pub fn tag(&self) -> String {
        format!("{} revision {}", self.prefix, self.revision)
    }

    /// The mark that a thing carries, if it does.
    pub fn of(resource: &Resource) -> Option<Self> {
        match &resource.content {
            Content::LogGroup { .. } | Content::Topic { .. } => Self::in_tags(&resource.tags),
            // A subscription has no place for one: it goes with its topic.
            Content::Subscription { .. } => None,
            Content::Alarm(alarm) => Self::in_text(&alarm.alarm_description),
            Content::CompositeAlarm(alarm) => Self::in_text(&alarm.alarm_description),
            Content::Dashboard { dashboard_body } => {
                let widgets = dashboard_body.get("widgets").and_then(Value::as_array);
                let text = |widget: &Value| {
                    let markdown = widget.pointer("/properties/markdown").and_then(Value::as_str);
                    markdown.and_then(Self::in_text)
                };
                widgets.into_iter().flatten().find_map(text)
            }
            Content::SavedQuery { query_string, .. } => Self::in_text(query_string),
        }
    }

    fn in_tags(tags: &BTreeMap<String, String>) -> Option<Self> {
        let (prefix, revision) = tags.get(TAG)?.split_once(" revision ")?;
        Some(Self { prefix: prefix.to_owned(), revision: revision.parse().ok()? })
    }

    fn in_text(text: &str) -> Option<Self> {
        let (_, rest) = text.rsplit_once(OPENING)?;
        let (prefix, rest) = rest.split_once(", revision ")?;
        let (revision, _) = rest.split_once(").")?;
        Some(Self { prefix: prefix.to_owned(), revision: revision.parse().ok()? })
    }
}

const OPENING: &str = "Managed by starttech-agent (";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let mark = Mark { prefix: "starttech-staging".into(), revision: 12 };
        assert_eq!(Mark::in_text(&format!("Do this.\n\n{} x", mark.sentence())), Some(mark.clone()));
        assert_eq!(Mark::in_tags(&BTreeMap::from([(TAG.to_owned(), mark.tag())])), Some(mark));
        for text in
            ["", "Managed by starttech-agent (a, revision x).", "Managed by terraform (a, revision 1)."]
        {
            assert_eq!(Mark::in_text(text), None, "{text}");
        }
        // <https://docs.aws.amazon.com/tag-editor/latest/userguide/best-practices-and-strats.html>
        let allowed = |c: char| c.is_ascii_alphanumeric() || " +-=._:/@".contains(c);
        assert!(Mark::current("starttech").tag().chars().all(allowed));
    }
}
