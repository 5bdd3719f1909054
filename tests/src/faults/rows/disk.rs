//! The spool's disk is full, forbidden or damaged; there are no file descriptors.

use std::fs;
use std::os::unix::fs::FileExt;

use rustix::process::{Pid, Resource, Rlimit, prlimit};

use crate::endpoint::Operation;
use crate::faults::load;
use crate::faults::mounts::{Disk, ReadOnly};
use crate::faults::row::Row;
use crate::faults::sampler::batches;
use crate::faults::scene::{Scene, holds};

/// The least that `spool.max_bytes` may be.
const SMALLEST: u64 = 8 << 20;

pub(super) fn rows() -> Vec<Row> {
    vec![
        Row::new("disk-full", |scene| disk_full(scene, false)),
        Row::new("disk-full-outage", |scene| disk_full(scene, true)),
        Row::new("spool-full", spool_full).may_tell(u64::MAX).with_spool_of(SMALLEST),
        Row::new("spool-damaged", spool_damaged).may_tell(u64::MAX),
        Row::new("read-only", read_only),
        Row::new("no-descriptors", no_descriptors),
    ]
}

/// Nothing can be written for a while, with the endpoint there or without it.
fn disk_full(scene: &mut Scene<'_>, in_outage: bool) {
    let disk = Disk::mount(scene.docker().root().join(scene.called("disk")), 64);
    scene.spool_in(disk.directory());
    scene.steady();
    disk.fill();
    if in_outage {
        scene.endpoint.refuse();
        scene.outage();
        scene.endpoint.accept();
    } else {
        scene.window();
    }
    disk.empty();
    let said = scene.said("cannot write to the spool");
    scene.claim(said > 0, "the full disk was not noticed");
    scene.over();
    // Here, while there is a disk.
    scene.conclude();
}

/// More waits than the spool may hold: the oldest goes, and a marker says how much that was.
fn spool_full(scene: &mut Scene<'_>) {
    let config = format!("{}[spool]\nmax_bytes = {SMALLEST}\n", scene.agent.options.config);
    scene.options(|options| options.with_config(&config));
    scene.add_written("backlog", &[(60_000, 3_600, 3_600)]);
    scene.endpoint.refuse();
    scene.start_agent();
    scene.add_steady("main", scene.plan.rate);
    scene.window();
    let calls = scene.endpoint.calls(Operation::PutLogEvents);
    scene.claim(calls == 0, "the endpoint was there");
    let said = scene.said("the spool is full");
    scene.claim(said > 0, "the spool was never full");
    scene.endpoint.accept();
    scene.over();
    scene.conclude();
    let (marked, told) = (scene.marked(), scene.told());
    scene.claim(marked == told, &format!("markers say {marked} are missing, the agent {told}"));
}

/// Batches are cut off, changed and joined by what is none, while the agent is stopped.
fn spool_damaged(scene: &mut Scene<'_>) {
    scene.steady();
    scene.endpoint.refuse();
    scene.outage();
    let spool = scene.spool.clone();
    scene.wait_until("some batches", || holds(&spool, 4));
    scene.stop_agent();
    let found = batches(&spool);
    let [first, second, third, ..] = &found[..] else { panic!("only {found:?}") };
    scene.set_aside = [first, second, third].map(|path| load::numbers_in(path)).iter().sum();
    let length = fs::metadata(first).expect("a batch").len();
    fs::File::options().write(true).open(first).and_then(|file| file.set_len(length / 2)).expect("a batch");
    flip(second, fs::metadata(second).expect("a batch").len() - 100);
    flip(third, 20);
    fs::write(spool.join("notes.txt"), "what is this?").expect("a file");
    fs::write(spool.join("99999999999999999999"), "and this?").expect("a file");
    scene.start_agent();
    scene.endpoint.accept();
    scene.over();
    let said = scene.said("set aside ");
    scene.claim(said == 5, &format!("said {said} times that something was set aside"));
    let kept = fs::read_dir(spool.join("quarantine")).expect("a quarantine").count();
    scene.claim(kept == 5, &format!("{kept} files in quarantine"));
}

/// Changes one bit of a file.
fn flip(path: &std::path::Path, at: u64) {
    let file = fs::File::options().read(true).write(true).open(path).expect("a batch");
    let mut byte = [0];
    file.read_exact_at(&mut byte, at).expect("a batch");
    file.write_all_at(&[byte[0] ^ 4], at).expect("a batch");
}

/// The state directory cannot be written.
fn read_only(scene: &mut Scene<'_>) {
    let disk = Disk::mount(scene.docker().root().join(scene.called("disk")), 64);
    scene.spool_in(disk.directory());
    scene.steady();
    let view = ReadOnly::make(&scene.spool);
    scene.window();
    drop(view);
    let said = scene.said("cannot write to the spool");
    scene.claim(said > 0, "the read-only directory was not noticed");
    scene.over();
    scene.conclude();
}

/// The agent can open nothing more for a while, in which containers begin to print.
fn no_descriptors(scene: &mut Scene<'_>) {
    scene.steady();
    let pid = Pid::from_raw(scene.agent.pid().cast_signed());
    let none = Rlimit { current: Some(1), maximum: Some(20_000) };
    let before = prlimit(pid, Resource::Nofile, none).expect("its limit");
    for number in 1..=3 {
        scene.add_steady(&format!("more{number}"), scene.plan.rate / 8);
    }
    scene.window();
    prlimit(pid, Resource::Nofile, Rlimit { maximum: Some(20_000), ..before }).expect("its limit");
    scene.over();
}
