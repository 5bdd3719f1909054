//! How much is measured, as the arguments say.

use std::time::Duration;

/// What stands behind a bad argument.
pub(super) const USAGE: &str = "usage: bench-metrics [--seconds N] [--containers N,…] [--json]";

/// See the module.
#[derive(Debug)]
pub(super) struct Plan {
    /// How long each way is looked at.
    pub(super) window: Duration,
    /// How many containers there are, one number after the other.
    pub(super) containers: Vec<usize>,
    /// For programs.
    pub(super) json: bool,
}

impl Plan {
    /// The plan of these arguments, or what is wrong with them.
    pub(super) fn read(arguments: &[String]) -> Result<Self, String> {
        // The agent sends once a minute: a window of whole minutes has its share of that.
        let mut plan = Self { window: Duration::from_mins(1), containers: vec![1, 10, 50], json: false };
        let mut rest = arguments.iter();
        while let Some(argument) = rest.next() {
            if argument == "--json" {
                plan.json = true;
                continue;
            }
            let value = rest.next().ok_or_else(|| format!("{argument} wants a value"))?;
            let number = |text: &str| text.parse::<u64>().map_err(|_| format!("{text} is no number"));
            match argument.as_str() {
                "--seconds" => plan.window = Duration::from_secs(number(value)?.clamp(10, 3_600)),
                "--containers" => {
                    let counts = value.split(',').map(|text| Ok(number(text)?.clamp(1, 100)));
                    let mut counts = counts.collect::<Result<Vec<u64>, String>>()?;
                    counts.sort_unstable();
                    plan.containers = counts.into_iter().filter_map(|count| count.try_into().ok()).collect();
                }
                _ => return Err(format!("no argument {argument}")),
            }
        }
        Ok(plan)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(arguments: &str) -> Result<Plan, String> {
        Plan::read(&arguments.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn arguments_are_read_or_named() {
        let plan = read("--containers 10,1 --json --seconds 20").unwrap();
        assert_eq!((plan.window.as_secs(), plan.containers, plan.json), (20, vec![1, 10], true));
        for (arguments, named) in
            [("--fast 1", "--fast"), ("--seconds x", "x is no"), ("--containers", "wants")]
        {
            assert!(read(arguments).unwrap_err().contains(named), "{arguments}");
        }
    }
}
