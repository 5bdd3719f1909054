//! What is open, for whoever asks over the control socket.

use super::Alerts;
use crate::alerts::names;
use crate::alerts::state::Shown;
use crate::control::status;

impl Alerts {
    /// As it is now.
    pub(super) fn shown(&self) -> status::Alerts {
        let open = self.state.shown().map(|shown| {
            let Shown { rule, of, words, run, since_ns, again, ending } = shown;
            status::Open {
                rule,
                of,
                words,
                run,
                since_ms: since_ns.div_euclid(1_000_000),
                again,
                silenced: false, // whoever is asked looks at the file itself: this loop does so when there is something to tell
                ending,
            }
        });
        status::Alerts { open: open.collect(), rules: names(&self.settings.rules) }
    }
}
