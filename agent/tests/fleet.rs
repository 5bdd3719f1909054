//! A thousand agents of one account, in virtual time: what they ask of each API, a second, beside
//! what the account may.
//!
//! The delivery loop, its pace and the spool are the daemon's own; only the service is made up here. The
//! clock stands still while anybody works and jumps to the next thing to do, so an hour takes a minute or
//! two. `cargo test --release -p starttech-agent --test fleet -- --nocapture` prints the table.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test")]

use std::collections::{BTreeMap, HashSet};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use starttech_agent::aws::logs::LOOK_WITHIN;
use starttech_agent::aws::metrics::WAITS;
use starttech_agent::daemon::counters::Counters;
use starttech_agent::daemon::{deliver, metrics};
use starttech_agent::logs::batch::{Batch, Finished, Stored};
use starttech_agent::logs::cursor::Cursor;
use starttech_agent::logs::{Destination, Mend, Outgoing, Receipt, Refusal, Sink};
use starttech_agent::metrics::aggregate::Aggregate;
use starttech_agent::metrics::batch::{Head, pack};
use starttech_agent::metrics::name::AGENT_UP;
use starttech_agent::retry::Waits;
use starttech_agent::spool::Spool;
use tempfile::TempDir;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;

const AGENTS: u64 = 1000;
/// All of them boot within this.
const BOOT: Duration = Duration::from_mins(1);
const RUN: Duration = Duration::from_hours(1);
/// Nobody is answered for five minutes, in the middle.
const OUTAGE: [Duration; 2] = [Duration::from_mins(30), Duration::from_mins(35)];
/// A call takes so long.
const CALL: Duration = Duration::from_millis(40);
/// The containers of a host, and how often each prints: the backend, and one beside it.
const CONTAINERS: [(&str, Duration); 2] =
    [("backend", Duration::from_secs(15)), ("proxy", Duration::from_mins(1))];

/// Calls a second of a whole account in eu-west-1, by default. Source:
/// <https://docs.aws.amazon.com/general/latest/gr/cwl_region.html>.
/// `PutMetricData`: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch_limits.html>.
const QUOTAS: [(&str, u64); 5] = [
    ("PutLogEvents", 5000),
    ("CreateLogStream", 50),
    ("CreateLogGroup", 10),
    ("DescribeLogGroups", 10),
    ("PutMetricData", 500),
];

/// One account's service, for all agents.
#[derive(Debug)]
struct Account {
    start: Instant,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    streams: HashSet<Destination>,
    /// Calls in each second since the start, by API.
    calls: BTreeMap<&'static str, Vec<u64>>,
    throttled: u64,
    events: u64,
    datapoints: u64,
    /// Between the last batch that waited for the end of the outage and that end.
    caught_up: Duration,
}

impl Account {
    /// A call arrives. `Err`: it is turned away.
    async fn call(&self, api: &'static str, limit: u64) -> Result<(), Refusal> {
        sleep(CALL).await;
        let since = self.start.elapsed();
        let refusal = |reason: &str, unreachable| Refusal::Retry {
            reason: reason.to_owned(),
            after: None,
            lasting: false,
            unreachable,
            doubtful: false,
            mend: Mend::Time(String::new()),
        };
        let mut state = self.state.lock().unwrap();
        let second = usize::try_from(since.as_secs()).unwrap();
        let calls = state.calls.entry(api).or_default();
        calls.resize(calls.len().max(second + 1), 0);
        calls[second] += 1;
        let over = calls[second] > limit;
        if OUTAGE[0] <= since && since < OUTAGE[1] {
            return Err(refusal("503", true));
        }
        if over {
            state.throttled += 1;
            return Err(refusal("ThrottlingException", false));
        }
        Ok(())
    }
}

fn quota(api: &str) -> u64 {
    QUOTAS.iter().find(|(name, _)| *name == api).map(|(_, quota)| *quota).unwrap()
}

/// The account as one agent sees it.
#[derive(Debug)]
struct Far(Arc<Account>);

impl Sink for Far {
    async fn put(&self, batch: &Outgoing) -> Result<Receipt, Refusal> {
        self.0.call("PutLogEvents", quota("PutLogEvents")).await?;
        let mut state = self.0.state.lock().unwrap();
        if !state.streams.contains(&batch.destination) {
            return Err(Refusal::Missing);
        }
        state.events += batch.events as u64;
        let since = self.0.start.elapsed();
        if OUTAGE[1] <= since && batch.events > 1 {
            state.caught_up = state.caught_up.max(since.saturating_sub(OUTAGE[1]));
        }
        Ok(Receipt::default())
    }

    async fn holds(&self, _: &Destination, _: &Stored) -> Result<bool, Refusal> {
        unreachable!("no answer is lost here");
    }

    async fn create(&self, destination: &Destination) -> Result<(), Refusal> {
        self.0.call("CreateLogStream", quota("CreateLogStream")).await?;
        self.0.state.lock().unwrap().streams.insert(destination.clone());
        Ok(())
    }
}

/// The account's metrics as one agent sees them.
#[derive(Debug)]
struct FarMetrics(Arc<Account>);

impl Sink for FarMetrics {
    const WAITS: Waits = WAITS;

    async fn put(&self, batch: &Outgoing) -> Result<Receipt, Refusal> {
        self.0.call("PutMetricData", quota("PutMetricData")).await?;
        self.0.state.lock().unwrap().datapoints += batch.events as u64;
        Ok(Receipt::default())
    }

    async fn holds(&self, _: &Destination, _: &Stored) -> Result<bool, Refusal> {
        unreachable!("no answer is lost here");
    }

    async fn create(&self, _: &Destination) -> Result<(), Refusal> {
        unreachable!("nothing has to be made");
    }
}

/// A batch of one datapoint in two series, which the delivery may send together with others.
fn minute(account: &Account, directory: &str) -> Finished {
    let time_ms = i64::try_from(account.start.elapsed().as_millis()).unwrap();
    let series: [&[(&str, &str)]; 2] = [&[("InstanceId", directory)], &[("AutoScalingGroupName", "g")]];
    let mut aggregate = Aggregate::new(60_000);
    aggregate.add(time_ms, &AGENT_UP, None, 1.0);
    let packed = pack(&Head::new("N".to_owned(), &series, 60), aggregate.close(0, true)).remove(0);
    Finished {
        destination: Destination { group: "N".to_owned(), stream: "metrics".to_owned() },
        body: packed.body,
        events: packed.datums,
        first_ms: packed.first_ms,
        last_ms: packed.last_ms,
    }
}

/// What a host measures: a batch a minute, at its own moment behind the minute's end. Gives how many
/// datapoints those are.
async fn measure(account: Arc<Account>, directory: &Path, number: u64) -> u64 {
    let (spool, _) = Spool::open(directory, 64 << 20).unwrap();
    let (spool, closed) = (Arc::new(spool.of_datapoints()), CancellationToken::new());
    let far = Arc::new(FarMetrics(Arc::clone(&account)));
    let delivery = deliver::run(Arc::clone(&spool), far, Arc::new(Counters::default()), closed.clone());
    let own = metrics::spread(Duration::from_mins(1), fastrand::f64());
    let measuring = async {
        let mut measured = 0;
        loop {
            let minutes = account.start.elapsed().saturating_sub(own).as_secs() / 60 + 1;
            let due = account.start + Duration::from_mins(minutes) + own;
            if due >= account.start + RUN {
                break;
            }
            sleep_until(due).await;
            let batch = minute(&account, &format!("i-{number}"));
            measured += batch.events as u64;
            assert!(spool.append("metrics", &Cursor::default(), batch).unwritten.is_none());
        }
        closed.cancel();
        measured
    };
    let (measured, delivered) = tokio::join!(measuring, delivery);
    delivered.unwrap();
    measured
}

/// One host, from its boot on. Gives how many events its containers printed, and datapoints it measured.
async fn host(account: Arc<Account>, directory: &Path, number: u64, boot: Duration) -> [u64; 2] {
    sleep(boot).await;
    let below = directory.join("metrics");
    let measuring = measure(Arc::clone(&account), &below, number);
    let (spool, _) = Spool::open(directory, 64 << 20).unwrap();
    let (spool, closed) = (Arc::new(spool), CancellationToken::new());
    let far = Arc::new(Far(Arc::clone(&account)));
    let delivery = deliver::run(Arc::clone(&spool), far, Arc::new(Counters::default()), closed.clone());
    let end = account.start + RUN;
    let printing = async {
        let mut printed = 0;
        let mut next = CONTAINERS.map(|(_, every)| Instant::now() + every.mul_f64(fastrand::f64()));
        loop {
            let (nth, due) = next.iter().copied().enumerate().min_by_key(|(_, due)| *due).unwrap();
            if due >= end {
                break;
            }
            sleep_until(due).await;
            next[nth] = due + CONTAINERS[nth].1;
            let stream = format!("i-{number}/{}", CONTAINERS[nth].0);
            let mut batch = Batch::new(Destination { group: "/starttech/backend".to_owned(), stream });
            batch.push(i64::try_from(account.start.elapsed().as_millis()).unwrap(), "a line");
            assert!(spool.append(CONTAINERS[nth].0, &Cursor::default(), batch.finish()).unwritten.is_none());
            printed += 1;
        }
        closed.cancel();
        printed
    };
    let (printed, delivered, measured) = tokio::join!(printing, delivery, measuring);
    delivered.unwrap();
    [printed, measured]
}

#[test]
fn a_thousand_hosts_stay_below_the_accounts_quotas() {
    // The random numbers of every run are the same.
    fastrand::seed(7);
    let memory = Path::new("/dev/shm");
    let root = if memory.is_dir() { TempDir::new_in(memory) } else { TempDir::new() }.unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .max_blocking_threads(2)
        .build()
        .unwrap();
    let (account, [printed, measured], boots) = runtime.block_on(async {
        let account = Arc::new(Account { start: Instant::now(), state: Mutex::default() });
        let mut hosts = JoinSet::new();
        let mut boots = Vec::new();
        for number in 0..AGENTS {
            let boot = BOOT.mul_f64(fastrand::f64());
            boots.push(boot);
            let (account, directory) = (Arc::clone(&account), root.path().join(number.to_string()));
            hosts.spawn(async move { host(account, &directory, number, boot).await });
        }
        let of_all = hosts.join_all().await;
        let sums = [0, 1].map(|nth: usize| of_all.iter().map(|of| of[nth]).sum::<u64>());
        (account, sums, boots)
    });

    let mut state = std::mem::take(&mut *account.state.lock().unwrap());
    // Each host looks at the retention of its group once, at a moment of its own.
    let looks = state.calls.entry("DescribeLogGroups").or_default();
    for boot in boots {
        let second = usize::try_from((boot + LOOK_WITHIN.mul_f64(fastrand::f64())).as_secs()).unwrap();
        looks.resize(looks.len().max(second + 1), 0);
        looks[second] += 1;
    }
    println!("| {AGENTS} agents, calls a second | quota | at most | 99 of 100 seconds | mean |");
    println!("|---|--:|--:|--:|--:|");
    let mut over = false;
    for (api, quota) in QUOTAS {
        let mut calls = state.calls.remove(api).unwrap_or_default();
        calls.resize(usize::try_from(RUN.as_secs()).unwrap().max(calls.len()), 0);
        calls.sort_unstable();
        let (most, p99) = (calls[calls.len() - 1], calls[calls.len() * 99 / 100]);
        let mean = calls.iter().sum::<u64>() / calls.len() as u64;
        println!("| {api} | {quota} | {most} | {p99} | {mean} |");
        over |= most > quota;
    }
    println!(
        "\n{} of {printed} events arrived; after the outage the last of the backlog in {:?}",
        state.events, state.caught_up
    );
    assert!(!over, "an API was called more often than the account may");
    assert_eq!((state.events, state.datapoints, state.throttled), (printed, measured, 0));
    assert!(state.caught_up < Duration::from_secs(10), "{:?}", state.caught_up);
}
