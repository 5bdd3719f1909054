//! Whether Docker is there, lets us in, and keeps the containers' lines where they can be read.

use std::fs::File;
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;
use std::time::Duration;

use bollard::query_parameters::ListContainersOptions;
use bollard::{API_DEFAULT_VERSION, Docker};
use rustix::fs::statvfs;

use super::Finding;
use super::access::{Access, As};
use super::containers::{self, Logging};
use super::log_groups::Feeds;
use super::user::{group_name, user_name};
use crate::config::Config;
use crate::logs::Container;
use crate::telemetry::chain;

const WHAT: &str = "docker";

/// For one answer over a socket on the same host; a dockerd under load is slow, not dead.
const TIMEOUT: Duration = Duration::from_secs(5);

/// One part of so many of a disk is to be free.
const FREE: u64 = 10;

/// The socket, then the containers behind it; and whose lines go to which group, if Docker says which there are.
pub(super) async fn findings(config: &Config, judged: &As) -> (Vec<Finding>, Option<Feeds>) {
    let socket = &config.docker.socket;
    if let Err(refused) = permitted(socket, judged) {
        return (vec![refused.finding(socket, judged)], None);
    }
    let asked = match tokio::time::timeout(TIMEOUT, ask(socket, config, judged)).await {
        Ok(asked) => asked.map_err(|error| chain(&error)),
        Err(_) => Err(format!("no answer within {} s", TIMEOUT.as_secs())),
    };
    match asked {
        Ok((findings, feeds)) => (findings, Some(feeds)),
        Err(why) => {
            let detail = format!("{} exists but nobody answers: {why}", socket.display());
            let mend = "systemctl restart docker; journalctl -u docker -e says why it died";
            (vec![Finding::bad(WHAT, detail, mend)], None)
        }
    }
}

/// Why Docker's socket cannot be used.
#[derive(Debug)]
pub(in crate::cli) enum Refused {
    Absent,
    /// It cannot be looked at.
    Hidden(io::Error),
    NoSocket,
    /// By its mode, of this owner and group.
    Denied(String, String),
}

/// What can be told without connecting.
pub(in crate::cli) fn permitted(socket: &Path, judged: &As) -> Result<(), Refused> {
    let metadata = socket.metadata().map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => Refused::Absent,
        _ => Refused::Hidden(error),
    })?;
    if !metadata.file_type().is_socket() {
        return Err(Refused::NoSocket);
    }
    let may = judged.may(socket, Access::READ_OK | Access::WRITE_OK);
    may.map_err(|_| Refused::Denied(user_name(metadata.uid()), group_name(metadata.gid())))
}

impl Refused {
    /// What it is, about whoever is judged.
    pub(in crate::cli) fn words(&self, socket: &Path, judged: &As) -> String {
        let path = socket.display();
        match self {
            Self::Absent => format!("there is no {path}"),
            Self::Hidden(error) => format!("cannot look at {path}: {error}"),
            Self::NoSocket => format!("{path} is not a socket"),
            Self::Denied(owner, group) => {
                let (name, groups) = judged.names();
                let groups = groups.join(", ");
                format!(
                    "user {name} (groups {groups}) may not use {path}, which is for user {owner} and group {group}"
                )
            }
        }
    }

    fn finding(&self, socket: &Path, judged: &As) -> Finding {
        let words = self.words(socket, judged);
        let (detail, mend) = match self {
            Self::Absent => (
                format!("{words}; the agent waits for it and ships nothing until then"),
                "systemctl enable --now docker; if Docker listens elsewhere, set docker.socket".to_owned(),
            ),
            Self::Hidden(_) => (words, "run this check with sudo".to_owned()),
            Self::NoSocket => (words, "set docker.socket to Docker's socket".to_owned()),
            Self::Denied(_, group) => {
                let add = format!("sudo usermod -aG {group} {}", judged.names().0);
                match judged {
                    As::Caller => (words, format!("run it with sudo; or: {add}, then log in anew")),
                    As::Service { .. } => (
                        format!("{words}: the service waits and ships nothing"),
                        format!("{add}; sudo systemctl restart starttech-agent"),
                    ),
                }
            }
        };
        Finding::bad(WHAT, detail, mend)
    }
}

async fn ask(
    socket: &Path,
    config: &Config,
    judged: &As,
) -> Result<(Vec<Finding>, Feeds), bollard::errors::Error> {
    let address = socket.to_string_lossy();
    let docker = Docker::connect_with_unix(&address, 2 * TIMEOUT.as_secs(), API_DEFAULT_VERSION)?;
    let docker = docker.negotiate_version().await?;
    let version = docker.version().await?;
    let for_whom = match judged {
        As::Caller => String::new(),
        As::Service { account, .. } => format!("; user {} may use it", account.name),
    };
    let mut findings = vec![Finding::good(
        WHAT,
        format!(
            "{address} answers: version {}, API {}{for_whom}",
            version.version.unwrap_or_default(),
            version.api_version.unwrap_or_default()
        ),
    )];

    let (mut loggings, mut feeds) = (Vec::new(), Feeds::new());
    let mut logs = Vec::new();
    for summary in docker.list_containers(None::<ListContainersOptions>).await? {
        let Some(id) = summary.id else { continue };
        let Ok(found) = docker.inspect_container(&id, None).await else { continue }; // gone meanwhile
        let container = Container {
            name: found.name.unwrap_or_default().trim_start_matches('/').to_owned(),
            image: found.config.as_ref().and_then(|config| config.image.clone()).unwrap_or_default(),
            labels: found.config.and_then(|config| config.labels).unwrap_or_default().into_iter().collect(),
            id,
        };
        let Some(to) = config.logs.selection.choose(&container, "") else { continue };
        let log = found.host_config.and_then(|host| host.log_config).unwrap_or_default();
        let driver = log.typ.unwrap_or_default();
        if let Some(path) = found.log_path.filter(|path| driver == "json-file" && !path.is_empty()) {
            logs.push((container.name.clone(), path));
        }
        let logging = containers::judge(&driver, &log.config.unwrap_or_default());
        if !matches!(logging, Logging::Awslogs | Logging::None) {
            feeds.entry(to.group).or_default().push(container.name.clone());
        }
        loggings.push((container.name, logging));
    }
    findings.extend(readable(&logs, judged));
    findings.extend(containers::findings(&loggings));
    if loggings.iter().all(|(_, logging)| matches!(logging, Logging::Awslogs | Logging::None)) {
        findings.push(Finding::unsure(
            "containers",
            "none is running whose lines would be shipped",
            "docker ps shows what runs; logs.include, logs.exclude and the label starttech.logs=false select",
        ));
    }
    findings.extend(
        docker
            .info()
            .await
            .ok()
            .and_then(|info| info.docker_root_dir)
            .and_then(|root| disk(Path::new(&root))),
    );
    Ok((findings, feeds))
}

/// How full the disk is that containers write to. `None` where that cannot be seen from here.
fn disk(root: &Path) -> Option<Finding> {
    let system = statvfs(root).ok()?;
    let (free, all) =
        (system.f_bavail.saturating_mul(system.f_frsize), system.f_blocks.saturating_mul(system.f_frsize));
    Some(judge_disk(root, free, all))
}

fn judge_disk(root: &Path, free: u64, all: u64) -> Finding {
    const WHAT: &str = "docker's disk";
    let detail = format!("{} MiB of {} MiB are free below {}", free >> 20, all >> 20, root.display());
    if free >= all / FREE {
        return Finding::good(WHAT, detail);
    }
    let mend = "docker system df shows what takes it; what is not rotated grows without end (see above); \
                on a full disk containers stop, and Docker writes no lines any more";
    Finding::unsure(WHAT, detail, mend)
}

/// The files are root's alone unless somebody changed that, so one refusal speaks for all.
fn readable(logs: &[(String, String)], judged: &As) -> Option<Finding> {
    const WHAT: &str = "log files";
    let open = |path: &str| File::open(path).and_then(|_| judged.may(Path::new(path), Access::READ_OK));
    let refused = logs.iter().find_map(|(name, path)| Some((name, path, open(path).err()?)));
    let who = judged.names().0;
    match refused {
        None if logs.is_empty() => None,
        None => Some(Finding::good(WHAT, format!("readable by user {who}, {} of them", logs.len()))),
        Some((name, path, error)) => {
            let mend = match (error.kind(), judged) {
                (io::ErrorKind::PermissionDenied, As::Caller) => {
                    "run this check with sudo; if it is the service that may not, its unit needs \
                     AmbientCapabilities=CAP_DAC_READ_SEARCH"
                }
                (io::ErrorKind::PermissionDenied, As::Service { .. }) => {
                    "its unit needs AmbientCapabilities=CAP_DAC_READ_SEARCH: systemctl edit starttech-agent"
                }
                _ => {
                    "if the agent runs in a container or under a sandbox, let it see Docker's data directory under \
                     the same path"
                }
            };
            Some(Finding::bad(WHAT, format!("user {who} cannot read {path} of {name}: {error}"), mend))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::check::Verdict;
    use crate::cli::check::user::Account;
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt;
    use std::os::unix::net::UnixListener;

    #[test]
    fn a_socket_is_there_or_it_is_said_what_is() {
        let directory = tempfile::tempdir().unwrap();
        let socket = directory.path().join("s");
        let permitted = |socket: &Path| {
            permitted(socket, &As::Caller).map_err(|refused| refused.finding(socket, &As::Caller).detail)
        };
        assert!(permitted(&socket).unwrap_err().contains("there is no"));
        std::fs::write(&socket, "").unwrap();
        assert!(permitted(&socket).unwrap_err().contains("is not a socket"));
        std::fs::remove_file(&socket).unwrap();
        let _listener = UnixListener::bind(&socket).unwrap();
        assert_eq!(permitted(&socket), Ok(()));
    }

    #[test]
    fn the_services_user_needs_the_sockets_group() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::set_permissions(directory.path(), Permissions::from_mode(0o755)).unwrap();
        let socket = directory.path().join("s");
        let _listener = UnixListener::bind(&socket).unwrap();
        std::fs::set_permissions(&socket, Permissions::from_mode(0o660)).unwrap();
        let gid = socket.metadata().unwrap().gid();
        let service = |gids: &[u32]| {
            let account = Account {
                name: "starttech-agent".to_owned(),
                uid: 61_234,
                gids: gids.to_vec(),
                home: String::new(),
            };
            As::Service { account, reads_all: true }
        };
        assert!(permitted(&socket, &service(&[61_234, gid])).is_ok());
        let without = service(&[61_234]);
        let refused = permitted(&socket, &without).unwrap_err().finding(&socket, &without);
        assert!(refused.detail.contains("user starttech-agent (groups 61234) may not use"), "{refused:?}");
        assert!(refused.mend.contains("usermod -aG") && refused.mend.contains("restart"), "{refused:?}");
    }

    #[test]
    fn a_tenth_of_the_disk_is_to_be_free() {
        let verdict = |free: u64| judge_disk(Path::new("/"), free << 20, 1000 << 20).verdict;
        assert_eq!([verdict(100), verdict(99)], [Verdict::Good, Verdict::Unsure]);
    }

    #[test]
    fn a_log_that_cannot_be_read_is_named() {
        let log = |path: &str| ("api".to_owned(), path.to_owned());
        assert_eq!(readable(&[], &As::Caller), None);
        assert!(readable(&[log("/dev/null")], &As::Caller).unwrap().mend.is_empty());
        let refused = readable(&[log("/dev/null"), log("/nowhere/x-json.log")], &As::Caller).unwrap();
        assert!(refused.detail.contains("/nowhere/x-json.log of api"), "{}", refused.detail);
    }
}
