//! Memory, swap and load, by sysinfo.
//!
//! It is asked for memory alone: it would walk through all processes otherwise.

use std::fs::File;

use sysinfo::{MemoryRefreshKind, System};

use super::cannot_read;
use crate::metrics::counter::percent;
use crate::metrics::{Readings, name};

const MEMINFO: &str = "/proc/meminfo";

/// What sysinfo keeps.
#[derive(Debug, Default)]
pub(super) struct Memory(Option<System>);

impl Memory {
    pub(super) fn sample(&mut self, readings: &mut Readings) {
        match System::load_average() {
            Ok(load) => readings.put(&name::SYSTEM_LOAD1, None, load.one),
            Err(error) => readings.fault(format!("cannot read the load: {error}")),
        }
        // sysinfo says what it said last time where it cannot read the file.
        if let Err(error) = File::open(MEMINFO) {
            return readings.fault(cannot_read(MEMINFO, &error));
        }
        if self.0.is_none() {
            match System::new() {
                Ok(system) => self.0 = Some(system),
                Err(error) => return readings.fault(format!("cannot ask for memory: {error}")),
            }
        }
        let Some(system) = &mut self.0 else { return };
        system.refresh_memory_specifics(MemoryRefreshKind::everything());
        let of = (system.total_memory(), system.available_memory());
        put(of, (system.total_swap(), system.free_swap()), readings);
    }
}

/// Each pair is a total and what is free of it, in bytes.
fn put(memory: (u64, u64), swap: (u64, u64), readings: &mut Readings) {
    match used_percent(memory) {
        Some(used) => readings.put(&name::MEM_USED_PERCENT, None, used),
        None => readings.fault("/proc/meminfo has no total, or more available than there is"),
    }
    match used_percent(swap) {
        Some(used) => readings.put(&name::SWAP_USED_PERCENT, None, used),
        None if swap.0 == 0 => {}
        None => readings.fault("/proc/meminfo has more swap free than there is"),
    }
}

fn used_percent((total, free): (u64, u64)) -> Option<f64> {
    percent(total.checked_sub(free)?, total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_without_swap_has_a_gap_and_no_fault() {
        let mut readings = Readings::default();
        put((1_000, 250), (0, 0), &mut readings);
        assert_eq!(readings.faults, [""; 0]);
        assert_eq!(readings.values.len(), 1);
        assert!((readings.values[0].value - 75.0).abs() < 1e-9);
    }

    #[test]
    fn what_makes_no_sense_is_a_fault() {
        let mut readings = Readings::default();
        put((0, 0), (10, 11), &mut readings);
        put((10, 11), (10, 5), &mut readings);
        assert_eq!((readings.values.len(), readings.faults.len()), (1, 3), "{readings:?}");
    }
}
