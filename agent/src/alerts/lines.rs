//! The last lines of a container as they may stand in a mail: few, short, without secrets, and with nothing
//! in them that drives a terminal.

use std::borrow::Cow;

use crate::logs::clean::clean;
use crate::logs::event::trace::Trace;
use crate::logs::redact::Redactor;

/// So many lines are told.
const MOST: usize = 20;
/// So many are wanted for that: a key of many lines is known by its first.
pub const WANTED: usize = 100;
/// Of each so many characters.
const LONGEST: usize = 500;
/// More of a line is not looked at, in bytes.
const LOOKED_AT: usize = 16 << 10;

/// Makes them of a log's end, of which the last line may lack its line break.
pub fn last(text: &[u8], redactor: Option<&Redactor>) -> Vec<String> {
    let text = text.strip_suffix(b"\n").unwrap_or(text);
    if text.is_empty() {
        return Vec::new();
    }
    let mut lines: Vec<&[u8]> = text.rsplit(|byte| *byte == b'\n').take(WANTED).collect();
    lines.reverse();
    let mut told = Vec::new();
    let mut key: Option<Trace> = None;
    for line in lines {
        let line = String::from_utf8_lossy(line.get(..LOOKED_AT).unwrap_or(line));
        let line = clean(&line);
        // The lines of a key look like nothing by themselves; its first is blacked out like any secret.
        if redactor.is_some() && key.as_mut().is_some_and(|key| key.goes_on_with(&line)) {
            continue;
        }
        key = Trace::opened_by(&line).filter(Trace::is_key);
        told.push(shortened(&redactor.map_or(Cow::Borrowed(&*line), |redactor| redactor.redact(&line))));
    }
    told.split_off(told.len().saturating_sub(MOST))
}

fn shortened(line: &str) -> String {
    match line.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{} […]", line.get(..end).unwrap_or_default()),
        None => line.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_ones_are_short_clean_and_without_secrets() {
        let mut text: Vec<u8> = (0..30).flat_map(|n| format!("line {n}\n").into_bytes()).collect();
        text.extend_from_slice(b"password=hunter2 ok\n\x1b[31mred\x1b[0m \0 \xff\n<script>\n");
        text.extend_from_slice("ü".repeat(1 << 20).as_bytes());
        let redactor = Redactor::new(&[]).unwrap();
        let lines = last(&text, Some(&redactor));
        assert_eq!(lines.len(), MOST);
        assert_eq!(lines[0], "line 14");
        assert_eq!(lines[16..19], ["password=*** ok", "red ␀ \u{fffd}", "<script>"]);
        assert_eq!(lines[19], format!("{} […]", "ü".repeat(500)));
        assert_eq!(last(b"password=hunter2", None), ["password=hunter2"], "the operator may switch it off");
        let key = format!(
            "-----BEGIN RSA PRIVATE KEY-----\n{}-----END RSA PRIVATE KEY-----\n",
            format!("{}\n", "MIIEow+/".repeat(8)).repeat(51)
        );
        let lines = last(format!("before\n{key}after\n").as_bytes(), Some(&redactor));
        assert_eq!(lines, ["before", "***", "after"]);
        assert_eq!(last(b"", None), [""; 0]);
        assert_eq!(last(b"\n\n", None), ["", ""], "empty lines were printed, too");
    }
}
