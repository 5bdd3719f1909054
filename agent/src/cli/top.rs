//! `top`: what the daemon does, redrawn each second: containers with their rates, requests, delivery, alerts.
//!
//! Asks the control socket and draws; the daemon neither knows nor keeps anything for it. What is shown is computed in
//! `top/rates.rs` out of two answers, and drawn by `top/draw.rs`.

mod draw;
mod rates;

use std::io;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::Args;
use ratatui::DefaultTerminal;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;
use tokio::time::sleep;

use super::run::{asked_to_stop, block_on};
use super::status::{Asked, Daemon};
use super::{FAILED, output};
use rates::{Sort, View};

pub(super) const HELP: &str = "\
Keys:
  q, Esc, Ctrl-C   end
  p, space         pause
  s                sort: by lines, cpu, memory, name
  up, down         scroll the containers

Lines and requests a second are of the last second, percentiles of the last minute that ended.

Exit codes:
  0   ended by a key or by SIGTERM
  1   the daemon does not answer, or this is no terminal";

/// How often the daemon is asked.
const REFRESH: Duration = Duration::from_secs(1);
/// How soon the thread that waits for keys notices that nobody wants them any more.
const KEY_WAIT: Duration = Duration::from_millis(200);

/// What can be said to `top`.
#[derive(Debug, Args)]
pub(super) struct Options {
    #[command(flatten)]
    asked: Asked,
}

/// Shows it until somebody has seen enough.
pub(super) fn top(options: &Options) -> anyhow::Result<ExitCode> {
    if !output::is_terminal() {
        bail!("top draws on a terminal, and this is none: use starttech-agent status, or ssh -t");
    }
    let daemon = Daemon::of(&options.asked)?;
    block_on(async {
        let first = match daemon.status().await {
            Ok(status) => status,
            Err(error) => {
                output::complaint(&daemon.mended(&error));
                return Ok(ExitCode::from(FAILED));
            }
        };
        let mut view = View::new(Sort::Lines);
        view.take(Ok(first), &daemon);
        let stop = asked_to_stop()?;
        // From here on a panic restores the terminal, too.
        let mut terminal = ratatui::try_init().context("cannot draw on this terminal")?;
        let shown = show(&mut terminal, &mut view, &daemon, stop).await;
        ratatui::restore();
        shown.map(|()| ExitCode::SUCCESS)
    })
}

async fn show(
    terminal: &mut DefaultTerminal,
    view: &mut View,
    daemon: &Daemon,
    stop: impl Future<Output = ()>,
) -> anyhow::Result<()> {
    tokio::pin!(stop);
    let (events, mut came) = mpsc::channel(16);
    spawn_blocking(move || listen(&events));
    let ask = || async {
        sleep(REFRESH).await;
        daemon.status().await
    };
    let answer = ask();
    tokio::pin!(answer);
    loop {
        terminal.draw(|frame| draw::draw(frame, view)).context("cannot draw on this terminal")?;
        tokio::select! {
            () = &mut stop => return Ok(()),
            event = came.recv() => match event {
                Some(Ok(event)) => if obey(&event, view) { return Ok(()) },
                Some(Err(error)) => return Err(error).context("cannot read from this terminal"),
                None => return Ok(()),
            },
            // Keys are heard while the daemon thinks, and what it answers then is not lost to them.
            answered = &mut answer, if !view.is_paused => {
                view.take(answered.map_err(|error| daemon.mended(&error)), daemon);
                answer.set(ask());
            }
        }
    }
}

/// Whether that is the end.
fn obey(event: &Event, view: &mut View) -> bool {
    let Event::Key(KeyEvent { code, modifiers, kind: KeyEventKind::Press, .. }) = event else { return false };
    match code {
        KeyCode::Char('c') if modifiers.contains(KeyModifiers::CONTROL) => return true,
        KeyCode::Char('q') | KeyCode::Esc => return true,
        KeyCode::Char('p' | ' ') => view.is_paused = !view.is_paused,
        KeyCode::Char('s') => view.sort = view.sort.next(),
        KeyCode::Down | KeyCode::Char('j') => view.scroll = view.last().min(view.scroll + 1),
        KeyCode::Up | KeyCode::Char('k') => view.scroll = view.last().min(view.scroll).saturating_sub(1),
        _ => {}
    }
    false
}

/// Hands over what somebody types, until nobody wants it.
fn listen(events: &mpsc::Sender<io::Result<Event>>) {
    while !events.is_closed() {
        let event = match event::poll(KEY_WAIT) {
            Ok(false) => continue,
            Ok(true) => event::read(),
            Err(error) => Err(error),
        };
        let is_end = event.is_err();
        if events.blocking_send(event).is_err() || is_end {
            return;
        }
    }
}
