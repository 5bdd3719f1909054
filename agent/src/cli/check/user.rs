//! Who we are to the kernel, and what names it has for it: half of all prerequisites are permissions.

use std::fs;

use rustix::process::{Gid, Uid, getegid, geteuid, getgroups};

/// The user this process runs as.
pub(super) struct User {
    pub(super) name: String,
    pub(super) groups: Vec<String>,
    pub(super) root: bool,
}

/// Asks the kernel and the two files of names.
pub(super) fn user() -> User {
    let mut gids = getgroups().unwrap_or_default();
    if !gids.contains(&getegid()) {
        gids.insert(0, getegid());
    }
    User {
        name: user_name(geteuid().as_raw()),
        groups: gids.into_iter().map(Gid::as_raw).map(group_name).collect(),
        root: geteuid() == Uid::ROOT,
    }
}

/// The name of a user, or its number.
pub(super) fn user_name(uid: u32) -> String {
    named(&fs::read_to_string("/etc/passwd").unwrap_or_default(), uid)
}

/// The name of a group, or its number.
pub(super) fn group_name(gid: u32) -> String {
    named(&fs::read_to_string("/etc/group").unwrap_or_default(), gid)
}

/// Both files begin their lines with `name:password:number`.
fn named(table: &str, number: u32) -> String {
    let name = table.lines().find_map(|line| {
        let mut fields = line.split(':');
        let (name, _, found) = (fields.next()?, fields.next()?, fields.next()?);
        (found.parse() == Ok(number)).then(|| name.to_owned())
    });
    name.unwrap_or_else(|| number.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_has_a_name_or_stays_a_number() {
        let table = "root:x:0:\n# a comment\n\nbroken:x\ndocker:x:999:starttech-agent,ubuntu\n";
        for (number, name) in [(0, "root"), (999, "docker"), (7, "7")] {
            assert_eq!(named(table, number), name);
        }
    }
}
