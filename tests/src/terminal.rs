//! A terminal of our own: a program runs on it, types are sent to it, and its screen is what somebody would see.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::process::{Child, Command, ExitStatus};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use rustix::fs::{Mode, OFlags, open};
use rustix::process::{Pid, Signal, kill_process};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, Winsize, tcgetattr, tcsetwinsize};
use vt100::Parser;

use crate::wait;

/// The terminal, and the program on it.
#[derive(Debug)]
pub struct Terminal {
    master: File,
    /// Held, so that the terminal's settings outlast the program.
    _slave: OwnedFd,
    screen: Screen,
    child: Child,
}

#[derive(Clone)]
struct Screen(Arc<Mutex<Parser>>);

impl std::fmt::Debug for Screen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Screen")
    }
}

impl Terminal {
    /// Runs a program on a terminal of this size, as the leader of a session of its own.
    pub fn run(program: &Command, rows: u16, columns: u16) -> Self {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a terminal");
        grantpt(&master).expect("the terminal is ours");
        unlockpt(&master).expect("the terminal is ours");
        let name = ptsname(&master, Vec::new()).expect("it has a name");
        let slave = open(&*name, OFlags::RDWR | OFlags::NOCTTY, Mode::empty()).expect("its other end");
        let mut command = Command::new("setsid");
        command.arg("--ctty").arg(program.get_program()).args(program.get_args()).env_clear();
        for (name, value) in program.get_envs() {
            command.envs(value.map(|value| (name, value)));
        }
        command.env("TERM", "xterm-256color");
        command.current_dir(program.get_current_dir().unwrap_or("/".as_ref()));
        let end = || slave.try_clone().expect("a second handle");
        command.stdin(end()).stdout(end()).stderr(end());
        let screen = Screen(Arc::new(Mutex::new(Parser::new(rows, columns, 0))));
        let master = File::from(master);
        set_size(&master, rows, columns);
        let child = command.spawn().expect("setsid of util-linux");
        let (mut reading, seen) = (master.try_clone().expect("a second handle"), screen.clone());
        thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(read @ 1..) = reading.read(&mut bytes) {
                seen.0.lock().expect("a screen").process(&bytes[..read]);
            }
        });
        Self { master, _slave: slave, screen, child }
    }

    /// What is on the screen.
    pub fn text(&self) -> String {
        self.screen.0.lock().expect("a screen").screen().contents()
    }

    /// Waits until that is so.
    pub fn wait_until(&self, limit: Duration, what: &str, condition: impl Fn(&str) -> bool) {
        wait::until_or(
            limit,
            what,
            || condition(&self.text()),
            || format!("on the screen:\n{}", self.text()),
        );
    }

    /// Types.
    pub fn types(&mut self, keys: &str) {
        self.master.write_all(keys.as_bytes()).expect("it takes keys");
    }

    /// Gives it another size, and tells the program.
    pub fn resize(&self, rows: u16, columns: u16) {
        self.screen.0.lock().expect("a screen").screen_mut().set_size(rows, columns);
        set_size(&self.master, rows, columns);
    }

    /// Sends the program a signal.
    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("it runs");
    }

    /// Waits for the program's end.
    pub fn wait_exit(&mut self, limit: Duration) -> ExitStatus {
        let (screen, child) = (self.screen.clone(), &mut self.child);
        let mut ended = None;
        wait::until_or(
            limit,
            "its end",
            || {
                ended = child.try_wait().expect("our child");
                ended.is_some()
            },
            || format!("on the screen:\n{}", screen.0.lock().expect("a screen").screen().contents()),
        );
        ended.expect("it ended")
    }

    /// Whether the terminal is as a shell wants it: what is typed is shown and comes by lines, there is a cursor, and
    /// the screen is the usual one.
    pub fn is_restored(&self) -> bool {
        let modes = tcgetattr(&self.master).expect("its settings").local_modes;
        let parser = self.screen.0.lock().expect("a screen");
        let screen = parser.screen();
        modes.contains(LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG)
            && !screen.alternate_screen()
            && !screen.hide_cursor()
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn set_size(terminal: &File, rows: u16, columns: u16) {
    let size = Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
    tcsetwinsize(terminal, size).expect("it takes a size");
}
