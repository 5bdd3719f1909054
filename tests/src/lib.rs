//! What the end-to-end tests stand on: they run the binary `starttech-agent` as users run it and
//! judge it by what arrives at the other side.
//!
//! - [`endpoint`]: CloudWatch Logs and the instance metadata service on loopback, as strict as the
//!   real ones, with faults on demand.
//! - [`docker`]: a private dockerd, and containers on it.
//! - [`stream`]: what of one container has arrived there; [`series`]: what of one metric.
//! - [`agent`]: the binary, its configuration, its log and its footprint.
//! - [`emulator`]: a second opinion from somebody else's CloudWatch Logs.
//! - [`role`]: between the agent and the emulator, what a role may do, quotas, and what the emulator lacks.
//! - [`subscriber`]: whom a topic calls.
//! - [`package`]: the .deb; [`machine`]: a host with systemd to install it on.
//! - [`host`] and [`backend`]: what the agent measures, told by others.
//! - [`mod@bench`]: what shipping costs, beside what other ways cost.
//! - [`mod@faults`]: what survives each fault under load, as a table.
//! - [`terminal`]: where what draws is looked at.
//! - [`wait`]: no test sleeps for luck; it waits for a condition with a limit.

pub mod agent;
pub mod backend;
pub mod bench;
pub mod browser;
pub mod client;
pub mod docker;
pub mod emulator;
pub mod endpoint;
pub mod faults;
pub mod host;
pub mod http;
pub mod machine;
pub mod package;
pub mod port;
pub mod process;
pub mod repository;
pub mod role;
pub mod series;
pub mod stream;
pub mod subscriber;
pub mod terminal;
pub mod tidy;
pub mod wait;
