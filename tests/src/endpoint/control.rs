//! The standalone endpoint's remote control: `GET /_counts`, `POST /_faults`, `POST /_clear`.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::endpoint::account::Summary;
use crate::endpoint::fault::Rule;
use crate::endpoint::store::{Breach, Totals};
use crate::endpoint::{Shared, lock};

/// Everything countable.
#[derive(Debug, Clone, Serialize)]
pub struct Counts {
    /// Over all calls.
    pub totals: Totals,
    /// By group, then by stream.
    pub streams: BTreeMap<String, BTreeMap<String, Summary>>,
    /// Datums of each series, which is written `namespace/name{dimension=value,…}`.
    pub metrics: BTreeMap<String, u64>,
    /// Calls that broke the contract.
    pub breaches: Vec<Breach>,
}

/// What the control wants of the one who listens.
#[derive(Debug)]
pub(crate) enum Wish {
    /// Nothing.
    Nothing,
    /// Connections are to be refused for this long.
    RefuseFor(Duration),
}

#[derive(Deserialize)]
#[serde(tag = "fault", rename_all = "snake_case")]
enum Refuse {
    Refuse { ms: u64 },
}

/// Answers one request; `Err` is the client's mistake in words.
pub(crate) fn answer(shared: &Shared, path: &str, body: &[u8]) -> Result<(String, Wish), String> {
    match path {
        "/_counts" => {
            let counts = serde_json::to_string(&shared.counts()).map_err(|error| error.to_string())?;
            Ok((counts, Wish::Nothing))
        }
        "/_clear" => {
            shared.clear_faults();
            Ok((String::new(), Wish::Nothing))
        }
        "/_faults" => {
            if let Ok(Refuse::Refuse { ms }) = serde_json::from_slice(body) {
                return Ok((String::new(), Wish::RefuseFor(Duration::from_millis(ms))));
            }
            let rule: Rule = serde_json::from_slice(body).map_err(|error| error.to_string())?;
            lock(&shared.faults).add(rule);
            Ok((String::new(), Wish::Nothing))
        }
        _ => Err(format!("no {path}: there are /_counts, /_faults and /_clear")),
    }
}

impl Shared {
    pub(crate) fn counts(&self) -> Counts {
        let totals = self.totals();
        let store = lock(&self.store);
        let mut streams: BTreeMap<String, BTreeMap<String, Summary>> = BTreeMap::new();
        for (group, of_group) in &store.arrived {
            let of_group = of_group.iter().map(|(name, arrived)| (name.clone(), arrived.account.summary()));
            streams.insert(group.clone(), of_group.collect());
        }
        Counts { totals, streams, metrics: store.metrics.series.clone(), breaches: store.breaches.clone() }
    }
}
