//! Refusals in few words: one sentence for each action, with everything it is refused on.

use crate::provision::Refusal;

/// Each action once, in the order in which it was refused; then what else went wrong, each sentence once.
pub fn sentences(refusals: &[Refusal]) -> Vec<String> {
    let mut denied: Vec<(&str, Vec<&str>)> = Vec::new();
    let mut others: Vec<String> = Vec::new();
    for refusal in refusals {
        match refusal {
            Refusal::Denied { action, resource } => {
                let at = denied.iter().position(|(known, _)| known == action);
                match at.and_then(|at| denied.get_mut(at)) {
                    Some((_, resources)) if resources.contains(&resource.as_str()) => {}
                    Some((_, resources)) => resources.push(resource),
                    None => denied.push((action, vec![resource])),
                }
            }
            other => {
                let text = other.to_string();
                if !others.contains(&text) {
                    others.push(text);
                }
            }
        }
    }
    let sentence = |(action, resources): (&str, Vec<&str>)| {
        format!("the role may not {action} on {}", resources.join(", "))
    };
    denied.into_iter().map(sentence).chain(others).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_action_is_said_once() {
        let denied = |action: &str, resource: &str| Refusal::Denied {
            action: action.to_owned(),
            resource: resource.to_owned(),
        };
        let slow = || Refusal::Unreachable("no answer".into());
        let refusals =
            [denied("a:B", "x"), slow(), denied("a:C", "*"), denied("a:B", "y"), slow(), denied("a:B", "x")];
        assert_eq!(
            sentences(&refusals),
            ["the role may not a:B on x, y", "the role may not a:C on *", "no answer"]
        );
    }
}
