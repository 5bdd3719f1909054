//! Finds containers: those that are there, and those that come, go, or change their names.
//!
//! Docker may be absent at first, restarted, or gone for a while. Events are followed before the
//! containers are listed, and again with an overlap after a break, so nothing falls between;
//! what is told twice does no harm.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use futures_util::StreamExt;
use log::{info, warn};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::Command;
use crate::docker::{DockerError, Engine, Found, Happening};
use crate::logs::Container;
use crate::telemetry::{chain, now_seconds};

/// Between attempts to reach Docker.
const RETRY: Duration = Duration::from_secs(1);
/// How far back events are read again after a break, in seconds.
const OVERLAP: i64 = 5;
/// For the first answer of the event stream: with no event to tell, none comes.
const FIRST_POLL: Duration = Duration::from_millis(50);
/// How often an absent Docker is mentioned.
const REMINDER: Duration = Duration::from_mins(10);

/// Reports to `commands` until `stop`.
pub async fn run(
    socket: PathBuf,
    commands: mpsc::Sender<Command>,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    tokio::select! {
        () = stop.cancelled() => Ok(()),
        result = connect_again_and_again(&socket, &commands) => result,
    }
}

async fn connect_again_and_again(socket: &Path, commands: &mpsc::Sender<Command>) -> anyhow::Result<()> {
    let mut said: Option<Instant> = None;
    let mut since = now_seconds() - OVERLAP;
    loop {
        let session = async {
            let engine = Engine::connect(socket).await?;
            info!("following Docker at {}", socket.display());
            said = None;
            follow(&engine, commands, since).await
        };
        let ended = session.await;
        since = now_seconds() - OVERLAP;
        let Err(error) = ended else {
            if commands.is_closed() {
                return Ok(());
            }
            warn!("Docker's events broke off: following them again");
            sleep(RETRY).await;
            continue;
        };
        if said.is_none_or(|said| said.elapsed() > REMINDER) {
            said = Some(Instant::now());
            warn!(
                "waiting for Docker: {}; this is normal while Docker is not installed or not started",
                chain(&error)
            );
        }
        sleep(RETRY).await;
    }
}

/// Follows one connection until it breaks, or nobody listens any more.
async fn follow(engine: &Engine, commands: &mpsc::Sender<Command>, since: i64) -> Result<(), DockerError> {
    let containers = engine.data_root().await?.map(|root| root.join("containers"));
    let mut happenings = Box::pin(engine.happenings(since));
    // The request leaves when the stream is first polled: do so before the list is asked for.
    let mut early = timeout(FIRST_POLL, happenings.next()).await.ok();
    let ids = engine.list().await?;
    let known: HashSet<String> = ids.iter().cloned().collect();
    for id in ids {
        if let Some(found) = look(engine, &id).await?
            && commands.send(Command::Found(Box::new(found), Some(engine.clone()))).await.is_err()
        {
            return Ok(());
        }
    }
    if commands.send(Command::Listed(known)).await.is_err() {
        return Ok(());
    }
    loop {
        let next = match early.take() {
            Some(next) => next,
            None => happenings.next().await,
        };
        let Some(happening) = next else { return Ok(()) };
        let command = match happening? {
            Happening::Started(container) => match started(engine, container, containers.as_deref()).await? {
                Some(found) => Command::Found(Box::new(found), Some(engine.clone())),
                None => continue,
            },
            Happening::Renamed { id, name } => Command::Renamed { id, name },
            Happening::Removed { id } => Command::Removed { id },
        };
        if commands.send(command).await.is_err() {
            return Ok(());
        }
    }
}

/// A container that lives for a moment may be gone before Docker answers a question about it. Its
/// json-file log is where Docker always puts it, so the event alone says enough.
async fn started(
    engine: &Engine,
    container: Container,
    containers: Option<&Path>,
) -> Result<Option<Found>, DockerError> {
    let id = &container.id;
    let path = containers.map(|containers| containers.join(id).join(format!("{id}-json.log")));
    match path.filter(|path| path.exists()) {
        Some(path) => {
            let driver = "json-file".to_owned();
            Ok(Some(Found { container, driver, log_path: Some(path), tty: false }))
        }
        None => look(engine, id).await,
    }
}

async fn look(engine: &Engine, id: &str) -> Result<Option<Found>, DockerError> {
    match engine.inspect(id).await {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.is_gone() => Ok(None),
        Err(error) => Err(error),
    }
}
