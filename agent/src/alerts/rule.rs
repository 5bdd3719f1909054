//! What happened is what? Docker's events in their order, with what a look at the container says, tell a crash
//! from a stop, a death for want of memory from any other, and a container that lives on from one that does not.
//!
//! Tried on Docker 20.10 and 28: an operator's `docker stop`, `docker kill`, `docker restart`, `docker rm -f`, and
//! a redeploy by compose, send `kill` before `die`; a crash has none. An exit code of 137 or 143 alone proves
//! nothing. Knows nothing of what was told before.

mod judge;

use std::collections::{BTreeMap, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};

use super::{Change, Fact, Incident, Lines, MINUTE, SECOND, Standing, What};
use crate::logs::Container;
use judge::{judge, not_started};

/// A death is judged after so long: the event that explains it may come behind it.
const LATE_EVENT: i64 = 150 * SECOND / 1000;
/// An answer about a container is waited for so long at most.
const LOOK: i64 = SECOND / 2;
/// A container whose process was ended for memory is known to live on after so long.
const OUTLIVED: i64 = SECOND / 2;
/// A death so soon after a process was ended for memory has to do with it.
const STARVED: i64 = 10 * SECOND;
/// Who is killed is dead within this, or was interrupted for that.
const DEADLY: i64 = 30 * SECOND;
/// Who is asked to end may take so long: people give a database minutes.
const POLITE: i64 = 30 * MINUTE;
/// When it is looked whether a container that was made has come up.
const COME_UP: [i64; 3] = [2 * SECOND, 10 * SECOND, MINUTE];
/// Events that tell of a container found dead may still be on their way.
const FOUND: i64 = 2 * SECOND;
/// Events that are remembered: Docker tells at most 256 a second time.
const REMEMBERED: usize = 512;
/// Containers that are remembered.
const MOST: usize = 1000;

/// INT, QUIT, KILL, TERM: what is sent to end a program. HUP is sent to have it read its configuration again: who dies
/// of that has crashed.
const ENDING: [i64; 4] = [2, 3, 9, TERM];
/// What `docker stop` sends first.
const TERM: i64 = 15;
/// 128 + INT, KILL, TERM: of a container that was found dead they say that somebody ended it.
const ENDED_BY_SOMEBODY: [i64; 3] = [130, 137, 143];
/// 128 + INT, TERM: without Docker knowing of it they come from a host that shuts down, or from its operator.
const ASKED_OTHERWISE: [i64; 2] = [130, 143];

/// What is to be done about what happened.
#[derive(Debug, Clone, PartialEq)]
pub enum Turn {
    /// Look at this container, and come back by [`Rules::looked`].
    Look(Container),
    /// People are to be told.
    Begin(Box<Incident>),
    /// What is open of a container is of one of another name.
    Rename {
        /// The old one.
        from: String,
        /// The new one.
        to: String,
    },
    /// What is open may end.
    Change {
        /// The container's name.
        name: String,
        /// When.
        at_ns: i64,
        /// How.
        change: Change,
    },
}

/// What a look at a container gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Looked {
    /// `None`: it is gone, or Docker did not answer in time.
    pub standing: Option<Standing>,
    /// The kernel has ended processes on this host for memory since the last look.
    pub host_killed: bool,
    /// What it said last.
    pub lines: Lines,
}

impl Default for Looked {
    fn default() -> Self {
        Self { standing: None, host_killed: false, lines: Err("there was no time to read them".to_owned()) }
    }
}

/// What is known of each container.
#[derive(Debug, Default)]
pub struct Rules {
    histories: BTreeMap<String, History>,
    seen: VecDeque<u64>,
    /// What happened until then was judged in an earlier run.
    known_ns: i64,
    newest_ns: i64,
    /// When the host was booted: what ended while nobody looked, and before that, ended with the host.
    booted_ns: i64,
}

#[derive(Debug, Default)]
struct History {
    container: Container,
    /// Somebody wants it to end, which is so until then; however it ends if that is soon.
    asked_until_ns: i64,
    asked_soon_ns: i64,
    /// When a process of it was ended for memory last, and whether that is still to be told.
    starved_ns: Option<i64>,
    outlived_ns: Option<i64>,
    /// It was made at that time, and so many looks were taken whether it came up.
    made: Option<(i64, usize)>,
    cases: VecDeque<Case>,
    /// What became of it since, told when those are judged.
    later: Vec<(i64, Change)>,
    /// It was removed: nothing more will become of it.
    removed: bool,
}

/// What is not judged yet.
#[derive(Debug)]
struct Case {
    at_ns: i64,
    what: Suspicion,
    /// Since when it is known.
    since_ns: i64,
    until_ns: i64,
    looked: Option<Looked>,
}

#[derive(Debug, PartialEq, Eq)]
enum Suspicion {
    Died {
        exit_code: i64,
        starved: bool,
        /// It was found dead: no event told of it.
        found: bool,
    },
    Outlived,
    Unhealthy,
}

impl Rules {
    /// Rules that know what happened until then, on a host that was booted then.
    pub fn new(known_ns: i64, booted_ns: i64) -> Self {
        Self { known_ns, newest_ns: known_ns, booted_ns, ..Self::default() }
    }

    /// The clock says that it is so late: if it was set back, what happens from now on has not been told.
    pub fn clock(&mut self, now_ns: i64) {
        self.known_ns = self.known_ns.min(now_ns);
        self.newest_ns = self.newest_ns.min(now_ns.max(self.known_ns));
    }

    /// What happened until then need not be told again: everything before it is judged.
    pub fn judged_ns(&self) -> i64 {
        let open = self.histories.values().flat_map(|history| {
            let cases = history.cases.iter().map(|case| case.at_ns);
            cases.chain(history.outlived_ns.and(history.starved_ns)).chain(history.made.map(|made| made.0))
        });
        open.map(|at_ns| at_ns - 1).fold(self.newest_ns, i64::min)
    }

    /// Takes an event. Those that were told before do nothing.
    pub fn take(&mut self, fact: Fact, now_ns: i64) -> Vec<Turn> {
        if fact.at_ns <= self.known_ns || self.is_repeated(&fact) {
            return Vec::new();
        }
        self.newest_ns = self.newest_ns.max(fact.at_ns);
        let Fact { at_ns, container, what } = fact;
        let id = container.id.clone();
        let name = container.name.clone();
        if matches!(what, What::Removed)
            && self.histories.get(&id).is_none_or(|history| history.cases.is_empty())
        {
            self.histories.remove(&id);
            return vec![Turn::Change { name, at_ns, change: Change::Removed }];
        }
        let history = self.history(container);
        match what {
            What::Created => {
                history.made = Some((now_ns, 0));
                Vec::new()
            }
            What::Started => {
                (history.asked_until_ns, history.asked_soon_ns, history.made) = (0, 0, None);
                (history.starved_ns, history.outlived_ns) = (None, None);
                history.change(at_ns, Change::Up)
            }
            What::Killed { signal } => {
                if ENDING.contains(&signal) {
                    let limit = if signal == TERM { POLITE } else { DEADLY };
                    history.asked_until_ns = history.asked_until_ns.max(at_ns + limit);
                    history.asked_soon_ns = history.asked_soon_ns.max(at_ns + DEADLY);
                }
                Vec::new()
            }
            What::Stopped => {
                history.cases.retain(|case| !case.is_death());
                history.change(at_ns, Change::Stopped)
            }
            What::Died { exit_code } => {
                // Found dead before its event was told again.
                history.cases.retain(|case| !matches!(case.what, Suspicion::Died { found: true, .. }));
                history.made = None;
                history.outlived_ns = None;
                // Who was asked politely, and fails long after, may not have been about to end at all.
                let ends_well = exit_code == 0 || ENDED_BY_SOMEBODY.contains(&exit_code);
                let asked_until_ns = if ends_well { history.asked_until_ns } else { history.asked_soon_ns };
                if at_ns <= asked_until_ns || ASKED_OTHERWISE.contains(&exit_code) {
                    (history.asked_until_ns, history.asked_soon_ns) = (0, 0);
                    return history.change(at_ns, Change::Stopped);
                }
                let starved = history.starved_ns.is_some_and(|starved| at_ns - starved <= STARVED);
                let died = Suspicion::Died { exit_code, starved, found: false };
                vec![history.suspect(at_ns, died, (now_ns, LATE_EVENT))]
            }
            What::OutOfMemory => {
                if let Some(Suspicion::Died { starved, .. }) =
                    history.cases.back_mut().map(|case| &mut case.what)
                {
                    *starved = true;
                } else {
                    history.starved_ns = Some(at_ns);
                    history.outlived_ns = Some(now_ns + OUTLIVED);
                }
                Vec::new()
            }
            What::Health { is_healthy: true } => history.change(at_ns, Change::Healthy),
            What::Removed => {
                history.removed = true;
                history.change(at_ns, Change::Removed)
            }
            What::Health { is_healthy: false } => {
                vec![history.suspect(at_ns, Suspicion::Unhealthy, (now_ns, 0))]
            }
            What::Renamed { from } => vec![Turn::Rename { from, to: name }],
        }
    }

    /// Takes how a container stands that was there already, or was away from sight: no event may have told.
    pub fn stands(&mut self, container: Container, standing: &Standing, now_ns: i64) -> Vec<Turn> {
        let (known_ns, newest_ns) = (self.known_ns, self.newest_ns);
        let name = container.name.clone();
        let change = |at_ns, change| vec![Turn::Change { name: name.clone(), at_ns, change }];
        if standing.is_running {
            return match standing.is_healthy {
                Some(false) => {
                    vec![self.history(container).suspect(now_ns, Suspicion::Unhealthy, (now_ns, FOUND))]
                }
                Some(true) => {
                    let mut turns = change(now_ns, Change::Up);
                    turns.extend(change(now_ns, Change::Healthy));
                    turns
                }
                None => change(now_ns, Change::Up),
            };
        }
        if !standing.error.is_empty() && standing.ended_ns.is_none() {
            let at_ns = standing.made_ns.unwrap_or(now_ns);
            if at_ns <= known_ns {
                return Vec::new();
            }
            return vec![not_started(&container, at_ns, standing.error.clone())];
        }
        let Some(at_ns) = standing.ended_ns else { return Vec::new() };
        if standing.exit_code == 0
            || (known_ns < at_ns && at_ns < self.booted_ns)
            || (ENDED_BY_SOMEBODY.contains(&standing.exit_code) && !standing.is_out_of_memory)
        {
            return change(at_ns, Change::Stopped);
        }
        let history = self.history(container);
        let is_judged = at_ns <= known_ns.max(newest_ns);
        if is_judged || at_ns <= history.asked_until_ns || history.cases.iter().any(Case::is_death) {
            return Vec::new();
        }
        let (exit_code, starved) = (standing.exit_code, standing.is_out_of_memory);
        vec![history.suspect(at_ns, Suspicion::Died { exit_code, starved, found: true }, (now_ns, FOUND))]
    }

    /// Takes what a look gave.
    pub fn looked(&mut self, id: &str, looked: Looked, now_ns: i64) -> Vec<Turn> {
        let Some(history) = self.histories.get_mut(id) else { return Vec::new() };
        if let Some(case) = history.cases.iter_mut().find(|case| case.looked.is_none()) {
            case.looked = Some(looked);
            return self.due(now_ns);
        }
        let Some((made_ns, _)) = history.made else { return Vec::new() };
        let error = looked.standing.filter(|standing| !standing.is_running).map(|standing| standing.error);
        match error.filter(|error| !error.is_empty()) {
            Some(error) => {
                history.made = None;
                vec![not_started(&history.container, made_ns, error)]
            }
            None => Vec::new(),
        }
    }

    /// What is known by now.
    pub fn due(&mut self, now_ns: i64) -> Vec<Turn> {
        let mut turns = Vec::new();
        for history in self.histories.values_mut() {
            while history.cases.front().is_some_and(|case| case.due_ns() <= now_ns)
                && let Some(case) = history.cases.pop_front()
            {
                // Events that were missed are told late: what came before it cannot end it.
                history.later.retain(|(at_ns, _)| *at_ns >= case.at_ns);
                turns.push(judge(&history.container, case));
            }
            if history.cases.is_empty() {
                let name = &history.container.name;
                let change = |(at_ns, change)| Turn::Change { name: name.clone(), at_ns, change };
                turns.extend(history.later.drain(..).map(change));
            }
            if history.outlived_ns.take_if(|outlived| *outlived <= now_ns).is_some() {
                let at_ns = history.starved_ns.unwrap_or(now_ns);
                turns.push(history.suspect(at_ns, Suspicion::Outlived, (now_ns, 0)));
            }
            if let Some((made_ns, looks)) = history.made
                && COME_UP.get(looks).is_some_and(|after| made_ns + after <= now_ns)
            {
                history.made = (looks + 1 < COME_UP.len()).then_some((made_ns, looks + 1));
                turns.push(Turn::Look(history.container.clone()));
            }
        }
        self.histories.retain(|_, history| !history.removed || !history.cases.is_empty());
        turns
    }

    /// When [`Rules::due`] has something to say.
    pub fn next(&self) -> Option<i64> {
        let next = self.histories.values().filter_map(|history| {
            let case = history.cases.front().map(Case::due_ns);
            let made = history.made.and_then(|(made_ns, looks)| Some(made_ns + COME_UP.get(looks).copied()?));
            [case, history.outlived_ns, made].into_iter().flatten().min()
        });
        next.min()
    }

    fn history(&mut self, container: Container) -> &mut History {
        if self.histories.len() >= MOST && !self.histories.contains_key(&container.id) {
            let idle = |history: &History| history.cases.is_empty() && history.outlived_ns.is_none();
            let idle = self.histories.iter().find(|(_, history)| idle(history)).map(|(id, _)| id.clone());
            self.histories.remove(&idle.unwrap_or_default());
        }
        let history = self.histories.entry(container.id.clone()).or_default();
        history.container = container;
        history
    }

    fn is_repeated(&mut self, fact: &Fact) -> bool {
        let mut hasher = DefaultHasher::new();
        (fact.at_ns, &fact.container.id, &fact.what).hash(&mut hasher);
        let hash = hasher.finish();
        if self.seen.contains(&hash) {
            return true;
        }
        if self.seen.len() >= REMEMBERED {
            self.seen.pop_front();
        }
        self.seen.push_back(hash);
        false
    }
}

impl History {
    /// What is open may end with this; what is not judged yet comes first.
    fn change(&mut self, at_ns: i64, change: Change) -> Vec<Turn> {
        if !self.cases.is_empty() {
            self.later.push((at_ns, change));
            return Vec::new();
        }
        vec![Turn::Change { name: self.container.name.clone(), at_ns, change }]
    }

    /// Somebody is to look, and it is judged after so long.
    fn suspect(&mut self, at_ns: i64, what: Suspicion, (now_ns, wait): (i64, i64)) -> Turn {
        self.cases.push_back(Case { at_ns, what, since_ns: now_ns, until_ns: now_ns + wait, looked: None });
        Turn::Look(self.container.clone())
    }
}

impl Case {
    fn due_ns(&self) -> i64 {
        if self.looked.is_some() { self.until_ns } else { self.until_ns.max(self.since_ns + LOOK) }
    }

    fn is_death(&self) -> bool {
        matches!(self.what, Suspicion::Died { .. })
    }
}

#[cfg(test)]
mod tests;
