//! How big the parts are, as the arguments say.

use std::time::Duration;

/// What stands behind a bad argument.
pub(super) const USAGE: &str = "usage: bench-logs [--quick] [--lines N] [--seconds N] [--rate N] [--burst N] \
     [--idle SECONDS] [--only backlog,steady,burst,idle]";

/// A part of the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// A long log that is there when the agent starts.
    Backlog,
    /// A container that prints at one rate.
    Steady,
    /// A container that prints as fast as it can while its log rotates.
    Burst,
    /// A container that prints nothing.
    Idle,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Plan {
    /// Lines of the backlog.
    pub(super) lines: u64,
    /// Lines a second of the steady load.
    pub(super) rate: u64,
    /// How long the steady load lasts.
    pub(super) seconds: u64,
    /// Lines of the burst.
    pub(super) burst: u64,
    /// How long nothing happens.
    pub(super) idle: Duration,
    /// What to run.
    pub(super) parts: Vec<Part>,
    /// Too small to compare.
    pub(super) quick: bool,
}

impl Plan {
    /// The plan of these arguments, or what is wrong with them.
    pub(super) fn read(arguments: &[String]) -> Result<Self, String> {
        let parts = vec![Part::Backlog, Part::Steady, Part::Burst, Part::Idle];
        let idle = Duration::from_secs(30);
        let mut plan =
            Self { lines: 2_000_000, rate: 2_000, seconds: 60, burst: 300_000, idle, parts, quick: false };
        if arguments.iter().any(|argument| argument == "--quick") {
            let idle = Duration::from_secs(3);
            plan = Self { lines: 200_000, seconds: 2, burst: 30_000, idle, quick: true, ..plan };
        }
        let mut rest = arguments.iter();
        while let Some(argument) = rest.next() {
            if argument == "--quick" {
                continue;
            }
            let value = rest.next().ok_or_else(|| format!("{argument} wants a value"))?;
            if argument == "--only" {
                plan.parts = value.split(',').map(part).collect::<Result<_, _>>()?;
                continue;
            }
            let number: u64 = value.parse().map_err(|_| format!("{value} is no number"))?;
            match argument.as_str() {
                // The endpoint keeps a bit for each number, up to a limit.
                "--lines" => plan.lines = number.clamp(1, 100_000_000),
                "--rate" => plan.rate = number.clamp(1, 50_000),
                "--seconds" => plan.seconds = number.clamp(1, 3_600),
                "--burst" => plan.burst = number.clamp(1, 10_000_000),
                "--idle" => plan.idle = Duration::from_secs(number.clamp(1, 3_600)),
                _ => return Err(format!("no argument {argument}")),
            }
        }
        Ok(plan)
    }
}

fn part(name: &str) -> Result<Part, String> {
    match name {
        "backlog" => Ok(Part::Backlog),
        "steady" => Ok(Part::Steady),
        "burst" => Ok(Part::Burst),
        "idle" => Ok(Part::Idle),
        _ => Err(format!("no part {name}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(arguments: &str) -> Result<Plan, String> {
        Plan::read(&arguments.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn what_is_said_beats_what_quick_means() {
        let plan = read("--seconds 9 --quick --only steady,idle").unwrap();
        assert_eq!((plan.seconds, plan.lines, plan.quick), (9, 200_000, true));
        assert_eq!(plan.parts, [Part::Steady, Part::Idle]);
    }

    #[test]
    fn a_bad_argument_is_named() {
        for (arguments, named) in [
            ("--fast 1", "--fast"),
            ("--rate x", "x is no number"),
            ("--seconds", "wants"),
            ("--only a", "a"),
        ] {
            assert!(read(arguments).unwrap_err().contains(named), "{arguments}");
        }
    }
}
