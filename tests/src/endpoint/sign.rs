//! What the service reads of a signature before it looks at the request.
//!
//! The signature itself is not computed again: the SDKs do that right, and a wrong clock, a wrong
//! scope or no credentials at all are what goes wrong in the field.

use hyper::HeaderMap;
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use crate::endpoint::refusal::Refusal;

/// How far the client's clock may be off.
pub const MAX_SKEW_MS: i64 = 5 * 60_000;

/// Refuses a request that is not signed for this service at about `now_ms`.
pub(crate) fn check(headers: &HeaderMap, service: &str, now_ms: i64) -> Result<(), Refusal> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let Some(authorization) = text("authorization") else {
        return Err(Refusal::client("MissingAuthenticationTokenException", "Missing Authentication Token"));
    };
    let Some(signature) = authorization.strip_prefix("AWS4-HMAC-SHA256 ") else {
        return Err(incomplete("Unsupported AWS 'algorithm' in the Authorization header."));
    };
    let part = |name: &str| {
        signature
            .split(',')
            .find_map(|part| part.trim().strip_prefix(name)?.strip_prefix('='))
            .ok_or_else(|| incomplete(&format!("Authorization header requires '{name}' parameter.")))
    };
    let credential: Vec<&str> = part("Credential")?.split('/').collect();
    let signed: Vec<&str> = part("SignedHeaders")?.split(';').collect();
    if part("Signature")?.len() != 64 {
        return Err(incomplete("Authorization header requires 'Signature' parameter."));
    }
    for header in ["host", "x-amz-date"] {
        if !signed.contains(&header) {
            return Err(invalid(format!("'{header}' must be a 'SignedHeader' in the AWS Authorization.")));
        }
    }
    let [key, day, _, scope, terminator] = credential[..] else {
        return Err(incomplete("Credential must have exactly 5 slash-delimited elements."));
    };
    if scope != service || terminator != "aws4_request" {
        return Err(invalid(format!("Credential should be scoped to correct service: '{service}'.")));
    }
    let sent = text("x-amz-date").unwrap_or_default();
    let Some(sent_ms) = milliseconds(sent) else {
        return Err(incomplete(
            "Authorization header requires existence of either a 'X-Amz-Date' or a \
                               'Date' header.",
        ));
    };
    if expiry_ms(key).is_some_and(|expiry_ms| expiry_ms < now_ms) {
        let text = "The security token included in the request is expired";
        return Err(Refusal::client("ExpiredTokenException", text));
    }
    if !sent.starts_with(day) {
        return Err(invalid(format!(
            "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: \
             '{day}' != '{sent}'."
        )));
    }
    let now = compact(now_ms);
    if now_ms - sent_ms > MAX_SKEW_MS {
        let edge = compact(now_ms - MAX_SKEW_MS);
        let text = format!("Signature expired: {sent} is now earlier than {edge} ({now} - 5 min.)");
        return Err(invalid(text));
    }
    if sent_ms - now_ms > MAX_SKEW_MS {
        let edge = compact(now_ms + MAX_SKEW_MS);
        let text = format!("Signature not yet current: {sent} is still later than {edge} ({now} + 5 min.)");
        return Err(invalid(text));
    }
    Ok(())
}

/// The id of a key that the metadata service hands out: it says itself how long it is good.
pub(crate) fn key_until(expiry_ms: i64) -> String {
    format!("ASIA{expiry_ms:016}")
}

fn expiry_ms(key: &str) -> Option<i64> {
    key.strip_prefix("ASIA")?.parse().ok()
}

fn incomplete(text: &str) -> Refusal {
    Refusal::client("IncompleteSignatureException", text)
}

fn invalid(text: String) -> Refusal {
    Refusal::client("InvalidSignatureException", text)
}

/// Reads `20261123T001700Z`.
fn milliseconds(date: &str) -> Option<i64> {
    let time = DateTime::strptime("%Y%m%dT%H%M%SZ", date).ok()?;
    Some(time.to_zoned(TimeZone::UTC).ok()?.timestamp().as_millisecond())
}

/// Writes `20261123T001700Z`.
pub(crate) fn compact(ms: i64) -> String {
    written(ms, "%Y%m%dT%H%M%SZ")
}

/// Writes `2026-11-23T00:17:00Z`.
pub(crate) fn iso(ms: i64) -> String {
    written(ms, "%Y-%m-%dT%H:%M:%SZ")
}

fn written(ms: i64, format: &str) -> String {
    let time = Timestamp::from_millisecond(ms).unwrap_or(Timestamp::UNIX_EPOCH);
    time.strftime(format).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_800_000_000_000;

    fn signed_at(ms: i64) -> HeaderMap {
        let date = compact(ms);
        let authorization = format!(
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/{}/eu-west-1/logs/aws4_request, \
             SignedHeaders=content-type;host;x-amz-date;x-amz-target, Signature={}",
            &date[..8],
            "0".repeat(64)
        );
        let mut headers = HeaderMap::new();
        headers.insert("authorization", authorization.parse().unwrap());
        headers.insert("x-amz-date", date.parse().unwrap());
        headers
    }

    fn code(headers: &HeaderMap) -> Option<&'static str> {
        check(headers, "logs", NOW).err().map(|refusal| refusal.code)
    }

    #[test]
    fn five_minutes_off_is_the_most() {
        assert_eq!(code(&signed_at(NOW - MAX_SKEW_MS)), None);
        assert_eq!(code(&signed_at(NOW + MAX_SKEW_MS)), None);
        let late = check(&signed_at(NOW - MAX_SKEW_MS - 1_000), "logs", NOW).unwrap_err();
        assert_eq!(late.code, "InvalidSignatureException");
        assert!(late.message.starts_with("Signature expired: "), "{}", late.message);
        let early = check(&signed_at(NOW + MAX_SKEW_MS + 1_000), "logs", NOW).unwrap_err();
        assert!(early.message.starts_with("Signature not yet current: "), "{}", early.message);
    }

    #[test]
    fn a_key_of_the_metadata_service_expires() {
        let with_key = |until| {
            let mut headers = signed_at(NOW);
            let own = headers["authorization"].to_str().unwrap();
            let changed = own.replacen("AKIDEXAMPLE", &key_until(until), 1);
            headers.insert("authorization", changed.parse().unwrap());
            headers
        };
        assert_eq!(code(&with_key(NOW)), None);
        assert_eq!(code(&with_key(NOW - 1)), Some("ExpiredTokenException"));
    }

    #[test]
    fn a_request_without_a_signature_is_refused() {
        assert_eq!(code(&HeaderMap::new()), Some("MissingAuthenticationTokenException"));
    }

    #[test]
    fn the_scope_names_the_service_and_the_day() {
        for (from, to) in [("/logs/", "/sns/"), ("/2027", "/2026"), ("host;", "")] {
            let mut headers = signed_at(NOW);
            let changed = headers["authorization"].to_str().unwrap().replacen(from, to, 1);
            headers.insert("authorization", changed.parse().unwrap());
            assert_eq!(code(&headers), Some("InvalidSignatureException"), "{from} to {to}");
        }
    }
}
