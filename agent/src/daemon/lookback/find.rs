//! Which containers are meant, and what is said where there is none.

use std::collections::HashSet;

use anyhow::bail;

use super::To;
use crate::daemon::discover;
use crate::docker::Engine;
use crate::logs::route::Selection;

/// A container whose log can be read, and where its lines go.
pub(super) type Listed = To;

/// The beginning of an id that is taken for one.
const SHORTEST_ID: usize = 4;

/// The containers of these names that are not `known`. `first`: that there is none of a name is an error.
pub(super) async fn list(
    engine: &Engine,
    selection: &Selection,
    instance_id: &str,
    names: &[String],
    known: &HashSet<String>,
    first: bool,
    notes: &mut Vec<String>,
) -> anyhow::Result<Vec<Listed>> {
    let there = engine.list().await?;
    if first {
        if there.is_empty() {
            bail!("there are no containers on this host: docker ps --all shows none");
        }
        all_known(names, there.iter().map(|(id, name)| (name.as_str(), id.as_str())))?;
    }
    let containers = engine.data_root().await?.map(|root| root.join("containers"));
    let mut listed = Vec::new();
    for (id, name) in there {
        let is_meant = names.iter().any(|wanted| is_called(wanted, &name, &id));
        if known.contains(&id) || (!names.is_empty() && !is_meant) {
            continue;
        }
        let Some(found) = discover::look(engine, &id, containers.as_deref()).await? else { continue };
        let Some(to) = selection.choose(&found.container, instance_id) else {
            if is_meant && first {
                bail!(
                    "container {name} is left out, as configured (logs.include, logs.exclude, the label \
                     starttech.logs): none of its lines are shipped, and `docker logs {name}` shows them as they are"
                );
            }
            continue;
        };
        match found.driver.as_str() {
            _ if !found.started => {}
            "none" | "awslogs" => {
                if first {
                    notes.push(format!(
                        "container {name} logs by the driver {}, which keeps nothing on this host that could be read",
                        found.driver
                    ));
                }
            }
            _ => listed.push((to, found)),
        }
    }
    Ok(listed)
}

/// Complains of the first name that nothing has, with the nearest one that there is.
pub(super) fn all_known<'a>(
    wanted: &[String],
    there: impl Iterator<Item = (&'a str, &'a str)> + Clone,
) -> anyhow::Result<()> {
    for name in wanted {
        if there.clone().any(|(known, id)| is_called(name, known, id)) {
            continue;
        }
        let near = there.clone().map(|(known, _)| (distance(name, known), known)).min();
        if let Some((_, near)) = near.filter(|(distance, _)| *distance <= name.chars().count().div_ceil(3)) {
            bail!("there is no container {name:?}: did you mean {near}?");
        }
        let mut all: Vec<&str> = there.map(|(known, _)| known).collect();
        all.sort_unstable();
        all.dedup();
        bail!("there is no container {name:?}; there are: {}", all.join(", "));
    }
    Ok(())
}

/// How far a word is from a name or from a part of it: `sample` is near `sample-backend`.
fn distance(word: &str, name: &str) -> usize {
    let parts = name.split(['-', '_', '.']).chain([name]);
    parts.map(|part| strsim::osa_distance(word, part)).min().unwrap_or(usize::MAX)
}

fn is_called(wanted: &str, name: &str, id: &str) -> bool {
    let wanted = wanted.trim_start_matches('/');
    wanted == name || (wanted.len() >= SHORTEST_ID && id.starts_with(wanted))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_container_goes_by_its_name_or_the_beginning_of_its_id() {
        let there = [("starttech-backend", "0a1b2c3d"), ("cache", "ffff0000")];
        let known = |name: &str| all_known(&[name.to_owned()], there.into_iter());
        for name in ["cache", "/cache", "0a1b", "0a1b2c3d"] {
            assert!(known(name).is_ok(), "{name}");
        }
        let said = |name: &str| known(name).unwrap_err().to_string();
        assert_eq!(
            said("startech-backend"),
            "there is no container \"startech-backend\": did you mean starttech-backend?"
        );
        assert_eq!(said("bakend"), "there is no container \"bakend\": did you mean starttech-backend?");
        assert_eq!(said("0a1"), "there is no container \"0a1\"; there are: cache, starttech-backend");
        assert!(said("\u{1b}[2J").contains("\\u{1b}"), "what was typed is shown, not obeyed");
    }
}
