//! A way to a dockerd that can be cut: whoever is on it is cut off, and nobody gets through until it is mended. It can
//! keep logs to itself, too, as a proxy does that lets little through.

use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use super::Dockerd;

/// A socket beside the daemon's own.
#[derive(Debug)]
pub struct Link {
    path: PathBuf,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    is_cut: bool,
    keeps_logs: bool,
    open: Vec<UnixStream>,
}

impl Link {
    /// One that is whole. It ends with the test's process.
    pub fn to(docker: &Dockerd) -> Self {
        let path = docker.root().join("l.sock");
        let to = docker.root().join("s.sock");
        let listener = UnixListener::bind(&path).expect("a socket beside the daemon's");
        let state = Arc::<Mutex<State>>::default();
        let shared = Arc::clone(&state);
        thread::spawn(move || {
            for here in listener.incoming().flatten() {
                let mut state = shared.lock().unwrap_or_else(PoisonError::into_inner);
                if state.is_cut {
                    continue;
                }
                // A daemon that is away is what whoever asks shall find.
                let Ok(there) = UnixStream::connect(&to) else { continue };
                state.open.extend([clone(&here), clone(&there)]);
                let (mut from, mut to) = (clone(&there), clone(&here));
                thread::spawn(move || {
                    let _ = io::copy(&mut from, &mut to);
                    let _ = to.shutdown(Shutdown::Write);
                });
                let state = Arc::clone(&shared);
                thread::spawn(move || {
                    let _ = questions(&here, &there, &state);
                    let _ = there.shutdown(Shutdown::Write);
                });
            }
        });
        Self { path, state }
    }

    /// The value for `docker.socket`.
    pub fn socket_url(&self) -> String {
        format!("unix://{}", self.path.display())
    }

    /// Cuts everybody off.
    pub fn cut(&self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.is_cut = true;
        for stream in state.open.drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    /// From now on nobody is given a log, or everybody again.
    pub fn keep_logs(&self, keeps: bool) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).keeps_logs = keeps;
    }

    /// Lets everybody through again.
    pub fn mend(&self) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).is_cut = false;
    }
}

/// Hands on what is asked, each question in one piece, but for logs while they are kept.
fn questions(mut here: &UnixStream, mut there: &UnixStream, state: &Mutex<State>) -> io::Result<()> {
    let mut buffer = vec![0; 64 << 10];
    loop {
        let read = here.read(&mut buffer)?;
        if read == 0 {
            return Ok(());
        }
        let line = buffer[..read].split(|byte| *byte == b'\r').next().unwrap_or_default();
        let is_of_a_log = String::from_utf8_lossy(line).contains("/logs?");
        if is_of_a_log && state.lock().unwrap_or_else(PoisonError::into_inner).keeps_logs {
            let body = r#"{"message":"not for you"}"#;
            let head = "HTTP/1.1 403 Forbidden\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length";
            write!(here, "{head}: {}\r\n\r\n{body}", body.len())?;
            return here.shutdown(Shutdown::Both);
        }
        there.write_all(&buffer[..read])?;
    }
}

fn clone(stream: &UnixStream) -> UnixStream {
    stream.try_clone().expect("a second handle")
}
