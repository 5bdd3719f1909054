//! `--from FILE…`: somebody's alarm files instead of the definitions in this program.
//!
//! A file with errors, as `lint` understands them, is refused before the account is asked anything; what it only
//! warns of is shown.

use std::path::PathBuf;
use std::process::ExitCode;

use super::account::{Looked, Opened};
use super::lint::{name, read, shown};
use super::{BAD_USAGE, FAILED, output};
use crate::alarms::definition::{Alarm, Composite};
use crate::provision::lint::{Report, alarms as normalised, lint};
use crate::provision::parts::Parts;
use crate::provision::{Account, from};

/// What the files define.
pub(super) struct Files {
    alarms: Vec<Alarm>,
    composites: Vec<Composite>,
}

impl Files {
    /// Reads all of them; `None` without any. What is wrong with one is said, and is the exit code.
    pub(super) fn of(files: &[PathBuf]) -> Result<Option<Self>, ExitCode> {
        if files.is_empty() { Ok(None) } else { Self::read(files).map(Some) }
    }

    fn read(files: &[PathBuf]) -> Result<Self, ExitCode> {
        let mut all = Self { alarms: Vec::new(), composites: Vec::new() };
        let (mut refused, mut warned) = (Vec::new(), Vec::new());
        let mut unread = false;
        for file in files {
            let bytes = match read(file) {
                Ok(bytes) => bytes,
                Err(error) => {
                    output::complaint(&format!("{}: {error}", name(file)));
                    unread = true;
                    continue;
                }
            };
            let name = name(file);
            match normalised(&name, &bytes) {
                Ok((alarms, composites)) => {
                    warned.extend(Some(lint(&name, &bytes)).filter(Report::has_findings));
                    all.alarms.extend(alarms);
                    all.composites.extend(composites);
                }
                Err(report) => refused.push(report),
            }
        }
        if !refused.is_empty() {
            output::complaint(&format!(
                "{}nothing was changed: mend these first; `starttech-agent lint` shows the same",
                shown(&refused, output::coloured())
            ));
        }
        if !warned.is_empty() {
            output::complaint(shown(&warned, output::coloured()).trim_end());
        }
        match (refused.is_empty(), unread) {
            (false, _) => Err(ExitCode::from(BAD_USAGE)),
            (true, true) => Err(ExitCode::from(FAILED)),
            (true, false) => Ok(all),
        }
    }

    /// Looks at what the account has of them.
    pub(super) async fn look(self, opened: &Opened) -> anyhow::Result<Looked> {
        let Opened { account, settings, region, .. } = opened;
        let desired = from::from_files(self.alarms, self.composites, settings, region)
            .map_err(|faults| anyhow::anyhow!("nothing was changed: {}", faults.join("; ")))?;
        let mut regions: Vec<String> =
            desired.resources.iter().map(|resource| resource.address.region.clone()).collect();
        regions.sort();
        regions.dedup();
        let actual = from::concerned(account.read(&regions).await, &desired);
        let account_id = account.account_id().await.unwrap_or_else(|_| "of these credentials".to_owned());
        let parts = Parts { region: region.clone(), account_id: account_id.clone(), ..Parts::default() };
        Ok(Looked {
            account_id,
            parts,
            desired,
            actual,
            missing: Vec::new(),
            refusals: Vec::new(),
            regions,
            prefix: from::prefix(&settings.prefix),
        })
    }
}
