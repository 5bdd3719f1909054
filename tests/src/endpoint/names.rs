//! The rules for the names of log groups and streams.
//!
//! From the API reference of `CreateLogGroup` and `CreateLogStream`.

use crate::endpoint::refusal::Refusal;

const LONGEST_NAME: usize = 512;

/// Refuses a log group's name unless it has 1 to 512 of `. - _ / # A-Z a-z 0-9`.
pub(crate) fn check_group(name: &str) -> Result<(), Refusal> {
    check_length(name, "logGroupName")?;
    if name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_/#".contains(&byte)) {
        return Ok(());
    }
    Err(Refusal::constraint(name, "logGroupName", r"satisfy regular expression pattern: [\.\-_/#A-Za-z0-9]+"))
}

/// Refuses a log stream's name unless it has 1 to 512 characters, none of them `:` or `*`.
pub(crate) fn check_stream(name: &str) -> Result<(), Refusal> {
    check_length(name, "logStreamName")?;
    if name.contains([':', '*']) {
        return Err(Refusal::constraint(name, "logStreamName", "satisfy regular expression pattern: [^:*]*"));
    }
    Ok(())
}

fn check_length(name: &str, member: &str) -> Result<(), Refusal> {
    match name.chars().count() {
        0 => Err(Refusal::constraint(name, member, "have length greater than or equal to 1")),
        1..=LONGEST_NAME => Ok(()),
        _ => Err(Refusal::constraint(name, member, "have length less than or equal to 512")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_of_512_characters_is_the_longest() {
        assert_eq!(check_group(&"g".repeat(512)), Ok(()));
        assert!(check_group(&"g".repeat(513)).is_err());
        assert_eq!(check_stream(&"ü".repeat(512)), Ok(()), "characters are counted, not bytes");
        assert!(check_stream(&"s".repeat(513)).is_err());
        assert!(check_group("").is_err() && check_stream("").is_err());
    }

    #[test]
    fn groups_and_streams_have_their_own_characters() {
        assert_eq!(check_group("/starttech/backend-1.2_x#y"), Ok(()));
        for bad in ["a b", "a:b", "ü", "a*"] {
            assert!(check_group(bad).is_err(), "{bad}");
        }
        assert_eq!(check_stream("i-0abc/my container/0123456789ab"), Ok(()));
        for bad in ["a:b", "a*b"] {
            assert!(check_stream(bad).is_err(), "{bad}");
        }
    }
}
