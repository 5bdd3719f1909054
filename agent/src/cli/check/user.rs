//! Who we are to the kernel, and what names it has for it: half of all prerequisites are permissions.

use std::fs;

use rustix::process::{Gid, Uid, getegid, geteuid, getgroups};

/// The user this process runs as.
pub(super) struct User {
    pub(super) name: String,
    pub(super) groups: Vec<String>,
    pub(super) root: bool,
}

/// A user of this host by the two files of names: what the kernel will go by when a process of it is started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::cli) struct Account {
    pub(super) name: String,
    pub(super) uid: u32,
    /// Its own group, then those that it was added to.
    pub(super) gids: Vec<u32>,
    pub(super) home: String,
}

/// The account of this name or number, if there is one.
pub(super) fn account(name: &str) -> Option<Account> {
    let read = |path| fs::read_to_string(path).unwrap_or_default();
    account_in(name, &read("/etc/passwd"), &read("/etc/group"))
}

fn account_in(wanted: &str, passwd: &str, group: &str) -> Option<Account> {
    let (name, uid, own, home) = passwd.lines().find_map(|line| {
        let fields: Vec<&str> = line.split(':').collect();
        let [name, _, uid, gid, _, home, ..] = fields[..] else { return None };
        (name == wanted || uid == wanted).then(|| Some((name, uid.parse().ok()?, gid.parse().ok()?, home)))?
    })?;
    let mut gids: Vec<u32> = vec![own];
    let of_members = group.lines().filter_map(|line| {
        let fields: Vec<&str> = line.split(':').collect();
        let [_, _, gid, members] = fields[..] else { return None };
        members.split(',').any(|member| member == name).then(|| gid.parse().ok())?
    });
    for gid in of_members {
        if !gids.contains(&gid) {
            gids.push(gid);
        }
    }
    Some(Account { name: name.to_owned(), uid, gids, home: home.to_owned() })
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

/// Who sits at the terminal, also behind sudo.
pub(in crate::cli) fn asker() -> String {
    let behind = std::env::var("SUDO_USER").ok().filter(|name| !name.is_empty());
    behind.unwrap_or_else(|| user_name(geteuid().as_raw()))
}

/// The name of a user, or its number.
pub(super) fn user_name(uid: u32) -> String {
    named(&fs::read_to_string("/etc/passwd").unwrap_or_default(), uid)
}

/// The name of a group, or its number.
pub(in crate::cli) fn group_name(gid: u32) -> String {
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

    #[test]
    fn an_account_has_its_own_group_and_those_it_was_added_to() {
        let passwd =
            "root:x:0:0:root:/root:/bin/bash\nbroken:x\n\nstarttech-agent:x:998:997::/:/usr/sbin/nologin\n";
        let group = "root:x:0:\ndocker:x:105:ubuntu,starttech-agent\nadm:x:4:starttech-agent2\n\
                     starttech-agent:x:997:ubuntu\n";
        let found = account_in("starttech-agent", passwd, group);
        let expected = Account {
            name: "starttech-agent".to_owned(),
            uid: 998,
            gids: vec![997, 105],
            home: "/".to_owned(),
        };
        assert_eq!(found, Some(expected.clone()));
        assert_eq!(account_in("998", passwd, group), Some(expected));
        let taken = group.replace(",starttech-agent", "");
        assert_eq!(account_in("starttech-agent", passwd, &taken).unwrap().gids, [997]);
        assert_eq!(account_in("nobody", passwd, group), None);
    }
}
