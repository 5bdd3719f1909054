//! How values and states are written: `0x5 _x2 80x10 80+2x5`, `ox9 Ax5`.
//!
//! It does not know what they are of.

use super::Fault;
use crate::alarms::evaluate::State;
use crate::alarms::evaluate::data::Sample;

/// A series ends after a week of minutes.
pub const LONGEST: usize = 7 * 24 * 60;

const VALUES: &str = "write 80, 80x10 for ten of them, 80+2x5 for 80 82 84 86 88, _ for a gap, 1#6 for six samples, \
                      {0.1#190 2#10} for different ones, {count=6 sum=3 min=0 max=1} for a statistic set";

const STATES: &str =
    "write o for OK, A for ALARM, . for INSUFFICIENT_DATA, ? for any, and ox9 for nine of them";

/// What was sent in each interval. Places of faults are bytes of the text.
pub fn values(text: &str) -> Result<Vec<Vec<Sample>>, Vec<Fault>> {
    let (mut all, mut faults) = (Vec::new(), Vec::new());
    for (at, word) in words(text) {
        match item(word) {
            Ok(more) if all.len() + more.len() <= LONGEST => all.extend(more),
            Ok(_) => {
                faults.push(Fault::new(
                    at,
                    "the series is longer than a week of minutes",
                    "repeat less often",
                ));
                break;
            }
            Err(what) => faults.push(Fault::new(at, what, VALUES)),
        }
    }
    if faults.is_empty() { Ok(all) } else { Err(faults) }
}

/// Parts between blanks, with their places; braces hold together.
fn words(text: &str) -> Vec<(usize, &str)> {
    let (mut words, mut from, mut open) = (Vec::new(), None, false);
    for (at, c) in text.char_indices().chain([(text.len(), ' ')]) {
        match c {
            '{' => open = true,
            '}' => open = false,
            _ => {}
        }
        let ends = (c.is_whitespace() && !open) || at == text.len();
        match from {
            None if !ends => from = Some(at),
            Some(start) if ends => {
                words.extend(text.get(start..at).map(|word| (start, word)));
                from = None;
            }
            _ => {}
        }
    }
    words
}

fn item(word: &str) -> Result<Vec<Vec<Sample>>, String> {
    let (what, times) = match word.rsplit_once('x') {
        Some((what, times)) if !times.contains('}') => (what, repeated(word, times)?),
        _ => (word, 1),
    };
    if what == "_" {
        return Ok(vec![Vec::new(); times]);
    }
    if let Some(inside) = what.strip_prefix('{') {
        let inside = inside.strip_suffix('}').ok_or_else(|| format!("{word:?} has no }} at its end"))?;
        let samples = if inside.contains('=') { vec![set(inside)?] } else { several(inside)? };
        return Ok(vec![samples; times]);
    }
    // A sign behind the first character that is not an exponent's.
    let sign = what
        .char_indices()
        .skip(1)
        .find(|(at, c)| matches!(c, '+' | '-') && !what.get(..*at).unwrap_or_default().ends_with(['e', 'E']));
    let Some((at, _)) = sign else { return Ok(vec![vec![counted(what)?]; times]) };
    let (first, step) = what.split_at(at);
    let (first, step) = (number(first)?, number(step)?);
    let value = |place: u32| vec![Sample::of(first + step * f64::from(place))];
    Ok((0..).take(times).map(value).collect())
}

fn repeated(word: &str, times: &str) -> Result<usize, String> {
    match times.parse() {
        Ok(times) if (1..=LONGEST).contains(&times) => Ok(times),
        _ => Err(format!("{word:?} is repeated {times:?} times, which is none from 1 to {LONGEST}")),
    }
}

fn number(text: &str) -> Result<f64, String> {
    let number: Option<f64> = text.parse().ok();
    number.filter(|number| number.is_finite()).ok_or_else(|| format!("{text:?} is no number"))
}

/// `1#6`
fn counted(text: &str) -> Result<Sample, String> {
    let Some((value, count)) = text.split_once('#') else { return number(text).map(Sample::of) };
    Ok(Sample::Value { value: number(value)?, count: above_nought(count)? })
}

fn above_nought(text: &str) -> Result<f64, String> {
    let count = number(text)?;
    if count > 0.0 { Ok(count) } else { Err(format!("{text:?} is no count of samples")) }
}

fn several(inside: &str) -> Result<Vec<Sample>, String> {
    let samples: Vec<Sample> = inside.split_whitespace().map(counted).collect::<Result<_, _>>()?;
    if samples.is_empty() { Err("the braces are empty".to_owned()) } else { Ok(samples) }
}

/// `count=6 sum=3 min=0 max=1`
fn set(inside: &str) -> Result<Sample, String> {
    let (mut count, mut sum, mut min, mut max) = (None, None, None, None);
    for part in inside.split_whitespace() {
        let (key, value) =
            part.split_once('=').ok_or_else(|| format!("{part:?} is no part of a statistic set"))?;
        match key {
            "count" => count = Some(above_nought(value)?),
            "sum" => sum = Some(number(value)?),
            "min" => min = Some(number(value)?),
            "max" => max = Some(number(value)?),
            other => return Err(format!("a statistic set has no {other:?}")),
        }
    }
    match (count, sum, min, max) {
        (Some(count), Some(sum), Some(min), Some(max)) if min <= max => {
            Ok(Sample::Set { count, sum, min, max })
        }
        (Some(_), Some(_), Some(_), Some(_)) => Err("the minimum is above the maximum".to_owned()),
        _ => Err("a statistic set has count, sum, min and max".to_owned()),
    }
}

/// The state in each minute; none where any will do.
pub fn states(text: &str) -> Result<Vec<Option<State>>, Vec<Fault>> {
    let (mut all, mut faults): (Vec<Option<State>>, Vec<Fault>) = (Vec::new(), Vec::new());
    let mut rest = text.char_indices().peekable();
    let mut last = None;
    while let Some((at, c)) = rest.next() {
        let state = match c {
            'o' => Some(State::Ok),
            'A' => Some(State::Alarm),
            '.' => Some(State::InsufficientData),
            '?' => None,
            'x' => {
                let mut times = String::new();
                while let Some((_, digit)) = rest.next_if(|(_, c)| c.is_ascii_digit()) {
                    times.push(digit);
                }
                match (last.take(), repeated(text.trim(), &times)) {
                    (Some(state), Ok(times)) => all.extend(std::iter::repeat_n(state, times - 1)),
                    (None, _) => {
                        faults.push(Fault::new(at, "nothing stands before this x to be repeated", STATES));
                    }
                    (_, Err(what)) => faults.push(Fault::new(at, what, STATES)),
                }
                continue;
            }
            c if c.is_whitespace() => {
                last = None;
                continue;
            }
            other => {
                faults.push(Fault::new(at, format!("{other:?} is no state"), STATES));
                continue;
            }
        };
        all.push(state);
        last = Some(state);
    }
    if all.len() > LONGEST {
        faults.push(Fault::new(0, "the time line is longer than a week of minutes", "repeat less often"));
    }
    if faults.is_empty() { Ok(all) } else { Err(faults) }
}

/// The character of a state.
pub fn letter(state: State) -> char {
    match state {
        State::Ok => 'o',
        State::Alarm => 'A',
        State::InsufficientData => '.',
    }
}

/// `10 ALARM`: a minute, from 1, and a state.
pub fn moment(text: &str) -> Result<(usize, State), Fault> {
    let fault = |what: String| Fault::new(0, what, "write a minute and a state: \"10 ALARM\"");
    let Some((minute, word)) = text.trim().split_once(char::is_whitespace) else {
        return Err(fault(format!("{text:?} is no minute with a state")));
    };
    let minute: usize = minute
        .parse()
        .ok()
        .filter(|minute| (1..=LONGEST).contains(minute))
        .ok_or_else(|| fault(format!("{minute:?} is no minute from 1 to {LONGEST}")))?;
    let state = state(word.trim()).ok_or_else(|| fault(format!("{:?} is no state", word.trim())))?;
    Ok((minute, state))
}

/// A state by the service's word for it.
pub fn state(word: &str) -> Option<State> {
    [State::Ok, State::Alarm, State::InsufficientData].into_iter().find(|state| state.word() == word)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(samples: &[Sample]) -> String {
        let one = |sample: &Sample| match sample {
            Sample::Value { value, count } => format!("{value}#{count}"),
            Sample::Set { count, sum, min, max } => format!("{count}:{sum}:{min}:{max}"),
        };
        if samples.is_empty() {
            "_".to_owned()
        } else {
            samples.iter().map(one).collect::<Vec<_>>().join("|")
        }
    }

    #[test]
    fn values_are_written_tersely() {
        for (text, expected) in [
            ("0x3 _x2 80", "0#1 0#1 0#1 _ _ 80#1"),
            ("80+2x3", "80#1 82#1 84#1"),
            ("80-2.5x3", "80#1 77.5#1 75#1"),
            ("-3 -3+1x2 1e3 1e-1x2", "-3#1 -3#1 -2#1 1000#1 0.1#1 0.1#1"),
            ("1#6x2", "1#6 1#6"),
            ("{0.1#190 2#10}x2 _", "0.1#190|2#10 0.1#190|2#10 _"),
            ("{count=6 sum=3 min=0 max=1}", "6:3:0:1"),
            ("  ", ""),
            ("", ""),
        ] {
            let all = values(text).unwrap_or_else(|faults| panic!("{text}: {faults:?}"));
            assert_eq!(
                all.iter().map(|samples| shown(samples)).collect::<Vec<_>>().join(" "),
                expected,
                "{text}"
            );
        }
    }

    #[test]
    fn every_wrong_value_is_told_with_its_place() {
        let faults = values("1 zwei 3x0 _y {1 2").unwrap_err();
        let told: Vec<(usize, &str)> = faults.iter().map(|fault| (fault.at, fault.what.as_str())).collect();
        assert_eq!(
            told,
            [
                (2, "\"zwei\" is no number"),
                (7, "\"3x0\" is repeated \"0\" times, which is none from 1 to 10080"),
                (11, "\"_y\" is no number"),
                (14, "\"{1 2\" has no } at its end"),
            ]
        );
        for (text, why) in [
            ("1#0", "no count"),
            ("1#", "no number"),
            ("{}", "empty"),
            ("{count=1 sum=1 min=1}", "count, sum, min and max"),
            ("{count=1 sum=1 min=2 max=1}", "above the maximum"),
            ("{count=1 sum=1 min=1 max=1 avg=1}", "no \"avg\""),
            ("NaN", "no number"),
            ("inf", "no number"),
            ("1x", "repeated"),
            ("x5", "no number"),
            ("1x10081", "repeated"),
            ("1x10000 1x100", "longer than a week"),
            ("1+1+1x2", "no number"),
            ("1x99999999999999999999", "repeated"),
        ] {
            let faults = values(text).unwrap_err();
            assert!(faults[0].what.contains(why), "{text}: {faults:?}");
        }
    }

    #[test]
    fn states_are_written_as_a_time_line() {
        let line = |text: &str| -> String {
            states(text).unwrap().into_iter().map(|state| state.map_or('?', letter)).collect()
        };
        assert_eq!(line("ox3 Ax2 . ?x2"), "oooAA.??");
        assert_eq!(line("ooAx3o"), "ooAAAo");
        assert_eq!(line(""), "");
        for (text, at, why) in [
            ("oo B", 3, "'B' is no state"),
            ("x3", 0, "nothing stands before"),
            ("o x3", 2, "nothing"),
            ("ox", 1, "repeated"),
            ("ox10080 o", 0, "longer"),
        ] {
            let faults = states(text).unwrap_err();
            assert_eq!((faults[0].at, faults[0].what.contains(why)), (at, true), "{text}: {faults:?}");
        }
    }

    #[test]
    fn a_moment_is_a_minute_and_a_state() {
        assert_eq!(moment("10 ALARM"), Ok((10, State::Alarm)));
        assert_eq!(moment(" 1  INSUFFICIENT_DATA "), Ok((1, State::InsufficientData)));
        for (text, why) in [
            ("ALARM", "no minute with"),
            ("0 OK", "no minute from 1"),
            ("1 Alarm", "no state"),
            ("-1 OK", "no minute"),
        ] {
            assert!(moment(text).unwrap_err().what.contains(why), "{text}");
        }
    }
}
