//! `check --bundle`: what a bug report needs, in one archive that may be shown to others.
//!
//! Every text goes through `bundle/scrub.rs` before it is packed. No container's lines are in it.

mod environment;
mod scrub;

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail};
use bollard::{API_DEFAULT_VERSION, Docker};
use flate2::Compression;
use flate2::write::GzEncoder;
use jiff::Timestamp;
use tokio::process::Command;
use tokio::time::timeout;

use super::variables::{Variables, own};
use super::{Finding, Options};
use crate::config::{Config, Setting, effective, hidden};
use crate::control::Request;
use crate::control::client::ask_raw;
use crate::docker::{Engine, Listed};
use crate::telemetry::{chain, now_seconds};
use scrub::Scrub;

/// For each of those who are asked.
const ANSWER: Duration = Duration::from_secs(5);
/// Files of the spool that are listed.
const FILES: usize = 10_000;

/// A bundle that is begun: its file, which goes again unless all is in it.
pub(super) struct Bundle {
    file: File,
    path: PathBuf,
    whole: bool,
}

impl Drop for Bundle {
    fn drop(&mut self) {
        if !self.whole {
            fs::remove_file(&self.path).ok();
        }
    }
}

/// What is packed.
pub(super) struct Contents<'a> {
    pub(super) options: &'a Options,
    /// As it holds; where it is bad, as much of it as is good.
    pub(super) config: &'a Config,
    pub(super) findings: &'a [Finding],
    /// With what the service runs, where that is known.
    pub(super) service: Option<&'a Variables>,
}

impl Bundle {
    /// Opens it, before anything is asked: whoever named a file that exists is to hear so at once.
    pub(super) fn open(target: &Path) -> anyhow::Result<Self> {
        let path = if target.is_dir() { target.join(usual_name()) } else { target.to_owned() };
        match OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path) {
            Ok(file) => Ok(Self { file, path, whole: false }),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                bail!("{} is there already: name another file", path.display())
            }
            Err(error) => Err(error).with_context(|| format!("cannot write {}", path.display())),
        }
    }

    /// Packs everything, and says what is in it.
    pub(super) async fn write(&mut self, contents: &Contents<'_>) -> anyhow::Result<String> {
        let scrub = contents.scrub()?;
        let path = self.path.display();
        let mut archive = tar::Builder::new(GzEncoder::new(&self.file, Compression::default()));
        let mut packed = Vec::new();
        for (name, text) in contents.texts().await? {
            let text = scrub.clean(&text);
            let mut header = tar::Header::new_gnu();
            header.set_size(text.len() as u64);
            header.set_mode(0o600);
            header.set_mtime(now_seconds().unsigned_abs());
            archive
                .append_data(&mut header, format!("starttech-agent-bundle/{name}"), text.as_bytes())
                .with_context(|| format!("cannot pack {name}"))?;
            packed.push(format!("  {name} ({} bytes)", text.len()));
        }
        let written = archive.into_inner().and_then(GzEncoder::finish).and_then(File::sync_all);
        written.with_context(|| format!("cannot write {path}"))?;
        self.whole = true;
        Ok(format!(
            "\n{path} holds, without secrets and without containers' lines (look before you send it: tar -xzOf \
             {path}):\n{}",
            packed.join("\n")
        ))
    }
}

/// `starttech-agent-bundle-HOST-20260126T194510Z.tar.gz`
fn usual_name() -> PathBuf {
    let host = gethostname::gethostname().to_string_lossy().replace(|c: char| !c.is_alphanumeric(), "-");
    let time =
        Timestamp::from_second(now_seconds()).unwrap_or_default().strftime("%Y%m%dT%H%M%SZ").to_string();
    PathBuf::from(format!("starttech-agent-bundle-{host}-{time}.tar.gz"))
}

/// What of a bad configuration can still be used: where the daemon, Docker and the spool are.
pub(super) fn partial(options: &Options) -> anyhow::Result<Config> {
    let mut config = Config::defaults()?;
    let settings = effective(options.file.config.as_deref(), std::env::vars_os());
    let path = |key: &str| {
        let setting = settings.iter().find(|setting| setting.key == key)?;
        let path = PathBuf::from(setting.value.trim_matches('"').trim_start_matches("unix://"));
        path.is_absolute().then_some(path)
    };
    config.control.socket = path("control.socket");
    config.docker.socket = path("docker.socket").unwrap_or(config.docker.socket);
    config.spool.directory = path("spool.directory").unwrap_or(config.spool.directory);
    Ok(config)
}

impl Contents<'_> {
    fn scrub(&self) -> anyhow::Result<Scrub> {
        let service = self.service.map(|service| service.all.clone()).unwrap_or_default();
        let variables = own().into_iter().chain(service.clone());
        let path = self.options.file.config.as_deref();
        let mut secrets = hidden(path, std::env::vars_os());
        secrets.extend(hidden(path, service.into_iter().map(|(name, value)| (name.into(), value.into()))));
        Scrub::new(self.config, variables, secrets)
    }

    async fn texts(&self) -> anyhow::Result<BTreeMap<&'static str, String>> {
        let lines: Vec<String> = self.findings.iter().map(|finding| finding.line(false)).collect();
        let mut texts = BTreeMap::from([
            ("check.txt", lines.join("\n") + "\n"),
            ("check.json", serde_json::to_string_pretty(self.findings)?),
            ("configuration.txt", self.configuration()),
            ("environment.txt", environment::text(self.service, &own())),
            ("version.txt", version()),
            ("spool.txt", spool(&self.config.spool.directory)),
        ]);
        let (journal, status) = tokio::join!(journal(), status(self.config));
        texts.insert("journal.txt", journal);
        texts.insert("status.json", status);
        if !self.options.offline {
            texts.insert("docker.txt", docker(self.config).await);
        }
        Ok(texts)
    }

    /// As the service has it, where its variables are known.
    fn configuration(&self) -> String {
        let path = self.options.file.config.as_deref();
        let settings = match self.service {
            Some(service) => {
                effective(path, service.all.iter().map(|(name, value)| (name.into(), value.into())))
            }
            None => effective(path, std::env::vars_os()),
        };
        let line = |setting: &Setting| format!("{} = {}  # {}\n", setting.key, setting.value, setting.place);
        settings.iter().map(line).collect()
    }
}

fn version() -> String {
    let file = |path: &str| {
        fs::read_to_string(path).unwrap_or_else(|error| format!("cannot read {path}: {error}\n"))
    };
    format!(
        "starttech-agent {}\n\n{}\n{}",
        env!("CARGO_PKG_VERSION"),
        file("/proc/version"),
        file("/etc/os-release")
    )
}

/// Names and sizes; what is in the files stays here.
fn spool(directory: &Path) -> String {
    let mut lines = Vec::new();
    let mut open = vec![directory.to_owned()];
    while let Some(directory) = open.pop() {
        if let Err(error) = list(&directory, &mut open, &mut lines) {
            lines.push(format!("cannot list {}: {error}", directory.display()));
        }
        if lines.len() > FILES {
            lines.push("and more".to_owned());
            break;
        }
    }
    lines.join("\n") + "\n"
}

fn list(directory: &Path, open: &mut Vec<PathBuf>, lines: &mut Vec<String>) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let metadata = entry.metadata()?;
        if metadata.is_dir() {
            open.push(entry.path());
        }
        lines.push(format!("{:>12} {}", metadata.len(), entry.path().display()));
    }
    Ok(())
}

async fn journal() -> String {
    let mut command = Command::new("journalctl");
    command.args(["--unit=starttech-agent", "--lines=500", "--no-pager", "--output=short-iso-precise"]);
    command.kill_on_drop(true);
    match timeout(ANSWER, command.output()).await {
        Ok(Ok(output)) => String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned(),
        Ok(Err(error)) => format!("there is no journal to ask: {error}\n"),
        Err(_) => format!("journalctl does not answer within {} s\n", ANSWER.as_secs()),
    }
}

/// What the daemon says of itself, where it has a socket for that.
async fn status(config: &Config) -> String {
    let Some(socket) = &config.control.socket else {
        return "\"it has no socket: control.socket\"\n".to_owned();
    };
    match timeout(ANSWER, ask_raw(socket, &Request::Status)).await {
        Ok(Ok(body)) => String::from_utf8_lossy(&body).into_owned(),
        Ok(Err(error)) => format!("{:?}\n", chain(&error)),
        Err(_) => {
            format!("\"the daemon does not answer at {} within {} s\"\n", socket.display(), ANSWER.as_secs())
        }
    }
}

async fn docker(config: &Config) -> String {
    let ask = async {
        let engine = Engine::connect(&config.docker.socket).await?;
        let mut text = String::new();
        for Listed { words, .. } in engine.inventory().await?.containers {
            text.push_str(&words);
            text.push('\n');
        }
        Ok::<_, crate::docker::DockerError>(text)
    };
    format!(
        "{}\n{}",
        about(&config.docker.socket).await,
        match timeout(ANSWER, ask).await {
            Ok(Ok(text)) => text,
            Ok(Err(error)) => format!("{}\n", chain(&error)),
            Err(_) => format!("Docker does not answer within {} s\n", ANSWER.as_secs()),
        }
    )
}

/// What Docker says of itself, a line each.
async fn about(socket: &Path) -> String {
    let docker = Docker::connect_with_unix(&socket.to_string_lossy(), ANSWER.as_secs(), API_DEFAULT_VERSION);
    let Ok(docker) = docker else { return String::new() };
    let Ok(Ok(info)) = timeout(ANSWER, docker.info()).await else { return String::new() };
    let facts = [
        ("version", info.server_version),
        ("storage driver", info.driver),
        ("logging driver", info.logging_driver),
        ("cgroup version", info.cgroup_version.map(|version| version.to_string())),
        ("data root", info.docker_root_dir),
        ("kernel", info.kernel_version),
    ];
    let line = |(name, value): (&str, Option<String>)| format!("{name}: {}\n", value.unwrap_or_default());
    facts.into_iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spool_is_listed_by_names_and_sizes() {
        let directory = tempfile::tempdir().unwrap();
        fs::create_dir(directory.path().join("cursors")).unwrap();
        fs::write(directory.path().join("cursors/abc"), "hunter2").unwrap();
        let listed = spool(directory.path());
        assert!(listed.contains("           7 ") && listed.contains("cursors/abc"), "{listed}");
        assert!(!listed.contains("hunter2"));
        assert!(spool(Path::new("/nonexistent")).contains("cannot list /nonexistent"));
    }

    #[test]
    fn a_file_that_is_there_is_told_at_once_and_nothing_stays_of_one_that_was_not_finished() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("b.tar.gz");
        let bundle = Bundle::open(&path).unwrap();
        assert!(path.exists());
        let again = Bundle::open(&path).err().unwrap().to_string();
        assert!(again.ends_with("is there already: name another file"), "{again}");
        assert!(path.exists(), "that of another is not removed");
        drop(bundle);
        assert!(!path.exists());
        let named = Bundle::open(directory.path()).unwrap();
        assert!(named.path.starts_with(directory.path()) && named.path.extension().is_some());
    }

    #[test]
    fn the_usual_name_is_of_letters_and_figures() {
        let name = usual_name().display().to_string();
        assert!(name.starts_with("starttech-agent-bundle-") && name.ends_with("Z.tar.gz"), "{name}");
        assert!(name.chars().all(|c| c.is_alphanumeric() || matches!(c, '-' | '.')), "{name}");
    }
}
