//! Lines as a web backend prints them, all of one length: plain text, gin's access log, slog's text and
//! slog's JSON in turn. Each carries its number (`n=`) and, if asked, when it was printed (`t=`).
//!
//! Pure: a number in, a line out.

use std::fmt::Write;

use jiff::Timestamp;

/// Room that every shape leaves for its own text, number and stamp included.
pub const SHORTEST: usize = 200;

/// Adds one line without its newline, exactly `bytes` long, to `out`.
pub fn line(out: &mut String, number: u64, printed_ns: Option<u64>, bytes: usize) {
    let start = out.len();
    let shape = number % 4;
    let before = match shape {
        0 => "",
        1 => {
            "[GIN] 2026/11/23 - 19:46:01 | 200 |    1.480381ms |      10.244.0.1 | GET      \"/api/v1/tasks?"
        }
        2 => "time=2026-11-23T19:45:10.412Z level=INFO msg=\"request completed ",
        _ => "{\"time\":\"2026-11-23T19:46:00.112Z\",\"level\":\"INFO\",\"msg\":\"request completed ",
    };
    let between = if shape == 1 { '&' } else { ' ' };
    let (after, end) = match shape {
        0 => (" the quick brown fox jumps over the lazy dog and rests ", ""),
        1 => ("&pad=", "\""),
        2 => ("\" method=GET path=/tasks status=200 latency=12.345678ms pad=", ""),
        _ => ("\",\"method\":\"GET\",\"path\":\"/tasks\",\"status\":200,\"pad\":\"", "\"}"),
    };
    let _ = write!(out, "{before}n={number:010}");
    if let Some(ns) = printed_ns {
        let _ = write!(out, "{between}t={ns}");
    }
    out.push_str(after);
    let pad = bytes.saturating_sub(out.len() - start + end.len());
    out.extend(std::iter::repeat_n('p', pad));
    out.push_str(end);
}

/// Adds a line as dockerd writes it into a json-file log.
pub fn json_file_record(out: &mut String, line: &str, second: &str, nanosecond: u32) {
    out.push_str("{\"log\":\"");
    for character in line.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            // Docker writes JSON that may stand in HTML.
            '&' => out.push_str("\\u0026"),
            other => out.push(other),
        }
    }
    let _ = writeln!(out, "\\n\",\"stream\":\"stdout\",\"time\":\"{second}.{nanosecond:09}Z\"}}");
}

/// The whole second in which the nanosecond of an epoch lies, as docker writes it, without its end.
pub fn second(epoch_seconds: i64) -> String {
    let time = Timestamp::from_second(epoch_seconds).expect("a time of this age");
    time.strftime("%Y-%m-%dT%H:%M:%S").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shape_has_its_length_its_number_and_its_stamp() {
        for number in 1..=8 {
            for stamp in [None, Some(1_700_000_000_123_456_789)] {
                let mut out = String::from("x");
                line(&mut out, number, stamp, SHORTEST);
                assert_eq!(out.len(), 1 + SHORTEST, "{out}");
                assert!(out.contains(&format!("n={number:010}")), "{out}");
                assert_eq!(out.contains("t=1700000000123456789"), stamp.is_some(), "{out}");
            }
        }
    }

    #[test]
    fn a_record_is_json_with_the_line_in_it() {
        let (mut text, mut out) = (String::new(), String::new());
        line(&mut text, 1, None, SHORTEST);
        json_file_record(&mut out, &text, &second(0), 7);
        let record: serde_json::Value = serde_json::from_str(&out).unwrap();
        assert_eq!(record["log"], format!("{text}\n"));
        assert_eq!(record["time"], "1970-01-01T00:00:00.000000007Z");
    }
}
