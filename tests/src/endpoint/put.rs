//! `PutLogEvents`: what the service refuses as a whole, and what it rejects event by event.
//!
//! Pure: a request and the time in, a verdict out. The limits are those of the API reference of
//! `PutLogEvents` and of the service's quotas.

use std::borrow::Cow;
use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::endpoint::names;
use crate::endpoint::refusal::Refusal;

/// Events a call may carry.
pub const MAX_EVENTS: usize = 10_000;
/// Bytes a call may carry: the messages in UTF-8 and [`OVERHEAD`] for each.
pub const MAX_BYTES: usize = 1_048_576;
/// What each event counts on top of its message.
pub const OVERHEAD: usize = 26;
/// From the first event of a call to its last, in milliseconds.
pub const MAX_SPAN_MS: i64 = 24 * 3_600_000;
/// Older events are rejected.
pub const OLDEST_MS: i64 = 14 * 24 * 3_600_000;
/// Events further ahead are rejected.
pub const NEWEST_MS: i64 = 2 * 3_600_000;

/// The request, borrowed from the body: a message is copied only when it carries an escape.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PutRequest<'a> {
    #[serde(borrow, default)]
    pub(crate) log_group_name: Cow<'a, str>,
    #[serde(borrow, default)]
    pub(crate) log_stream_name: Cow<'a, str>,
    #[serde(borrow, default)]
    pub(crate) log_events: Vec<InputEvent<'a>>,
}

/// One event of a request.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct InputEvent<'a> {
    pub(crate) timestamp: i64,
    #[serde(borrow)]
    pub(crate) message: Cow<'a, str>,
}

/// What became of a call that was not refused.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Verdict {
    /// The events that are kept.
    pub(crate) kept: Range<usize>,
    /// What the answer says of the others.
    pub(crate) rejected: Option<Rejected>,
}

/// `rejectedLogEventsInfo`. Both ends are exclusive, the start inclusive.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Rejected {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) too_new_log_event_start_index: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) too_old_log_event_end_index: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) expired_log_event_end_index: Option<usize>,
}

/// Refuses a call that breaks a limit.
pub(crate) fn check(request: &PutRequest<'_>) -> Result<(), Refusal> {
    names::check_group(&request.log_group_name)?;
    names::check_stream(&request.log_stream_name)?;
    let events = &request.log_events;
    if events.is_empty() {
        return Err(Refusal::constraint("[]", "logEvents", "have length greater than or equal to 1"));
    }
    if events.len() > MAX_EVENTS {
        let rule = format!("have length less than or equal to {MAX_EVENTS}");
        return Err(Refusal::constraint(&format!("{} events", events.len()), "logEvents", &rule));
    }
    let mut bytes = 0;
    for (index, event) in events.iter().enumerate() {
        if event.timestamp < 0 {
            let member = format!("logEvents.{}.member.timestamp", index + 1);
            let rule = "have value greater than or equal to 0";
            return Err(Refusal::constraint(&event.timestamp.to_string(), &member, rule));
        }
        if event.message.is_empty() {
            let member = format!("logEvents.{}.member.message", index + 1);
            return Err(Refusal::constraint("", &member, "have length greater than or equal to 1"));
        }
        let size = event.message.len() + OVERHEAD;
        if size > MAX_BYTES {
            let text = format!("Log event too large: {size} bytes exceeds limit of {MAX_BYTES}");
            return Err(Refusal::parameter(text));
        }
        bytes += size;
    }
    if bytes > MAX_BYTES {
        let text = format!("Upload too large: {bytes} bytes exceeds limit of {MAX_BYTES}");
        return Err(Refusal::parameter(text));
    }
    if !events.is_sorted_by_key(|event| event.timestamp) {
        return Err(Refusal::parameter(
            "Log events in a single PutLogEvents request must be in chronological order.",
        ));
    }
    if events[events.len() - 1].timestamp - events[0].timestamp > MAX_SPAN_MS {
        return Err(Refusal::parameter(
            "The batch of log events in a single PutLogEvents request cannot span more than 24 hours.",
        ));
    }
    Ok(())
}

/// Which events of a checked call are kept at `now_ms` in a group with this retention.
pub(crate) fn judge(events: &[InputEvent<'_>], now_ms: i64, retention_days: Option<u32>) -> Verdict {
    let older_than = |limit_ms| events.partition_point(|event| event.timestamp < now_ms - limit_ms);
    let too_old = older_than(OLDEST_MS);
    let expired = retention_days.map_or(0, |days| older_than(i64::from(days) * 24 * 3_600_000));
    let too_new = events.partition_point(|event| event.timestamp <= now_ms + NEWEST_MS);
    verdict(events.len(), too_old, expired, too_new)
}

/// The verdict for these borders, wherever they come from.
pub(crate) fn verdict(length: usize, too_old: usize, expired: usize, too_new: usize) -> Verdict {
    let start = too_old.max(expired).min(length);
    let rejected = Rejected {
        too_new_log_event_start_index: (too_new < length).then_some(too_new),
        too_old_log_event_end_index: (too_old > 0).then_some(too_old),
        expired_log_event_end_index: (expired > 0).then_some(expired),
    };
    Verdict {
        kept: start..too_new.clamp(start, length),
        rejected: Some(rejected).filter(|rejected| *rejected != Rejected::default()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_800_000_000_000;
    const DAY: i64 = 24 * 3_600_000;

    fn events(times: &[i64]) -> Vec<InputEvent<'static>> {
        times.iter().map(|time| InputEvent { timestamp: *time, message: Cow::Borrowed("x") }).collect()
    }

    fn sized(sizes: &[usize]) -> Vec<InputEvent<'static>> {
        let message = |size| Cow::Owned("x".repeat(size));
        sizes.iter().map(|size| InputEvent { timestamp: NOW, message: message(*size) }).collect()
    }

    fn refusal(log_events: Vec<InputEvent<'_>>) -> Option<String> {
        let request = PutRequest {
            log_group_name: Cow::Borrowed("/starttech/backend"),
            log_stream_name: Cow::Borrowed("i-0/web/0"),
            log_events,
        };
        check(&request).err().map(|refusal| refusal.message)
    }

    #[test]
    fn ten_thousand_events_are_the_most() {
        assert_eq!(refusal(events(&vec![NOW; MAX_EVENTS])), None);
        assert!(refusal(events(&vec![NOW; MAX_EVENTS + 1])).unwrap().contains("10000"));
        assert!(refusal(Vec::new()).is_some());
    }

    #[test]
    fn a_batch_counts_26_bytes_an_event() {
        let half = MAX_BYTES / 2 - OVERHEAD;
        assert_eq!(refusal(sized(&[half, half])), None);
        let got = refusal(sized(&[half, half + 1])).unwrap();
        assert_eq!(got, "Upload too large: 1048577 bytes exceeds limit of 1048576");
    }

    #[test]
    fn bytes_are_those_of_utf_8() {
        let count = (MAX_BYTES - OVERHEAD) / 2;
        let event = |text: String| vec![InputEvent { timestamp: NOW, message: Cow::Owned(text) }];
        assert_eq!(refusal(event("ü".repeat(count))), None);
        assert!(refusal(event("ü".repeat(count + 1))).is_some());
    }

    #[test]
    fn an_event_is_neither_empty_nor_over_its_limit() {
        assert_eq!(refusal(sized(&[1])), None);
        assert!(refusal(sized(&[0])).is_some());
        assert_eq!(refusal(sized(&[MAX_BYTES - OVERHEAD])), None);
        assert!(refusal(sized(&[MAX_BYTES - OVERHEAD + 1])).unwrap().starts_with("Log event too large"));
    }

    #[test]
    fn events_come_in_the_order_of_their_times() {
        assert_eq!(refusal(events(&[NOW, NOW, NOW + 1])), None);
        assert!(refusal(events(&[NOW + 1, NOW])).unwrap().contains("chronological"));
        assert!(refusal(events(&[-1])).is_some());
    }

    #[test]
    fn a_batch_spans_a_day_and_no_more() {
        assert_eq!(refusal(events(&[NOW, NOW + MAX_SPAN_MS])), None);
        assert!(refusal(events(&[NOW, NOW + MAX_SPAN_MS + 1])).unwrap().contains("24 hours"));
    }

    #[test]
    fn the_end_of_the_too_old_is_exclusive() {
        let old = NOW - OLDEST_MS;
        assert_eq!(judge(&events(&[old]), NOW, None), Verdict { kept: 0..1, rejected: None });
        let got = judge(&events(&[old - 2, old - 1, old]), NOW, None);
        assert_eq!(got.kept, 2..3);
        assert_eq!(got.rejected.unwrap().too_old_log_event_end_index, Some(2));
    }

    #[test]
    fn the_start_of_the_too_new_is_inclusive() {
        let new = NOW + NEWEST_MS;
        assert_eq!(judge(&events(&[new]), NOW, None), Verdict { kept: 0..1, rejected: None });
        let got = judge(&events(&[NOW, new, new + 1]), NOW, None);
        assert_eq!(got.kept, 0..2);
        assert_eq!(got.rejected.unwrap().too_new_log_event_start_index, Some(2));
    }

    #[test]
    fn events_beyond_the_retention_are_expired() {
        let edge = NOW - DAY;
        assert_eq!(judge(&events(&[edge]), NOW, Some(1)).rejected, None);
        let got = judge(&events(&[edge - 1, edge]), NOW, Some(1));
        assert_eq!(got.kept, 1..2);
        let rejected = got.rejected.unwrap();
        assert_eq!(rejected.expired_log_event_end_index, Some(1));
        assert_eq!(rejected.too_old_log_event_end_index, None);
    }

    #[test]
    fn a_call_may_lose_every_event() {
        let got = judge(&events(&[NOW - 2 * OLDEST_MS]), NOW, None);
        assert!(got.kept.is_empty());
    }
}
