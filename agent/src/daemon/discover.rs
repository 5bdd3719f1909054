//! Finds containers: those that are there, and those that come, go, or change their names.
//!
//! Docker may be absent at first, restarted, or gone for a while. Events are followed before the
//! containers are listed, and again with an overlap after a break, so nothing falls between;
//! what is told twice does no harm.

use std::collections::{HashMap, HashSet};
use std::convert::Infallible;
use std::future::pending;
use std::path::{Path, PathBuf};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use log::{info, warn};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use super::alerts::Told;
use super::health::Standing;
use super::{Command, Seen};
use crate::alerts::{SECOND, What};
use crate::docker::{ANSWER_SECONDS, DockerError, Engine, Found};
use crate::logs::Container;
use crate::telemetry::{chain, now_seconds};

/// Between attempts to reach Docker.
const RETRY: Duration = Duration::from_secs(1);
/// How far back events are read again after a break, in seconds.
const OVERLAP: i64 = 5;
/// For the first answer of the event stream: with no event to tell, none comes.
const FIRST_POLL: Duration = Duration::from_millis(50);
/// When to look again at a container that Docker would not tell of.
const AGAIN: Duration = Duration::from_secs(30);
/// Between looks whether Docker still answers while it is followed: its events may be silent for days.
const PULSE: Duration = Duration::from_mins(1);
/// How often an absent Docker is mentioned.
const REMINDER: Duration = Duration::from_mins(10);

/// What to do about a Docker that keeps silent.
const SILENT: &str = "docker ps; if that hangs, too, dockerd has to be started again";

/// Who is told.
#[derive(Debug)]
pub struct Listeners {
    /// Whoever asks whether Docker is there.
    pub docker: Arc<Standing>,
    /// The log loop: without it there is nothing to find.
    pub logs: mpsc::Sender<Command>,
    /// The metrics loop, if anything is measured.
    pub metrics: Option<mpsc::Sender<Seen>>,
    /// The alerts loop, if anybody is told, and since when it wants to know what happened, in seconds since the
    /// epoch.
    pub alerts: Option<(mpsc::Sender<Told>, i64)>,
}

impl Listeners {
    /// `None`: nobody listens any more.
    async fn send(&self, seen: Seen) -> Option<()> {
        // First of all a log must be opened: its container may live for a moment only.
        self.logs.send(Command::Seen(seen.clone())).await.ok()?;
        if let Some(metrics) = &self.metrics {
            // It ends after the log loop; if it ended early, the daemon ends, too.
            metrics.send(seen).await.unwrap_or_default();
        }
        Some(())
    }

    /// Always after the others: whatever it does, it is quick about taking things.
    async fn alert(&self, told: Told) {
        if let Some((alerts, _)) = &self.alerts {
            alerts.send(told).await.unwrap_or_default();
        }
    }
}

/// Reports to those who are to be `told` until `stop`.
pub async fn run(socket: PathBuf, told: Listeners, stop: CancellationToken) -> anyhow::Result<()> {
    tokio::select! {
        () = stop.cancelled() => Ok(()),
        result = connect_again_and_again(&socket, &told) => result,
    }
}

async fn connect_again_and_again(socket: &Path, told: &Listeners) -> anyhow::Result<()> {
    let mut said: Option<Instant> = None;
    let mut since = now_seconds() - OVERLAP;
    if let Some((_, wanted)) = &told.alerts {
        since = since.min(*wanted);
    }
    let mut warned = HashSet::new();
    // Until somebody answers: a Docker that hangs takes long to be found out.
    told.docker.wrong(
        "it is asked, and has not answered yet",
        Some("ask again in a moment; if this stays: docker ps"),
    );
    loop {
        // A clock that was set back makes the newest event one of the future.
        since = since.min(now_seconds() - OVERLAP);
        let session = async {
            let engine = Engine::connect(socket).await?;
            info!("following Docker at {}", socket.display());
            said = None;
            follow(&engine, socket, told, &mut since, &mut warned).await
        };
        let ended = session.await;
        let Err(error) = ended else {
            if told.logs.is_closed() {
                return Ok(());
            }
            warn!("Docker's events broke off: following them again");
            told.docker.wrong("its events broke off, they are followed again", None);
            sleep(RETRY).await;
            continue;
        };
        let (words, mend) =
            if error.is_silent() { (silent(socket, &error), Some(SILENT)) } else { (chain(&error), None) };
        told.docker.wrong(&words, mend);
        if said.is_none_or(|said| said.elapsed() > REMINDER) {
            said = Some(Instant::now());
            let so = mend.unwrap_or("this is normal while Docker is not installed or not started");
            warn!("waiting for Docker: {words}; {so}");
        }
        sleep(RETRY).await;
    }
}

fn silent(socket: &Path, error: &DockerError) -> String {
    format!(
        "Docker takes the connection at {} and gives no answer within {ANSWER_SECONDS} s ({})",
        socket.display(),
        chain(error)
    )
}

/// Asks Docker for its containers from time to time. Of a daemon that hangs the stream of events neither ends nor
/// tells anything, and its answers come when it goes on; any other failure breaks the stream, too.
async fn pulse(engine: &Engine, socket: &Path, docker: &Standing) -> Infallible {
    let mut hangs = false;
    loop {
        sleep(PULSE).await;
        match engine.list().await {
            Ok(_) if hangs => {
                hangs = false;
                docker.well();
                info!("Docker answers again");
            }
            Err(error) if error.is_silent() && !hangs => {
                hangs = true;
                let words = silent(socket, &error);
                docker.wrong(&words, Some(SILENT));
                warn!("{words}; {SILENT}");
            }
            _ => {}
        }
    }
}

/// Follows one connection until it breaks, or nobody listens any more. `since`: from when on events are read, in
/// seconds since the epoch; it goes on with those that were handed on, for one that hangs may break off long after
/// its last. `warned`: the containers of which was said that they cannot be looked at.
async fn follow(
    engine: &Engine,
    socket: &Path,
    told: &Listeners,
    since: &mut i64,
    warned: &mut HashSet<String>,
) -> Result<(), DockerError> {
    let containers = engine.data_root().await?.map(|root| root.join("containers"));
    // What happened before that is news to nobody but alerts.
    let news_ns = (now_seconds() - OVERLAP) * SECOND;
    let mut facts = Box::pin(engine.facts(*since));
    // The request leaves when the stream is first polled: do so before the list is asked for.
    let mut early = timeout(FIRST_POLL, facts.next()).await.ok();
    let (ids, names): (Vec<String>, HashSet<String>) = engine.list().await?.into_iter().unzip();
    told.docker.well();
    let known: HashSet<String> = ids.iter().cloned().collect();
    told.alert(Told::Engine(engine.clone())).await;
    warned.retain(|id| known.contains(id));
    let containers = containers.as_deref();
    let mut later = Later { engine, containers, warned, due: HashMap::new(), looking: None };
    for id in ids {
        let Some(found) = later.settle(&id, look(engine, &id, containers).await)? else { continue };
        let stands = (found.container.clone(), found.standing.clone().unwrap_or_default());
        if told.send(Seen::Found(Box::new(found), Some(engine.clone()))).await.is_none() {
            return Ok(());
        }
        told.alert(Told::Stands(Box::new(stands))).await;
    }
    if told.send(Seen::Listed(known)).await.is_none() {
        return Ok(());
    }
    told.alert(Told::Listed(names)).await;
    let mut pulse = pin!(pulse(engine, socket, &told.docker));
    loop {
        let earlier = early.take();
        let next = tokio::select! {
            // What was told already is taken first: the other arm would drop it.
            biased;
            next = async { if let Some(earlier) = earlier { earlier } else { facts.next().await } } => next,
            (id, looked) = later.next() => {
                if let Some(found) = later.settle(&id, looked)? {
                    let stands = (found.container.clone(), found.standing.clone().unwrap_or_default());
                    if told.send(Seen::Found(Box::new(found), Some(engine.clone()))).await.is_none() {
                        return Ok(());
                    }
                    told.alert(Told::Stands(Box::new(stands))).await;
                }
                continue;
            }
            never = &mut pulse => match never {},
        };
        let Some(fact) = next else { return Ok(()) };
        let fact = fact?;
        let id = fact.container.id.clone();
        let seen = match &fact.what {
            _ if is_old(fact.at_ns, news_ns, now_seconds() * SECOND) => None,
            What::Started => {
                later.outdated(&id);
                let looked = started(engine, fact.container.clone(), containers).await;
                let found = later.settle(&id, looked)?;
                found.map(|found| Seen::Found(Box::new(found), Some(engine.clone())))
            }
            What::Died { exit_code } => Some(Seen::Died { id, exit_code: *exit_code }),
            What::Renamed { .. } => {
                later.outdated(&id);
                Some(Seen::Renamed { id, name: fact.container.name.clone() })
            }
            What::Removed => {
                later.forget(&id);
                Some(Seen::Removed { id })
            }
            _ => None,
        };
        if let Some(seen) = seen
            && told.send(seen).await.is_none()
        {
            return Ok(());
        }
        let at = fact.at_ns / SECOND;
        told.alert(Told::Fact(Box::new(fact))).await;
        *since = (*since).max(at - OVERLAP);
    }
}

/// Whether it happened before the containers were listed, and is read again for alerts alone. A clock that was set
/// back since makes everything look so: then nothing is.
fn is_old(at_ns: i64, news_ns: i64, now_ns: i64) -> bool {
    at_ns < news_ns && news_ns <= now_ns
}

/// What came of a look at a container: `None`, it is gone.
pub(super) type Looked = Result<Option<Found>, DockerError>;

/// A look under way.
type Looking<'a> = Pin<Box<dyn Future<Output = Looked> + Send + 'a>>;

/// Containers that Docker would not tell of: one of them must not hide all the others. They are
/// looked at again one at a time, beside the events, for Docker may take long to answer.
struct Later<'a> {
    engine: &'a Engine,
    containers: Option<&'a Path>,
    warned: &'a mut HashSet<String>,
    due: HashMap<String, Instant>,
    looking: Option<(String, Looking<'a>)>,
}

impl Later<'_> {
    /// Takes what came of a look. What is an error still is one of the connection.
    fn settle(&mut self, id: &str, looked: Looked) -> Looked {
        match looked {
            Ok(found) => {
                self.forget(id);
                Ok(found)
            }
            Err(error) if error.is_answer() => {
                self.due.insert(id.to_owned(), Instant::now() + AGAIN);
                if self.warned.insert(id.to_owned()) {
                    warn!(
                        "cannot look at container {id}: {}; the others go on, and it is tried again",
                        chain(&error)
                    );
                }
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// The next look, when it is time for one. Dropped and called again, it goes on.
    async fn next(&mut self) -> (String, Looked) {
        if self.looking.is_none() {
            let Some((id, due)) = self.due.iter().min_by_key(|(_, due)| **due) else {
                return pending().await;
            };
            sleep_until(*due).await;
            let (engine, containers, id) = (self.engine, self.containers, id.clone());
            let asked = id.clone();
            self.looking = Some((id, Box::pin(async move { look(engine, &asked, containers).await })));
        }
        let Some((id, looking)) = &mut self.looking else { return pending().await };
        let done = (id.clone(), looking.await);
        self.looking = None;
        done
    }

    /// An answer that is under way tells of the container as it was: it is asked for anew.
    fn outdated(&mut self, id: &str) {
        self.looking.take_if(|(looking, _)| looking == id);
    }

    /// There is nothing more to find out about the container.
    fn forget(&mut self, id: &str) {
        self.outdated(id);
        self.due.remove(id);
        self.warned.remove(id);
    }
}

/// A container that lives for a moment may be gone before Docker answers a question about it. Its
/// log file is where Docker always puts it, so the event alone says enough.
async fn started(engine: &Engine, container: Container, containers: Option<&Path>) -> Looked {
    let id = &container.id;
    let paths = containers.map(|containers| {
        let json_file = containers.join(id).join(format!("{id}-json.log"));
        [("json-file", json_file), ("local", local_log(containers, id))]
    });
    match paths.into_iter().flatten().find(|(_, path)| path.exists()) {
        Some((driver, path)) => Ok(Some(Found {
            container,
            driver: driver.to_owned(),
            log_path: Some(path),
            started: true,
            standing: None,
        })),
        None => look(engine, id, containers).await,
    }
}

/// Where the `local` driver writes, below the directory of all containers. Docker does not tell.
fn local_log(containers: &Path, id: &str) -> PathBuf {
    containers.join(id).join("local-logs/container.log")
}

/// Looks at a container. `containers`: where Docker keeps them.
pub(super) async fn look(engine: &Engine, id: &str, containers: Option<&Path>) -> Looked {
    match engine.inspect(id).await {
        Ok(mut found) => {
            if found.driver == "local" {
                found.log_path = containers.map(|containers| local_log(containers, &found.container.id));
            }
            Ok(Some(found))
        }
        Err(error) if error.is_gone() => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicU32, Ordering};

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{UnixListener, UnixStream};

    use super::*;

    /// What was asked: for `bad`, for `mute` and for the list, and from when on for events.
    #[derive(Default)]
    struct Asked {
        looks: [AtomicU32; 3],
        since: Mutex<Vec<i64>>,
    }

    /// Docker with three containers: `bad` answers 500 and `mute` not at all, twice each; of its lists the second does
    /// not come.
    async fn docker(mut stream: UnixStream, asked: Arc<Asked>) {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let Ok(byte) = stream.read_u8().await else { return };
            head.push(byte);
        }
        let head = String::from_utf8(head).unwrap();
        let path = head.split(' ').nth(1).unwrap();
        let look = |at: usize| asked.looks[at].fetch_add(1, Ordering::Relaxed);
        let (status, body) = if path.contains("/events") {
            let since = path.split("since=").nth(1).and_then(|rest| rest.split('&').next());
            asked.since.lock().unwrap().push(since.unwrap().parse().unwrap());
            // The stream stays open and tells nothing.
            let begin = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n";
            stream.write_all(begin).await.unwrap();
            return pending().await;
        } else if path.contains("/version") {
            (200, r#"{"ApiVersion":"1.44"}"#.to_owned())
        } else if path.contains("/info") {
            (200, "{}".to_owned())
        } else if path.contains("/containers/json") && look(2) == 1 {
            return pending().await;
        } else if path.contains("/containers/json") {
            (200, r#"[{"Id":"bad"},{"Id":"mute"},{"Id":"good"}]"#.to_owned())
        } else if path.contains("/bad/") && look(0) < 2 {
            (500, r#"{"message":"broken"}"#.to_owned())
        } else if path.contains("/mute/") && look(1) < 2 {
            return pending().await;
        } else {
            let id = path.split('/').rev().nth(1).unwrap();
            (200, format!(r#"{{"Id":"{id}","Name":"/{id}"}}"#))
        };
        let length = body.len();
        let answer = format!(
            "HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
        );
        stream.write_all(answer.as_bytes()).await.unwrap();
    }

    #[test]
    fn a_clock_that_is_set_back_hides_no_container() {
        let now = 1_800_000_000 * SECOND;
        assert!(is_old(now - 60 * SECOND, now - 5 * SECOND, now));
        assert!(!is_old(now - SECOND, now - 5 * SECOND, now));
        let set_back = now - 3600 * SECOND;
        assert!(!is_old(set_back, now - 5 * SECOND, set_back + SECOND));
    }

    /// That Docker behind a socket, and what was asked of it.
    #[expect(clippy::disallowed_methods, reason = "the runtime of the test ends its tasks")]
    fn served(socket: &Path) -> Arc<Asked> {
        let listener = UnixListener::bind(socket).unwrap();
        let asked = Arc::<Asked>::default();
        let served = Arc::clone(&asked);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(docker(stream, Arc::clone(&served)));
            }
        });
        asked
    }

    #[expect(clippy::disallowed_methods, reason = "the runtime of the test ends its tasks")]
    #[tokio::test(start_paused = true)]
    async fn a_docker_that_hangs_while_it_is_followed_is_told_until_it_answers() {
        let directory = tempfile::tempdir().unwrap();
        let socket = directory.path().join("docker.sock");
        let asked = served(&socket);
        let docker = Arc::new(Standing::unasked());
        let (sender, mut commands) = mpsc::channel(8);
        let told = Listeners { docker: Arc::clone(&docker), logs: sender, metrics: None, alerts: None };
        let running = tokio::spawn(run(socket, told, CancellationToken::new()));
        while !matches!(commands.recv().await.unwrap(), Command::Seen(Seen::Listed(_))) {}
        assert_eq!(docker.get(), None);
        let hangs = async {
            while docker.get().is_none() {
                sleep(RETRY).await;
            }
        };
        timeout(PULSE * 3, hangs).await.unwrap();
        let trouble = docker.get().unwrap();
        assert!(trouble.words.contains("gives no answer within 20 s"), "{trouble:?}");
        assert_eq!(trouble.mend.as_deref(), Some(SILENT));
        let answers = async {
            while docker.get().is_some() {
                sleep(RETRY).await;
            }
        };
        timeout(PULSE * 3, answers).await.unwrap();
        assert_eq!(asked.looks[2].load(Ordering::Relaxed), 3, "it was one and the same stream");
        running.abort();
    }

    #[expect(clippy::disallowed_methods, reason = "the runtime of the test ends its tasks")]
    #[tokio::test(start_paused = true)]
    async fn no_event_is_left_out_because_docker_hung_before_it_was_followed() {
        let directory = tempfile::tempdir().unwrap();
        let socket = directory.path().join("docker.sock");
        let asked = served(&socket);
        asked.looks[2].store(1, Ordering::Relaxed);
        let (sender, mut commands) = mpsc::channel(8);
        let (alerts, _told) = mpsc::channel(64);
        let long_ago = now_seconds() - 1000;
        let told = Listeners {
            docker: Arc::default(),
            logs: sender,
            metrics: None,
            alerts: Some((alerts, long_ago)),
        };
        let running = tokio::spawn(run(socket, told, CancellationToken::new()));
        while !matches!(commands.recv().await.unwrap(), Command::Seen(Seen::Listed(_))) {}
        assert_eq!(*asked.since.lock().unwrap(), [long_ago, long_ago]);
        running.abort();
    }

    #[expect(clippy::disallowed_methods, reason = "the runtime of the test ends its tasks")]
    #[tokio::test(start_paused = true)]
    async fn a_container_that_cannot_be_looked_at_hides_no_other() {
        let directory = tempfile::tempdir().unwrap();
        let socket = directory.path().join("docker.sock");
        let asked = served(&socket);
        let (sender, mut commands) = mpsc::channel(8);
        let stop = CancellationToken::new();
        let running = tokio::spawn(run(
            socket,
            Listeners { docker: Arc::default(), logs: sender, metrics: None, alerts: None },
            stop.clone(),
        ));
        let mut told = Vec::new();
        while told.len() < 4 {
            told.push(match commands.recv().await.unwrap() {
                Command::Seen(Seen::Found(found, _)) => found.container.id,
                Command::Seen(Seen::Listed(known)) => format!("{} listed", known.len()),
                other => panic!("{other:?}"),
            });
        }
        assert_eq!(told, ["good", "3 listed", "bad", "mute"]);
        assert_eq!([0, 1].map(|at: usize| asked.looks[at].load(Ordering::Relaxed)), [3, 3]);
        stop.cancel();
        running.await.unwrap().unwrap();
    }
}
