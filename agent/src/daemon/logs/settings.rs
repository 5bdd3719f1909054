//! What the operator can change of the log loop while it runs.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;

use crate::logs::cursor::Cursor;
use crate::logs::finish::Finisher;
use crate::logs::flow::Flow;
use crate::logs::route::{Globs, METRICS_OPT_OUT_LABEL, Selection, is_wanted};
use crate::logs::{Container, Destination};

/// What can be changed while the loop runs.
#[derive(Debug)]
pub struct Settings {
    /// Which containers, and where to.
    pub selection: Selection,
    /// This host's name in stream names.
    pub instance_id: String,
    /// Join stack traces.
    pub multiline: bool,
    /// A batch is open for so long at most.
    pub flush: Duration,
    /// From text to message.
    pub finisher: Finisher,
    /// Whose lines are counted in metrics: only these, and not those.
    pub measured: [Globs; 2],
    /// Whom to tell when what lines said has to be taken before more of them are read.
    pub full: Arc<Notify>,
}

impl Settings {
    /// The way of a container's lines to this stream.
    pub(super) fn flow(&self, to: Destination, container: &Container, cursor: Cursor) -> Flow {
        let mut flow = Flow::new(to, self.multiline, cursor);
        flow.observe(self.measures(container));
        flow
    }

    /// Whether a container's lines are counted in metrics.
    pub(super) fn measures(&self, container: &Container) -> bool {
        let [include, exclude] = &self.measured;
        is_wanted(container, include, exclude, METRICS_OPT_OUT_LABEL)
    }

    /// Whether reading has to wait until what lines said is taken.
    pub(super) fn must_wait(&self) -> bool {
        let full = self.finisher.is_full();
        if full {
            self.full.notify_one();
        }
        full
    }
}
