//! What the demonstration says of itself: at its beginning what is simulated and what is real, at its
//! end what became of the lines. Only texts.

use std::cmp::Ordering;
use std::net::SocketAddr;

use super::{Options, Places};
use crate::cli::output;
use crate::sample::{MAX_FILES, Tally, max_size};

/// Before the first line.
pub(super) fn beginning(options: &Options, places: &Places, address: SocketAddr, page: SocketAddr) -> String {
    let bold = output::bold;
    let stop = match options.length {
        Some(length) => format!("after {length:?}, or with Ctrl-C"),
        None => "with Ctrl-C".to_owned(),
    };
    let kept =
        if options.dir.is_some() { "the files stay" } else { "the files go too, --dir DIR keeps them" };
    let size = max_size(options.lines_per_second) / 1024;
    format!(
        "{title}

{simulated}  a backend and its container: what it prints is invented, {rate} a second,
           kept as Docker's json-file driver keeps it, rotated at {size} KiB, {MAX_FILES} files.
           A day has two minutes: traffic rises and falls, it panics, requests fail for a
           while, and it is killed for want of memory, as Docker would tell
{real}       the agent, as it runs on a host: it reads that log, joins lines, gives them
           structure, blacks out secrets, counts what they say, spools and delivers,
           and says what is wrong, with periods as short as that day
{instead}    of CloudWatch a file for each log stream, one for metrics and one for alerts;
           no AWS, no Docker, no root

  look     http://{page}/
  try      curl {url}/health
           curl {url}/panic
           curl {url}/auth/login -d '{{\"username\":\"ada\",\"password\":\"hunter2\"}}'
  printed  {log}
  shipped  {shipped}
  measured {metrics}
  ends     {stop}; {kept}

What arrives, as it arrives:
",
        title = bold("A sample backend, and the real agent shipping its lines."),
        simulated = bold("simulated"),
        real = bold("real"),
        instead = bold("instead"),
        rate = options.lines_per_second,
        url = format_args!("http://{address}"),
        log = places.log.display(),
        shipped = places.shipped.display(),
        metrics = places.metrics.display(),
    )
}

/// After the last line.
pub(super) fn end(options: &Options, places: &Places, tally: Tally, events: u64, arrived: bool) -> String {
    let Tally { lines, entries, requests } = tally;
    let verdict = match (arrived, events.cmp(&entries)) {
        (true, Ordering::Equal) => "all of them, each once".to_owned(),
        (true, Ordering::Greater) if options.dir.is_some() => {
            format!("all of them, and {} that an earlier run had left", events - entries)
        }
        (true, Ordering::Greater) => format!("{} more than were printed", events - entries),
        (true, Ordering::Less) => format!("{} are missing", entries - events),
        (false, _) => {
            let left = entries.saturating_sub(events);
            let then =
                if options.dir.is_some() { ": run it again with this --dir" } else { " when time was over" };
            format!("{left} were still on their way{then}")
        }
    };
    let files = if options.dir.is_some() {
        format!("{}\n  read     jq -r .message {0}", quoted(&places.shipped.display().to_string()))
    } else {
        "files that are gone now; --dir DIR keeps them".to_owned()
    };
    format!(
        "
{title}

  printed  {lines} lines: {entries} entries, a stack trace being one; {requests} requests answered
  shipped  {events} events: {verdict}
  where    {files}",
        title = output::bold("That was it."),
    )
}

/// As a shell takes it.
fn quoted(path: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+".contains(c);
    if path.chars().all(plain) { path.to_owned() } else { format!("'{}'", path.replace('\'', r"'\''")) }
}
