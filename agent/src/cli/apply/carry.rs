//! Carries a plan out, one change after the other, past whatever is refused. It decides nothing.

use std::collections::BTreeSet;
use std::process::ExitCode;

use crate::cli::FAILED;
use crate::cli::account::Looked;
use crate::provision::desired::Desired;
use crate::provision::plan::{self, Change, Knowledge, Plan, Step, clean, name};
use crate::provision::{Account, Actual, Kind, Refusal};

/// How an account says that nobody has confirmed a subscription.
const PENDING: &str = "PendingConfirmation";

/// What was done.
#[derive(Debug, Default)]
pub(in crate::cli) struct Done {
    pub(super) created: usize,
    pub(super) changed: usize,
    pub(super) deleted: usize,
    /// What it was about, and why.
    pub(super) refused: Vec<(String, Refusal)>,
    /// What the service had to say: of what, and its words.
    pub(super) said: Vec<(String, String)>,
    /// Who has not confirmed yet.
    pub(super) pending: Vec<String>,
    /// The kinds of what was created, in order.
    pub(super) kinds: Vec<Kind>,
}

/// One change, carried out or refused.
#[derive(Debug)]
pub(super) struct Told<'a> {
    number: usize,
    of: usize,
    change: &'a Change,
    refused: Option<&'a Refusal>,
}

impl Told<'_> {
    /// `[ 3/27] alarm starttech-cpu-warning … created`
    pub(super) fn line(&self, home: &str, coloured: bool) -> String {
        let width = self.of.to_string().len();
        let (word, colour) = match (self.refused, &self.change.step) {
            (Some(_), _) => ("refused", 31),
            (None, Step::Create) => ("created", 32),
            (None, Step::Delete) => ("deleted", 32),
            (None, _) => ("changed", 32),
        };
        let word = if coloured { format!("\u{1b}[{colour}m{word}\u{1b}[0m") } else { word.to_owned() };
        let why = match self.refused {
            // Of rights it is said once, at the end.
            None | Some(Refusal::Denied { .. }) => String::new(),
            Some(refusal) => format!(": {}", clean(&refusal.to_string())),
        };
        format!("[{:width$}/{}] {} … {word}{why}", self.number, self.of, called(self.change, home))
    }
}

fn called(change: &Change, home: &str) -> String {
    format!("{} {}", change.address.kind.word(), name(&change.address, home))
}

/// Does what is planned. Each change is told when it is done, or refused.
pub(super) async fn carry_out(account: &impl Account, plan: &Plan, tell: &mut impl FnMut(Told<'_>)) -> Done {
    let changes: Vec<&Change> = plan.changes.iter().filter(|change| change.is_done()).collect();
    let mut done = Done::default();
    // Without its topic, a subscription would be refused for a reason that says nothing.
    let mut topics: BTreeSet<(String, String)> = BTreeSet::new();
    for (at, change) in changes.iter().enumerate() {
        let address = &change.address;
        let topic = address.name.split('/').next().unwrap_or_default().to_owned();
        let place = (address.region.clone(), topic);
        let outcome = if address.kind == Kind::Subscription && topics.contains(&place) {
            Err(Refusal::Wrong("there is no topic to subscribe to".to_owned()))
        } else {
            carry_out_one(account, change).await
        };
        let refused = outcome.as_ref().err();
        tell(Told { number: at + 1, of: changes.len(), change, refused });
        let name = called(change, &address.region);
        match outcome {
            Ok(said) => {
                match change.step {
                    Step::Create => {
                        done.created += 1;
                        done.kinds.push(address.kind);
                    }
                    Step::Delete => done.deleted += 1,
                    _ => done.changed += 1,
                }
                done.said.extend(said.into_iter().map(|said| (name.clone(), said)));
            }
            Err(refusal) => {
                if address.kind == Kind::Topic && change.held.is_none() {
                    topics.insert(place);
                }
                if address.kind == Kind::CompositeAlarm && change.held.is_none() {
                    let alone = members_speak(account, plan, change).await;
                    done.said.extend(alone.map(|alone| (name.clone(), alone)));
                }
                done.refused.push((name, refusal));
            }
        }
    }
    done
}

/// Where there is no composite alarm to speak for its members, each speaks for itself. Gives what to say.
async fn members_speak(account: &impl Account, plan: &Plan, composite: &Change) -> Option<String> {
    let mut enabled = Vec::new();
    for (change, member) in plan::members(plan, composite) {
        if account.put(&member, change.held.as_ref()).await.is_ok() {
            enabled.push(member.address.name);
        }
    }
    (!enabled.is_empty()).then(|| format!("without it these mail by themselves: {}", enabled.join(", ")))
}

async fn carry_out_one(account: &impl Account, change: &Change) -> Result<Vec<String>, Refusal> {
    match (&change.wanted, &change.held) {
        (Some(wanted), held) => account.put(wanted, held.as_ref()).await,
        (None, Some(held)) => account.delete(held).await.map(|()| Vec::new()),
        // Nothing to be and nothing there: no plan has it.
        (None, None) => Ok(Vec::new()),
    }
}

impl Done {
    /// What a command ends with that did this: whether nothing was refused, and all could be looked at.
    pub(in crate::cli) fn code(&self, plan: &Plan) -> ExitCode {
        let fine = self.refused.is_empty() && plan.is_whole();
        if fine { ExitCode::SUCCESS } else { ExitCode::from(FAILED) }
    }

    /// Looks again. Another host that applied at the same time may have made the same saved queries, which may
    /// share their names: one of each stays, the same one for both.
    pub(super) async fn settle(&mut self, account: &impl Account, looked: &Looked) {
        let Looked { desired, regions, prefix, .. } = looked;
        let queries = self.kinds.contains(&Kind::SavedQuery);
        if !queries && !self.kinds.contains(&Kind::Subscription) {
            return;
        }
        let actual = account.read(regions).await;
        self.pending = pending(desired, &actual, regions.first().map_or("", String::as_str));
        if !queries {
            return;
        }
        let again = plan::plan(desired, &actual, prefix, Knowledge::Whole);
        let wanted =
            |change: &Change| desired.resources.iter().any(|resource| resource.address == change.address);
        let doubles = again.changes.into_iter().filter(|change| {
            change.step == Step::Delete && change.address.kind == Kind::SavedQuery && wanted(change)
        });
        for double in doubles {
            // One that is left is seen by the next plan.
            carry_out_one(account, &double).await.ok();
        }
    }
}

/// The subscriptions of ours that nobody has confirmed.
fn pending(desired: &Desired, actual: &Actual, home: &str) -> Vec<String> {
    let unconfirmed = actual.held.iter().filter(|held| held.id.as_deref() == Some(PENDING));
    let addresses = unconfirmed.map(|held| &held.resource.address);
    let ours =
        addresses.filter(|address| desired.resources.iter().any(|resource| resource.address == **address));
    ours.map(|address| name(address, home)).collect()
}
