//! Which lines make up one stack trace: Go's panics, gin's recovered panics, and those of Python,
//! the JVM, JavaScript and Rust; and which make up one private key, of which no line looks like a secret by itself.
//!
//! Judges one line after the other; holds no text.

/// The lines of a message before its first frame, at most: a trace that shows no frame by then is
/// none, and must not swallow what follows.
const HEAD_LINES: u32 = 64;
/// A key's lines of base64 have 64 characters, or a few more; a word of a log that looks like one has not.
/// <https://www.rfc-editor.org/rfc/rfc7468#section-2>
const KEY_LINE: usize = 40;
/// What may stand between a key's first line and its base64, encrypted or `OpenPGP`'s.
/// <https://www.rfc-editor.org/rfc/rfc1421#section-4.6> <https://www.rfc-editor.org/rfc/rfc9580#section-6.2.2>
const KEY_HEADERS: [&str; 6] = ["Proc-Type: ", "DEK-Info: ", "Version: ", "Comment: ", "Hash: ", "Charset: "];

/// A trace that goes on or may go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trace {
    kind: Kind,
    /// A frame was seen, or a line of a key: what is none now ends it.
    framed: bool,
    lines: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Go,
    Gin,
    Python,
    Rust,
    /// Java, JavaScript, .NET: a line that names an error, then indented frames.
    Frames,
    /// A PEM block that holds a private key.
    Key,
    /// What its last line has ended.
    Ended,
}

impl Trace {
    /// The trace that a line may begin.
    pub fn opened_by(text: &str) -> Option<Self> {
        if begins_a_key(text) {
            return Some(Self { kind: Kind::Key, framed: false, lines: 0 });
        }
        let kind = match text.as_bytes().first()? {
            // The commonest first characters of lines that never begin one.
            b'{' | b'[' | b' ' | b'\t' => return None,
            _ if text.starts_with("panic: ")
                || text.starts_with("fatal error: ")
                || text.starts_with("goroutine ") && text.ends_with("]:")
                || text.starts_with("SIGQUIT: quit") =>
            {
                Kind::Go
            }
            _ if text.starts_with("Traceback (most recent call last)") => Kind::Python,
            _ if !text.contains("rror") && !text.contains("xception") && !text.contains("panic") => {
                return None;
            }
            _ if text.contains("[Recovery]") && text.contains("panic recovered") => Kind::Gin,
            _ if text.contains("http: panic serving ") => Kind::Go,
            _ if text.starts_with("thread '") && text.contains(" panicked at ") => Kind::Rust,
            _ if !begins_a_record(text) && (text.contains("Error") || text.contains("Exception")) => {
                Kind::Frames
            }
            _ => return None,
        };
        Some(Self { kind, framed: text.starts_with("goroutine "), lines: 0 })
    }

    /// Whether it is a private key, and no trace.
    pub fn is_key(&self) -> bool {
        self.kind == Kind::Key
    }

    /// Whether the next line of the pipe belongs to it.
    pub fn goes_on_with(&mut self, text: &str) -> bool {
        self.lines += 1;
        let indented = text.starts_with([' ', '\t']);
        let head = !self.framed && self.lines <= HEAD_LINES && !begins_a_record(text);
        match self.kind {
            Kind::Go => {
                let frame = text.starts_with("goroutine ") || text.starts_with("created by ");
                self.framed |= frame;
                frame || head || text.is_empty() || indented || go_call(text)
            }
            Kind::Gin => {
                // The outermost frame of every goroutine is in the runtime's assembly.
                let frame = (text.contains(".go:") || text.contains(".s:")) && text.contains(" (0x");
                self.framed |= frame;
                frame || head || text.is_empty() || indented
            }
            Kind::Python => {
                // The first line without indentation names the error and is the last.
                let open = !self.framed;
                self.framed |= !indented && !text.is_empty();
                open && (indented || text.is_empty() || !begins_a_record(text))
            }
            Kind::Rust => {
                let frame = text == "stack backtrace:" || text.starts_with("note: ");
                let message = self.lines == 1 && !begins_a_record(text);
                frame || message || indented
            }
            Kind::Frames => {
                let inner = text.trim_start();
                text.starts_with("Caused by: ")
                    || (indented
                        && ["at ", "... ", "Suppressed: ", "Caused by: "]
                            .iter()
                            .any(|p| inner.starts_with(p)))
            }
            Kind::Key => {
                let inner = text.trim();
                if inner.starts_with("-----END ") {
                    self.kind = Kind::Ended;
                    return true;
                }
                let headed = inner.is_empty() || KEY_HEADERS.iter().any(|header| inner.starts_with(header));
                let coded = inner.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+/=".contains(&byte));
                let full = coded && inner.len() >= KEY_LINE;
                let goes_on = full || if self.framed { coded } else { headed };
                self.framed |= full;
                goes_on
            }
            Kind::Ended => false,
        }
    }
}

/// `-----BEGIN RSA PRIVATE KEY-----`, whatever stands before it, and nothing behind it.
fn begins_a_key(text: &str) -> bool {
    let text = text.trim_end();
    (text.ends_with("PRIVATE KEY-----") || text.ends_with("PRIVATE KEY BLOCK-----"))
        && text.contains("-----BEGIN ")
}

/// `main.(*store).save(0x0, …)`, `exit status 2`, and what the runtime prints between.
fn go_call(text: &str) -> bool {
    (text.ends_with(')') && text.contains('(') && !text.starts_with('[') && !begins_a_record(text))
        || ["exit status ", "[signal ", "panic: ", "...", "runtime: ", "runtime stack:"]
            .iter()
            .any(|start| text.starts_with(start))
}

/// A line that a logger wrote, which belongs to no trace of another.
fn begins_a_record(text: &str) -> bool {
    let bytes = text.as_bytes();
    let digits = bytes.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let dated = digits == 4 && matches!(bytes.get(4), Some(b'/' | b'-'));
    dated || ["{", "[GIN", "time=", "level=", "ts="].iter().any(|start| text.starts_with(start))
}
