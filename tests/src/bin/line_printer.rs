//! Prints numbered lines with the time of each: `line-printer RATE COUNT BYTES [AFTER]`, for benchmarks
//! and the fault table. The first number is the one after AFTER, which is 0 if none is said.
//!
//! It runs in a container, so it is built statically, and begins when the file `/tmp/go` appears: the
//! reader is there before the first line. RATE is lines a second, each with a write of its own; 0 is as
//! fast as can be. Afterwards it stays, as silent as can be: a container that ends would stop its shim,
//! and with it what the shim's work is measured by.

use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use harness::bench::lines;

/// What a fast printer hands over at once.
const CHUNK: usize = 64 * 1024;

fn main() {
    let numbers: Vec<u64> = std::env::args().skip(1).filter_map(|argument| argument.parse().ok()).collect();
    let ([rate, count, bytes], after) = match numbers[..] {
        [rate, count, bytes] => ([rate, count, bytes], 0),
        [rate, count, bytes, after] => ([rate, count, bytes], after),
        _ => {
            eprintln!("usage: line-printer RATE COUNT BYTES [AFTER]");
            return;
        }
    };
    while !Path::new("/tmp/go").exists() {
        std::thread::sleep(Duration::from_millis(20));
    }
    let (start, mut out) = (Instant::now(), std::io::stdout().lock());
    let bytes = usize::try_from(bytes).expect("a line fits into memory");
    let mut text = String::with_capacity(CHUNK + bytes + 1);
    // None: as fast as can be.
    let step_ns = 1_000_000_000_u64.checked_div(rate);
    for number in 1..=count {
        if let Some(step_ns) = step_ns {
            let due = Duration::from_nanos((number - 1) * step_ns);
            std::thread::sleep(due.saturating_sub(start.elapsed()));
        }
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_nanos();
        lines::line(&mut text, after + number, u64::try_from(now).ok(), bytes);
        text.push('\n');
        if step_ns.is_some() || text.len() >= CHUNK || number == count {
            out.write_all(text.as_bytes()).expect("docker reads on");
            text.clear();
        }
    }
    out.flush().expect("docker reads on");
    loop {
        std::thread::park();
    }
}
