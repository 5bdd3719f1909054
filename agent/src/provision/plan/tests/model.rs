//! An account in memory, with the rules of the real one that order and ownership depend on.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use crate::provision::{
    Account, Actual, Address, Content, Found, Held, Kind, Refusal, Resource, State, Unread,
};

/// The account.
#[derive(Debug, Default)]
pub(crate) struct Model {
    pub(crate) held: RefCell<Vec<Held>>,
    pub(crate) found: Found,
    /// These may not be looked at.
    pub(crate) hidden: Vec<Kind>,
    /// These may not be changed.
    pub(crate) fixed: Vec<Kind>,
    /// The account's number cannot be asked for.
    pub(crate) nameless: bool,
    /// What was done, in order.
    pub(crate) done: RefCell<Vec<String>>,
    pub(crate) ids: RefCell<u32>,
}

impl Model {
    pub(crate) fn holding(held: Vec<Held>) -> Self {
        Self { held: RefCell::new(held), ..Self::default() }
    }

    pub(crate) fn actual(&self) -> Actual {
        now(self.read(&["eu-west-1".into(), "us-east-1".into()]))
    }

    fn next_id(&self) -> String {
        *self.ids.borrow_mut() += 1;
        // Others' ids begin with letters of either side.
        format!("m{:04}", self.ids.borrow())
    }

    fn may(&self, address: &Address, action: &str) -> Result<(), Refusal> {
        if self.fixed.contains(&address.kind) {
            let resource = address.name.clone();
            return Err(Refusal::Denied { action: format!("test:{action}{:?}", address.kind), resource });
        }
        self.done.borrow_mut().push(format!("{action} {} {}", address.kind.word(), address.name));
        Ok(())
    }

    /// A composite alarm is made of what is there, and what it is made of cannot go.
    fn rules(&self, region: &str) -> Vec<String> {
        let rule = |held: &Held| match &held.resource.content {
            Content::CompositeAlarm(alarm) if held.resource.address.region == region => {
                Some(alarm.alarm_rule.clone())
            }
            _ => None,
        };
        self.held.borrow().iter().filter_map(rule).collect()
    }
}

impl Account for Model {
    async fn read(&self, regions: &[String]) -> Actual {
        let held = self.held.borrow();
        let seen = |held: &&Held| {
            regions.contains(&held.resource.address.region)
                && !self.hidden.contains(&held.resource.address.kind)
        };
        let unread = self.hidden.iter().flat_map(|kind| {
            regions.iter().map(move |region| Unread {
                kind: *kind,
                region: region.clone(),
                refusal: Refusal::Denied { action: format!("test:Describe{kind:?}"), resource: "*".into() },
            })
        });
        Actual { held: held.iter().filter(seen).cloned().collect(), unread: unread.collect() }
    }

    async fn find(&self) -> Found {
        self.found.clone()
    }

    async fn account_id(&self) -> Result<String, Refusal> {
        if self.nameless {
            return Err(Refusal::Unreachable("no answer from sts.eu-west-1.amazonaws.com within 5 s".into()));
        }
        Ok("123456789012".into())
    }

    async fn put(&self, wanted: &Resource, held: Option<&Held>) -> Result<Vec<String>, Refusal> {
        self.may(&wanted.address, "Put")?;
        let Address { kind, region, name } = &wanted.address;
        let of_name = |other: Kind| {
            self.held.borrow().iter().any(|held| {
                let address = &held.resource.address;
                address.kind == other && address.region == *region && address.name == *name
            })
        };
        match &wanted.content {
            Content::CompositeAlarm(alarm) => {
                for child in alarm.alarm_rule.split("ALARM(\"").skip(1) {
                    let child = child.split('"').next().unwrap();
                    let known = |held: &Held| held.resource.address.name == child;
                    if !self.held.borrow().iter().any(known) {
                        return Err(Refusal::Wrong(format!("there is no alarm {child}")));
                    }
                }
                assert!(!of_name(Kind::Alarm), "{name} is a metric alarm");
            }
            Content::Alarm(_) => assert!(!of_name(Kind::CompositeAlarm), "{name} is a composite alarm"),
            Content::Subscription { topic_arn, .. } => {
                let topic = topic_arn.rsplit(':').next().unwrap();
                let known = |held: &Held| {
                    held.resource.address.kind == Kind::Topic && held.resource.address.name == topic
                };
                if !self.held.borrow().iter().any(known) {
                    return Err(Refusal::Wrong("there is no such topic".into()));
                }
            }
            _ => {}
        }
        let id = match kind {
            Kind::SavedQuery => Some(held.and_then(|held| held.id.clone()).unwrap_or_else(|| self.next_id())),
            Kind::Subscription => Some("PendingConfirmation".to_owned()),
            _ => None,
        };
        let mut tags = held.map(|held| held.resource.tags.clone()).unwrap_or_default();
        if kind.tags_are_read() {
            tags.extend(wanted.tags.clone());
        }
        let state = matches!(kind, Kind::Alarm | Kind::CompositeAlarm).then(|| State {
            value: "INSUFFICIENT_DATA".into(),
            reason: "Unchecked: Initial alarm creation".into(),
            since_ms: 0,
        });
        let made = Held { resource: Resource { tags, ..wanted.clone() }, id, state };
        let mut all = self.held.borrow_mut();
        all.retain(|held| {
            held.resource.address != made.resource.address
                || (*kind == Kind::SavedQuery && held.id != made.id)
        });
        all.push(made);
        let warned = *kind == Kind::Dashboard;
        Ok(if warned { vec!["widget 3: the metric is not there".into()] } else { Vec::new() })
    }

    async fn delete(&self, held: &Held) -> Result<(), Refusal> {
        let address = &held.resource.address;
        self.may(address, "Delete")?;
        if address.kind == Kind::Alarm {
            let needed = self.rules(&address.region);
            let quoted = format!("{:?}", address.name);
            assert!(!needed.iter().any(|rule| rule.contains(&quoted)), "{quoted} is needed by {needed:?}");
        }
        let topic = (address.kind == Kind::Topic).then(|| format!("{}/", address.name));
        self.held.borrow_mut().retain(|other| {
            let there = &other.resource.address;
            let subscribed = topic.as_ref().is_some_and(|topic| {
                there.kind == Kind::Subscription
                    && there.region == address.region
                    && there.name.starts_with(topic)
            });
            !subscribed && (there != address || other.id != held.id)
        });
        Ok(())
    }

    async fn publish(&self, topic_arn: &str, subject: &str, message: &str) -> Result<(), Refusal> {
        assert!(subject.is_ascii() && subject.len() < 100 && !message.is_empty());
        self.done.borrow_mut().push(format!("Publish {topic_arn}"));
        Ok(())
    }
}

/// What a future gives that never waits.
pub(crate) fn now<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("it waits"),
    }
}

/// The names of what is held.
pub(crate) fn names(held: &[Held]) -> BTreeSet<String> {
    held.iter().map(|held| held.resource.address.to_string()).collect()
}
