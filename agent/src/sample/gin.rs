//! gin's own lines, as its logger and its recovery print them.
//!
//! Formats: `defaultLogFormatter` in gin's logger.go, before and after 1.11 narrowed the column of the
//! latency, and recovery.go. Knows nothing of who asked for what.

use jiff::Timestamp;

use super::content::Entry;

/// A request that was answered.
#[derive(Debug, Clone, Copy)]
pub(super) struct Access<'a> {
    pub(super) method: &'a str,
    pub(super) path: &'a str,
    pub(super) status: u16,
    pub(super) latency_ns: u64,
    pub(super) ip: &'a str,
}

/// How wide the column of the latency is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Columns {
    /// Thirteen characters, the latency to the nanosecond: older versions.
    Wide,
    /// Eight characters, the latency cut off: newer versions.
    Narrow,
}

/// The access line.
pub(super) fn access(access: &Access<'_>, columns: Columns, now: Timestamp) -> Entry {
    let Access { method, path, status, latency_ns, ip } = *access;
    let date = now.strftime("%Y/%m/%d - %H:%M:%S");
    let latency = match columns {
        Columns::Wide => format!("{:>13}", duration(latency_ns)),
        Columns::Narrow => format!("{:>8}", duration(cut_off(latency_ns))),
    };
    // Rust and Go quote the characters of a URL in the same way.
    Entry::stdout(format!("[GIN] {date} | {status:>3} | {latency} | {ip:>15} | {method:<7}  {path:?}"))
}

/// What is printed of a handler that panicked, in red.
pub(super) fn recovered(method: &str, path: &str, why: &str, now: Timestamp) -> Entry {
    let (date, again) = (now.strftime("%Y/%m/%d %H:%M:%S"), now.strftime("%Y/%m/%d - %H:%M:%S"));
    Entry::stderr(format!(
        "\u{1b}[31m{date} [Recovery] {again} panic recovered:\n\
         {method} {path} HTTP/1.1\r\n\
         Host: api.example\r\n\
         Authorization: *\r\n\
         User-Agent: sample/1\r\n\
         \r\n\
         \n\
         {why}\n\
         /app/tasks.go:112 (0x8a41c5)\n\
         \texport: counts[task.Owner]++\n\
         /go/pkg/mod/github.com/gin-gonic/gin/context.go:185 (0x87d10a)\n\
         \t(*Context).Next: c.handlers[c.index](c)\n\
         /usr/local/go/src/net/http/server.go:3210 (0x6c1f0d)\n\
         \tserverHandler.ServeHTTP: handler.ServeHTTP(rw, req)\n\
         /usr/local/go/src/runtime/asm_amd64.s:1700 (0x47a5a1)\n\
         \tgoexit: BYTE\t$0x90\t// NOP\u{1b}[0m"
    ))
}

fn cut_off(ns: u64) -> u64 {
    let step = match ns {
        60_000_000_000.. => 10_000_000_000,
        1_000_000_000.. => 10_000_000,
        1_000_000.. => 10_000,
        _ => 1,
    };
    ns / step * step
}

/// As Go's `Duration` prints itself, hours aside.
fn duration(ns: u64) -> String {
    match ns {
        0 => "0s".to_owned(),
        1..1_000 => format!("{ns}ns"),
        1_000..1_000_000 => format!("{}µs", decimal(ns, 3)),
        1_000_000..1_000_000_000 => format!("{}ms", decimal(ns, 6)),
        1_000_000_000..60_000_000_000 => format!("{}s", decimal(ns, 9)),
        _ => format!("{}m{}s", ns / 60_000_000_000, decimal(ns % 60_000_000_000, 9)),
    }
}

/// With the point before the last `digits` digits, and no zeros at the end.
fn decimal(value: u64, digits: u32) -> String {
    let unit = 10_u64.pow(digits);
    let (whole, fraction) = (value / unit, value % unit);
    let text = format!("{whole}.{fraction:0width$}", width = digits as usize);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_have_gins_columns() {
        let now = "2026-03-04T05:06:07.9Z".parse().unwrap();
        let asked =
            Access { method: "GET", path: "/a?\"", status: 200, latency_ns: 1_950_300, ip: "10.9.0.1" };
        let line = |columns| access(&asked, columns, now).text;
        assert_eq!(
            line(Columns::Wide),
            r#"[GIN] 2026/03/04 - 05:06:07 | 200 |      1.9503ms |        10.9.0.1 | GET      "/a?\"""#
        );
        assert_eq!(
            line(Columns::Narrow),
            r#"[GIN] 2026/03/04 - 05:06:07 | 200 |   1.95ms |        10.9.0.1 | GET      "/a?\"""#
        );
    }

    #[test]
    fn durations_are_gos() {
        for (ns, text) in [
            (0, "0s"),
            (999, "999ns"),
            (1_000, "1µs"),
            (61_340, "61.34µs"),
            (30_001_442, "30.001442ms"),
            (2_000_312_846, "2.000312846s"),
            (60_000_000_000, "1m0s"),
            (62_500_000_000, "1m2.5s"),
        ] {
            assert_eq!(duration(ns), text);
        }
        assert_eq!([1_234_567, 1_234_567_890, 999].map(cut_off), [1_230_000, 1_230_000_000, 999]);
    }
}
