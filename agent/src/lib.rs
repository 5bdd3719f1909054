//! starttech-agent: every container line and every sign of trouble of one host, in `CloudWatch`.
//!
//! ```text
//! docker ──containers──▶ tail ──▶ logs/line ──▶ logs/event ──▶ logs/batch ──▶ spool ──▶ aws/logs
//! ```
//!
//! Layers, each may name only what stands to its right (tests/tests/tidy.rs holds this):
//! `cli ▶ daemon ▶ config ▶ edges ▶ listen ▶ page ▶ provision, alerts ▶ alarms, insights ▶ logs ▶ metrics ▶ retry`.

pub mod cli;

pub mod daemon;

pub mod config;

pub mod docker;
pub mod tail;

pub mod spool;

pub mod cgroup;
pub mod host;

pub mod aws;
pub mod control;
pub mod exporter;
pub mod imds;
pub mod local;
pub mod probe;

pub mod sample;

pub mod systemd;
pub mod telemetry;
pub mod viewer;

pub mod listen;

pub mod page;

pub mod alerts;
pub mod provision;

pub mod alarms;
pub mod insights;

pub mod logs;

pub mod metrics;

pub mod errors;
pub mod retry;
