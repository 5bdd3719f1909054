//! The last lines of this host's containers, as they are shipped and without AWS: structured, joined, redacted.
//!
//! Reads what the daemon reads, by the same steps, and beside it: it holds no cursor and changes nothing. Where
//! files cannot be opened, as by a user who may only talk to Docker, Docker's API serves them.

mod find;
mod reader;

use std::collections::HashSet;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};

use super::api::{self, Piece};
use super::reload::finisher;
use crate::config::{Config, Identity};
use crate::docker::Engine;
use crate::local::shipped;
use crate::logs::Destination;
use crate::logs::finish::Finisher;
use crate::logs::route::Selection;
use crate::logs::seek::Begin;
use crate::tail::READ_BYTES;
use crate::tail::watch::Watcher;
use crate::telemetry::chain;
use find::Listed;
use reader::Reader;

/// How often files are looked at for new lines.
const POLL: Duration = Duration::from_millis(200);
/// How often is asked whether there are new containers.
const LIST: Duration = Duration::from_secs(1);
/// Pieces of API logs on their way.
const PIECES: usize = 64;

/// A message of a container, as it is shipped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The log group that it goes to.
    pub group: String,
    /// The stream in it.
    pub stream: String,
    /// The container's name.
    pub container: String,
    /// When it was printed, in milliseconds since the epoch.
    pub time_ms: i64,
    /// The message.
    pub message: String,
}

/// What is to be read.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// Names of containers, or beginnings of their ids; all of them if there is none.
    pub names: Vec<String>,
    /// From where on.
    pub begin: Begin,
}

/// An open look at the logs.
#[derive(Debug)]
pub struct Lookback {
    wanted: Wanted,
    from: From,
    finisher: Finisher,
    readers: Vec<Reader>,
    buffer: Vec<u8>,
    /// What cannot be read, and why: one sentence each.
    pub notes: Vec<String>,
    /// Whether all that the host has was looked at from its beginning.
    pub whole: bool,
}

/// Where the logs are.
#[derive(Debug)]
enum From {
    Docker(Box<OfDocker>),
    Directory(PathBuf),
}

/// Docker, and what is wanted of it.
#[derive(Debug)]
struct OfDocker {
    socket: PathBuf,
    engine: Engine,
    selection: Selection,
    instance_id: String,
    multiline: bool,
}

/// The messages of all containers since a time, oldest first; of those, the newest `lines` that together are at most
/// `bytes` long.
///
/// # Errors
///
/// If Docker cannot be asked, or a log breaks off in reading.
pub async fn lookback(
    config: &Config,
    identity: &Identity,
    since_ms: i64,
    (lines, bytes): (usize, usize),
) -> anyhow::Result<Vec<Found>> {
    let begin = Begin::Time(since_ms.saturating_mul(1_000_000));
    let wanted = Wanted { names: Vec::new(), begin };
    let mut look = Lookback::open(config, identity, wanted).await?;
    let (mut found, mut held) = (std::collections::VecDeque::new(), 0_usize);
    let mut take = |one: Found| {
        held += one.message.len();
        found.push_back(one);
        while (held > bytes || found.len() > lines)
            && let Some(oldest) = found.pop_front()
        {
            held -= oldest.message.len();
        }
        ControlFlow::Continue(())
    };
    look.history(&mut take).await?;
    Ok(found.into())
}

impl Lookback {
    /// Looks at the containers of this host.
    ///
    /// # Errors
    ///
    /// If Docker cannot be asked, or has no such container.
    pub async fn open(config: &Config, identity: &Identity, wanted: Wanted) -> anyhow::Result<Self> {
        let engine = Engine::connect(&config.docker.socket).await?;
        let from = OfDocker {
            socket: config.docker.socket.clone(),
            engine,
            selection: config.logs.selection.clone(),
            instance_id: identity.instance_id.clone(),
            multiline: config.logs.multiline,
        };
        let mut look = Self::empty(wanted, From::Docker(Box::new(from)), finisher(config, None)?);
        for listed in look.list(&HashSet::new()).await? {
            look.add(listed, look.wanted.begin);
        }
        Ok(look)
    }

    /// Looks at what the local mode has shipped to a directory.
    ///
    /// # Errors
    ///
    /// If the directory cannot be read, or holds nothing of such a container.
    pub fn open_directory(config: &Config, root: &Path, wanted: Wanted) -> anyhow::Result<Self> {
        // `demo --dir` has the container's own log beside what was shipped.
        let below = root.join("shipped");
        let root = if below.is_dir() { below } else { root.to_owned() };
        let files = shipped::files(&root).with_context(|| format!("cannot read {}", root.display()))?;
        anyhow::ensure!(
            !files.is_empty(),
            "there is nothing shipped in {}: `run --local=DIR` and `demo --dir DIR` write there",
            root.display()
        );
        let names: Vec<String> = files.iter().map(|path| shipped::container(&root, path)).collect();
        find::all_known(&wanted.names, names.iter().map(|name| (name.as_str(), "")))?;
        let mut look = Self::empty(wanted, From::Directory(root), finisher(config, None)?);
        look.add_files(look.wanted.begin)?;
        Ok(look)
    }

    fn empty(wanted: Wanted, from: From, finisher: Finisher) -> Self {
        let buffer = vec![0; READ_BYTES];
        Self { wanted, from, finisher, readers: Vec::new(), buffer, notes: Vec::new(), whole: true }
    }

    /// How many logs are read.
    pub fn len(&self) -> usize {
        self.readers.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.readers.is_empty()
    }

    /// Hands over what there is now, oldest first, until told not to go on; whether that was all.
    ///
    /// # Errors
    ///
    /// If a log breaks off in reading.
    pub async fn history(&mut self, take: &mut impl FnMut(Found) -> ControlFlow<()>) -> anyhow::Result<bool> {
        loop {
            for reader in &mut self.readers {
                while reader.wants_more() {
                    if let Err(error) = reader.more(&mut self.finisher, &mut self.buffer).await {
                        self.notes.push(format!("{}: {}", reader.container, said(&error)));
                        reader.end(&mut self.finisher);
                    }
                    // Lets a Ctrl-C through.
                    tokio::task::yield_now().await;
                }
            }
            let ready = self.readers.iter_mut().filter(|reader| reader.next_ms().is_some());
            let Some(oldest) = ready.min_by_key(|reader| reader.next_ms()) else {
                self.whole &= self.readers.iter().all(Reader::was_whole);
                return Ok(true);
            };
            if let Some(found) = oldest.take()
                && take(found).is_break()
            {
                return Ok(false);
            }
        }
    }

    /// Hands over what comes from now on, of new containers too, until told not to go on.
    ///
    /// # Errors
    ///
    /// If a directory cannot be read any more. Docker may go and come back.
    pub async fn follow(&mut self, take: &mut impl FnMut(Found) -> ControlFlow<()>) -> anyhow::Result<()> {
        let mut watcher = Watcher::new().ok();
        let mut tasks = JoinSet::new();
        let (sender, mut pieces) = mpsc::channel(PIECES);
        for reader in &mut self.readers {
            live(reader, &self.from, watcher.as_mut(), &mut tasks, &sender);
        }
        let (mut poll, mut list) = (Instant::now(), Instant::now() + LIST);
        loop {
            tokio::select! {
                biased;
                Some(piece) = pieces.recv() => self.piece(&piece),
                () = sleep_until(poll) => {}
            }
            let now = Instant::now();
            if poll > now {
                continue;
            }
            poll = now + POLL;
            let mut found = Vec::new();
            for reader in &mut self.readers {
                reader.look(&mut self.finisher, &mut self.buffer).await;
                found.extend(std::iter::from_fn(|| reader.take()));
            }
            found.sort_by_key(|found| found.time_ms);
            if found.into_iter().any(|found| take(found).is_break()) {
                return Ok(());
            }
            if list <= now {
                list = now + LIST;
                let known = self.readers.len();
                self.look_for_new().await;
                for reader in self.readers.iter_mut().skip(known) {
                    live(reader, &self.from, watcher.as_mut(), &mut tasks, &sender);
                }
            }
        }
    }

    fn piece(&mut self, piece: &Piece) {
        if let Some(reader) = self.readers.iter_mut().find(|reader| reader.id == piece.id) {
            reader.piece(piece, &mut self.finisher);
        }
    }

    /// Takes containers over that were made meanwhile. What goes wrong passes, or is met again.
    async fn look_for_new(&mut self) {
        if let From::Directory(_) = self.from {
            self.add_files(Begin::Start).ok();
            return;
        }
        let known: HashSet<String> = self.readers.iter().map(|reader| reader.id.clone()).collect();
        if let Ok(listed) = self.list(&known).await {
            for listed in listed {
                self.add(listed, Begin::Start);
            }
        } else if let From::Docker(docker) = &mut self.from {
            // A restart of Docker ends the connection, not the files.
            sleep(LIST).await;
            if let Ok(new) = Engine::connect(&docker.socket).await {
                docker.engine = new;
            }
        }
    }

    /// The containers that are wanted and not known yet. That there is none of a name is an error only at first.
    async fn list(&mut self, known: &HashSet<String>) -> anyhow::Result<Vec<Listed>> {
        let From::Docker(docker) = &self.from else { return Ok(Vec::new()) };
        let OfDocker { engine, selection, instance_id, .. } = &**docker;
        let first = known.is_empty() && self.readers.is_empty();
        find::list(engine, selection, instance_id, &self.wanted.names, known, first, &mut self.notes).await
    }

    fn add(&mut self, listed: Listed, begin: Begin) {
        let From::Docker(docker) = &self.from else { return };
        let (reader, whole) = Reader::open(listed, &docker.engine, begin, docker.multiline);
        self.whole &= whole;
        self.readers.push(reader);
    }

    fn add_files(&mut self, begin: Begin) -> anyhow::Result<()> {
        let From::Directory(root) = &self.from else { return Ok(()) };
        let files = shipped::files(root).with_context(|| format!("cannot read {}", root.display()))?;
        for path in files {
            let (wanted, name) = (&self.wanted.names, shipped::container(root, &path));
            let known = self.readers.iter().any(|reader| reader.is_of(&path));
            if known || (!wanted.is_empty() && !wanted.contains(&name)) {
                continue;
            }
            let (shipped, whole) = shipped::Shipped::open(root, &path, begin)
                .with_context(|| format!("cannot read {}", path.display()))?;
            self.whole &= whole;
            self.readers.push(Reader::of_directory(shipped, self.wanted.begin));
        }
        Ok(())
    }
}

/// Has a log followed: its directory watched, or a task of its own.
fn live(
    reader: &mut Reader,
    from: &From,
    watcher: Option<&mut Watcher>,
    tasks: &mut JoinSet<()>,
    pieces: &mpsc::Sender<Piece>,
) {
    if let Some(tail) = reader.tail()
        && let Some(watcher) = watcher
    {
        // Without a watch, rotations are found by polling.
        watcher.add(tail).ok();
    }
    if let (Some((found, cursor)), From::Docker(docker)) = (reader.go_on_by_api(), from) {
        let reading = Arc::<api::Reading>::default();
        tasks.spawn(api::run(docker.engine.clone(), found, cursor, reading, pieces.clone()));
    }
}

fn said(error: &anyhow::Error) -> String {
    let error: &(dyn std::error::Error + 'static) = error.as_ref();
    chain(error)
}

/// Where a container's lines go, and its log.
type To = (Destination, crate::docker::Found);
