//! A spool directory in which anything lies: the agent starts, sets aside what is not its own, and
//! delivers what is whole.

#![no_main]

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use libfuzzer_sys::arbitrary::{Result, Unstructured};
use libfuzzer_sys::fuzz_target;
use starttech_agent::logs::Destination;
use starttech_agent::logs::batch::Batch;
use starttech_agent::logs::cursor::{Cursor, Position};
use starttech_agent::spool::Spool;

const MAX_BYTES: u64 = 1 << 20;

fuzz_target!(|data: &[u8]| {
    run(&mut Unstructured::new(data)).ok();
});

fn cursor(time_ns: i64) -> Cursor {
    Cursor { stdout: Some(Position::Api { time_ns, done: 1, part: 0 }), stderr: None }
}

/// What a file may hold: anything, or a batch with anything in it whose checksums are right.
fn content(input: &mut Unstructured<'_>, number: u64) -> Result<Vec<u8>> {
    if input.arbitrary()? {
        return Ok(input.arbitrary::<&[u8]>()?.to_vec());
    }
    let body: &[u8] = input.arbitrary()?;
    let header = serde_json::json!({
        "number": if input.arbitrary()? { number } else { input.arbitrary()? },
        "destination": { "group": input.arbitrary::<&str>()?, "stream": input.arbitrary::<&str>()? },
        "container": input.arbitrary::<&str>()?,
        "cursor": cursor(input.arbitrary()?),
        "events": input.arbitrary::<u64>()?,
        "first_ms": input.arbitrary::<i64>()?,
        "last_ms": input.arbitrary::<i64>()?,
        "body_bytes": if input.arbitrary()? { body.len() as u64 } else { input.arbitrary()? },
        "body_crc": if input.arbitrary()? { crc32fast::hash(body) } else { input.arbitrary()? },
        "gap": input.arbitrary::<Option<u64>>()?,
    });
    let json = header.to_string().into_bytes();
    let mut content = format!("{:08x} ", crc32fast::hash(&json)).into_bytes();
    content.extend_from_slice(&json);
    content.push(b'\n');
    content.extend_from_slice(body);
    Ok(content)
}

fn strew(directory: &Path, input: &mut Unstructured<'_>) -> Result<()> {
    for _ in 0..input.int_in_range(1..=6)? {
        let number: u64 = input.arbitrary()?;
        let mut name = match input.int_in_range(0..=2)? {
            0 => format!("{number:020}").into_bytes(),
            1 => [input.arbitrary::<&[u8]>()?, b".unfinished"].concat(),
            _ => input.arbitrary::<&[u8]>()?.to_vec(),
        };
        name.retain(|b| *b != b'/' && *b != 0);
        name.truncate(255);
        let below = *input.choose(&["", "", "cursors", "quarantine"])?;
        let path = directory.join(below).join(OsStr::from_bytes(&name));
        if path.file_name() != Some(OsStr::from_bytes(&name)) || path.symlink_metadata().is_ok() {
            continue;
        }
        if input.ratio(1, 8)? {
            fs::create_dir(path).ok();
        } else {
            fs::write(path, content(input, number)?).ok();
        }
    }
    Ok(())
}

fn batch(text: &str) -> starttech_agent::logs::batch::Finished {
    let mut batch = Batch::new(Destination { group: "/good".to_owned(), stream: "good".to_owned() });
    batch.push(1, text);
    batch.finish()
}

/// Delivers everything, and gives the bodies for the good stream.
fn deliver(spool: &Spool) -> Vec<String> {
    let mut bodies = Vec::new();
    let mut quarantined = Vec::new();
    for _ in 0..100 {
        let Some(claim) = spool.claim(|_, _| true) else { return bodies };
        let Some(taken) = spool.take(&claim, Vec::new(), &mut quarantined).expect("a disk") else { continue };
        if taken.outgoing.destination.group == "/good" {
            bodies.push(String::from_utf8_lossy(&taken.outgoing.body).into_owned());
        }
        spool.delivered(&taken).ok();
    }
    panic!("there is no end to it: {quarantined:?}");
}

fn run(input: &mut Unstructured<'_>) -> Result<()> {
    let directory = tempfile::tempdir_in("/dev/shm").expect("a directory in memory");
    let directory = directory.path();
    let texts = ["one", "two"];
    {
        let (spool, _) = Spool::open(directory, MAX_BYTES).expect("an empty spool");
        for (nth, text) in (1..).zip(texts) {
            assert!(spool.append("good", &cursor(nth), batch(text)).unwritten.is_none());
        }
    }
    strew(directory, input)?;
    let (spool, recovered) = Spool::open(directory, MAX_BYTES).expect("opened whatever lies in it");
    for (path, reason) in &recovered.quarantined {
        assert!(path.starts_with(directory.join("quarantine")), "{}: {reason}", path.display());
    }
    for file in fs::read_dir(directory).expect("it is there") {
        let file = file.expect("an entry");
        let name = file.file_name();
        let own = name.as_bytes().len() == 20 && name.as_bytes().iter().all(u8::is_ascii_digit);
        assert!(
            own || name == "lock" || file.path().is_dir(),
            "left in the spool: {}",
            file.path().display()
        );
    }
    let good = |bodies: Vec<String>, text: &str| {
        let found = bodies.iter().filter(|body| body.contains(&format!("\"message\":\"{text}\""))).count();
        assert_eq!(found, 1, "{text}: {bodies:?}");
    };
    let bodies = deliver(&spool);
    for text in texts {
        good(bodies.clone(), text);
    }
    // It goes on, and so does the next run.
    assert!(spool.append("good", &cursor(3), batch("three")).unwritten.is_none());
    drop(spool);
    let (spool, recovered) = Spool::open(directory, MAX_BYTES).expect("opened again");
    good(deliver(&spool), "three");
    assert_eq!(recovered.cursors.get("good"), Some(&cursor(3)));
    Ok(())
}
