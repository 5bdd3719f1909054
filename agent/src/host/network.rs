//! What went over the host's network cards between two looks at `/proc/net/dev`.
//!
//! A card is what has hardware behind it, real or virtual: its directory below `/sys/class/net` has a
//! `device`. Loopback, bridges, veth pairs, tunnels and bonds have none, so nothing is counted twice:
//! of a bond, the cards below it count. Where no interface has hardware, as inside a container, names
//! decide. sysinfo would read about ten files an interface, each time.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use crate::metrics::counter::{Counter, WentBack};
use crate::metrics::{Readings, name};

/// How the names begin of what is no card.
const NO_CARD: [&str; 24] = [
    "lo",
    "veth",
    "docker",
    "br-",
    "br0",
    "virbr",
    "lxcbr",
    "lxdbr",
    "podman",
    "cni",
    "flannel",
    "cali",
    "cilium",
    "kube",
    "vxlan",
    "tun",
    "tap",
    "wg",
    "tailscale",
    "bond",
    "dummy",
    "ifb",
    "sit",
    "ip6tnl",
];

/// Received and sent, in bytes.
type Bytes = (u64, u64);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Is {
    /// Hardware is behind it.
    Hardware,
    /// None is; its name is one that a card may have.
    Named,
    /// None of ours.
    Other,
}

#[derive(Debug)]
struct Card {
    is: Is,
    received: Counter,
    sent: Counter,
    /// It was there at this look.
    seen: bool,
}

/// The interfaces and their totals at the last look.
#[derive(Debug)]
pub(super) struct Cards {
    /// `/sys/class/net`
    class: PathBuf,
    known: HashMap<String, Card>,
}

impl Cards {
    pub(super) fn new(class: PathBuf) -> Self {
        Self { class, known: HashMap::new() }
    }

    /// Takes the text of `/proc/net/dev`. A card whose totals went back is missing from the sum of this
    /// once, which is a fault; a new one counts from its second look on.
    pub(super) fn sample(&mut self, text: &str, readings: &mut Readings) {
        let mut added = [(Is::Hardware, None::<Bytes>), (Is::Named, None)];
        let mut went_back = Vec::new();
        for (interface, bytes) in parse(text) {
            let card = match self.known.get_mut(interface) {
                Some(card) => card,
                None => self.known.entry(interface.to_owned()).or_insert_with(|| Card {
                    is: what(&self.class, interface),
                    received: Counter::default(),
                    sent: Counter::default(),
                    seen: true,
                }),
            };
            card.seen = true;
            let Some((received, sent)) = bytes else {
                readings.fault(format!("/proc/net/dev has no totals of {interface}"));
                (card.received, card.sent) = Default::default();
                continue;
            };
            let (received, sent) = match (card.received.added(received), card.sent.added(sent)) {
                (Ok(Some(received)), Ok(Some(sent))) => (received, sent),
                (Ok(_), Ok(_)) => continue,
                (Err(WentBack), _) | (_, Err(WentBack)) => {
                    went_back.push((card.is, interface));
                    continue;
                }
            };
            for (_, sum) in added.iter_mut().filter(|(is, _)| *is == card.is) {
                let (r, s) = sum.unwrap_or_default();
                *sum = Some((r.saturating_add(received), s.saturating_add(sent)));
            }
        }
        self.known.retain(|_, card| std::mem::take(&mut card.seen));
        let hardware = self.known.values().any(|card| card.is == Is::Hardware);
        let counts = if hardware { Is::Hardware } else { Is::Named };
        for (_, interface) in went_back.into_iter().filter(|(is, _)| *is == counts) {
            readings.fault(format!("the totals of {interface} in /proc/net/dev went back"));
        }
        let sum = added.into_iter().find_map(|(is, sum)| sum.filter(|_| is == counts));
        let Some((received, sent)) = sum else { return };
        readings.put(&name::NET_BYTES_RECV, None, as_f64(received));
        readings.put(&name::NET_BYTES_SENT, None, as_f64(sent));
    }
}

#[expect(clippy::cast_precision_loss, reason = "a sum of ten seconds has far fewer than 53 bits")]
fn as_f64(bytes: u64) -> f64 {
    bytes as f64
}

/// Each interface and its totals; none where they make no sense.
fn parse(text: &str) -> impl Iterator<Item = (&str, Option<Bytes>)> {
    // The two lines of headings have no colon.
    text.lines().filter_map(|line| line.split_once(':')).map(|(interface, totals)| {
        let mut totals = totals.split_ascii_whitespace();
        let mut total = |skip: usize| totals.nth(skip)?.parse().ok();
        // Bytes are the first of the eight columns received and of the eight sent.
        let bytes = total(0).and_then(|received| Some((received, total(7)?)));
        (interface.trim(), bytes)
    })
}

fn what(class: &Path, interface: &str) -> Is {
    let directory = class.join(interface);
    // A virtual function may be enslaved to another card, which counts its bytes too.
    if directory.join("device").exists() && !directory.join("master/device").exists() {
        Is::Hardware
    } else if directory.join("device").exists() || NO_CARD.iter().any(|no| interface.starts_with(no)) {
        Is::Other
    } else {
        Is::Named
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use proptest::prelude::*;

    use super::*;

    const HEAD: &str = "Inter-|   Receive                                                |  Transmit\n \
        face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed\n";

    fn line(interface: &str, received: u64, sent: u64) -> String {
        format!("{interface:>6}: {received:8} 11 0 0 0 0 0 0 {sent:8} 12 0 0 0 0 0 0\n")
    }

    fn class(hardware: &[&str]) -> tempfile::TempDir {
        let class = tempfile::tempdir().unwrap();
        for interface in hardware {
            fs::create_dir_all(class.path().join(interface).join("device")).unwrap();
        }
        class
    }

    fn look(cards: &mut Cards, lines: &[(&str, u64, u64)]) -> Option<(f64, f64)> {
        let (bytes, faults) = look_told(cards, lines);
        assert_eq!(faults, [""; 0]);
        bytes
    }

    /// What came of it, and what is wrong.
    fn look_told(cards: &mut Cards, lines: &[(&str, u64, u64)]) -> (Option<(f64, f64)>, Vec<String>) {
        let text = HEAD.to_owned() + &lines.iter().map(|(i, r, s)| line(i, *r, *s)).collect::<String>();
        let mut readings = Readings::default();
        cards.sample(&text, &mut readings);
        let bytes = match &readings.values[..] {
            [] => None,
            [received, sent] => Some((received.value, sent.value)),
            other => panic!("{other:?}"),
        };
        (bytes, readings.faults)
    }

    #[test]
    fn only_cards_count() {
        let class = class(&["ens5"]);
        let mut cards = Cards::new(class.path().to_owned());
        let others = ["lo", "docker0", "br-0c1d", "veth81", "wg0", "bond0"];
        let at = |total: u64| {
            let rest = others.map(|interface| (interface, total * 100, total * 100));
            [&[("ens5", total, total * 2)][..], &rest].concat()
        };
        assert_eq!(look(&mut cards, &at(10)), None, "the first look");
        assert_eq!(look(&mut cards, &at(15)), Some((5.0, 10.0)));
    }

    #[test]
    fn a_reset_is_a_gap_of_that_card_alone_and_a_new_one_begins_at_its_first_look() {
        let class = class(&["eth0", "eth1"]);
        let mut cards = Cards::new(class.path().to_owned());
        look(&mut cards, &[("eth0", 100, 100)]);
        assert_eq!(look(&mut cards, &[("eth0", 110, 101), ("eth1", 9_999, 9_999)]), Some((10.0, 1.0)));
        let (bytes, faults) = look_told(&mut cards, &[("eth0", 5, 500), ("eth1", 10_000, 10_001)]);
        assert_eq!(bytes, Some((1.0, 2.0)));
        assert_eq!(faults, ["the totals of eth0 in /proc/net/dev went back"]);
        look(&mut cards, &[("eth0", 5, 505), ("eth1", 10_000, 10_001)]);
        let (_, faults) = look_told(&mut cards, &[("eth0", 5, 5), ("eth1", 10_000, 10_001)]);
        assert_eq!(faults, ["the totals of eth0 in /proc/net/dev went back"]);
        assert_eq!(look(&mut cards, &[("eth0", 6, 7)]), Some((1.0, 2.0)), "eth1 was pulled");
        assert_eq!(look(&mut cards, &[("eth0", 7, 7), ("eth1", 20_000, 20_000)]), Some((1.0, 0.0)));
    }

    #[test]
    fn what_is_no_card_may_go_back() {
        let class = class(&["eth0"]);
        let mut cards = Cards::new(class.path().to_owned());
        look(&mut cards, &[("eth0", 1, 1), ("veth81", 9, 9), ("eth1", 9, 9)]);
        assert_eq!(look(&mut cards, &[("eth0", 2, 3), ("veth81", 0, 0), ("eth1", 0, 0)]), Some((1.0, 2.0)));
    }

    #[test]
    fn a_card_below_another_card_is_in_the_other_ones_sum() {
        let class = class(&["eth0", "eth1"]);
        fs::create_dir_all(class.path().join("eth1/master/device")).unwrap();
        let mut cards = Cards::new(class.path().to_owned());
        look(&mut cards, &[("eth0", 0, 0), ("eth1", 0, 0)]);
        assert_eq!(look(&mut cards, &[("eth0", 7, 7), ("eth1", 7, 7)]), Some((7.0, 7.0)));
    }

    #[test]
    fn where_there_is_no_hardware_names_decide() {
        let class = class(&[]);
        let mut cards = Cards::new(class.path().to_owned());
        look(&mut cards, &[("lo", 0, 0), ("eth0", 0, 0), ("docker0", 0, 0)]);
        assert_eq!(look(&mut cards, &[("lo", 9, 9), ("eth0", 1, 2), ("docker0", 9, 9)]), Some((1.0, 2.0)));
    }

    #[test]
    fn what_makes_no_sense_is_a_fault_of_that_interface() {
        let class = class(&["eth0", "eth1"]);
        for broken in
            ["eth1:", "eth1: 1 2 3", "eth1: -5 1 0 0 0 0 0 0 3", "eth1: 1 1 0 0 0 0 0 0 99999999999999999999"]
        {
            let mut cards = Cards::new(class.path().to_owned());
            look(&mut cards, &[("eth0", 1, 1), ("eth1", 1, 1)]);
            let mut readings = Readings::default();
            cards.sample(&format!("{}{broken}", line("eth0", 4, 3)), &mut readings);
            assert_eq!(readings.faults, ["/proc/net/dev has no totals of eth1"], "{broken}");
            assert_eq!(readings.values.iter().map(|r| r.value).collect::<Vec<_>>(), [3.0, 2.0]);
            assert_eq!(look(&mut cards, &[("eth0", 4, 3), ("eth1", 9, 9)]), Some((0.0, 0.0)), "begins anew");
        }
    }

    #[test]
    fn this_machine_has_its_loopback() {
        let text = fs::read_to_string("/proc/net/dev").unwrap();
        assert!(parse(&text).any(|(interface, bytes)| interface == "lo" && bytes.is_some()), "{text}");
    }

    proptest! {
        #[test]
        fn no_text_panics(texts in prop::collection::vec("([a-z:]{0,5}[ 0-9a-f\n:-]{0,60}){0,4}", 1..4)) {
            let mut cards = Cards::new(PathBuf::new());
            for text in texts {
                cards.sample(&text, &mut Readings::default());
            }
        }
    }
}
