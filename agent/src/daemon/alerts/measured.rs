//! What is measured, for the alerts loop: rules see it, and of those that are crossed it is looked around.
//!
//! When a rule is crossed, `alerts/threshold` knows.

use super::look::{self, LOOKS};
use super::{Alerts, Settings};
use crate::alerts::threshold::{Crossed, Turn};
use crate::alerts::{Cause, Change, Incident};
use crate::docker::Engine;
use crate::logs::Container;
use crate::metrics::{Metric, Reading};

impl Alerts {
    pub(super) fn reload(&mut self, settings: Settings, now_ns: i64) {
        let is_there = |crossed: &Crossed| settings.rules.iter().any(|rule| rule.name == crossed.rule);
        let (there, gone): (Vec<_>, Vec<_>) = self.state.thresholds().cloned().partition(is_there);
        for crossed in gone {
            self.state.change(&crossed.key(), now_ns, Change::Unruled, &settings.telling);
        }
        let there = there.iter().map(Crossed::key).collect();
        self.thresholds.replace(settings.rules.clone(), there, now_ns);
        (self.settings, self.redactor, self.is_dirty) = (settings, None, true);
    }

    pub(super) fn measured(&mut self, mut readings: Vec<Reading>, now_ns: i64) {
        let open: Vec<_> =
            self.state.thresholds().filter_map(|crossed| crossed.alarm.metric_name.clone()).collect();
        let is_open = |metric: &Metric| open.iter().any(|name| name == metric.name);
        self.is_dirty |= self.state.boot.judge(&mut readings, &self.boot, is_open, now_ns);
        self.thresholds.take(&readings, now_ns);
    }

    /// What became of rules on what is measured.
    pub(super) fn crossed(&mut self, now_ns: i64) -> anyhow::Result<()> {
        for turn in self.thresholds.due(now_ns) {
            match turn {
                Turn::End(key, change) => {
                    self.is_dirty |= self.state.change(&key, now_ns, change, &self.settings.telling);
                }
                Turn::Begin(crossed) => {
                    let container = Container { name: crossed.key(), ..Container::default() };
                    let of_backend = crossed.of_backend;
                    let incident = Incident::of(container, now_ns, Cause::Threshold(crossed), None);
                    match self.engine.clone().filter(|_| of_backend && self.arounds.len() < LOOKS) {
                        Some(engine) => self.look_around(engine, incident)?,
                        None => self.begin(incident, now_ns),
                    }
                }
            }
        }
        Ok(())
    }

    fn look_around(&mut self, engine: Engine, incident: Incident) -> anyhow::Result<()> {
        let redactor = self.redactor()?;
        let (selection, instance_id) = (self.settings.selection.clone(), self.settings.instance_id.clone());
        self.arounds.spawn(async move {
            look::around(engine, incident, redactor.as_deref(), (&selection, &instance_id)).await
        });
        Ok(())
    }
}
