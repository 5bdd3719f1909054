//! What a case comes to, of which all is known that will be.
//!
//! Remembers nothing.

use super::{Case, Looked, Suspicion, Turn};
use crate::alerts::words::{duration, time};
use crate::alerts::{Cause, Change, Incident, MINUTE, Standing};
use crate::logs::Container;

/// 128 + KILL.
const KILLED: i64 = 137;

/// A container that was made so lately may be why.
const DEPLOYED: i64 = 60 * MINUTE;

/// A case of which all is known that will be.
pub(super) fn judge(container: &Container, known: Case) -> Turn {
    let Case { at_ns, what, looked, .. } = known;
    let Looked { standing, host_killed, lines } = looked.unwrap_or_default();
    let standing = standing.unwrap_or_default();
    let cause = match what {
        Suspicion::Outlived => Cause::ChildOutOfMemory,
        Suspicion::Unhealthy => Cause::Unhealthy,
        Suspicion::Died { exit_code: 0, .. } if standing.is_always_up => {
            Cause::Died { exit_code: 0, starved: false }
        }
        // A job that is done.
        Suspicion::Died { exit_code: 0, .. } => {
            return Turn::Change { name: container.name.clone(), at_ns, change: Change::Stopped };
        }
        // Docker often misses it, and of a container that it did not kill there is hardly another reason.
        Suspicion::Died { exit_code: KILLED, starved, .. }
            if starved || standing.is_out_of_memory || host_killed =>
        {
            Cause::OutOfMemory
        }
        Suspicion::Died { exit_code, starved, .. } => Cause::Died { exit_code, starved },
    };
    let said = (cause == Cause::Unhealthy && !standing.health_said.is_empty())
        .then(|| format!("its health check ended last with {}", standing.health_said));
    let mut incident = Incident::of(container.clone(), at_ns, cause, Some(lines));
    incident.around = said.into_iter().chain(changed(&standing, at_ns)).collect();
    Turn::Begin(Box::new(incident))
}

/// What was different a while ago.
fn changed(standing: &Standing, at_ns: i64) -> Vec<String> {
    let before = |then: Option<i64>| then.filter(|then| *then <= at_ns);
    let made = before(standing.made_ns).map(|made_ns| {
        let at = time(made_ns);
        if at_ns - made_ns > DEPLOYED {
            format!("its container is the same since {at}")
        } else {
            format!(
                "its container was made {} before, at {at}: a new version, perhaps",
                duration(at_ns - made_ns)
            )
        }
    });
    // If it was started again meanwhile, that is another run.
    let up =
        before(standing.started_ns).map(|since| format!("it had been up for {}", duration(at_ns - since)));
    made.into_iter().chain(up).collect()
}

pub(super) fn not_started(container: &Container, at_ns: i64, error: String) -> Turn {
    Turn::Begin(Box::new(Incident::of(
        container.clone(),
        at_ns,
        Cause::NotStarted { error },
        Some(Ok(Vec::new())),
    )))
}
