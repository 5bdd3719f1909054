//! Secrets leave the host as `***`.
//!
//! An automaton finds the words that secrets stand next to (`password`, `Bearer`, `://`), and at each a
//! rule decides from what stands around it. Nearly every line has none of them: a cheaper pass ahead of
//! the automaton (`redact/sieve.rs`) lets those through. Secrets are known by their name
//! (`redact/key.rs`, `redact/field.rs`) or by their form (`redact/form.rs`); `redact/span.rs` finds
//! where they end. JSON stays JSON, and what a line says about secrets (`token expired`) stays. Knows no
//! configuration and nothing of a line before or after: a secret torn over several events is not seen.

mod field;
mod form;
mod key;
mod sieve;
mod span;

use std::borrow::Cow;
use std::ops::Range;

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};
use regex::Regex;

use span::Line;

const MASK: &str = "***";
const MOST_PASSES: usize = 8;

/// The built-in rules and the operator's own.
#[derive(Debug, Clone)]
pub struct Redactor {
    words: AhoCorasick,
    extra: Vec<Regex>,
}

/// A pattern of the operator's that is not a regular expression.
#[derive(Debug, thiserror::Error)]
#[error("pattern {index} is not a regular expression: {pattern}")]
pub struct PatternError {
    /// Which one, counted from 0.
    pub index: usize,
    /// As it was written.
    pub pattern: String,
    /// What is wrong with it.
    #[source]
    pub source: regex::Error,
}

impl Redactor {
    /// The built-in rules, and after them `extra`: of each match the first group is replaced where the
    /// pattern has one, else the whole. A pattern that takes in a quote of a JSON line may break its JSON.
    pub fn new(extra: &[String]) -> Result<Self, PatternError> {
        let extra = extra.iter().enumerate().map(|(index, pattern)| {
            Regex::new(pattern).map_err(|source| PatternError { index, pattern: pattern.clone(), source })
        });
        let words = AhoCorasick::builder()
            .ascii_case_insensitive(true)
            .match_kind(MatchKind::LeftmostLongest)
            .kind(Some(AhoCorasickKind::DFA))
            .build(RULES.iter().map(|(word, _)| word));
        // Forty short words are far from every limit of the automaton.
        let words = words.unwrap_or_else(|_| unreachable!("the built-in words make an automaton"));
        Ok(Self { words, extra: extra.collect::<Result<_, _>>()? })
    }

    /// The text with its secrets replaced; borrowed when it has none.
    pub fn redact<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let mut text = Cow::Borrowed(text);
        // A replacement may uncover a word that was part of a longer one. Two passes are the rule for a
        // line with a secret, one for a line without.
        for _ in 0..MOST_PASSES {
            if !sieve::may_match(text.as_bytes()) {
                break;
            }
            let Some(changed) = self.built_in(&mut Line::new(&text)) else { break };
            text = Cow::Owned(changed);
        }
        for pattern in &self.extra {
            if let Some(changed) = replace(pattern, &text) {
                text = Cow::Owned(changed);
            }
        }
        text
    }

    fn built_in(&self, line: &mut Line<'_>) -> Option<String> {
        let text = line.text;
        let mut out = String::new();
        let mut copied = 0;
        for found in self.words.find_iter(text) {
            let Some((word, rule)) = RULES.get(found.pattern().as_usize()) else { continue };
            if found.start() < copied {
                // What is replaced already holds no second secret, but of a key's many lines perhaps only
                // the first.
                if *word == BEGIN
                    && let Some(cut) = rule(line, found.range(), copied)
                {
                    copied = copied.max(cut.range.end);
                }
                continue;
            }
            let Some(cut) = rule(line, found.range(), copied) else { continue };
            let (Some(before), Some(secret)) =
                (text.get(copied..cut.range.start), text.get(cut.range.clone()))
            else {
                continue;
            };
            if secret.is_empty() || secret == MASK {
                continue;
            }
            if copied == 0 {
                out.reserve(text.len());
            }
            out.push_str(before);
            cut.mask(&mut out);
            copied = cut.range.end;
        }
        if copied == 0 {
            return None;
        }
        out.push_str(text.get(copied..).unwrap_or_default());
        Some(out)
    }
}

/// What of a line is replaced.
struct Cut {
    range: Range<usize>,
    /// A bare JSON value becomes a string, whose quotes need this many backslashes each.
    quotes: Option<usize>,
}

impl Cut {
    fn plain(range: Range<usize>) -> Self {
        Self { range, quotes: None }
    }

    fn mask(&self, out: &mut String) {
        let quote = |out: &mut String| {
            if let Some(backslashes) = self.quotes {
                out.extend(std::iter::repeat_n('\\', backslashes));
                out.push('"');
            }
        };
        quote(out);
        out.push_str(MASK);
        quote(out);
    }
}

/// What to replace, given the line, where the word stands and up to where the line is done.
type Rule = fn(&mut Line<'_>, Range<usize>, usize) -> Option<Cut>;

const BEGIN: &str = "-----begin ";

const RULES: &[(&str, Rule)] = &[
    ("password", key::secret),
    ("passwd", key::secret),
    ("passphrase", key::secret),
    ("passcode", key::secret),
    ("pass", key::pass),
    ("pwd", key::secret),
    ("secret", key::secret),
    ("token", key::secret),
    ("apikey", key::secret),
    ("api_key", key::secret),
    ("api-key", key::secret),
    ("accesskey", key::secret),
    ("access_key", key::secret),
    ("access-key", key::secret),
    ("privatekey", key::secret),
    ("private_key", key::secret),
    ("private-key", key::secret),
    ("signingkey", key::secret),
    ("signing_key", key::secret),
    ("signing-key", key::secret),
    ("encryptionkey", key::secret),
    ("encryption_key", key::secret),
    ("encryption-key", key::secret),
    ("authorization", key::authorization),
    ("cookie", key::cookie),
    ("bearer ", form::bearer),
    ("basic ", form::bearer),
    ("://", form::url),
    (":\\/\\/", form::url),
    ("@tcp(", form::dsn),
    ("@unix(", form::dsn),
    ("eyj", form::jwt),
    ("akia", form::aws_key_id),
    ("asia", form::aws_key_id),
    (BEGIN, form::private_key),
];

fn replace(pattern: &Regex, text: &str) -> Option<String> {
    let mut out = String::new();
    let mut copied = 0;
    for captures in pattern.captures_iter(text) {
        let whole_or_group = if pattern.captures_len() > 1 { captures.get(1) } else { captures.get(0) };
        let Some(secret) = whole_or_group.filter(|secret| !secret.is_empty()) else { continue };
        out.push_str(text.get(copied..secret.start()).unwrap_or_default());
        out.push_str(MASK);
        copied = secret.end();
    }
    if copied == 0 {
        return None;
    }
    out.push_str(text.get(copied..).unwrap_or_default());
    Some(out)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const JWT: &str = "eyJhbGciOiJub25lIn0.eyJzdWIiOiI0MiJ9.c2lnbmF0dXJl";
    const KEY_ID: &str = "AKIA0123456789ABCDEF";

    fn redactor() -> Redactor {
        Redactor::new(&[]).expect("the built-in rules")
    }

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let redactor = redactor();
        let got = redactor.redact(text);
        assert_eq!(got, expected, "of {text}");
        assert_eq!(redactor.redact(&got), expected, "a second time");
    }

    #[track_caller]
    fn stays(text: &str) {
        assert!(matches!(redactor().redact(text), Cow::Borrowed(same) if same == text), "{text}");
    }

    #[test]
    fn tokens_and_keys_by_their_form() {
        check(&format!("got {JWT}."), "got ***.");
        check(&format!(r#"{{"a":"{JWT}","b":1}}"#), r#"{"a":"***","b":1}"#);
        check(&format!("id {KEY_ID}, next"), "id ***, next");
        check(&format!(r#"{{"m":"a\n{KEY_ID}\u0026{KEY_ID}"}}"#), r#"{"m":"a\n***\u0026***"}"#);
        check("curl -H 'X: Bearer abcDEF123456' -v", "curl -H 'X: Bearer ***' -v");
        check("tried basic dXNlcjpwYXNz== twice", "tried basic *** twice");
        stays("eyJ is how they begin");
        stays("AKIA0123456789ABCDEFGH");
        stays("asian akiane");
        stays("Bearer authentication failed, basic understanding required");
        stays(r#"WWW-Authenticate: Bearer realm="api""#);
    }

    #[test]
    fn passwords_in_urls() {
        check("dial mongodb://root:s3cr3t@db.example:27017/x", "dial mongodb://root:***@db.example:27017/x");
        check(r#"{"uri":"redis://:p@ss@cache:6379/0"}"#, r#"{"uri":"redis://:***@cache:6379/0"}"#);
        check("postgres://app:a/b?c#d@db/x", "postgres://app:***@db/x");
        check(r"amqp:\/\/u:pw@mq\/v", r"amqp:\/\/u:***@mq\/v");
        check("https://ghp0123456789abcdefgh@git.example/r", "https://***@git.example/r");
        check("a://u:1@h b://u:2@h", "a://u:***@h b://u:***@h");
        stays("GET http://10.9.0.1:8080/a?mail=x@y.example");
        stays("http://localhost:3000,http://user@x");
        stays("http://[::1]:80/@");
        stays("https://git@git.example/r");
    }

    #[test]
    fn headers() {
        check("Authorization: Bearer abc", "Authorization: Bearer ***");
        check("authorization: abc def", "authorization: ***");
        check("Proxy-Authorization: Basic YTpi\nAccept: */*", "Proxy-Authorization: Basic ***\nAccept: */*");
        check(
            r#"{"stack":"GET / HTTP/1.1\nCookie: sid=1; b=2\nAuthorization: Digest a=\"b\"\nHost: h"}"#,
            r#"{"stack":"GET / HTTP/1.1\nCookie: ***\nAuthorization: Digest ***\"b\"\nHost: h"}"#,
        );
        check(
            "map[Authorization:[Bearer x] Cookie:[a=b; c=d] Accept:[*/*]]",
            "map[Authorization:[Bearer ***] Cookie:[***] Accept:[*/*]]",
        );
        check(
            r#"{"Authorization":["Bearer x","y"],"Set-Cookie":"a=b; Path=/"}"#,
            r#"{"Authorization":"***","Set-Cookie":"***"}"#,
        );
        check(r#"{"Authorization": Bearer abc, "n": 1}"#, r#"{"Authorization": Bearer ***, "n": 1}"#);
        check("X-Api-Key: abcdef", "X-Api-Key: ***");
        stays("missing authorization header");
        stays("authorization failed: no such user");
        stays("missing cookie: session");
        stays("cookie_domain=a.example");
    }

    #[test]
    fn values_in_json() {
        check(r#"{"user":"a","password":"x\"y\\","n":1}"#, r#"{"user":"a","password":"***","n":1}"#);
        check(r#"{ "pwd" : 12345 , "n" : 1 }"#, r#"{ "pwd" : "***" , "n" : 1 }"#);
        check(r#"{"secret":{"a":["}"]},"n":1}"#, r#"{"secret":"***","n":1}"#);
        check(r#"{"tokens":["a","b"],"n":1}"#, r#"{"tokens":"***","n":1}"#);
        check(r#"{"password":"cut of"#, r#"{"password":"***"#);
        check(r#"{"password":123"#, r#"{"password":"***""#);
        check(
            r#"{"client_secret":"a","refreshToken":"b","api-key":"c"}"#,
            r#"{"client_secret":"***","refreshToken":"***","api-key":"***"}"#,
        );
        stays(r#"{"password":"","token":null,"hasPassword":true,"tokens":128,"token_type":"x"}"#);
        stays(r#"{"msg":"password:","token_count":3,"path":"/auth/token","/auth/token":5}"#);
        stays(
            r#"{"error":"Key: 'User.Password' Error:Field validation for 'Password' failed on the 'min' tag"}"#,
        );
    }

    #[test]
    fn values_in_json_inside_a_string() {
        check(
            r#"{"msg":"body {\"user\":\"a\",\"password\":\"x\\\"y\"}","n":1}"#,
            r#"{"msg":"body {\"user\":\"a\",\"password\":\"***\"}","n":1}"#,
        );
        check(r#"{"msg":"{\"password\":123,\"n\":1}"}"#, r#"{"msg":"{\"password\":\"***\",\"n\":1}"}"#);
        check(r#"{"msg":"{\"password\":\"cut","n":1}"#, r#"{"msg":"{\"password\":\"***","n":1}"#);
        check(
            r#"{"m":"{\"m\":\"{\\\"token\\\":\\\"x\\\"}\"}"}"#,
            r#"{"m":"{\"m\":\"{\\\"token\\\":\\\"***\\\"}\"}"}"#,
        );
        check(r#"{"m":"{\"token\":[\"a\"],\"n\":1}"}"#, r#"{"m":"{\"token\":\"***\",\"n\":1}"}"#);
        check(r#"{"m":"a=1\u0026password=x\u0026b=2"}"#, r#"{"m":"a=1\u0026password=***\u0026b=2"}"#);
        check(r#"{"m":"DB_PASS=a\\b\nPATH=/bin"}"#, r#"{"m":"DB_PASS=***\nPATH=/bin"}"#);
    }

    #[test]
    fn values_outside_of_json() {
        check("DB_PASSWORD=p@,ss;w)rd", "DB_PASSWORD=***");
        check("export JWT_SECRET_KEY='a b' X=1", "export JWT_SECRET_KEY='***' X=1");
        check("[HOME=/root AWS_SECRET_ACCESS_KEY=a/b+c]", "[HOME=/root AWS_SECRET_ACCESS_KEY=***]");
        check("user=a&password=x%21&remember=1", "user=a&password=***&remember=1");
        check("GET /cb?token=abc&x=1 HTTP/1.1", "GET /cb?token=***&x=1 HTTP/1.1");
        check("{Name:a Password:hunter2 Mail:b}", "{Name:a Password:*** Mail:b}");
        check(r#"&main.User{Name:"a", Password:"b c"}"#, r#"&main.User{Name:"a", Password:"***"}"#);
        check("[{username a} {password bc}]", "[{username a} {password ***}]");
        check("mysqldump --password hunter2 db", "mysqldump --password *** db");
        check("password = \"open ended", "password = \"***");
        check("password: hunter2", "password: ***");
        check("token=Bearer abc12345 user=a", "token=*** user=a");
        check("password=basic user=a", "password=*** user=a");
        check("logged in with password: hunter2", "logged in with password: ***");
        check("access_token: abc", "access_token: ***");
        check("{'password': 'x'}", "{'password': '***'}");
        stays("PWD=/app");
        stays("bypass=yes compass: north passed=3");
        stays("password=<nil> token=true");
    }

    #[test]
    fn prose_stays() {
        for text in [
            "token expired",
            "password reset requested",
            "invalid token: signature is invalid",
            "could not parse token: unexpected EOF",
            "password: must be at least 8 characters",
            "token == nil",
            "POST /auth/token 200",
            "secret/token rotation is due",
            "std::token::next",
            "",
        ] {
            stays(text);
        }
    }

    #[test]
    fn private_keys() {
        let block = "-----BEGIN RSA PRIVATE KEY-----\nMIIB\n-----END RSA PRIVATE KEY-----";
        check(&format!("key\n{block}\nend"), "key\n***\nend");
        check("-----BEGIN PRIVATE KEY-----\nMIIB", "***");
        check(&format!(r#"{{"a":"{}","b":1}}"#, block.replace('\n', "\\n")), r#"{"a":"***","b":1}"#);
        check(
            r#"{"a":"-----BEGIN PRIVATE KEY-----\nMI","b":"-----END PRIVATE KEY-----"}"#,
            r#"{"a":"***","b":"-----END PRIVATE KEY-----"}"#,
        );
        check(&format!("PRIVATE_KEY={block} X=1"), "PRIVATE_KEY=*** X=1");
        check(&format!("private_key: '{block}'"), "private_key: '***'");
        check(&format!("map[key:[1] private-key:[{block}]]"), "map[key:[1] private-key:[***]]");
        stays("-----BEGIN CERTIFICATE-----\nMIIB");
    }

    #[test]
    fn passwords_of_the_mysql_driver() {
        check("root:p@s:s/w@tcp(db:3306)/app?tls=1", "root:***@tcp(db:3306)/app?tls=1");
        check(
            r#"{"dsn":"app:x@unix(/run/mysqld.sock)/app"}"#,
            r#"{"dsn":"app:***@unix(/run/mysqld.sock)/app"}"#,
        );
        check(r#"{"m":"open \"app:x@tcp(db)/app\""}"#, r#"{"m":"open \"app:***@tcp(db)/app\""}"#);
        check("mysql://app:x@tcp(db)/app", "mysql://app:***@tcp(db)/app");
        stays("root@tcp(db:3306)/app at 10:15");
        stays("mail bob@tcp.example, bob@union.example");
    }

    #[test]
    fn names_and_values_side_by_side() {
        check(
            r#"[{"name":"DB_PASSWORD","value":"x"},{"name":"PORT","value":"80"}]"#,
            r#"[{"name":"DB_PASSWORD","value":"***"},{"name":"PORT","value":"80"}]"#,
        );
        check(
            "{ \"Key\" : \"spring.token\" ,\n \"Value\" : \"x\" }",
            "{ \"Key\" : \"spring.token\" ,\n \"Value\" : \"***\" }",
        );
        check(
            r#"{"name":"Authorization","value":"Bearer x"}"#,
            r#"{"name":"Authorization","value":"Bearer ***"}"#,
        );
        check(
            r#"{"m":"{\"name\":\"token\",\"value\":\"x\"}"}"#,
            r#"{"m":"{\"name\":\"token\",\"value\":\"***\"}"}"#,
        );
        stays(r#"{"name":"tokens","value":12,"name":"pass","value":0.5}"#);
        stays(r#"{"field":"password","value":"is too short"}"#);
        stays(r#"{"name":"password","type":"string","value":"x"}"#);
        stays(r#"{"name":"invalid token","value":"x"}"#);
        stays(r#"["name","password","value"]"#);
    }

    #[test]
    fn queries_inside_of_queries() {
        check(
            "GET /login?next=%2Fa%3Fpassword%3Dx%2521%26b%3D1&c=2",
            "GET /login?next=%2Fa%3Fpassword%3D***%26b%3D1&c=2",
        );
        check("%26pass%3dx", "%26pass%3d***");
        check(r#"{"q":"token%3Dabc","n":1}"#, r#"{"q":"token%3D***","n":1}"#);
        stays("GET /search?q=password%3A%20reset");
        stays("token%3Dtrue%26x");
    }

    #[test]
    fn a_line_made_to_be_slow_is_read_in_proportion() {
        for unit in [
            "eyJ",
            "a://b:c",
            "tokens=",
            "password=//",
            "{password\tx",
            " a cookie: x",
            "authorization: bearer ' ",
            "x:y@tcp(",
            "\"name\":\"token\",",
        ] {
            let text = unit.repeat((1 << 18) / unit.len());
            let mut line = Line::new(&text);
            redactor().built_in(&mut line);
            // What a rule may look at and leave for the next has a bound of a thousand bytes.
            assert!(line.looks.get() < 300 * text.len(), "{unit}: {}", line.looks.get() / text.len());
        }
    }

    #[test]
    fn the_sieve_holds_no_word_back() {
        for (word, _) in RULES {
            for word in [word.to_ascii_lowercase(), word.to_ascii_uppercase()] {
                assert!(sieve::may_match(word.as_bytes()), "{word}");
                assert!(
                    sieve::may_match(format!("{}{word}{}", "µ".repeat(31), "_".repeat(99)).as_bytes()),
                    "{word}"
                );
            }
        }
        assert!(!sieve::may_match(
            br#"{"time":"2026-03-04T05:06:07Z","level":"INFO","msg":"GET /health 200"}"#
        ));
    }

    #[test]
    fn patterns_of_the_operators() {
        let redactor = Redactor::new(&["[0-9]{4}-[0-9]{4}".into(), "card=(\\w+)".into()]).expect("patterns");
        assert_eq!(redactor.redact("1234-5678 card=abc password=x"), "*** card=*** password=***");
        assert!(matches!(redactor.redact("nothing"), Cow::Borrowed(_)));
        let error = Redactor::new(&["a".into(), "(".into()]).expect_err("no pattern");
        assert_eq!(error.to_string(), "pattern 1 is not a regular expression: (");
    }

    /// Text out of the pieces that the rules look at.
    fn tricky() -> impl Strategy<Value = String> {
        let piece = prop::sample::select(vec![
            "password",
            "Token",
            "_key",
            "pass",
            "PWD",
            "authorization",
            "Cookie",
            "Bearer ",
            "basic ",
            "Digest ",
            "--",
            "://",
            ":\\/\\/",
            "u:p",
            "@",
            "h",
            "=",
            ":",
            ": ",
            " ",
            ",",
            ";",
            "&",
            "|",
            "\"",
            "\\\"",
            "\\\\\\\"",
            "\\",
            "'",
            "`",
            "{",
            "}",
            "[",
            "]",
            "(",
            ")",
            "<",
            ">",
            "/",
            "\n",
            "\t",
            "\\n",
            "\\u0026",
            "***",
            "1",
            "12345",
            "true",
            "null",
            "é",
            "abcDEF12345",
            JWT,
            KEY_ID,
            "-----BEGIN PRIVATE KEY-----",
            "-----END PRIVATE KEY-----",
            "x=1",
            "a1.",
        ]);
        let piece = prop_oneof![9 => piece.prop_map(str::to_owned), 1 => any::<String>()];
        prop::collection::vec(piece, 0..14).prop_map(|pieces| pieces.concat())
    }

    fn json() -> impl Strategy<Value = serde_json::Value> {
        use serde_json::Value;
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            tricky().prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 24, 5, |inner| {
            let key = prop_oneof![
                Just("password".to_owned()),
                Just("token".to_owned()),
                Just("tokens".to_owned()),
                Just("Authorization".to_owned()),
                Just("Cookie".to_owned()),
                tricky(),
            ];
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::vec((key, inner.clone()), 0..4)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
                // JSON as text in JSON, which is how request bodies are logged.
                inner.prop_map(|value| Value::from(value.to_string())),
            ]
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4000))]

        #[test]
        fn redacting_twice_changes_nothing(text in tricky()) {
            let redactor = redactor();
            let once = redactor.redact(&text).into_owned();
            prop_assert_eq!(redactor.redact(&once), once.as_str(), "{}", text);
        }

        #[test]
        fn json_stays_json(value in json(), pretty in any::<bool>()) {
            let text = if pretty { serde_json::to_string_pretty(&value) } else { serde_json::to_string(&value) };
            let text = text.expect("JSON");
            let redactor = redactor();
            let once = redactor.redact(&text).into_owned();
            prop_assert!(serde_json::from_str::<serde_json::Value>(&once).is_ok(), "{} became {}", text, once);
            prop_assert_eq!(redactor.redact(&once), once.as_str(), "{}", text);
        }

        #[test]
        fn a_password_of_any_kind_does_not_pass(secret in "[ -~]{1,20}") {
            let text = serde_json::json!({"a": 1, "password": format!("§{secret}§")}).to_string();
            let nested = serde_json::json!({"msg": text}).to_string();
            prop_assert!(!redactor().redact(&text).contains('§'));
            prop_assert!(!redactor().redact(&nested).contains('§'));
            let expected = r#"{"msg":"{\"a\":1,\"password\":\"***\"}"}"#;
            prop_assert_eq!(redactor().redact(&nested), expected);
        }
    }
}
