//! How long and how loaded the rows are, and which run, as the arguments say.

use std::time::Duration;

/// What stands behind a bad argument.
pub(super) const USAGE: &str = "usage: fault-table [--seconds N] [--rate LINES] [--only PART-OF-A-NAME,…] [--jobs N] [--json] [--soak MINUTES]";

/// A load shorter than this is the short form.
const LONG: u64 = 20;

/// See the module.
#[derive(Debug)]
pub(super) struct Plan {
    /// How long the load lasts; half of it is the fault's.
    pub(super) seconds: u64,
    /// Lines a second.
    pub(super) rate: u64,
    /// Rows at a time.
    pub(super) jobs: usize,
    /// As JSON instead of a table.
    pub(super) json: bool,
    /// Instead of the rows, one agent for so many minutes with a fault in each.
    pub(super) soak: Option<u64>,
    only: Vec<String>,
}

impl Plan {
    /// The plan of these arguments, or what is wrong with them.
    pub(super) fn read(arguments: &[String]) -> Result<Self, String> {
        let mut plan = Self { seconds: 10, rate: 2_000, jobs: 6, json: false, soak: None, only: Vec::new() };
        let mut rest = arguments.iter();
        while let Some(argument) = rest.next() {
            if argument == "--json" {
                plan.json = true;
                continue;
            }
            let value = rest.next().ok_or_else(|| format!("{argument} wants a value"))?;
            if argument == "--only" {
                plan.only = value.split(',').map(str::to_owned).collect();
                continue;
            }
            let number: u64 = value.parse().map_err(|_| format!("{value} is no number"))?;
            match argument.as_str() {
                "--seconds" => plan.seconds = number.clamp(4, 600),
                // Numbers of one run of a container stay below those of the next.
                "--rate" => plan.rate = number.clamp(64, 10_000),
                "--soak" => plan.soak = Some(number.clamp(1, 24 * 60)),
                "--jobs" => plan.jobs = usize::try_from(number.clamp(1, 64)).expect("it is small"),
                _ => return Err(format!("no argument {argument}")),
            }
        }
        Ok(plan)
    }

    /// Whether this row is to run.
    pub(super) fn wants(&self, name: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|part| name.contains(part.as_str()))
    }

    /// From the load's beginning to the fault.
    pub(super) fn before(&self) -> Duration {
        Duration::from_secs(self.seconds) / 6
    }

    /// How long the fault lasts.
    pub(super) fn window(&self) -> Duration {
        Duration::from_secs(self.seconds) / 2
    }

    /// From the fault's end to the load's.
    pub(super) fn after(&self) -> Duration {
        Duration::from_secs(self.seconds) / 3
    }

    /// One of two sizes, for what does not follow from the seconds.
    pub(super) fn sized<T>(&self, short: T, long: T) -> T {
        if self.seconds < LONG { short } else { long }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(arguments: &str) -> Result<Plan, String> {
        Plan::read(&arguments.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn half_of_the_load_is_the_faults() {
        let plan = read("--seconds 60").unwrap();
        assert_eq!([plan.before(), plan.window(), plan.after()].map(|part| part.as_secs()), [10, 30, 20]);
        assert_eq!((plan.sized(8, 50), read("").unwrap().sized(8, 50)), (50, 8));
    }

    #[test]
    fn rows_are_chosen_by_a_part_of_their_names() {
        let plan = read("--only kill,503 --json").unwrap();
        assert!(plan.wants("kill-9-denied") && plan.wants("503") && plan.json && !plan.wants("refused"));
        assert!(read("").unwrap().wants("refused"));
    }

    #[test]
    fn a_bad_argument_is_named() {
        for (arguments, named) in
            [("--rate x", "x is no number"), ("--fast 1", "--fast"), ("--only", "wants")]
        {
            assert!(read(arguments).unwrap_err().contains(named), "{arguments}");
        }
    }
}
