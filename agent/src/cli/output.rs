//! The one place that writes to the terminal.
//!
//! A reader that went away (`| head`) is no error of ours and ends nothing.

use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::termios::tcgetwinsize;
use tokio::time::sleep;

use crate::config::fault::Faults;

/// A result, for whoever asked or for the next program.
pub(super) fn result(text: &str) {
    writeln!(io::stdout(), "{text}").ok();
}

/// A result in place of the one before, on a terminal: no more of it than fits.
pub(super) fn redraw(text: &str) {
    let rows = size().map_or(usize::MAX, |(_, rows)| rows.saturating_sub(1));
    let mut page = String::from("\u{1b}[H");
    for line in text.lines().take(rows) {
        page.push_str(line);
        page.push_str("\u{1b}[K\r\n");
    }
    page.push_str("\u{1b}[J");
    let mut stdout = io::stdout();
    stdout.write_all(page.as_bytes()).and_then(|()| stdout.flush()).ok();
}

/// Whether results go to a terminal.
pub(super) fn is_terminal() -> bool {
    io::stdout().is_terminal()
}

/// How wide that is, in characters.
pub(super) fn width() -> Option<usize> {
    size().map(|(columns, _)| columns)
}

fn size() -> Option<(usize, usize)> {
    let size = tcgetwinsize(io::stdout()).ok().filter(|size| size.ws_col > 0 && size.ws_row > 0)?;
    Some((usize::from(size.ws_col), usize::from(size.ws_row)))
}

/// A complaint, for a person.
pub(super) fn complaint(text: &str) {
    writeln!(io::stderr(), "{text}").ok();
}

/// A question to a person, who answers on the same line.
pub(super) fn question(text: &str) {
    let mut stderr = io::stderr();
    write!(stderr, "{text}").and_then(|()| stderr.flush()).ok();
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
