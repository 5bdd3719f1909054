//! All rows, by what is broken.

mod answers;
mod clock;
mod disk;
mod docker;
mod endpoint;
mod process;

use crate::faults::row::Row;

/// Every row, in the order of the table.
pub(super) fn all() -> Vec<Row> {
    [endpoint::rows(), answers::rows(), process::rows(), docker::rows(), disk::rows(), clock::rows()]
        .into_iter()
        .flatten()
        .collect()
}
