//! What a container that has just died may explain: it is told if it outlasts that, or that lasts too long.

use super::{Family, Open, State, Step};
use crate::alerts::{Cause, Incident, MINUTE};

/// A death explains what is seen so soon after it: nobody waits for a container that has been dead for a week.
const EXPLAINS: i64 = 2 * MINUTE;
/// It is told in any case after so long.
pub(super) const EXPLAINS_LONGEST: i64 = 10 * MINUTE;

/// Something that is held back.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Explained {
    pub(super) incident: Incident,
    /// The container.
    pub(super) by: String,
    pub(super) until_ns: i64,
}

impl State {
    /// The container that explains it, if one has just died.
    pub(super) fn explains(&self, cause: &Cause, now_ns: i64) -> Option<String> {
        if !matches!(cause, Cause::Threshold(crossed) if !crossed.while_down) {
            return None;
        }
        let died = |name: &str| self.deaths.get(name).and_then(|deaths| deaths.back()).copied();
        let is_new = |open: &&Open| now_ns - died(&open.name).unwrap_or(open.since_ns) <= EXPLAINS;
        self.down().find(is_new).map(|open| open.name.clone())
    }

    /// Takes what was held back and is to be told now.
    pub(super) fn outlasted(&mut self, now_ns: i64) -> Vec<Incident> {
        let down: Vec<String> = self.down().map(|open| open.name.clone()).collect();
        let is_over =
            |explained: &mut Explained| explained.until_ns <= now_ns || !down.contains(&explained.by);
        // What was counted meanwhile happened because of it.
        let lasts = |explained: &Explained| !matches!(&explained.incident.cause, Cause::Threshold(crossed) if crossed.counts);
        let told = |Explained { mut incident, by, .. }: Explained| {
            if let Cause::Threshold(crossed) = &mut incident.cause {
                crossed.while_down = true; // it is explained no more
                crossed.reason.extend([" It was not told before, since \"", &by, "\" was down."]);
            }
            // That was then.
            (incident.lines, incident.lines_of) = (None, None);
            incident.around.clear();
            incident
        };
        self.explained.extract_if(.., is_over).filter(lasts).map(told).collect()
    }

    /// The containers that are down, told or about to be.
    fn down(&self) -> impl Iterator<Item = &Open> {
        let forming = self.forming.iter().filter(|forming| forming.group.step == Step::Begin);
        let open = self.open.iter().chain(forming.flat_map(|forming| &forming.all));
        open.filter(|open| matches!(open.cause.family(), Family::Down | Family::Loop))
    }
}
