//! Where in a line a value ends, be the line prose, JSON, or JSON inside a string of JSON.
//!
//! A quote may stand behind backslashes, one for each string it is nested in (1, 3, 7 …), and a value
//! must never take in the quote that closes a string around it: the line would no longer be JSON.
//! Knows nothing of secrets.

/// A line, and how far it has been read for its quotes.
pub(super) struct Line<'a> {
    pub(super) text: &'a str,
    pub(super) bytes: &'a [u8],
    /// Whether the line may be JSON; then a bare quote inside a string always closes it.
    pub(super) json: bool,
    read: usize,
    open: bool,
    /// Where the run of base64url ends that was looked at last.
    run_end: usize,
    /// Behind the last `@tcp(` that was looked at.
    pub(super) dsn_end: usize,
    /// How many bytes were looked at one by one.
    #[cfg(test)]
    pub(super) looks: std::cell::Cell<usize>,
}

impl<'a> Line<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        let json = text.trim_ascii_start().starts_with(['{', '[', '"']);
        Self {
            text,
            bytes: text.as_bytes(),
            json,
            read: 0,
            open: false,
            run_end: 0,
            dsn_end: 0,
            #[cfg(test)]
            looks: std::cell::Cell::default(),
        }
    }

    pub(super) fn at(&self, at: usize) -> Option<u8> {
        #[cfg(test)]
        self.looks.update(|looks| looks + 1);
        self.bytes.get(at).copied()
    }

    pub(super) fn before(&self, at: usize) -> Option<u8> {
        self.at(at.checked_sub(1)?)
    }

    /// Whether the character before `at` is an escape's: `\n`, `\u0026`.
    pub(super) fn follows_escape(&self, at: usize) -> bool {
        let is = |back: usize, byte| at.checked_sub(back).and_then(|at| self.at(at)) == Some(byte);
        is(2, b'\\') || (is(6, b'\\') && is(5, b'u'))
    }

    pub(super) fn slice(&self, start: usize, end: usize) -> &'a [u8] {
        self.bytes.get(start..end).unwrap_or_default()
    }

    /// Whether `at` stands inside a string. To be asked from left to right: every quote is read once.
    pub(super) fn in_string(&mut self, at: usize) -> bool {
        while let Some(found) = memchr::memchr2(b'"', b'\\', self.slice(self.read, at)) {
            self.read += found;
            if self.at(self.read) == Some(b'"') {
                self.open = !self.open;
                self.read += 1;
            } else {
                self.read += 2;
            }
        }
        self.read = self.read.max(at);
        self.open
    }

    /// The end of the characters in base64url around `at`. To be asked from left to right: each is read once.
    pub(super) fn base64url_end(&mut self, at: usize) -> usize {
        if at >= self.run_end {
            let rest = self.slice(at, self.bytes.len());
            self.run_end = at + rest.iter().take_while(|b| is_base64url(**b)).count();
            #[cfg(test)]
            self.looks.update(|looks| looks + self.run_end - at);
        }
        self.run_end
    }

    pub(super) fn after_blanks(&self, mut at: usize) -> usize {
        while matches!(self.at(at), Some(b' ' | b'\t')) {
            at += 1;
        }
        at
    }

    pub(super) fn after_space(&self, mut at: usize) -> usize {
        while self.at(at).is_some_and(|b| b.is_ascii_whitespace()) {
            at += 1;
        }
        at
    }

    pub(super) fn backslashes(&self, at: usize) -> usize {
        self.slice(at, self.bytes.len()).iter().take_while(|b| **b == b'\\').count()
    }

    /// The end of a quoted string's content; `start` stands behind its quote, which `backslashes` precede.
    pub(super) fn string_end(&self, start: usize, backslashes: usize) -> usize {
        let depth = depth(backslashes);
        let mut from = start;
        loop {
            let Some(found) = memchr::memchr(b'"', self.slice(from, self.bytes.len())) else {
                return self.bytes.len();
            };
            let quote = from + found;
            if let Some(own) = closes(self.run_before(quote, start), depth) {
                return quote - own;
            }
            from = quote + 1;
        }
    }

    /// The end of an array or object whose strings stand in quotes behind `backslashes`, and whether it has one.
    pub(super) fn composite_end(&self, start: usize, backslashes: usize) -> (usize, bool) {
        let depth_of_strings = depth(backslashes);
        let mut depth = 0_usize;
        let mut at = start;
        loop {
            match self.at(at) {
                None => return (self.bytes.len(), false),
                Some(b'"') => match closes(self.run_before(at, start), depth_of_strings) {
                    Some(own) if own == backslashes => {
                        let end = self.string_end(at + 1, backslashes);
                        let closing = self.backslashes(end);
                        if closing != backslashes || self.at(end + closing) != Some(b'"') {
                            return (end, false);
                        }
                        at = end + closing;
                    }
                    // A string around this one ends here.
                    Some(own) => return (at - own, false),
                    None => {}
                },
                Some(b'[' | b'{') => depth += 1,
                Some(b']' | b'}') => {
                    depth = depth.saturating_sub(1);
                    if depth == 0 {
                        return (at + 1, true);
                    }
                }
                Some(_) => {}
            }
            at += 1;
        }
    }

    /// The end of a value without quotes: where `stop` says so of a byte and its place, and in any case
    /// before a quote or a line break, which `escapes` may hide.
    pub(super) fn bare_end(
        &self,
        start: usize,
        escapes: bool,
        mut stop: impl FnMut(u8, usize) -> bool,
    ) -> usize {
        let mut at = start;
        while let Some(byte) = self.at(at) {
            if byte != b'\\' {
                if matches!(byte, b'"' | b'\n' | b'\r') || stop(byte, at) {
                    return at;
                }
                at += 1;
                continue;
            }
            let behind = at + self.backslashes(at);
            match self.at(behind) {
                Some(b'"') => return at,
                // An odd backslash and what it escapes.
                Some(letter) if escapes && (behind - at) % 2 == 1 => match letter {
                    b'n' | b'r' | b't' => return behind - 1,
                    b'u' => match self.slice(behind + 1, behind + 5) {
                        b"0026" => return behind - 1,
                        code => at = behind + 1 + code.iter().take_while(|b| b.is_ascii_hexdigit()).count(),
                    },
                    _ => at = behind + 1,
                },
                _ => at = behind,
            }
        }
        self.bytes.len()
    }

    fn run_before(&self, at: usize, floor: usize) -> usize {
        self.slice(floor, at).iter().rev().take_while(|b| **b == b'\\').count()
    }
}

pub(super) fn is_base64url(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')
}

/// How many of the backslashes before a quote are its own; those before them are text.
pub(super) fn own_backslashes(run: usize) -> usize {
    closes(run, depth(run)).unwrap_or(run)
}

/// In how many strings a quote behind so many backslashes is nested.
fn depth(backslashes: usize) -> u32 {
    backslashes.trailing_ones()
}

/// Whether a quote behind `run` backslashes closes a string `depth` strings deep, or one around it; how
/// many of the backslashes are the quote's own.
fn closes(run: usize, depth: u32) -> Option<usize> {
    (0..=depth.min(16)).find(|level| (run >> level) & 1 == 0).map(|level| (1 << level) - 1)
}
