//! The figures as a table and as JSON.

use std::fmt::Write;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{Figures, Way};
use crate::bench::machine;
use crate::bench::meter::mb;

const NOTES: &str = "\
Processor milliseconds a minute; in parentheses: how many times the agent's figure. –: does not apply.

- The agent is as by default: it looks every 10 s, at the host and the health check too, and sends once a
  minute to a strict endpoint on loopback, in two series where it knows its group (here: one). It also
  follows the containers' logs, which `metrics.enabled = false` does as well.
- Added: the agent's above the one that measures nothing, the others' above nobody's. dockerd's own unrest is
  in it, and is more than what is added where there are few containers: see how the columns differ.
- `docker stats` and the API are asked every 10 s. The client of the API does as little as can be: a socket,
  a request, the JSON of the answer, all containers at a time. Neither of the two keeps, adds up or sends
  anything. Too late: a look took more than 10 s, so there were too few of them to compare.
- dockerd's is that of dockerd, its containerd and its shims together; nobody: what they take unasked.
  The docker client's own is counted in steps of 10 ms, all else in nanoseconds of each thread.";

/// What stands above the table.
pub(super) fn head(arguments: &[String]) -> String {
    let command = [&[String::from("just bench-metrics")], arguments].concat().join(" ");
    let date = Timestamp::now().strftime("%Y-%m-%d %H:%M UTC");
    let (here, version) = (machine::here(), machine::version());
    format!("# What metrics cost\n\nPrinted by `{command}` on {date}.\n\n{here}- Agent: {version}\n")
}

/// The table.
pub(super) fn markdown(figures: &[Figures], window: Duration) -> String {
    let mut out = String::from("| Idle containers | Figure |");
    for way in Way::ALL {
        let _ = write!(out, " {} |", way.name());
    }
    let _ = write!(out, "\n|--:|---|{}", "--:|".repeat(Way::ALL.len()));
    for of_count in figures.chunk_by(|a, b| a.containers == b.containers) {
        let mut row = |count: &str, figure: &str, cell: &dyn Fn(&Figures) -> String| {
            let cells: Vec<String> = of_count.iter().map(cell).collect();
            let _ = write!(out, "\n| {count} | {figure} | {} |", cells.join(" | "));
        };
        let Some(agent) = of_count.iter().find(|figures| figures.way == Way::Agent) else { continue };
        row(&agent.containers.to_string(), "own CPU", &|of| match of.way {
            Way::Nobody => String::from("–"),
            _ => format!("{:.0}", of.own),
        });
        row("", "dockerd's CPU", &|of| format!("{:.0}", of.daemon));
        row("", "**together**", &|of| {
            let ratio = of.together() / agent.together();
            let compared = if of.way == Way::Agent { String::new() } else { format!(" (×{ratio:.2})") };
            let late = if of.is_late { " too late" } else { "" };
            format!("{:.0}{compared}{late}", of.together())
        });
        row("", "added for the figures", &|of| {
            let base = if of.way == Way::Agent { Way::Off } else { Way::Nobody };
            match of_count.iter().find(|of| of.way == base) {
                Some(base) if ![Way::Off, Way::Nobody].contains(&of.way) => {
                    format!("{:+.0}", of.together() - base.together())
                }
                _ => String::from("–"),
            }
        });
        row("", "RSS, MB", &|of| {
            of.rss_kib.map_or_else(|| String::from("–"), |kib| format!("{:.1}", mb(kib)))
        });
    }
    format!("{out}\n\nEach way was looked at for {} s. {NOTES}", window.as_secs())
}

/// The table for programs.
pub(super) fn json(figures: &[Figures]) -> Value {
    let row = |of: &Figures| {
        json!({
            "containers": of.containers, "way": of.way.name(), "own_ms_a_minute": of.own,
            "dockerd_ms_a_minute": of.daemon, "rss_kib": of.rss_kib, "is_late": of.is_late,
        })
    };
    figures.iter().map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ratios_are_to_the_agent_with_the_same_containers() {
        let of = |containers, way, own, daemon| Figures {
            containers,
            way,
            own,
            daemon,
            rss_kib: None,
            is_late: false,
        };
        let figures = [
            of(1, Way::Agent, 3.0, 2.0),
            of(1, Way::Off, 2.0, 2.0),
            of(1, Way::Nobody, 0.0, 1.0),
            of(1, Way::Client, 10.0, 40.0),
            of(50, Way::Agent, 50.0, 50.0),
            of(50, Way::Client, 25.0, 25.0),
        ];
        let text = markdown(&figures, Duration::from_mins(1));
        assert!(text.contains("| **together** | 5 | 4 (×0.80) | 1 (×0.20) | 50 (×10.00) |"), "{text}");
        assert!(text.contains("| added for the figures | +1 | – | – | +49 |"), "{text}");
        assert!(text.contains("| **together** | 100 | 50 (×0.50) |"), "{text}");
    }
}
