//! What becomes of alerts while their rule is silenced: they begin and end without a message. What was not told and
//! still lasts when the silence ends is told then; and whoever was told of a beginning hears of its end, then.
//!
//! Decides with the silences that [`State::silences`] holds; where those stand it does not know.

use serde::{Deserialize, Serialize};

use super::{Family, Open, State, WITH_LINES};
use crate::alerts::message::{Group, Member, Message, Step};
use crate::alerts::words;

/// Members with their lines that are kept until a silence ends: what is open is written down at each change.
const KEPT_LINES: usize = 4 * WITH_LINES;

/// What is known of an open alert that a silence holds back.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Silent {
    /// Its beginning, to be told if it outlasts the silence.
    begin: Option<Box<Member>>,
    /// It has ended, and the journal has that; whoever was told of its beginning hears of it after the silence.
    pub(super) end_said: bool,
}

impl Open {
    /// How it ended, for those who are told.
    pub(super) fn ended(&self, now_ns: i64) -> Option<Member> {
        let (_, change) = self.ends?;
        let at_ns = self.back_ns.unwrap_or_else(|| self.over_ns(now_ns));
        Some(Member::ended(&self.name, self.since_ns, &self.cause, self.again, change, at_ns))
    }

    /// When it was over: now, or some time ago if a silence held that back.
    pub(super) fn over_ns(&self, now_ns: i64) -> i64 {
        self.ends.filter(|_| self.silent.end_said).map_or(now_ns, |(at, _)| at.min(now_ns))
    }

    fn is_over(&self, now_ns: i64) -> bool {
        self.ends.is_some_and(|(at, _)| at <= now_ns)
    }

    /// Its beginning is held back, and nothing says that it will be over soon.
    fn waits(&self) -> bool {
        let lasts = self.ends.is_none() || self.cause.family() == Family::Memory;
        self.silent.begin.is_some() && lasts
    }
}

impl State {
    /// Whether something is held back, which is told once its silence has ended.
    pub fn is_holding_back(&self) -> bool {
        self.open.iter().any(|open| open.waits() || open.silent.end_said)
    }

    /// Whether nobody is told of this rule now.
    pub(super) fn is_silenced(&self, rule: &str, now_ns: i64) -> bool {
        self.silences.is_silenced(rule, now_ns - self.ahead_ns)
    }

    /// What was not told by [`State::due`], for the journal.
    pub fn take_unsaid(&mut self) -> Vec<String> {
        std::mem::take(&mut self.unsaid)
    }

    /// Takes what is over out of what is open, but for what must not be told yet.
    pub(super) fn over(&mut self, now_ns: i64) -> Vec<Open> {
        let Self { open, silences, unsaid, ahead_ns, .. } = self;
        let is_silenced = |open: &Open| silences.is_silenced(open.cause.rule(), now_ns - *ahead_ns);
        for open in open.iter_mut().filter(|open| open.is_over(now_ns) && !open.silent.end_said) {
            if !(open.silent.begin.is_some() || (open.told && is_silenced(open))) {
                continue;
            }
            if let Some(Member { name, happened, .. }) = open.ended(now_ns) {
                let then = if open.told { "; that is told when the silence ends" } else { "" };
                unsaid.push(format!("silenced alert ended: \"{name}\" {happened}{then}"));
            }
            open.silent.end_said = true;
        }
        let goes = |open: &mut Open| open.is_over(now_ns) && !(open.told && is_silenced(open));
        open.extract_if(.., goes).collect()
    }

    /// Has told what outlasted its silence.
    pub(super) fn break_silence(&mut self, now_ns: i64) {
        let Self { open, silences, ahead_ns, .. } = self;
        let is_silenced = |open: &Open| silences.is_silenced(open.cause.rule(), now_ns - *ahead_ns);
        let goes = |open: &mut Open| open.waits() && !is_silenced(open);
        for mut open in open.extract_if(.., goes).collect::<Vec<_>>() {
            let Some(member) = std::mem::take(&mut open.silent).begin else { continue };
            let mut member = *member;
            member.explained.push_str(
                " This was silenced (starttech-agent silence) and is told now, since the silence has ended and it \
                 still lasts.",
            );
            let at_ns = open.since_ns;
            self.form(Step::Begin, open, member, (at_ns, now_ns));
        }
    }

    /// Keeps what would be told now until its silence ends.
    pub(super) fn keep_silent(&mut self, group: Group, all: Vec<Open>) {
        let until_ns = self.silences.until_ns(group.cause.rule()).unwrap_or_default();
        let step = group.step;
        self.unsaid.push(format!(
            "silenced until {}, so it is not sent: {}",
            words::time(until_ns),
            Message::Group(Box::new(group.clone())).title()
        ));
        let mut members = group.members;
        for mut open in all {
            if step == Step::End {
                open.silent.end_said = true;
            } else {
                let known = members.iter().position(|member| member.name == open.name);
                let member = known.map(|at| members.swap_remove(at));
                let member = member.unwrap_or_else(|| Member::unseen(&open.name, open.since_ns, &open.cause));
                let begun = self.open.iter().filter_map(|open| open.silent.begin.as_ref());
                let kept = begun.filter(|member| member.lines.is_some()).count();
                let member = if kept < KEPT_LINES { member } else { member.without_lines() };
                open.silent.begin = Some(Box::new(member));
            }
            self.keep_open([open]);
        }
    }

    /// A message of a rule, unless that is silenced; then the journal has it.
    pub(super) fn unless_silenced(&mut self, rule: &str, message: Message, now_ns: i64) -> Option<Message> {
        if !self.is_silenced(rule, now_ns) {
            return Some(message);
        }
        self.unsaid.push(format!("silenced, so it is not sent: {}", message.title()));
        None
    }

    /// When there is something to be said of what is open.
    pub(super) fn next_of(&self, open: &Open) -> Option<i64> {
        let until_ns = || Some(self.silences.until_ns(open.cause.rule())? + self.ahead_ns);
        let over_ns = open.ends.map(|(at, _)| at);
        let over_ns = if open.silent.end_said { over_ns.max(until_ns()) } else { over_ns };
        let told_ns = open.waits().then(|| until_ns().unwrap_or(open.since_ns));
        over_ns.into_iter().chain(told_ns).min()
    }
}
