//! Under which names containers are known, and what becomes of those whose container is not there any more.

use super::{Change, Family, Settings, State};

impl State {
    /// A container has another name.
    pub fn rename(&mut self, from: &str, to: &str) {
        for open in self.opens().filter(|open| open.name == from && open.cause.family() != Family::Threshold)
        {
            to.clone_into(&mut open.name);
        }
        let forming =
            self.forming.iter_mut().filter(|forming| forming.group.cause.family() != Family::Threshold);
        let members = forming.flat_map(|forming| &mut forming.group.members).map(|member| &mut member.name);
        let explained = self.explained.iter_mut().map(|explained| &mut explained.by);
        for name in members.chain(explained).filter(|name| *name == from) {
            to.clone_into(name);
        }
        if let Some(deaths) = self.deaths.remove(from) {
            self.deaths.insert(to.to_owned(), deaths);
        }
    }

    /// Of containers that are open and are not there any more.
    pub fn retain(&mut self, is_there: impl Fn(&str) -> bool, now_ns: i64, settings: &Settings) {
        let containers = self.open.iter().filter(|open| open.cause.family() != Family::Threshold);
        let names = containers.map(|open| open.name.clone());
        let gone: Vec<String> = names.filter(|name| !is_there(name)).collect();
        for name in gone {
            self.change(&name, now_ns, Change::Removed, settings);
        }
    }
}
