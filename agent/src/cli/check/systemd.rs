//! What systemd knows of the service: whether it runs, as whom, and with which variables.
//!
//! Asked by its own programs. Values of variables are kept to be compared and handed on, never to be shown.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio::process::Command;
use tokio::time::timeout;

/// Its unit.
pub(super) const UNIT: &str = "starttech-agent.service";
/// That in the names of the bus.
const PATH: &str = "/org/freedesktop/systemd1/unit/starttech_2dagent_2eservice";
/// For all of its answers; it does nothing but look them up.
const TIMEOUT: Duration = Duration::from_secs(3);

/// What there is of systemd.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Systemd {
    /// It does not run here, as in a container or while an image is built; or it does not answer.
    Absent,
    /// It has no such unit.
    NoUnit,
    Has(Unit),
}

/// The unit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Unit {
    /// `active`, `activating`, `inactive`, `failed` …
    pub(super) state: String,
    pub(super) pid: u32,
    /// With what the last process ended.
    pub(super) exit: String,
    /// Whether it starts at boot: `enabled`, `disabled` …
    pub(super) enabled: String,
    pub(super) user: String,
    /// Whether it has `CAP_DAC_READ_SEARCH`.
    pub(super) reads_all: bool,
    /// `Environment=`, drop-ins and all.
    pub(super) variables: BTreeMap<String, String>,
    /// `EnvironmentFile=`
    pub(super) files: Vec<String>,
}

/// Asks it.
pub(super) async fn ask() -> Systemd {
    // What sd_booted(3) looks at.
    if !Path::new("/run/systemd/system").is_dir() {
        return Systemd::Absent;
    }
    let properties =
        "--property=LoadState,ActiveState,MainPID,ExecMainStatus,UnitFileState,User,AmbientCapabilities";
    let show = ["show", properties, UNIT];
    let of_unit = ["--json=short", "get-property", "org.freedesktop.systemd1", PATH];
    let get =
        [&of_unit[..], &["org.freedesktop.systemd1.Service", "Environment", "EnvironmentFiles"]].concat();
    let (shown, got) = tokio::join!(said("systemctl", &show), said("busctl", &get));
    match shown {
        None => Systemd::Absent,
        Some(shown) => unit(&shown, &got.unwrap_or_default()).map_or(Systemd::NoUnit, Systemd::Has),
    }
}

async fn said(program: &str, arguments: &[&str]) -> Option<String> {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).kill_on_drop(true);
    let output = timeout(TIMEOUT, command.output()).await.ok()?.ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

/// A property as busctl writes it.
#[derive(Deserialize)]
struct Property<T> {
    data: T,
}

/// Out of what both say; `None` where there is no such unit.
fn unit(shown: &str, properties: &str) -> Option<Unit> {
    let of = |name: &str| {
        let line = shown.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
        line.unwrap_or_default().to_owned()
    };
    if of("LoadState") != "loaded" {
        return None;
    }
    let mut lines = properties.lines();
    let variables: Vec<String> = property(lines.next());
    let files: Vec<(String, bool)> = property(lines.next());
    let pair = |text: &String| text.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned()));
    Some(Unit {
        state: of("ActiveState"),
        pid: of("MainPID").parse().unwrap_or_default(),
        exit: of("ExecMainStatus"),
        enabled: of("UnitFileState"),
        user: of("User"),
        reads_all: of("AmbientCapabilities").split(' ').any(|name| name == "cap_dac_read_search"),
        variables: variables.iter().filter_map(pair).collect(),
        files: files.into_iter().map(|(file, _)| file).collect(),
    })
}

fn property<T: DeserializeOwned + Default>(line: Option<&str>) -> T {
    line.and_then(|line| serde_json::from_str::<Property<T>>(line).ok())
        .map(|found| found.data)
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_unit_is_read_out_of_what_systemd_prints() {
        let shown = "MainPID=812\nExecMainStatus=0\nUser=starttech-agent\n\
                     AmbientCapabilities=cap_dac_read_search\nLoadState=loaded\nActiveState=active\n\
                     UnitFileState=enabled\n";
        let properties = "{\"type\":\"as\",\"data\":[\"AWS_PROFILE=a b\",\"X=1=2\"]}\n\
                          {\"type\":\"a(sb)\",\"data\":[[\"/etc/default/agent\",true]]}\n";
        let found = unit(shown, properties).unwrap();
        assert_eq!((found.state.as_str(), found.pid, found.reads_all), ("active", 812, true));
        assert_eq!((found.user.as_str(), found.enabled.as_str()), ("starttech-agent", "enabled"));
        let variables: Vec<_> = found.variables.iter().map(|(name, value)| (&**name, &**value)).collect();
        assert_eq!(variables, [("AWS_PROFILE", "a b"), ("X", "1=2")]);
        assert_eq!(found.files, ["/etc/default/agent"]);
        assert_eq!(unit("LoadState=not-found\nActiveState=inactive\n", ""), None);
        assert!(unit("LoadState=loaded\n", "").unwrap().variables.is_empty());
    }
}
