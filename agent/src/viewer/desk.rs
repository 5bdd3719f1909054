//! Where pages are asked for: one reads and draws, in a thread that may wait for the disk, and all who ask meanwhile
//! are answered together next.
//!
//! So nobody ever waits for a lock, one thread is busy at most, and lines are asked for once, however many pages are
//! open. What was read is let go when nobody has asked for a while.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{mpsc, oneshot};
use tokio::task::spawn_blocking;
use tokio::time::{Instant, timeout, timeout_at};

use super::drawn::{Asked, Drawn, Subject};
use super::state::{Known, Telling};
use super::{Lookback, Settings, Source, Told};

/// Who waits to be answered, at most; more wait to ask.
const WAITING: usize = 32;
/// Lines are waited for so long; then a page is drawn without.
const PATIENCE: Duration = Duration::from_secs(5);
/// After so long without a question, memory is given back: hours of lines are read again in a second or two.
const IDLE: Duration = Duration::from_mins(10);

/// What is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// A page, or what is new on it.
    pub html: Bytes,
    /// Of `Content-Security-Policy`; empty: no page.
    pub policy: String,
}

/// Asks.
#[derive(Debug, Clone)]
pub struct Asker(mpsc::Sender<Ask>);

#[derive(Debug)]
struct Ask {
    asked: Asked,
    to: oneshot::Sender<Answer>,
}

impl Asker {
    /// The answer; `None` where it could not be drawn, which is a fault of ours, or nobody draws any more.
    pub async fn ask(&self, asked: Asked) -> Option<Answer> {
        let (to, answer) = oneshot::channel();
        self.0.send(Ask { asked, to }).await.ok()?;
        answer.await.ok()
    }
}

/// What it is drawn from, which does not change.
struct Fixed {
    settings: Settings,
    subject: Subject,
}

/// What was read and drawn, and whose turn it is to hold it.
struct Held {
    known: Known,
    drawn: Drawn,
    pending: Option<Pending>,
}

/// Lines on their way, since when in milliseconds since the epoch, and until when they are waited for.
struct Pending(Told, i64, Instant);

impl Fixed {
    fn nothing(&self) -> Held {
        let settings = &self.settings;
        // So that a page of an earlier run is told all: what it shows is not known.
        let number = u64::try_from((settings.now_ms)()).unwrap_or_default();
        Held { known: Known::new(settings), drawn: Drawn::new(number), pending: None }
    }
}

/// Begins. Gives who asks, and what is to be run for anything to be answered; it ends when nobody can ask any more.
pub fn open(settings: Settings) -> (Asker, impl Future<Output = ()> + Send + use<>) {
    let (asker, asks) = mpsc::channel(WAITING);
    let Settings { title, host, dashboard: (dashboard, text), .. } = &settings;
    let subject = Subject::new(title.clone(), host.clone(), (dashboard.clone(), text));
    (Asker(asker), run(Arc::new(Fixed { settings, subject }), asks))
}

async fn run(fixed: Arc<Fixed>, mut asks: mpsc::Receiver<Ask>) {
    let mut held = fixed.nothing();
    loop {
        let first = timeout(IDLE, asks.recv()).await;
        let work = Arc::clone(&fixed);
        let done = match first {
            Ok(None) => return,
            Ok(Some(first)) => {
                let mut round = vec![first];
                round.extend(std::iter::from_fn(|| asks.try_recv().ok()));
                let now_ms = (fixed.settings.now_ms)();
                let told = match &fixed.settings.lines {
                    Source::Lookback(ask) if held.known.is_due(now_ms) => Some(held.told(now_ms, ask).await),
                    _ => None,
                };
                spawn_blocking(move || work.answer(held, round, now_ms, told)).await
            }
            // Letting go takes its time, too.
            Err(_) if held.known.read_ms.is_some() => spawn_blocking(move || work.let_go(held)).await,
            Err(_) => continue,
        };
        held = done.unwrap_or_else(|error| {
            log::error!("the page could not be drawn: {error}");
            fixed.nothing()
        });
    }
}

impl Held {
    /// Asks for lines unless somebody is asked already, and waits a little for the answer.
    async fn told(&mut self, now_ms: i64, ask: &Lookback) -> Telling {
        let since_ms = self.known.ask_from(now_ms);
        let until = Instant::now() + PATIENCE;
        let Pending(lines, since_ms, until) =
            self.pending.get_or_insert_with(|| Pending(ask(since_ms), since_ms, until));
        let since_ms = *since_ms;
        let Ok(lines) = timeout_at(*until, lines).await else {
            return (since_ms, Err("they are still being read".to_owned()));
        };
        self.pending = None;
        (since_ms, lines)
    }
}

impl Fixed {
    /// Whoever asks the same is answered from one drawing.
    fn answer(&self, mut held: Held, mut round: Vec<Ask>, now_ms: i64, told: Option<Telling>) -> Held {
        if held.known.is_due(now_ms) {
            held.known.read(&self.settings, now_ms, told);
        }
        while let Some(first) = round.first() {
            let asked = first.asked.clone();
            let (same, others): (Vec<Ask>, _) = round.into_iter().partition(|ask| ask.asked == asked);
            round = others;
            // Who has left meanwhile wants nothing any more.
            let there: Vec<Ask> = same.into_iter().filter(|ask| !ask.to.is_closed()).collect();
            if there.is_empty() {
                continue;
            }
            let page = held.drawn.page(&self.subject, &held.known, &asked);
            let answer = Answer { html: page.html.into(), policy: page.policy };
            for Ask { to, .. } in there {
                to.send(answer.clone()).ok();
            }
        }
        held
    }

    fn let_go(&self, mut held: Held) -> Held {
        (held.known, held.pending) = (Known::new(&self.settings), None);
        held.drawn.begin_anew();
        held
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
    use std::sync::mpsc as gate;

    use futures_util::future::join_all;
    use tokio::sync::Semaphore;
    use tokio::task::yield_now;

    use super::super::sample::{NOW_MS, Sample};
    use super::*;
    use crate::page::log::Line;

    fn whole(query: &str) -> Asked {
        Asked::read(query).whole()
    }

    fn text(answer: Option<&Answer>) -> String {
        String::from_utf8(answer.expect("an answer").html.to_vec()).unwrap()
    }

    fn line(message: &str) -> Line {
        Line { time_ms: NOW_MS - 1000, group: "/g".into(), stream: "i/c/1".into(), message: message.into() }
    }

    /// Runs the desk beside `work`.
    async fn beside<T>(settings: Settings, work: impl AsyncFnOnce(Asker) -> T) -> T {
        let (asker, desk) = open(settings);
        tokio::join!(desk, work(asker)).1
    }

    /// Asks for lines: since when each was asked, and how many answers are let through.
    fn lookback(of: &Arc<(Mutex<Vec<i64>>, Semaphore)>) -> Source {
        let of = Arc::clone(of);
        Source::Lookback(Box::new(move |since_ms| {
            let of = Arc::clone(&of);
            of.0.lock().unwrap().push(since_ms);
            Box::pin(async move {
                of.1.acquire().await.unwrap().forget();
                Ok(vec![line("a line")])
            })
        }))
    }

    fn asked(of: &(Mutex<Vec<i64>>, Semaphore)) -> Vec<i64> {
        of.0.lock().unwrap().clone()
    }

    #[tokio::test]
    async fn while_it_is_drawn_everything_else_goes_on() {
        let sample = Sample::new();
        let (open_gate, closed) = gate::channel::<()>();
        let (closed, busy) = (Mutex::new(closed), Arc::new(AtomicUsize::new(0)));
        let mut settings = sample.of_directory();
        let drawing = Arc::clone(&busy);
        settings.alarms = Box::new(move |_| {
            assert_eq!(drawing.fetch_add(1, Ordering::SeqCst), 0, "two draw at once");
            // As a disk that does not answer.
            closed.lock().unwrap().recv().unwrap();
            drawing.fetch_sub(1, Ordering::SeqCst);
            (Vec::new(), Vec::new())
        });
        beside(settings, async |asker| {
            let pages = join_all((0..2 * WAITING).map(|n| asker.ask(whole(&format!("q={}", n % 2)))));
            let others = async {
                // On this thread, too: if anything of the page waited here, the gate would stay closed.
                while busy.load(Ordering::SeqCst) == 0 {
                    yield_now().await;
                }
                open_gate.send(()).unwrap();
            };
            let (pages, ()) = tokio::join!(pages, others);
            assert!(pages.iter().all(Option::is_some));
        })
        .await;
    }

    #[tokio::test]
    async fn who_asks_the_same_meanwhile_is_answered_from_one_drawing_and_lines_are_asked_for_once() {
        let sample = Sample::new();
        let of = Arc::new((Mutex::default(), Semaphore::new(0)));
        beside(sample.settings(lookback(&of)), async |asker| {
            let first = asker.ask(whole("range=1h"));
            let others = async {
                while asked(&of).is_empty() {
                    yield_now().await;
                }
                let others = join_all((0..20).map(|_| asker.ask(whole("range=1h&q=line"))));
                // They wait before the first has its answer.
                tokio::join!(others, async { of.1.add_permits(1) }).0
            };
            let (first, others) = tokio::join!(first, others);
            assert!(text(first.as_ref()).contains("a line"));
            assert!(text(others[0].as_ref()).contains("1 of 1 lines hold"));
            let places: Vec<_> = others.iter().flatten().map(|answer| answer.html.as_ptr()).collect();
            assert!(places.len() == 20 && places.iter().all(|place| *place == places[0]), "it is one answer");
        })
        .await;
        assert_eq!(asked(&of), [NOW_MS - 10_800_000]);
    }

    #[tokio::test(start_paused = true)]
    async fn lines_that_do_not_come_keep_no_page_and_are_not_asked_for_twice() {
        let sample = Sample::new();
        let of = Arc::new((Mutex::default(), Semaphore::new(0)));
        beside(sample.settings(lookback(&of)), async |asker| {
            let begun = Instant::now();
            let page = asker.ask(whole("")).await;
            assert!(text(page.as_ref()).contains("no new log lines: they are still being read"));
            assert_eq!(begun.elapsed().as_secs(), PATIENCE.as_secs());
            sample.pass(5000);
            assert!(text(asker.ask(whole("")).await.as_ref()).contains("still being read"));
            assert_eq!(begun.elapsed().as_secs(), PATIENCE.as_secs(), "it is not waited for again");
            of.1.add_permits(1);
            sample.pass(5000);
            let page = text(asker.ask(whole("range=1h")).await.as_ref());
            assert!(page.contains("a line") && !page.contains("still being read"), "{page}");
            assert_eq!(asked(&of), [NOW_MS - 10_800_000]);
            of.1.add_permits(1);
            asker.ask(whole("")).await;
            assert_eq!(asked(&of).len(), 1, "what was read a moment ago is new enough");
            sample.pass(2000);
            asker.ask(whole("")).await;
            assert_eq!(asked(&of)[1..], [NOW_MS - 3000], "what is new, and a little of what is known");
        })
        .await;
    }

    #[tokio::test(start_paused = true)]
    async fn when_nobody_asks_for_a_while_memory_is_given_back() {
        let sample = Sample::new();
        let of = Arc::new((Mutex::default(), Semaphore::new(9)));
        beside(sample.settings(lookback(&of)), async |asker| {
            asker.ask(whole("")).await;
            tokio::time::sleep(IDLE * 9 / 10).await;
            let now_ms = sample.pass(3000);
            asker.ask(whole("")).await;
            assert_eq!(asked(&of)[1..], [NOW_MS - 3000], "it is known still");
            tokio::time::sleep(3 * IDLE).await;
            let page = text(asker.ask(whole("range=1h")).await.as_ref());
            assert_eq!(
                asked(&of)[2..],
                [now_ms - 10_800_000],
                "all is read again, though no time has passed"
            );
            assert!(page.contains("a line"));
        })
        .await;
    }

    #[tokio::test]
    async fn what_breaks_one_page_breaks_no_other() {
        let sample = Sample::new();
        let broken = AtomicBool::new(true);
        let mut settings = sample.of_directory();
        settings.alarms = Box::new(move |_| {
            assert!(!broken.swap(false, Ordering::Relaxed), "as the test wants it");
            (Vec::new(), Vec::new())
        });
        beside(settings, async |asker| {
            assert_eq!(asker.ask(whole("")).await, None);
            assert!(text(asker.ask(whole("")).await.as_ref()).contains("words"));
        })
        .await;
    }
}
