//! Alarms as `CloudWatch` knows them, wherever they come from: our own definitions, somebody's file, or
//! the account; and how it evaluates them.
//!
//! Pure: no clock, no disk, no network, no SDK. What shall be in the account, and how it gets there, is
//! `provision`'s affair.

pub mod definition;
pub mod evaluate;
pub mod math;
pub mod rule;
pub mod scenario;
