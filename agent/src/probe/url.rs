//! The address of a health check, as far as one can be asked: `http://host:port/path`.
//!
//! Says of every other what is wrong with it and what to write instead. Looks nothing up.

use std::fmt;
use std::net::IpAddr;

use hyper::Uri;
use hyper::header::HeaderValue;
use hyper::http::uri::PathAndQuery;

/// What is written instead of an address that nobody understands.
const EXAMPLE: &str = "http://127.0.0.1:8080/health";
/// Of a name in the DNS, RFC 1035.
const LONGEST_HOST: usize = 253;

/// A checked address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Url {
    host: Host,
    port: u16,
    /// `/path?query`, as it is asked for.
    target: Uri,
    /// `host:port`, as the service is told.
    authority: HeaderValue,
    /// As it is shown.
    text: String,
}

/// Where the service is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Host {
    Address(IpAddr),
    Name(String),
}

/// Why an address cannot be asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}: write {mend}")]
pub struct BadUrl {
    /// What is wrong with it; goes on from "the address".
    pub what: &'static str,
    /// An address that would do.
    pub mend: String,
}

impl Url {
    /// The path without its query: what marks access lines of health checks.
    pub fn path(&self) -> &str {
        self.target.path()
    }

    pub(super) fn host(&self) -> &Host {
        &self.host
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    pub(super) fn target(&self) -> &Uri {
        &self.target
    }

    pub(super) fn authority(&self) -> &HeaderValue {
        &self.authority
    }
}

/// Without the query, which may hold a token.
impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Checks an address. What is refused is never told again: it may hold a password.
pub fn parse_url(text: &str) -> Result<Url, BadUrl> {
    let bad = |what| BadUrl { what, mend: EXAMPLE.to_owned() };
    let Some((scheme, _)) = text.split_once("://") else {
        return Err(bad("is no URL"));
    };
    if scheme.eq_ignore_ascii_case("https") {
        return Err(bad("is https, but the service is asked on this host, where its port speaks http"));
    }
    if !scheme.eq_ignore_ascii_case("http") {
        return Err(bad("is not http, which is all that can be asked"));
    }
    if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(bad("holds a blank or another character that has to be written as %20 is"));
    }
    if text.contains('#') {
        return Err(bad("holds a fragment (#…), which is nothing to ask for"));
    }
    let uri: Uri = text.parse().map_err(|_| bad("is no URL"))?;
    let authority = uri.authority().ok_or_else(|| bad("names no host"))?;
    if authority.as_str().contains('@') {
        return Err(bad("holds a user, but a load balancer asks without one"));
    }
    let host = host(authority.host()).ok_or_else(|| bad("names no host"))?;
    let port = match authority.as_str().strip_prefix(authority.host()) {
        Some("") => Some(80),
        Some(port) => port.strip_prefix(':').and_then(|port| port.parse().ok()).filter(|port| *port > 0),
        None => None,
    };
    let port = port.ok_or_else(|| bad("has a port that is not between 1 and 65535"))?;
    let target = uri.path_and_query().map_or("/", PathAndQuery::as_str);
    // `http://host?x` has no path of its own.
    let target = if target.starts_with('/') { target.to_owned() } else { format!("/{target}") };
    let target: Uri = target.parse().map_err(|_| bad("is no URL"))?;
    let query = if target.query().is_some() { "?…" } else { "" };
    let text = format!("http://{authority}{}{query}", target.path());
    let authority = HeaderValue::from_str(authority.as_str()).map_err(|_| bad("names no host"))?;
    Ok(Url { host, port, target, authority, text })
}

fn host(text: &str) -> Option<Host> {
    if let Some(address) = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')) {
        return address.parse().ok().map(|ip| Host::Address(IpAddr::V6(ip)));
    }
    if let Ok(ip) = text.parse() {
        return Some(Host::Address(ip));
    }
    let of_a_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    let is_name = (1..=LONGEST_HOST).contains(&text.len()) && text.bytes().all(of_a_name);
    is_name.then(|| Host::Name(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(text: &str) -> (String, u16, String, String) {
        let url = parse_url(text).unwrap_or_else(|why| panic!("{text}: {why}"));
        let host = match url.host {
            Host::Address(ip) => format!("ip {ip}"),
            Host::Name(name) => format!("name {name}"),
        };
        (host, url.port, url.target.to_string(), url.authority.to_str().unwrap().to_owned())
    }

    #[test]
    fn addresses_of_health_checks_are_taken() {
        for (text, host, port, target, authority) in [
            ("http://127.0.0.1:8080/health", "ip 127.0.0.1", 8080, "/health", "127.0.0.1:8080"),
            ("http://localhost", "name localhost", 80, "/", "localhost"),
            (
                "HTTP://backend_1.internal/a/b?c=d",
                "name backend_1.internal",
                80,
                "/a/b?c=d",
                "backend_1.internal",
            ),
            ("http://[::1]:65535/", "ip ::1", 65535, "/", "[::1]:65535"),
            ("http://[2001:db8::1]", "ip 2001:db8::1", 80, "/", "[2001:db8::1]"),
            ("http://h:1?x=1", "name h", 1, "/?x=1", "h:1"),
        ] {
            let expected = (host.to_owned(), port, target.to_owned(), authority.to_owned());
            assert_eq!(parts(text), expected, "{text}");
        }
        assert_eq!(parse_url("http://h/health?deep=1").unwrap().path(), "/health");
    }

    #[test]
    fn a_query_is_asked_for_and_not_shown() {
        for (text, shown) in [
            ("http://127.0.0.1:8080/health?token=secret", "http://127.0.0.1:8080/health?…"),
            ("http://[::1]:81?secret", "http://[::1]:81/?…"),
            ("http://h/a?", "http://h/a?…"),
            ("HTTP://h:80/a/b", "http://h:80/a/b"),
            ("http://localhost", "http://localhost/"),
        ] {
            let url = parse_url(text).unwrap();
            assert_eq!(url.to_string(), shown);
            assert_eq!(text.contains("secret"), url.target().to_string().contains("secret"));
        }
    }

    #[test]
    fn others_are_refused_with_what_to_write() {
        for (text, what) in [
            ("", "is no URL"),
            ("127.0.0.1:8080/health", "is no URL"),
            ("/health", "is no URL"),
            ("https://127.0.0.1/health", "is https"),
            ("unix:///run/x.sock", "is not http"),
            ("http://", "is no URL"),
            ("http:///health", "is no URL"),
            ("http://:80/", "names no host"),
            ("http://a b/", "holds a blank"),
            (" http://a/", "is not http"),
            ("http://a/ü", "holds a blank"),
            ("http://a/\r\nX: y", "holds a blank"),
            ("http://a/#top", "holds a fragment"),
            ("http://user:secret@a/", "holds a user"),
            ("http://a:0/", "has a port"),
            ("http://a:65536/", "has a port"),
            ("http://a:/", "has a port"),
            ("http://a:x/", "has a port"),
            ("http://[::1/", "is no URL"),
            ("http://[a.b]/", "names no host"),
            ("http://a!b/", "names no host"),
        ] {
            let bad = parse_url(text).expect_err(text);
            assert!(bad.what.starts_with(what), "{text}: {bad}");
            assert!(parse_url(&bad.mend).is_ok() && !bad.to_string().contains("secret"), "{bad}");
        }
        assert!(parse_url(&format!("http://{}/", "a".repeat(254))).is_err());
    }
}
