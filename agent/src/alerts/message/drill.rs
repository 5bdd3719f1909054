//! The mark of a message that only tries whether messages arrive. It stands first wherever anybody reads.

use serde_json::Value;

use super::{SUBJECT, Written};

const MARK: &str = "DRILL, nothing is wrong: ";

impl Written {
    /// The same, marked. `asker` is who asked for it.
    #[must_use]
    pub fn as_drill(self, asker: &str) -> Self {
        let subject = format!("{MARK}{}", self.subject).chars().take(SUBJECT).collect();
        let mail = format!(
            "{MARK}{asker} tries whether alerts of this host arrive (starttech-agent alarms drill --local). There is \
             nothing to do. A serious one reads:\n\n{}",
            self.mail
        );
        let mut document: Value = serde_json::from_str(&self.machine).unwrap_or_default();
        // The alarm of that name may ring in earnest, and the drill's end is not its end.
        for member in ["AlarmName", "AlarmArn"] {
            if let Some(Value::String(name)) = document.get_mut(member) {
                name.push_str("-drill");
            }
        }
        for member in ["NewStateReason", "AlarmDescription"] {
            if let Some(Value::String(text)) = document.get_mut(member) {
                *text = format!("{MARK}asked for by {asker}. {text}");
            }
        }
        if let Some(Value::Object(more)) = document.get_mut("StartTech") {
            more.insert("Drill".to_owned(), true.into());
        }
        Self { subject, mail, machine: document.to_string() }
    }
}
