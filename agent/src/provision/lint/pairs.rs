//! The dimensions of an alarm, in whatever form: pairs, a map, the AWS CLI's short form, names only.
//!
//! It does not know which dimensions a metric has.

use super::Findings;
use super::draft::Draft;
use super::json::{Node, Value};
use super::rule;
use super::series::Dimension;

/// Dimensions as pairs, as a map, in the AWS CLI's short form, or as names only.
pub(super) fn dimensions<'a>(
    draft: &Draft<'_>,
    node: &'a Node,
    path: &str,
    whole: &mut bool,
    out: &mut Findings,
) -> Vec<Dimension<'a>> {
    let mut found = Vec::new();
    let place = |node: &Node| draft.origin(node.at());
    let mut valueless = |name: &str, at: usize, out: &mut Findings| {
        let message = format!("the dimension {name:?} has no value");
        let mend = format!("write {{\"Name\": \"{name}\", \"Value\": \"…\"}}");
        out.add(&rule::DIMENSION_VALUE, at, path, message, mend);
    };
    match &node.value {
        Value::Object(members) => {
            let pair = pair(node);
            if let Some(pair) = pair {
                return vec![Dimension {
                    name: pair.0,
                    value: pair.1.str(),
                    at: (place(node), place(pair.1)),
                }];
            }
            for member in members {
                let at = (draft.origin(member.at), place(&member.value));
                found.push(Dimension { name: &member.key, value: member.value.str(), at });
            }
        }
        Value::Array(items) => {
            for item in items {
                match (&item.value, pair(item)) {
                    (Value::Object(_), Some((name, value))) => {
                        let at =
                            (item.members().first().map_or(place(item), |m| place(&m.value)), place(value));
                        found.push(Dimension { name, value: value.str(), at });
                    }
                    (Value::Object(members), None)
                        if members.len() == 1
                            && super::json::plain(
                                &members.first().map(|m| m.key.clone()).unwrap_or_default(),
                            ) != "name" =>
                    {
                        found.extend(dimensions(draft, item, path, whole, out));
                    }
                    (Value::Object(_), None) => {
                        let name = item.text("Name").or(item.text("name")).unwrap_or("?");
                        valueless(name, place(item), out);
                        found.push(Dimension { name, value: None, at: (place(item), place(item)) });
                    }
                    (Value::String(text), _) => found.push(short(text, place(item), &mut valueless, out)),
                    _ => *whole = false,
                }
            }
        }
        Value::String(text) => found.push(short(text, place(node), &mut valueless, out)),
        _ => *whole = false,
    }
    found
}

fn pair(node: &Node) -> Option<(&str, &Node)> {
    let get = |wanted: &str| node.members().iter().find(|member| super::json::plain(&member.key) == wanted);
    Some((get("name")?.value.str()?, &get("value")?.value))
}

/// `Name=LoadBalancer,Value=app/…`, or a name only.
fn short<'a>(
    text: &'a str,
    at: usize,
    valueless: &mut impl FnMut(&str, usize, &mut Findings),
    out: &mut Findings,
) -> Dimension<'a> {
    if let Some((name, value)) = text.strip_prefix("Name=").and_then(|rest| rest.split_once(",Value=")) {
        return Dimension { name, value: Some(value), at: (at, at) };
    }
    if let Some((name, value)) = text.split_once('=') {
        return Dimension { name: name.trim(), value: Some(value.trim()), at: (at, at) };
    }
    valueless(text, at, out);
    Dimension { name: text, value: None, at: (at, at) }
}
