//! The one place that writes to the terminal.
//!
//! A reader that went away (`| head`) is no error of ours and ends nothing.

use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use tokio::time::sleep;

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

/// A result's heading.
pub(super) fn bold(text: &str) -> String {
    if coloured() { format!("\u{1b}[1m{text}\u{1b}[0m") } else { text.to_owned() }
}

/// How soon it is noticed that nobody reads.
const LOOK: Duration = Duration::from_millis(100);

/// Waits until nobody reads results any more: the pipe's other end is closed, the terminal is gone.
pub(super) async fn reader_left() {
    loop {
        let stdout = io::stdout();
        let mut standard_output = [PollFd::new(&stdout, PollFlags::empty())];
        // Where it cannot be asked, one who reads is assumed.
        let asked = poll(&mut standard_output, Some(&Timespec::default()));
        let gone = PollFlags::ERR | PollFlags::HUP;
        if asked.is_ok() && standard_output.iter().any(|fd| fd.revents().intersects(gone)) {
            return;
        }
        sleep(LOOK).await;
    }
}

/// Whether results may be coloured.
pub(super) fn coloured() -> bool {
    let forbidden = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    !forbidden && io::stdout().is_terminal()
}
