//! How a host's alarm stands for machines: in ALARM as long as anything of it was told and lasts.
//!
//! A message has one alarm's name, and what begins apart may end together: an alarm for each container could not be
//! told to be over in that. So there is one for each rule, and containers are named within.

use super::{Forming, Open, State};
use crate::alerts::message::{Group, Step};

impl State {
    /// Whether others of a message's alarm were told before it and last beyond it. `of` are those it tells of; `later`
    /// are told after it.
    pub(super) fn others<'a>(
        &'a self,
        group: &Group,
        of: &'a [Open],
        later: impl Iterator<Item = &'a Forming>,
    ) -> bool {
        let pending = self.forming.iter().chain(later).flat_map(|forming| &forming.all);
        // One that became a loop was told before, as a death. What ends now does not last.
        let of = of.iter().filter(|_| group.step == Step::Begin);
        self.open
            .iter()
            .chain(pending)
            .chain(of)
            .any(|open| open.told && open.cause.alarm() == group.cause.alarm())
    }
}
