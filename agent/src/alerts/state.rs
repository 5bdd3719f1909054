//! What is open, what was told, and what is to be told next: one message when something begins and one when it
//! has ended, many at once in one, and no more an hour than people can bear.
//!
//! All that must outlast a restart can be written down. Knows neither Docker nor how a message looks. What is silenced
//! goes its own way, in `state/silenced.rs`.

mod alarm;
mod explained;
mod forming;
mod hour;
mod names;
mod shown;
mod silenced;

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};

use self::explained::{EXPLAINS_LONGEST, Explained};
use self::forming::Forming;
use self::hour::Hour;
pub use self::shown::Shown;
use self::silenced::Silent;
use super::boot::Boot;
use super::message::{Group, Member, Message, Step};
use super::silence::Silences;
use super::threshold::Crossed;
use super::{Cause, Change, Family, Incident, MINUTE, SECOND};

/// Others of its kind that come so soon after one are told with it.
const QUIET: i64 = SECOND / 5;
/// But the first is told after this: the promise is a second.
const FIRST: i64 = 3 * SECOND / 5;
/// From so many at once on it is a storm …
const STORM: u32 = 5;
/// … and what comes after its first message is told in one more, when nothing came for so long,
const STORM_QUIET: i64 = 3 * SECOND;
/// or after so long in any case.
const STORM_LONGEST: i64 = 12 * SECOND;
/// So many at once are held back for that only if something of the kind was told so lately.
const LATELY: i64 = 10 * SECOND;
/// Ends are not urgent, and come together after a restart of everything.
const END_QUIET: i64 = 2 * SECOND;
const END_LONGEST: i64 = 10 * SECOND;
/// A container that was replaced has so long to come to an opinion of its health.
const REPLACED: i64 = 5 * MINUTE;
const HOUR: i64 = 60 * MINUTE;
/// Alerts that are remembered as open, and names of which deaths are.
const MOST: usize = 500;
/// Members of a group that are named; the others are counted.
pub const NAMED: usize = 20;
/// Members whose lines are kept.
const WITH_LINES: usize = 5;

/// How much is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// Messages an hour.
    pub max_per_hour: u32,
    /// Deaths that are a loop …
    pub loop_deaths: u32,
    /// … within so long.
    pub loop_ns: i64,
    /// A container that was up for so long has recovered.
    pub recovery_ns: i64,
}

/// What became of something that was handed in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Noted {
    /// It is told, in these words.
    New(String),
    /// It belongs to what is open, and is counted there.
    Counted,
    /// A container is down, which may explain it: it is told if it outlasts that.
    Held,
}

/// All that outlasts a restart.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct State {
    /// What happened until then is judged.
    pub judged_ns: i64,
    /// What is known of the health check since the host was booted.
    pub boot: Boot,
    /// Of what nobody is told at present.
    #[serde(skip)]
    pub silences: Silences,
    /// So far the moments that are given here are ahead of the time of day, by which silences end: it was set back.
    #[serde(skip)]
    pub ahead_ns: i64,
    /// What is for the journal alone.
    #[serde(skip)]
    unsaid: Vec<String>,
    open: Vec<Open>,
    /// By container: when it died lately.
    deaths: BTreeMap<String, VecDeque<i64>>,
    hour: Hour,
    #[serde(serialize_with = "forming::ends")]
    forming: Vec<Forming>,
    /// By rule: until when a storm lasts.
    #[serde(skip)]
    storms: BTreeMap<String, i64>,
    /// By rule: when it was told last.
    #[serde(skip)]
    told: BTreeMap<String, i64>,
    /// What a container that is down may explain.
    #[serde(skip)]
    explained: Vec<Explained>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Open {
    name: String,
    cause: Cause,
    since_ns: i64,
    /// How often it happened since, without the first.
    again: u32,
    /// When it ends if nothing comes between.
    ends: Option<(i64, Change)>,
    /// When that began which ends it if it lasts.
    #[serde(default)]
    back_ns: Option<i64>,
    /// Its beginning was told, or that of what it took the place of: else nobody wants to hear of its end.
    told: bool,
    #[serde(default)]
    silent: Silent,
}

impl Open {
    fn is(&self, family: Family, name: &str) -> bool {
        self.cause.family() == family && self.name == name
    }
}

impl State {
    /// With nothing open, and nothing told of what happened later.
    pub fn since(judged_ns: i64) -> Self {
        Self { judged_ns, ..Self::default() }
    }

    /// Something begins, or happens again.
    pub fn begin(&mut self, incident: Incident, settings: &Settings, now_ns: i64) -> Noted {
        let (name, at_ns) = (incident.container.name.clone(), incident.at_ns);
        let mut told = false;
        let mut cause = incident.cause.clone();
        // One that could not be started is found so again and again, and has not died.
        if matches!(cause, Cause::Died { .. } | Cause::OutOfMemory) {
            let deaths = self.died(&name, at_ns, settings);
            if self.count(Family::Loop, &name, at_ns, settings) {
                return Noted::Counted;
            }
            if deaths >= settings.loop_deaths {
                let minutes = u32::try_from(settings.loop_ns / MINUTE).unwrap_or(u32::MAX);
                cause = Cause::RestartLoop { deaths, minutes };
                // It takes the place of what was told of the first death.
                let death = self.open.extract_if(.., |open| open.is(Family::Down, &name)).last();
                self.take_back(Step::Begin, Family::Down, &name);
                let ending = self.take_back(Step::End, Family::Down, &name);
                told = death.or(ending).is_some_and(|death| death.told);
            }
        }
        if let Some(by) = self.explains(&cause, now_ns) {
            self.explained.push(Explained { incident, by, until_ns: now_ns + EXPLAINS_LONGEST });
            return Noted::Held;
        }
        let family = cause.family();
        // It has not ended, after all.
        let ending = self.take_back(Step::End, family, &name);
        self.open.extend(ending);
        if self.count(family, &name, at_ns, settings) {
            return Noted::Counted;
        }
        let member = Member::new(incident, &cause);
        let subject = if family == Family::Threshold { "" } else { &format!("\"{}\" ", member.name) };
        let words = format!("{subject}{}. {}", member.happened, member.explained);
        let ends = ends_by_itself(family, at_ns, settings);
        let open = Open {
            name,
            cause,
            since_ns: at_ns,
            again: 0,
            ends,
            back_ns: None,
            told,
            silent: Silent::default(),
        };
        self.form(Step::Begin, open, member, (at_ns, now_ns));
        Noted::New(words)
    }

    /// What is open may end with this, if it lasts. Whether anything is open that may.
    pub fn change(&mut self, name: &str, at_ns: i64, change: Change, settings: &Settings) -> bool {
        let mut changed = false;
        if matches!(change, Change::Over | Change::Unmeasured | Change::Unruled) {
            self.explained.retain(|explained| explained.incident.container.name != name);
        }
        let last = self.deaths.get(name).and_then(|deaths| deaths.back()).copied().unwrap_or_default();
        for open in self.opens().filter(|open| open.name == name) {
            let after = open.since_ns.max(at_ns);
            let ends = match (change, open.cause.family()) {
                (Change::Up, Family::Down) => after + settings.recovery_ns,
                (Change::Up, Family::Loop) => after.max(last + settings.loop_ns),
                // It is another one, or it begins anew: its health check will say.
                (Change::Up, Family::Health) if open.ends.is_some() => after + REPLACED,
                (Change::Unmeasured | Change::Unruled, Family::Threshold) => after,
                (Change::Over, Family::Threshold) | (Change::Healthy, Family::Health) => {
                    after + settings.recovery_ns
                }
                (Change::Stopped | Change::Removed, family) if family != Family::Threshold => {
                    after + settings.recovery_ns
                }
                _ => continue,
            };
            // Told again that it is up, it is not up for less.
            if open.ends.is_none_or(|(_, known)| known != change) {
                (open.ends, open.back_ns) = (Some((ends, change)), Some(after));
                changed = true;
            }
        }
        changed
    }

    /// What is to be told by now.
    pub fn due(&mut self, settings: &Settings, now_ns: i64) -> Vec<Message> {
        for open in self.over(now_ns) {
            if let (true, Some(member)) = (open.told, open.ended(now_ns)) {
                let at_ns = open.over_ns(now_ns);
                self.form(Step::End, open, member, (at_ns, now_ns));
            }
        }
        for incident in self.outlasted(now_ns) {
            self.begin(incident, settings, now_ns);
        }
        self.break_silence(now_ns);
        let mut messages = Vec::new();
        if now_ns >= self.hour.began_ns + HOUR || self.hour.began_ns > now_ns {
            let hour = std::mem::replace(&mut self.hour, Hour { began_ns: now_ns, ..Hour::default() });
            if hour.held_in_all > 0 {
                let Hour { began_ns: since_ns, held, held_in_all, .. } = hour;
                let summary = Message::Summary { since_ns, at_ns: now_ns, held, held_in_all };
                messages.extend(self.unless_silenced("alerts-held-back", summary, now_ns));
            }
        }
        self.storms.retain(|_, until_ns| *until_ns > now_ns);
        self.told.retain(|_, told_ns| now_ns - *told_ns < LATELY);
        let formed = self.forming.extract_if(.., |forming| forming.due_ns() <= now_ns);
        let mut formed: VecDeque<_> = formed.collect();
        while let Some(Forming { mut group, all, .. }) = formed.pop_front() {
            if self.is_silenced(group.cause.rule(), now_ns) {
                self.keep_silent(group, all);
                continue;
            }
            group.others = self.others(&group, &all, formed.iter());
            let told = self.may_send(&group, settings);
            if group.step == Step::Begin {
                self.told.insert(group.cause.rule().to_owned(), now_ns);
                if group.count >= STORM || group.continued {
                    self.storms.insert(group.cause.rule().to_owned(), now_ns + STORM_QUIET);
                }
                self.keep_open(all.into_iter().map(|open| Open { told: told || open.told, ..open }));
            }
            if told {
                messages.push(Message::Group(Box::new(group)));
            }
        }
        messages
    }

    /// When [`State::due`] has something to say.
    pub fn next(&self) -> Option<i64> {
        let forming = self.forming.iter().map(Forming::due_ns);
        let ends = self.open.iter().filter_map(|open| self.next_of(open));
        let summary = (self.hour.held_in_all > 0).then_some(self.hour.began_ns + HOUR);
        let explained = self.explained.iter().map(|explained| explained.until_ns);
        forming.chain(ends).chain(summary).chain(explained).min()
    }

    /// The oldest of what is not told yet, and would be lost by a restart.
    pub fn untold_ns(&self) -> Option<i64> {
        let begins = self.forming.iter().filter(|forming| forming.group.step == Step::Begin);
        let all = begins.flat_map(|forming| &forming.all);
        // Those are found anew.
        let all = all.filter(|open| open.cause.family() != Family::Threshold);
        all.map(|open| open.since_ns).min()
    }

    /// The thresholds that are crossed, told or not.
    pub fn thresholds(&self) -> impl Iterator<Item = &Crossed> {
        let forming = self.forming.iter().filter(|forming| forming.group.step == Step::Begin);
        let open = self.open.iter().chain(forming.flat_map(|forming| &forming.all)).map(|open| &open.cause);
        let all = open.chain(self.explained.iter().map(|explained| &explained.incident.cause));
        all.filter_map(|cause| if let Cause::Threshold(crossed) = cause { Some(&**crossed) } else { None })
    }

    /// What is open, or about to be.
    fn opens(&mut self) -> impl Iterator<Item = &mut Open> {
        let forming = self.forming.iter_mut().filter(|forming| forming.group.step == Step::Begin);
        self.open.iter_mut().chain(forming.flat_map(|forming| &mut forming.all))
    }

    /// Whether it belongs to something open.
    fn count(&mut self, family: Family, name: &str, at_ns: i64, settings: &Settings) -> bool {
        let Some(open) = self.opens().find(|open| open.is(family, name)) else { return false };
        // Found to be unhealthy once more it still is, unless it had begun to end.
        let lasts = family == Family::Health && open.ends.is_none();
        if at_ns > open.since_ns && !lasts {
            open.again = open.again.saturating_add(1);
        }
        (open.ends, open.back_ns) = (ends_by_itself(family, at_ns, settings), None);
        open.silent.end_said = false;
        true
    }

    /// Remembers what is open, and not more than can be written down at each change.
    fn keep_open(&mut self, new: impl IntoIterator<Item = Open>) {
        self.open.extend(new);
        let over = self.open.len().saturating_sub(MOST);
        for Open { name, cause, .. } in self.open.drain(..over) {
            let rule = cause.rule();
            self.unsaid.push(format!(
                "forgotten, since more than {MOST} alerts are open: {rule} of \"{name}\"; its end is not told"
            ));
        }
    }

    /// How often a container died lately.
    fn died(&mut self, name: &str, at_ns: i64, settings: &Settings) -> u32 {
        self.deaths.retain(|_, deaths| deaths.back().is_some_and(|last| at_ns - last < settings.loop_ns));
        if self.deaths.len() >= MOST {
            self.deaths.pop_first();
        }
        let deaths = self.deaths.entry(name.to_owned()).or_default();
        deaths.retain(|death| at_ns - death < settings.loop_ns);
        if !deaths.contains(&at_ns) {
            deaths.push_back(at_ns);
        }
        while deaths.len() > settings.loop_deaths as usize {
            deaths.pop_front();
        }
        u32::try_from(deaths.len()).unwrap_or(u32::MAX)
    }

    /// Takes a member out of what is not told yet.
    fn take_back(&mut self, step: Step, family: Family, name: &str) -> Option<Open> {
        let mut taken = None;
        for Forming { group, all, .. } in self.forming.iter_mut().filter(|f| f.group.step == step) {
            let Some(at) = all.iter().position(|open| open.is(family, name)) else { continue };
            taken = Some(all.remove(at));
            group.count -= 1;
            group.members.retain(|member| member.name != name);
        }
        self.forming.retain(|forming| forming.group.count > 0);
        taken
    }

    fn form(&mut self, step: Step, of: Open, member: Member, (at_ns, now_ns): (i64, i64)) {
        let rule = of.cause.rule();
        let lately = self.told.get(rule).is_some_and(|told_ns| now_ns - told_ns < LATELY);
        let forming = self.forming.iter_mut().find(|f| f.group.step == step && f.group.cause.rule() == rule);
        if let Some(Forming { group, last_ns, all, quiet, longest, .. }) = forming {
            *last_ns = now_ns;
            group.count += 1;
            // Dockerd tells of many that die at once over seconds: those who were woken by the first can wait.
            if step == Step::Begin && lately && group.count >= STORM {
                (*quiet, *longest, group.continued) = (STORM_QUIET, STORM_LONGEST, true);
            }
            group.at_ns = group.at_ns.min(at_ns);
            if group.members.len() < NAMED {
                let silent = group.members.len() >= WITH_LINES;
                group.members.push(if silent { member.without_lines() } else { member });
            }
            all.push(of);
            return;
        }
        let continued = step == Step::Begin && self.storms.contains_key(rule);
        let (quiet, longest) = match step {
            Step::End => (END_QUIET, END_LONGEST),
            Step::Begin if continued => (STORM_QUIET, STORM_LONGEST),
            Step::Begin => (QUIET, FIRST),
        };
        let cause = of.cause.clone();
        let group = Group { step, cause, at_ns, count: 1, members: vec![member], continued, others: false };
        let (since_ns, last_ns) = (now_ns, now_ns);
        self.forming.push(Forming { group, since_ns, last_ns, all: vec![of], quiet, longest });
    }
}

/// Nothing tells that memory suffices again, but that nothing happens.
fn ends_by_itself(family: Family, at_ns: i64, settings: &Settings) -> Option<(i64, Change)> {
    (family == Family::Memory).then_some((at_ns + settings.loop_ns, Change::Up))
}

#[cfg(test)]
mod tests;
