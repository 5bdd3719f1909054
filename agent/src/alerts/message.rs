//! What is told, as it waits in the spool, and how it looks when it goes out: a subject, a mail for somebody who
//! was woken by it, and for machines the JSON that CloudWatch's alarms send.
//!
//! It is written out at the last moment: only then is it known how late it is, and in whose account.

mod drill;
mod machine;
mod mail;

use serde::{Deserialize, Serialize};

use super::words::{self, duration, happened, happened_to_many, one_line};
use super::{Cause, Change, Incident, Lines, SECOND};
use crate::logs::{Container, Destination};

/// Characters of a subject; printable ASCII, no line break.
/// <https://docs.aws.amazon.com/sns/latest/api/API_Publish.html>
const SUBJECT: usize = 99;
/// What the subject says of a late message has so many characters.
const SUBJECT_LATE: usize = 34;
/// Bytes of a mail: people read it on a telephone.
const MAIL: usize = 30 << 10;
/// SNS takes 256 KiB in all, with subject and attributes.
/// <https://docs.aws.amazon.com/sns/latest/api/API_Publish.html>
const PUBLISH: usize = 250 << 10;
/// Older messages are marked as late: others take less than a second.
const LATE: i64 = 15 * SECOND;

/// One message.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Message {
    /// Something began or ended, of one container or of many at once.
    Group(Box<Group>),
    /// What was held back, since there was too much.
    Summary {
        /// Since when.
        since_ns: i64,
        /// Until when.
        at_ns: i64,
        /// The first of them.
        held: Vec<String>,
        /// How many there were.
        held_in_all: u32,
    },
}

/// Containers that something happened to at once.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Group {
    /// Whether it begins or ends.
    pub step: Step,
    /// What it is, of the first of them.
    pub cause: Cause,
    /// When it happened to the first.
    pub at_ns: i64,
    /// How many there are.
    pub count: u32,
    /// The first of them.
    pub members: Vec<Member>,
    /// It belongs to an earlier message.
    pub continued: bool,
    /// Others of its alarm were told before and last: the alarm was in ALARM, or stays so.
    #[serde(default)]
    pub others: bool,
}

/// Whether something begins or ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Step {
    /// It begins.
    Begin,
    /// It has ended.
    End,
}

/// One container of a group.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Member {
    /// Its name.
    pub name: String,
    /// Its id; empty where it ended.
    pub id: String,
    /// Its image.
    pub image: String,
    /// When it happened, or when it had begun.
    pub since_ns: i64,
    /// What happened, continuing the name.
    pub happened: String,
    /// More about it.
    pub explained: String,
    /// What it said last. `None`: not asked for.
    pub lines: Option<Lines>,
    /// Whose lines they are, if not its own.
    pub lines_of: Option<String>,
    /// What else there is on the host.
    pub around: Vec<String>,
    /// Log group and stream, where its lines are.
    pub stream: Option<Destination>,
}

/// Where it is told from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Place {
    /// This host.
    pub instance_id: String,
    /// Its Auto Scaling group, if it is known to be in one.
    pub group: Option<String>,
    /// The AWS region; empty in the local mode.
    pub region: String,
    /// The account, once it is known.
    pub account_id: Option<String>,
    /// How names of alarms begin.
    pub prefix: String,
    /// Where it is written what to do.
    pub runbook: Option<String>,
}

/// A message as it goes out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// In one line.
    pub subject: String,
    /// For people.
    pub mail: String,
    /// For machines: CloudWatch's JSON.
    pub machine: String,
}

impl Member {
    /// Of a container that something happened to.
    pub fn new(incident: Incident, cause: &Cause) -> Self {
        let Container { name, id, image, .. } = incident.container;
        Self {
            name,
            id,
            image,
            since_ns: incident.at_ns,
            happened: happened(cause),
            explained: words::explained(cause),
            lines: incident.lines,
            lines_of: incident.lines_of,
            around: incident.around,
            stream: incident.stream,
        }
    }

    /// Of one that it has ended for.
    pub fn ended(name: &str, since_ns: i64, cause: &Cause, again: u32, change: Change, now_ns: i64) -> Self {
        let after = duration(now_ns - since_ns);
        let how = match (change, cause) {
            (Change::Up, Cause::ChildOutOfMemory) => "has lost no more processes".to_owned(),
            (Change::Up, _) => format!("is up again after {after}"),
            (Change::Healthy, _) => format!("is healthy again after {after}"),
            (Change::Stopped, _) => format!("was stopped after {after}"),
            (Change::Removed, _) => format!("was removed after {after}"),
            (Change::Over, Cause::Threshold(crossed)) => format!("{}, after {after}", crossed.over),
            (Change::Unmeasured, Cause::Threshold(crossed)) => {
                format!("{}: nothing is measured of it any more, after {after}", crossed.key())
            }
            (Change::Unruled, Cause::Threshold(crossed)) => {
                format!("{}: the configuration has no such rule any more, after {after}", crossed.key())
            }
            (Change::Over | Change::Unmeasured | Change::Unruled, _) => format!("is over it after {after}"),
        };
        let again = match (again, cause) {
            (0, _) => String::new(),
            (times, Cause::Unhealthy) => format!(" Meanwhile it became unhealthy {times} more times."),
            (times, Cause::ChildOutOfMemory) => format!(" It lost a process {times} more times."),
            (times, Cause::Threshold(_)) => format!(" Meanwhile it was over and began again {times} times."),
            (times, _) => format!(" Meanwhile it died {times} more times."),
        };
        let it = if matches!(cause, Cause::Threshold(_)) { ":" } else { " it" };
        Self {
            name: name.to_owned(),
            id: String::new(),
            image: String::new(),
            since_ns,
            happened: how,
            explained: format!("At {}{it} {}.{again}", words::time(since_ns), happened(cause)),
            lines: None,
            lines_of: None,
            around: Vec::new(),
            stream: None,
        }
    }

    /// Of one of so many that no more was kept of it.
    pub fn unseen(name: &str, since_ns: i64, cause: &Cause) -> Self {
        Self {
            name: name.to_owned(),
            id: String::new(),
            image: String::new(),
            since_ns,
            happened: happened(cause),
            explained: words::explained(cause),
            lines: None,
            lines_of: None,
            around: Vec::new(),
            stream: None,
        }
    }

    /// The same with less to carry.
    #[must_use]
    pub fn without_lines(self) -> Self {
        Self { lines: None, ..self }
    }
}

impl Group {
    /// What happened, in a line.
    pub fn title(&self) -> String {
        let what = match self.step {
            Step::Begin => happened_to_many(&self.cause),
            Step::End => "are over it",
        };
        let threshold = matches!(self.cause, Cause::Threshold(_));
        match (self.members.as_slice(), self.continued) {
            ([only], false) if self.count == 1 && threshold => only.happened.clone(),
            (_, _) if threshold => format!("{} of {}", self.count, self.cause.rule()),
            ([only], false) if self.count == 1 => format!("\"{}\" {}", only.name, only.happened),
            (_, true) if self.count == 1 => format!("1 more container {what}"),
            (_, true) => format!("{} more containers {what}", self.count),
            (_, false) => format!("{} containers {what}", self.count),
        }
    }
}

impl Message {
    /// When it happened.
    pub fn at_ns(&self) -> i64 {
        match self {
            Self::Group(group) => group.at_ns,
            Self::Summary { at_ns, .. } => *at_ns,
        }
    }

    /// Whether something begins or ends; neither in a summary.
    pub fn step(&self) -> Option<Step> {
        match self {
            Self::Group(group) => Some(group.step),
            Self::Summary { .. } => None,
        }
    }

    /// `ALARM: "web" died (exit 1)`
    pub fn title(&self) -> String {
        match self {
            Self::Group(group) if group.step == Step::Begin => format!("ALARM: {}", group.title()),
            Self::Group(group) => format!("OK: {}", group.title()),
            Self::Summary { held_in_all, .. } => {
                format!("{held_in_all} more alerts were held back within an hour")
            }
        }
    }

    /// It takes longer than it should.
    pub fn is_late(&self, now_ns: i64) -> bool {
        now_ns - self.at_ns() > LATE
    }

    /// Writes it out, as it goes out now.
    pub fn write(&self, place: &Place, now_ns: i64) -> Written {
        let is_late = self.is_late(now_ns);
        let late_ns = is_late.then_some(now_ns);
        let mut shorter = None;
        loop {
            let message = shorter.as_ref().unwrap_or(self);
            let written = Written {
                subject: message.subject(place, is_late),
                mail: mail::write(message, place, late_ns),
                machine: machine::write(message, place, late_ns),
            };
            let fits = written.mail.len() <= MAIL && written.structure().len() <= PUBLISH;
            // What to run, and where there is more, stands behind the lines, and is worth more than many of these.
            match if fits { None } else { message.with_fewer_lines() } {
                Some(fewer) => shorter = Some(fewer),
                None => return Written { mail: cut(written.mail, MAIL), ..written },
            }
        }
    }

    /// The same with half of the lines that a member has at most: the newest. `None`: there are none.
    fn with_fewer_lines(&self) -> Option<Self> {
        let Self::Group(group) = self else { return None };
        let many = |member: &Member| member.lines.as_ref().and_then(|lines| Some(lines.as_ref().ok()?.len()));
        let most = group.members.iter().filter_map(many).max().filter(|most| *most > 0)? / 2;
        let mut group = group.clone();
        for member in &mut group.members {
            if let Some(Ok(lines)) = &mut member.lines
                && !lines.is_empty()
            {
                lines.drain(..lines.len().saturating_sub(most));
                // None at all would say that it printed nothing.
                member.lines.take_if(|_| most == 0);
            }
        }
        Some(Self::Group(group))
    }

    fn subject(&self, place: &Place, is_late: bool) -> String {
        let room = if is_late { SUBJECT - SUBJECT_LATE } else { SUBJECT };
        let host = format!(" on {}", one_line(&place.instance_id, 30));
        let title = self.title();
        let mut subject = if title.chars().count() + host.chars().count() <= room {
            title + &host
        } else {
            title.chars().take(room).collect()
        };
        if is_late {
            let time = words::written(self.at_ns(), "%H:%M:%SZ");
            subject.extend([" [late, happened at ", &time, "]"]);
        }
        subject.chars().map(|c| if (' '..='~').contains(&c) { c } else { '?' }).collect()
    }
}

impl Written {
    /// The message of a Publish with `MessageStructure` `json`: the mail to those who get mails, and CloudWatch's JSON
    /// to everybody for whom there is nothing else: `https`, `lambda`, `sqs`.
    /// <https://docs.aws.amazon.com/sns/latest/api/API_Publish.html>
    pub fn structure(&self) -> String {
        serde_json::json!({ "default": self.machine, "email": self.mail, "sms": self.subject }).to_string()
    }
}

/// Cuts at a character's end.
fn cut(mut text: String, most: usize) -> String {
    if text.len() > most {
        let end = (0..=most).rev().find(|end| text.is_char_boundary(*end)).unwrap_or_default();
        text.truncate(end);
        text.push_str("\n[… the rest does not fit]\n");
    }
    text
}

#[cfg(test)]
mod tests;
