//! Whether Docker is there, lets us in, and keeps the containers' lines where they can be read.

use std::fs::File;
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;
use std::time::Duration;

use bollard::query_parameters::ListContainersOptions;
use bollard::{API_DEFAULT_VERSION, Docker};
use rustix::fs::{Access, access};

use super::Finding;
use super::containers::{self, Logging};
use super::user::{group_name, user, user_name};
use crate::config::Config;
use crate::logs::Container;
use crate::telemetry::chain;

const WHAT: &str = "docker";

/// For one answer over a socket on the same host; a dockerd under load is slow, not dead.
const TIMEOUT: Duration = Duration::from_secs(5);

/// The socket, then the containers behind it.
pub(super) async fn findings(config: &Config) -> Vec<Finding> {
    let socket = &config.docker.socket;
    if let Err(refused) = permitted(socket) {
        return vec![refused];
    }
    let asked = match tokio::time::timeout(TIMEOUT, ask(socket, config)).await {
        Ok(asked) => asked.map_err(|error| chain(&error)),
        Err(_) => Err(format!("no answer within {} s", TIMEOUT.as_secs())),
    };
    asked.unwrap_or_else(|why| {
        let detail = format!("{} exists but nobody answers: {why}", socket.display());
        vec![Finding::bad(WHAT, detail, "systemctl restart docker; journalctl -u docker -e says why it died")]
    })
}

/// What can be told without connecting.
fn permitted(socket: &Path) -> Result<(), Finding> {
    let path = socket.display();
    let metadata = socket.metadata().map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => Finding::bad(
            WHAT,
            format!("there is no {path}; the agent waits for it and ships nothing until then"),
            "systemctl enable --now docker; if Docker listens elsewhere, set docker.socket",
        ),
        _ => Finding::bad(
            WHAT,
            format!("cannot look at {path}: {error}"),
            "run this check as the service does: sudo",
        ),
    })?;
    if !metadata.file_type().is_socket() {
        return Err(Finding::bad(
            WHAT,
            format!("{path} is not a socket"),
            "set docker.socket to Docker's socket",
        ));
    }
    if access(socket, Access::READ_OK | Access::WRITE_OK).is_err() {
        let (who, owner, group) = (user(), user_name(metadata.uid()), group_name(metadata.gid()));
        let detail = format!(
            "user {} (groups {}) may not use {path}, which is for user {owner} and group {group}",
            who.name,
            who.groups.join(", "),
        );
        let mend = format!("sudo usermod -aG {group} {}, then log in anew or restart the service", who.name);
        return Err(Finding::bad(WHAT, detail, mend));
    }
    Ok(())
}

async fn ask(socket: &Path, config: &Config) -> Result<Vec<Finding>, bollard::errors::Error> {
    let address = socket.to_string_lossy();
    let docker = Docker::connect_with_unix(&address, 2 * TIMEOUT.as_secs(), API_DEFAULT_VERSION)?;
    let docker = docker.negotiate_version().await?;
    let version = docker.version().await?;
    let mut findings = vec![Finding::good(
        WHAT,
        format!(
            "{address} answers: version {}, API {}",
            version.version.unwrap_or_default(),
            version.api_version.unwrap_or_default()
        ),
    )];

    let mut judged = Vec::new();
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
        if config.logs.selection.choose(&container, "").is_none() {
            continue;
        }
        let log = found.host_config.and_then(|host| host.log_config).unwrap_or_default();
        let driver = log.typ.unwrap_or_default();
        if let Some(path) = found.log_path.filter(|path| driver == "json-file" && !path.is_empty()) {
            logs.push((container.name.clone(), path));
        }
        judged.push((container.name, containers::judge(&driver, &log.config.unwrap_or_default())));
    }
    findings.extend(readable(&logs));
    findings.extend(containers::findings(&judged));
    if judged.iter().all(|(_, logging)| matches!(logging, Logging::Awslogs | Logging::None)) {
        findings.push(Finding::unsure(
            "containers",
            "none is running whose lines would be shipped",
            "docker ps shows what runs; logs.include, logs.exclude and the label starttech.logs=false select",
        ));
    }
    Ok(findings)
}

/// The files are root's alone unless somebody changed that, so one refusal speaks for all.
fn readable(logs: &[(String, String)]) -> Option<Finding> {
    const WHAT: &str = "log files";
    let refused = logs.iter().find_map(|(name, path)| Some((name, path, File::open(path).err()?)));
    match refused {
        None if logs.is_empty() => None,
        None => Some(Finding::good(WHAT, format!("readable, {} of them", logs.len()))),
        Some((name, path, error)) => {
            let who = user().name;
            let mend = match error.kind() {
                io::ErrorKind::PermissionDenied => {
                    "run this check as the service does (sudo); if it is the service that may not, its unit needs \
                     AmbientCapabilities=CAP_DAC_READ_SEARCH"
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
    use std::os::unix::net::UnixListener;

    #[test]
    fn a_socket_is_there_or_it_is_said_what_is() {
        let directory = tempfile::tempdir().unwrap();
        let socket = directory.path().join("s");
        assert!(permitted(&socket).unwrap_err().detail.contains("there is no"));
        std::fs::write(&socket, "").unwrap();
        assert!(permitted(&socket).unwrap_err().detail.contains("is not a socket"));
        std::fs::remove_file(&socket).unwrap();
        let _listener = UnixListener::bind(&socket).unwrap();
        assert_eq!(permitted(&socket), Ok(()));
    }

    #[test]
    fn a_log_that_cannot_be_read_is_named() {
        let log = |path: &str| ("api".to_owned(), path.to_owned());
        assert_eq!(readable(&[]), None);
        assert!(readable(&[log("/dev/null")]).unwrap().mend.is_empty());
        let refused = readable(&[log("/dev/null"), log("/nowhere/x-json.log")]).unwrap();
        assert!(refused.detail.contains("/nowhere/x-json.log of api"), "{}", refused.detail);
    }
}
