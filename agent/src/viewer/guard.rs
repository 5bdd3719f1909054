//! Who may see the page.
//!
//! On loopback it is whoever is on this host, but no page of another site: a name of its own that suddenly leads to
//! 127.0.0.1 (DNS rebinding) is told by the `Host` header, and one that would measure how long a search takes by what
//! browsers say of where a request comes from. Elsewhere a token is wanted.

use std::net::{IpAddr, SocketAddr};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// The least letters of a token: what cannot be guessed.
const SHORTEST: usize = 16;

/// What a request must show.
#[derive(Debug, Clone)]
pub struct Guard {
    token: Option<Token>,
    loopback: bool,
}

/// A secret, as its hash: so that comparing takes as long whatever its length.
#[derive(Debug, Clone)]
struct Token([u8; 32]);

/// Why the page is not served there.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum Refused {
    /// Logs and measures tell a lot.
    #[error(
        "{0} is no loopback address, and whoever reaches it could read the logs: a token is wanted (--token-file)"
    )]
    Open(SocketAddr),
    /// Too short to be a secret.
    #[error("the token has less than {SHORTEST} characters")]
    Short,
}

/// What a request says of itself.
#[derive(Debug, Clone, Copy, Default)]
pub struct Headers<'a> {
    /// `Host`
    pub host: Option<&'a str>,
    /// `Authorization`
    pub authorization: Option<&'a str>,
    /// `Sec-Fetch-Site`, which a browser sets and no page can.
    pub site: Option<&'a str>,
    /// `Sec-Fetch-Mode`
    pub mode: Option<&'a str>,
}

/// What becomes of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Judgement {
    /// Answer it.
    Fine,
    /// It is of another site's page.
    Stranger,
    /// No token, or a wrong one.
    Locked,
}

impl Guard {
    /// For an address. `token` is the content of the file or variable.
    pub fn new(address: SocketAddr, token: Option<&str>) -> Result<Self, Refused> {
        let loopback = address.ip().to_canonical().is_loopback();
        let token = token.map(str::trim);
        if token.is_none() && !loopback {
            return Err(Refused::Open(address));
        }
        if token.is_some_and(|token| token.len() < SHORTEST) {
            return Err(Refused::Short);
        }
        Ok(Self { token: token.map(Token::of), loopback })
    }

    /// Judges a request by its headers.
    pub fn judge(&self, headers: &Headers<'_>) -> Judgement {
        let strange = self.loopback && !headers.host.is_some_and(is_local);
        // A link to the page may stand anywhere. Another port of this host is another site, too.
        let own = headers.site.is_none_or(|site| ["same-origin", "none"].contains(&site));
        if strange || !own && headers.mode != Some("navigate") {
            return Judgement::Stranger;
        }
        match &self.token {
            Some(token) if !headers.authorization.is_some_and(|given| token.is(given)) => Judgement::Locked,
            _ => Judgement::Fine,
        }
    }
}

impl Token {
    fn of(text: &str) -> Self {
        Self(Sha256::digest(text.as_bytes()).into())
    }

    /// `Bearer TOKEN`, or `Basic` with it as the password, which browsers ask for.
    fn is(&self, authorization: &str) -> bool {
        let Some((scheme, rest)) = authorization.split_once(' ') else { return false };
        let given = if scheme.eq_ignore_ascii_case("bearer") {
            rest.trim().to_owned()
        } else if scheme.eq_ignore_ascii_case("basic") {
            let decoded = STANDARD.decode(rest.trim()).unwrap_or_default();
            let text = String::from_utf8_lossy(&decoded);
            text.split_once(':').map(|(_, password)| password.to_owned()).unwrap_or_default()
        } else {
            return false;
        };
        Self::of(&given).0.ct_eq(&self.0).into()
    }
}

/// Whether a `Host` is this host's own name for itself, at any port: the other end of a tunnel has another.
fn is_local(host: &str) -> bool {
    let port = |text: &str| {
        text.is_empty() || text.strip_prefix(':').is_some_and(|port| port.parse::<u16>().is_ok())
    };
    if let Some(rest) = host.strip_prefix('[') {
        let Some((address, rest)) = rest.split_once(']') else { return false };
        return port(rest)
            && address.parse::<IpAddr>().is_ok_and(|address| address.to_canonical().is_loopback());
    }
    let (name, rest) = host.split_at_checked(host.find(':').unwrap_or(host.len())).unwrap_or((host, ""));
    let named = name.eq_ignore_ascii_case("localhost");
    port(rest) && (named || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "0123456789abcdef-x";

    #[test]
    fn the_world_needs_a_token() {
        let address = |text: &str| text.parse::<SocketAddr>().unwrap();
        for open in ["0.0.0.0:1", "[::]:1", "10.0.0.1:1"] {
            assert_eq!(Guard::new(address(open), None).unwrap_err(), Refused::Open(address(open)));
            assert!(Guard::new(address(open), Some(TOKEN)).is_ok());
        }
        for own in ["127.0.0.1:1", "[::1]:1", "127.8.8.8:1", "[::ffff:127.0.0.1]:1"] {
            assert!(Guard::new(address(own), None).is_ok(), "{own}");
        }
        assert_eq!(Guard::new(address("127.0.0.1:1"), Some("short\n")).unwrap_err(), Refused::Short);
    }

    #[test]
    fn other_sites_do_not_get_in_by_a_name() {
        let guard = Guard::new("127.0.0.1:8866".parse().unwrap(), None).unwrap();
        for (host, judgement) in [
            (Some("localhost:8866"), Judgement::Fine),
            (Some("127.0.0.1:9"), Judgement::Fine),
            (Some("LOCALHOST"), Judgement::Fine),
            (Some("[::1]:8866"), Judgement::Fine),
            (Some("[::ffff:127.0.0.1]:8866"), Judgement::Fine),
            (Some("[::ffff:10.0.0.1]:8866"), Judgement::Stranger),
            (Some("evil.example:8866"), Judgement::Stranger),
            (Some("localhost.evil.example"), Judgement::Stranger),
            (Some("127.0.0.1.evil.example:80"), Judgement::Stranger),
            (Some("localhost:8866:1"), Judgement::Stranger),
            (Some("[::1"), Judgement::Stranger),
            (Some(""), Judgement::Stranger),
            (None, Judgement::Stranger),
        ] {
            assert_eq!(guard.judge(&Headers { host, ..Headers::default() }), judgement, "{host:?}");
        }
    }

    #[test]
    fn pages_of_other_sites_may_lead_here_and_ask_nothing() {
        let guard = Guard::new("127.0.0.1:8866".parse().unwrap(), None).unwrap();
        for (site, mode, judgement) in [
            ("none", "navigate", Judgement::Fine),
            ("same-origin", "cors", Judgement::Fine),
            ("cross-site", "navigate", Judgement::Fine),
            ("cross-site", "no-cors", Judgement::Stranger),
            ("cross-site", "cors", Judgement::Stranger),
            ("same-site", "no-cors", Judgement::Stranger),
        ] {
            let headers =
                Headers { host: Some("localhost"), site: Some(site), mode: Some(mode), ..Headers::default() };
            assert_eq!(guard.judge(&headers), judgement, "{site} {mode}");
        }
    }

    #[test]
    fn a_token_opens() {
        let guard = Guard::new("0.0.0.0:1".parse().unwrap(), Some("0123456789abcdef-x\n")).unwrap();
        let basic = |text: &str| format!("Basic {}", STANDARD.encode(text));
        for (given, judgement) in [
            (Some(format!("Bearer {TOKEN}")), Judgement::Fine),
            (Some(format!("bearer  {TOKEN}")), Judgement::Fine),
            (Some(basic(&format!("me:{TOKEN}"))), Judgement::Fine),
            (Some(basic(TOKEN)), Judgement::Locked),
            (Some(format!("Bearer {TOKEN}y")), Judgement::Locked),
            (Some("Basic %%%".to_owned()), Judgement::Locked),
            (Some(TOKEN.to_owned()), Judgement::Locked),
            (None, Judgement::Locked),
        ] {
            let headers =
                Headers { host: Some("any.example"), authorization: given.as_deref(), ..Headers::default() };
            assert_eq!(guard.judge(&headers), judgement, "{given:?}");
        }
    }
}
