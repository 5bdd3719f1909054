//! A plan for a program.

use serde_json::{Value, json as object};

use super::{Change, Plan, Step, diff, sentences, words};
use crate::provision::{Content, Kind, Refusal};

/// The plan as one object: `changes` holds what stays as it is, too, with the step `keep`. Of endpoints that
/// are URLs the host alone is written: what follows is often a key to it.
pub fn json(plan: &Plan, account_id: &str, region: &str, refusals: &[Refusal]) -> Value {
    let all: Vec<Refusal> =
        plan.unread.iter().map(|unread| unread.refusal.clone()).chain(refusals.iter().cloned()).collect();
    object!({
        "account": account_id,
        "region": region,
        "changes": plan.changes.iter().map(change).collect::<Vec<_>>(),
        "missing": plan.missing.iter().map(|missing| object!({
            "key": missing.key,
            "what": missing.what,
            "candidates": missing.candidates,
        })).collect::<Vec<_>>(),
        "unread": plan.unread.iter().map(|unread| object!({
            "kind": unread.kind,
            "region": unread.region,
            "why": unread.refusal.to_string(),
        })).collect::<Vec<_>>(),
        "refused": sentences(&all),
        "notes": plan.notes,
        "whole": plan.is_whole(),
    })
}

/// `topic/https/https://hooks.example.com/…`
fn without_keys(name: &str) -> String {
    let mut parts: Vec<String> = name.splitn(3, '/').map(str::to_owned).collect();
    if let Some(last) = parts.get_mut(2) {
        *last = words::endpoint(last);
    }
    parts.join("/")
}

fn change(change: &Change) -> Value {
    let (step, why) = match &change.step {
        Step::Create => ("create", None),
        Step::Update => ("update", None),
        Step::Delete => ("delete", None),
        Step::Keep => ("keep", None),
        Step::Leave(why) => ("leave", Some(why)),
    };
    let mut all = object!({
        "step": step,
        "kind": change.address.kind,
        "region": change.address.region,
        "name": match change.address.kind {
            Kind::Subscription => without_keys(&change.address.name),
            _ => change.address.name.clone(),
        },
    });
    if let Value::Object(members) = &mut all {
        if let Some(why) = why {
            members.insert("why".to_owned(), object!(why));
        }
        if !change.fields.is_empty() {
            let fields = change
                .fields
                .iter()
                .map(|field| object!({"path": field.path, "old": field.old, "new": field.new}));
            members.insert("fields".to_owned(), fields.collect());
        }
        if let (Step::Create, Some(wanted)) = (&change.step, &change.wanted) {
            let mut content = diff::json(&wanted.content);
            if let Content::Subscription { endpoint, .. } = &wanted.content
                && let Some(member) = content.get_mut("Endpoint")
            {
                *member = words::endpoint(endpoint).into();
            }
            members.insert("content".to_owned(), content);
        }
    }
    all
}
