//! What the service manager is told: ready, what is going on, reloading, stopping, still alive.
//!
//! Without `NOTIFY_SOCKET`, that is everywhere but under systemd, nothing happens. That it cannot be
//! told is worth a line in the log and never a reason to stop.

use std::time::Duration;

use sd_notify::NotifyState;

/// Everything is started.
pub fn ready() {
    notify(&[NotifyState::Ready]);
}

/// One line for `systemctl status`.
pub fn status(text: &str) {
    // The protocol ends a field at a line break.
    notify(&[NotifyState::Status(&text.replace('\n', " "))]);
}

/// The configuration is being read again; [`ready`] ends this.
pub fn reloading() {
    // systemd 253 and later wants to know when the reload began, by its own clock.
    match NotifyState::monotonic_usec_now() {
        Ok(began) => notify(&[NotifyState::Reloading, began]),
        Err(error) => log::warn!("cannot read the monotonic clock for systemd: {error}"),
    }
}

/// The end has begun.
pub fn stopping() {
    notify(&[NotifyState::Stopping]);
}

/// Still alive.
pub fn alive() {
    notify(&[NotifyState::Watchdog]);
}

/// How often to say [`alive`]: half of what systemd waits. `None` if it does not wait at all.
pub fn watchdog() -> Option<Duration> {
    sd_notify::watchdog_enabled().map(|limit| limit / 2)
}

fn notify(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        log::warn!("cannot notify systemd: {error}");
    }
}
