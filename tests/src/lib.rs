//! What the end-to-end tests stand on: they run the binary `starttech-agent` as users run it and
//! judge it by what arrives at the other side.
//!
//! - [`endpoint`]: CloudWatch Logs and the instance metadata service on loopback, as strict as the
//!   real ones, with faults on demand.
//! - [`docker`]: a private dockerd, and containers on it.
//! - [`stream`]: what of one container has arrived there; [`series`]: what of one metric.
//! - [`agent`]: the binary, its configuration, its log and its footprint.
//! - [`emulator`]: a second opinion from somebody else's CloudWatch Logs.
//! - [`host`] and [`backend`]: what the agent measures, told by others.
//! - [`mod@bench`]: what shipping costs, beside what other ways cost.
//! - [`mod@faults`]: what survives each fault under load, as a table.
//! - [`wait`]: no test sleeps for luck; it waits for a condition with a limit.

pub mod agent;
pub mod backend;
pub mod bench;
pub mod client;
pub mod docker;
pub mod emulator;
pub mod endpoint;
pub mod faults;
pub mod host;
pub mod http;
pub mod port;
pub mod process;
pub mod series;
pub mod stream;
pub mod tidy;
pub mod wait;
