//! Whether a line may hold any of the rules' words, decided without branches.
//!
//! Three neighbouring bytes of each word, in either case, are compared at every place of the line at
//! once: the compiler makes vector instructions of it, which an automaton with its one step a byte
//! cannot have. What passes for nothing is only sent to the automaton; a test holds that no rule's
//! word is held back.

/// The bit in which the cases of a letter differ; setting it leaves the other bytes here as they are,
/// but for the backslash and the at sign.
const CASE: u8 = 0x20;

/// What the words of the rules have in common.
const MARKS: [[u8; 3]; 16] = [
    *b"pas", // password, passwd, pass
    *b"pwd",
    *b"cre", // secret
    *b"oke", // token
    *b"key", // api_key, private-key
    *b"hor", // authorization
    *b"ook", // cookie
    *b"rer", // bearer
    *b"asi", // basic, ASIA
    *b"aki",
    *b"eyj",
    *b"://",
    [b':', b'\\' | CASE, b'/'],
    *b"--b",
    [b'@' | CASE, b't', b'c'],
    [b'@' | CASE, b'u', b'n'],
];

/// `false` only for text that no built-in rule can match.
pub(super) fn may_match(text: &[u8]) -> bool {
    let (Some(second), Some(third)) = (text.get(1..), text.get(2..)) else { return false };
    let marked = |a: u8, b: u8, c: u8| {
        let fits = |mark: &[u8; 3]| {
            let [x, y, z] = *mark;
            u8::from(a == x) & u8::from(b == y) & u8::from(c == z)
        };
        MARKS.iter().fold(0, |any, mark| any | fits(mark))
    };
    text.chunks(64).zip(second.chunks(64)).zip(third.chunks(64)).any(|((a, b), c)| {
        let places = a.iter().zip(b).zip(c);
        places.fold(0, |any, ((a, b), c)| any | marked(a | CASE, b | CASE, c | CASE)) != 0
    })
}
