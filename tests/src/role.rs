//! A role between a client and the emulator: it answers as AWS does to what a policy does not allow and to
//! what comes faster than the account's quotas, counts, and stands in for what the emulator lacks.
//!
//! What is allowed is handed on as it came, with the region that its signature names. Signatures are not
//! verified.

mod policy;
mod quota;
mod request;
mod serve;
mod stand_in;

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::Value;
use tokio::sync::oneshot;

use policy::Policy;
use quota::Calls;
use stand_in::StandIn;

use crate::port::Port;

/// The emulator's account.
pub const ACCOUNT: &str = "000000000000";

/// What is to happen to calls of an operation.
#[derive(Debug, Clone)]
enum Trouble {
    /// The connection ends without an answer, and nothing is done.
    Cut,
    /// What is asked for is done, and the connection ends without an answer.
    Lost,
    /// The answer comes this much later.
    Slow(Duration),
    /// An error of this status and code.
    Error(u16, &'static str),
}

#[derive(Debug, Default)]
struct State {
    policy: Option<Policy>,
    /// Whether the account's quotas hold.
    quotas: bool,
    calls: Calls,
    /// Pairs of action and resource that were asked for.
    asked: BTreeSet<(String, String)>,
    denied: BTreeSet<(String, String)>,
    /// By action: what happens, and to how many more calls.
    troubles: BTreeMap<String, (Trouble, u32)>,
    stand_in: StandIn,
}

/// A running role; it ends with this value.
#[derive(Debug)]
pub struct Role {
    state: Arc<Mutex<State>>,
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Role {
    /// Starts one that may do everything, before the service at this address.
    pub fn start(behind: SocketAddr) -> Self {
        let port = Port::reserve(0).expect("a free loopback port");
        let address = port.address();
        let listener = port.listen().expect("a reserved port can be listened on");
        let state = Arc::new(Mutex::new(State::default()));
        let (stop, stopped) = oneshot::channel();
        let theirs = Arc::clone(&state);
        let thread = std::thread::Builder::new()
            .name(String::from("role"))
            .spawn(move || {
                let _port = port;
                serve::run(listener, behind, &theirs, stopped);
            })
            .expect("a thread");
        Self { state, address, stop: Some(stop), thread: Some(thread) }
    }

    /// The value for `AWS_ENDPOINT_URL`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// From now on this policy holds: a document of IAM, of which `Allow`, wildcards, and `StringEquals` are
    /// understood.
    pub fn attach(&self, document: &Value) {
        self.state().policy = Some(Policy::read(document));
    }

    /// From now on the quotas hold, or hold no more.
    pub fn hold_quotas(&self, hold: bool) {
        self.state().quotas = hold;
    }

    /// The next calls of this action, `cloudwatch:PutMetricAlarm`, end without an answer.
    pub fn cut(&self, action: &str, times: u32) {
        self.state().troubles.insert(action.to_owned(), (Trouble::Cut, times));
    }

    /// The next calls of this action are carried out, and their answers are lost.
    pub fn lose(&self, action: &str, times: u32) {
        self.state().troubles.insert(action.to_owned(), (Trouble::Lost, times));
    }

    /// The next calls of this action take longer.
    pub fn slow(&self, action: &str, delay: Duration, times: u32) {
        self.state().troubles.insert(action.to_owned(), (Trouble::Slow(delay), times));
    }

    /// The next calls of this action are answered with this error.
    pub fn fail(&self, action: &str, status: u16, code: &'static str, times: u32) {
        self.state().troubles.insert(action.to_owned(), (Trouble::Error(status, code), times));
    }

    /// What the service has to say about every dashboard that is put from now on: paths and messages.
    pub fn warn_of_dashboards(&self, messages: &[(&str, &str)]) {
        let owned = |(path, message): &(&str, &str)| ((*path).to_owned(), (*message).to_owned());
        self.state().stand_in.dashboard_messages = messages.iter().map(owned).collect();
    }

    /// Somebody clicks on the link in the mail.
    pub fn confirm(&self, endpoint: &str) {
        self.state().stand_in.confirm(endpoint);
    }

    /// Saves a query as somebody does in the console.
    pub fn save_query(&self, region: &str, name: &str, query: &str) {
        self.state().stand_in.save_query(region, name, query);
    }

    /// How often an action was called, those calls included that were refused.
    pub fn calls(&self, action: &str) -> usize {
        self.state().calls.count(action)
    }

    /// The most calls of an action in any second.
    pub fn highest_rate(&self, action: &str) -> usize {
        self.state().calls.highest_rate(action)
    }

    /// How often an action was throttled.
    pub fn throttled(&self, action: &str) -> usize {
        self.state().calls.throttled(action)
    }

    /// How often each action was throttled, of those that were.
    pub fn all_throttled(&self) -> BTreeMap<String, usize> {
        self.state().calls.all_throttled().clone()
    }

    /// The rights that calls needed so far: actions and resources.
    pub fn asked(&self) -> BTreeSet<(String, String)> {
        self.state().asked.clone()
    }

    /// The rights that were refused so far.
    pub fn denied(&self) -> BTreeSet<(String, String)> {
        self.state().denied.clone()
    }

    /// Forgets what was counted.
    pub fn forget(&self) {
        let mut state = self.state();
        state.calls = Calls::default();
        state.asked.clear();
        state.denied.clear();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        locked(&self.state)
    }
}

impl Drop for Role {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Whether a policy document allows an action on a resource, without any condition.
pub fn allows(document: &Value, action: &str, resource: &str) -> bool {
    Policy::read(document).allows(action, resource, &BTreeMap::new())
}

fn locked(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}
