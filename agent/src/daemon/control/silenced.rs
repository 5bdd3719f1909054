//! Silences over the control socket: the same file that `silence` writes where no daemon runs, so that it outlasts both.

use std::fmt::Display;
use std::io;

use log::info;

use super::{Sources, ask};
use crate::alerts::SECOND;
use crate::alerts::silence::{ALL, LONGEST_S, Silence, Silences, covers};
use crate::control::{Answer, Silencing};
use crate::daemon::alerts::Told;
use crate::spool::silences;
use crate::telemetry;

/// Words of a person are no longer, in bytes.
const MOST_WORDS: usize = 500;

impl Sources {
    /// Those that last.
    pub(super) async fn silences(&self) -> Result<Vec<Silence>, String> {
        let path = silences::path(&self.parts.spool_directory);
        let read = self.disk.ask(move || silences::read(&path)).await;
        let read = done("read which alerts are silenced", read)?;
        let Some(text) = read else { return Ok(Vec::new()) };
        let silences = Silences::read(&text).map_err(damaged)?;
        Ok(silences.current(telemetry::now_ns()).into_iter().cloned().collect())
    }

    pub(super) async fn silence(&self, wanted: Silencing, uid: u32) -> Answer {
        let Silencing { rule, seconds, reason, by } = wanted;
        if !(1..=LONGEST_S).contains(&seconds) {
            return Answer::unprocessable(format!("seconds: write a number from 1 to {LONGEST_S}"));
        }
        if [&reason, &by].into_iter().flatten().any(|words| words.len() > MOST_WORDS) {
            return Answer::unprocessable(format!("reason and by have {MOST_WORDS} bytes at most"));
        }
        if rule.chars().any(char::is_control) {
            return Answer::unprocessable("rule has control characters in it".to_owned());
        }
        let known = match &self.parts.alerts {
            Some(told) => ask(told, Told::Show).await.map(|alerts| alerts.rules),
            None => None,
        };
        let known = known.unwrap_or_else(|| self.rules.clone());
        if rule != ALL && !known.iter().any(|known| covers(&rule, known)) {
            let known = known.join(", ");
            return Answer::unprocessable(format!(
                "there is no rule {rule:?}: rules are {known}; or write all"
            ));
        }
        let now_ns = telemetry::now_ns();
        let length_ns = i64::try_from(seconds).unwrap_or(i64::MAX).saturating_mul(SECOND);
        let silence =
            Silence { rule, since_ns: now_ns, until_ns: now_ns.saturating_add(length_ns), reason, by };
        let added = silence.clone();
        match self.change(move |silences| silences.add(added, now_ns)).await {
            Ok(Err(refused)) => Answer::unprocessable(refused.to_string()),
            Ok(Ok(())) => {
                info!("alerts of {} are silenced for {seconds} s, as uid {uid} asked", silence.rule);
                Answer::good(&silence)
            }
            Err(words) => Answer::failed(words),
        }
    }

    pub(super) async fn end_silence(&self, rule: String, uid: u32) -> Answer {
        let now_ns = telemetry::now_ns();
        let words = rule.clone();
        let ended = self.change(move |silences| {
            let ended = silences.end(&rule, now_ns);
            let left = silences.current(now_ns).into_iter().map(|silence| silence.rule.clone());
            (ended, left.collect::<Vec<_>>())
        });
        match ended.await {
            Ok((ended, left)) if ended.is_empty() => {
                let left =
                    if left.is_empty() { String::new() } else { format!("; what is: {}", left.join(", ")) };
                Answer::absent(format!("{words} was not silenced in these words{left}"))
            }
            Ok((ended, _)) => {
                info!("alerts of {words} are silenced no more, as uid {uid} asked");
                Answer::good(&ended)
            }
            Err(words) => Answer::failed(words),
        }
    }

    async fn change<T: Send + 'static>(
        &self,
        change: impl FnOnce(&mut Silences) -> T + Send + 'static,
    ) -> Result<T, String> {
        let spool = self.parts.spool_directory.clone();
        let written = self.disk.ask(move || {
            silences::change(&spool, |text| {
                let mut silences = match text {
                    Some(text) => Silences::read(&text)?,
                    None => Silences::default(),
                };
                let result = change(&mut silences);
                Ok::<_, io::Error>((serde_json::to_vec_pretty(&silences)?, result))
            })
        });
        done("write which alerts are silenced", written.await)
    }
}

/// What became of it, in words.
fn done<T>(act: &str, done: Option<io::Result<T>>) -> Result<T, String> {
    match done {
        Some(done) => done.map_err(|error| format!("cannot {act}: {error}")),
        None => Err(format!("cannot {act}: the disk does not answer")),
    }
}

fn damaged(error: impl Display) -> String {
    format!(
        "silences.json in the spool is damaged ({error}), and nothing is silenced: remove it, and silence anew"
    )
}
