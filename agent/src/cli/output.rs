//! The one place that writes to the terminal.
//!
//! A reader that went away (`| head`) is no error of ours and ends nothing.

use std::io::{self, IsTerminal, Write};

use crate::config::fault::Faults;

/// A result, for whoever asked or for the next program.
pub(super) fn result(text: &str) {
    writeln!(io::stdout(), "{text}").ok();
}

/// A complaint, for a person.
pub(super) fn complaint(text: &str) {
    writeln!(io::stderr(), "{text}").ok();
}

/// Faults with a head that counts them.
pub(super) fn faults(faults: &Faults) -> String {
    let plural = if faults.0.len() == 1 { "" } else { "s" };
    format!("{} fault{plural} in the configuration:\n{faults}", faults.0.len())
}

/// Whether results may be coloured.
pub(super) fn coloured() -> bool {
    let forbidden = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    !forbidden && io::stdout().is_terminal()
}
