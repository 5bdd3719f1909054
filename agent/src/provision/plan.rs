//! The difference between what shall be in the account and what is there, as data.
//!
//! A plan is shown or carried out by others; whoever carries it out decides nothing.

use serde_json::Value;

use super::parts::Missing;
use super::{Address, Held, Resource, Unread};

/// What to do, and what to say.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Plan {
    /// In the order in which they are made; what is deleted comes last, in the opposite order.
    pub changes: Vec<Change>,
    /// See [`super::desired::Desired::notes`].
    pub notes: Vec<String>,
    /// What must be named first.
    pub missing: Vec<Missing>,
    /// What could not be looked at.
    pub unread: Vec<Unread>,
}

/// One thing, and what becomes of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// What becomes of it.
    pub step: Step,
    /// Which.
    pub address: Address,
    /// What is different, each by its path: `Metrics[1].MetricStat.Period`.
    pub fields: Vec<Field>,
    /// As it shall be, unless it is deleted.
    pub wanted: Option<Resource>,
    /// As it is, if it is there.
    pub held: Option<Held>,
}

/// What becomes of a thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// It is made.
    Create,
    /// It is there and different.
    Update,
    /// It is ours and not wanted any more.
    Delete,
    /// It is there and as it shall be.
    Keep,
    /// It is different, but not ours to change; this is why, and what to do.
    Leave(String),
}

/// One member that is different.
#[derive(Debug, Clone, PartialEq)]
pub struct Field {
    /// Where, in the service's own words.
    pub path: String,
    /// As it is; `None` if it is not there.
    pub old: Option<Value>,
    /// As it shall be; `None` if it shall not be there.
    pub new: Option<Value>,
}
