//! Lines become events: a panic or a stack trace, printed as many lines, is one event, and so is a private key.
//!
//! Each pipe is joined for itself. A line that cannot begin one passes at once; one that may
//! is held until the next line of its pipe, or [`HOLD`], shows whether it goes on. Which lines
//! belong together is told by [`trace`]. Knows nothing of what becomes of an event.

pub mod trace;

use std::borrow::Cow;
use std::time::{Duration, Instant};

use super::Pipe;
use super::clean::clean;
use super::cursor::Position;
use super::line::{LINE_BYTES, Line, Part};
use trace::Trace;

/// A trace is printed at once: when nothing came for so long, it is complete.
pub const HOLD: Duration = Duration::from_millis(500);
/// Lines of one trace are stamped close together, in nanoseconds.
const GAP_NS: i64 = 2_000_000_000;

/// What one log event says, before it is structured and redacted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Event<'a> {
    /// The text; of a trace, its lines.
    pub text: &'a str,
    /// On which pipe it came.
    pub pipe: Pipe,
    /// When its first line was printed, in nanoseconds since the epoch.
    pub time_ns: i64,
    /// Where its first line begins.
    pub start: Position,
    /// Which part of an overlong line it is.
    pub part: Option<Part>,
}

/// Joins the lines of one container.
#[derive(Debug)]
pub struct Assembler {
    multiline: bool,
    stdout: Option<Held>,
    stderr: Option<Held>,
}

#[derive(Debug)]
struct Held {
    text: String,
    trace: Trace,
    time_ns: i64,
    newest_ns: i64,
    start: Position,
    touched: Instant,
}

impl Assembler {
    /// Joins traces if `multiline`; else every line is an event, but for those of a key.
    pub fn new(multiline: bool) -> Self {
        Self { multiline, stdout: None, stderr: None }
    }

    /// Takes a line and emits the events that are complete. Empty lines outside of a trace are no
    /// events: the service refuses them.
    pub fn push(&mut self, line: Line<'_>, now: Instant, emit: &mut impl FnMut(Event<'_>)) {
        let text = clean(line.text);
        let slot = match line.pipe {
            Pipe::Stdout => &mut self.stdout,
            Pipe::Stderr => &mut self.stderr,
        };
        if let Some(held) = slot {
            if held.takes(&text, &line) {
                held.text.push('\n');
                held.text.push_str(&text);
                held.newest_ns = line.time_ns;
                held.touched = now;
                return;
            }
            held.emit(line.pipe, emit);
            *slot = None;
        }
        if text.trim().is_empty() {
            return;
        }
        match Trace::opened_by(&text) {
            Some(trace) if (self.multiline || trace.is_key()) && line.part.is_none() => {
                *slot = Some(Held {
                    text: match text {
                        Cow::Borrowed(text) => text.to_owned(),
                        Cow::Owned(text) => text,
                    },
                    trace,
                    time_ns: line.time_ns,
                    newest_ns: line.time_ns,
                    start: line.start,
                    touched: now,
                });
            }
            _ => emit(Event {
                text: &text,
                pipe: line.pipe,
                time_ns: line.time_ns,
                start: line.start,
                part: line.part,
            }),
        }
    }

    /// When to call [`Assembler::expire`], if something is held.
    pub fn deadline(&self) -> Option<Instant> {
        [&self.stdout, &self.stderr].into_iter().flatten().map(|held| held.touched + HOLD).min()
    }

    /// Emits what has been held for [`HOLD`] without another line.
    pub fn expire(&mut self, now: Instant, emit: &mut dyn FnMut(Event<'_>)) {
        self.release(|held| held.touched + HOLD <= now, emit);
    }

    /// Emits all that is held.
    pub fn flush(&mut self, emit: &mut dyn FnMut(Event<'_>)) {
        self.release(|_| true, emit);
    }

    /// Where the event begins that is held on this pipe.
    pub fn open_since(&self, pipe: Pipe) -> Option<Position> {
        match pipe {
            Pipe::Stdout => self.stdout.as_ref(),
            Pipe::Stderr => self.stderr.as_ref(),
        }
        .map(|held| held.start)
    }

    fn release(&mut self, ready: impl Fn(&Held) -> bool, emit: &mut dyn FnMut(Event<'_>)) {
        for (slot, pipe) in [(&mut self.stdout, Pipe::Stdout), (&mut self.stderr, Pipe::Stderr)] {
            if let Some(held) = slot.take_if(|held| ready(held)) {
                held.emit(pipe, emit);
            }
        }
    }
}

impl Held {
    fn takes(&mut self, text: &str, line: &Line<'_>) -> bool {
        line.part.is_none()
            && line.time_ns.saturating_sub(self.newest_ns) <= GAP_NS
            && self.text.len() + text.len() < LINE_BYTES
            && self.trace.goes_on_with(text)
    }

    fn emit(&self, pipe: Pipe, emit: &mut (impl FnMut(Event<'_>) + ?Sized)) {
        let text = self.text.trim_end();
        emit(Event { text, pipe, time_ns: self.time_ns, start: self.start, part: None });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logs::cursor::FileId;

    fn assemble(lines: &[(&str, Pipe, i64)]) -> Vec<String> {
        assemble_by(Assembler::new(true), lines)
    }

    fn assemble_by(mut assembler: Assembler, lines: &[(&str, Pipe, i64)]) -> Vec<String> {
        #[expect(clippy::disallowed_methods, reason = "any instant will do")]
        let now = Instant::now();
        let mut events = Vec::new();
        let start = Position::File {
            file: FileId { inode: 1, head: 0, head_len: 0, born_ns: None },
            offset: 0,
            part: 0,
        };
        for (text, pipe, time_ns) in lines {
            let line = Line { text, pipe: *pipe, time_ns: *time_ns, start, part: None };
            assembler.push(line, now, &mut |event| events.push(event.text.to_owned()));
        }
        assert_eq!(assembler.deadline().is_some(), {
            let mut late = Vec::new();
            assembler.expire(now + HOLD, &mut |event| late.push(event.text.to_owned()));
            let held = !late.is_empty();
            events.append(&mut late);
            held
        });
        events
    }

    fn stderr(text: &str) -> Vec<String> {
        assemble(&text.lines().map(|line| (line, Pipe::Stderr, 0)).collect::<Vec<_>>())
    }

    #[test]
    fn what_comes_an_age_later_belongs_to_no_trace() {
        let lines = [("panic: a", Pipe::Stdout, i64::MIN), ("b", Pipe::Stdout, i64::MAX)];
        assert_eq!(assemble(&lines), ["panic: a", "b"]);
    }

    #[test]
    fn a_go_panic_is_one_event() {
        let panic = "panic: runtime error: invalid memory address or nil pointer dereference\n\
            [signal SIGSEGV: segmentation violation code=0x1 addr=0x0 pc=0x4a2b3c]\n\n\
            goroutine 1 [running]:\nmain.(*store).save(0x0, {0xc0001, 0x3})\n\t/app/store.go:41 +0x1d\n\
            main.main()\n\t/app/main.go:12 +0x25\nexit status 2";
        assert_eq!(stderr(panic), [panic]);
        let then = format!("{panic}\n2026/01/26 19:45:10 starting again (pid 7)\nplain");
        assert_eq!(stderr(&then), [panic, "2026/01/26 19:45:10 starting again (pid 7)", "plain"]);
    }

    #[test]
    fn gins_recovery_is_one_event_without_its_colours() {
        let block = "\u{1b}[31m2026/01/26 19:45:10 [Recovery] 2026/01/26 - 19:45:10 panic recovered:\n\
            POST /tasks HTTP/1.1\r\nHost: api.example\r\nUser-Agent: probe\r\n\r\n\n\
            out of luck\n/src/tasks.go:31 (0x7a10f2)\n\tcreate: panic(\"out of luck\")\n\
            /src/gin/context.go:185 (0x6f)\n\tnext: c.handlers[c.index](c)\n\
            /go/src/runtime/asm_arm64.s:1223 (0x7c)\n\u{1b}[0m\n\
            2026/01/26 19:45:11 next";
        let events = stderr(block);
        assert_eq!(events.len(), 2, "{events:#?}");
        assert!(
            events[0].starts_with("2026/01/26 19:45:10 [Recovery]")
                && events[0].ends_with("asm_arm64.s:1223 (0x7c)")
        );
    }

    #[test]
    fn other_languages_traces_are_one_event_each() {
        for trace in [
            "Traceback (most recent call last):\n  File \"a.py\", line 1, in <module>\n    boom()\nValueError: no",
            "java.lang.IllegalStateException: no\n\tat a.B.c(B.java:1)\nCaused by: java.io.IOException: x\n\t... 3 more",
            "TypeError: x is not a function\n    at Object.<anonymous> (/app/a.js:1:1)\n    at node:internal/main:1:1",
            "thread 'main' panicked at src/main.rs:2:5:\nno luck\nnote: run with `RUST_BACKTRACE=1` environment variable to display a backtrace",
        ] {
            assert_eq!(stderr(&format!("before\n{trace}\nafter")), ["before", trace, "after"]);
        }
    }

    /// As one it is a secret that can be known.
    #[test]
    fn a_private_key_is_one_event() {
        let (full, short) = ("MIIEow+/".repeat(8), "x1y2==");
        for (first, head, last) in [
            ("-----BEGIN RSA PRIVATE KEY-----", "", "-----END RSA PRIVATE KEY-----"),
            ("key: -----BEGIN PRIVATE KEY-----", "", "-----END PRIVATE KEY-----"),
            (
                "-----BEGIN EC PRIVATE KEY-----",
                "\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,0a1b\n",
                "-----END EC PRIVATE KEY-----",
            ),
            (
                "-----BEGIN PGP PRIVATE KEY BLOCK-----",
                "\nVersion: 1\n",
                "-----END PGP PRIVATE KEY BLOCK-----",
            ),
            ("  -----BEGIN OPENSSH PRIVATE KEY-----", "", "  -----END OPENSSH PRIVATE KEY-----"),
            ("-----BEGIN PRIVATE KEY-----\r", "", "-----END PRIVATE KEY-----"),
        ] {
            let key = format!("{first}{head}\n  {full}\n{full}\n{short}\n{last}");
            let events = stderr(&format!("before\n{key}\nMIIE\nafter"));
            assert_eq!(events.len(), 4, "{events:?}");
            assert_eq!((&*events[0], &*events[2], &*events[3]), ("before", "MIIE", "after"));
            assert!(events[1].contains("BEGIN") && events[1].ends_with(last), "{events:?}");
        }
        // One that is only spoken of swallows nothing, and one that is broken off only what is of it.
        let spoken = "wants -----BEGIN PRIVATE KEY-----\nlistening\nstopping";
        assert_eq!(stderr(spoken), spoken.lines().collect::<Vec<_>>());
        let broken = format!("-----BEGIN PRIVATE KEY-----\n{full}\n2026/01/26 19:45:10 on");
        assert_eq!(stderr(&broken)[1], "2026/01/26 19:45:10 on");
        let apart = [("panic: a", Pipe::Stderr, 0), ("b", Pipe::Stderr, 0)];
        assert_eq!(assemble_by(Assembler::new(false), &apart).len(), 2);
        let key = [("-----BEGIN PRIVATE KEY-----", Pipe::Stderr, 0), (full.as_str(), Pipe::Stderr, 0)];
        assert_eq!(assemble_by(Assembler::new(false), &key).len(), 1, "whatever is said of traces");
        let public = format!("-----BEGIN PUBLIC KEY-----\n{full}");
        assert_eq!(stderr(&public).len(), 2, "it is none");
    }

    #[test]
    fn pipes_do_not_mix_and_time_parts() {
        let events = assemble(&[
            ("panic: one", Pipe::Stderr, 0),
            ("[GIN] on the other pipe", Pipe::Stdout, 1),
            ("goroutine 1 [running]:", Pipe::Stderr, 2),
            ("main.main()", Pipe::Stderr, 3 * GAP_NS),
        ]);
        assert_eq!(events, ["[GIN] on the other pipe", "panic: one\ngoroutine 1 [running]:", "main.main()"]);
    }

    #[test]
    fn ordinary_lines_stay_apart() {
        let text = "Error: no rows\nRegister handler called\n{\"level\":\"ERROR\"}\n\n  indented\nTypeError: seen\nnext";
        let lines: Vec<_> = text.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect();
        assert_eq!(stderr(text), lines);
    }
}
