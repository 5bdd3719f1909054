//! Containers come, go and come again; dockerd does.

use crate::faults::load::Load;
use crate::faults::row::Row;
use crate::faults::scene::Scene;

/// Containers that print at the same time.
const MANY: u64 = 64;
/// Containers that live for a moment, and what each prints.
const BRIEF: (usize, u64) = (20, 50);

pub(super) fn rows() -> Vec<Row> {
    vec![
        Row::new("rm-f", removed),
        Row::new("restart", restarted),
        Row::new("redeploy", redeployed),
        Row::new("dockerd-restart", |scene| daemon_away(scene, false)).with_own_daemon(&[]),
        Row::new("dockerd-stopped", |scene| daemon_away(scene, true)).with_own_daemon(&[]),
        Row::new("live-restore", live_restore).with_own_daemon(&["--live-restore"]),
        Row::new("64-containers", many).with_own_daemon(&[]),
        Row::new("short-lived", brief),
    ]
}

/// Removed while it prints: its log is deleted under the agent.
fn removed(scene: &mut Scene<'_>) {
    scene.steady();
    remove(scene, 0);
    scene.window();
    scene.over();
}

fn remove(scene: &mut Scene<'_>, place: usize) {
    let id = scene.load(place).id.clone();
    scene.docker().expect(["rm", "--force", &id]);
    scene.load(place).prints = false;
}

fn restarted(scene: &mut Scene<'_>) {
    scene.steady();
    let id = scene.load(0).id.clone();
    for _ in 0..3 {
        scene.docker().expect(["restart", "--time", "1", &id]);
        std::thread::sleep(scene.plan.window() / 3);
    }
    scene.over();
}

/// Replaced by another container of the same name.
fn redeployed(scene: &mut Scene<'_>) {
    scene.steady();
    for place in 0..3 {
        remove(scene, place);
        scene.add_steady("main", scene.plan.rate);
        std::thread::sleep(scene.plan.window() / 3);
    }
    scene.over();
}

/// dockerd stops, and its containers with it; it comes back at once, or after a while.
fn daemon_away(scene: &mut Scene<'_>, for_long: bool) {
    scene.steady();
    let id = scene.load(0).id.clone();
    scene.own_docker().stop();
    if for_long {
        scene.window();
    }
    scene.own_docker().start_again();
    scene.docker().expect(["start", &id]);
    scene.over();
}

/// dockerd is away for a while, and its containers live on.
fn live_restore(scene: &mut Scene<'_>) {
    scene.steady();
    scene.own_docker().stop();
    scene.window();
    scene.own_docker().start_again();
    let runs = scene.docker().expect(["ps", "--quiet"]).lines().count();
    scene.claim(runs == 1, "the container did not live on");
    scene.over();
}

/// Many containers begin to print while the agent runs.
fn many(scene: &mut Scene<'_>) {
    scene.steady();
    let rate = (scene.plan.rate / MANY).max(1);
    let parts: Vec<String> = (1..MANY).map(|number| format!("c{number}")).collect();
    scene.add_all(&parts, |daemon, name| Load::steady(daemon, name, rate));
    scene.await_lines();
    scene.window();
    scene.over();
}

/// Containers that end before Docker could be asked about them, and are removed at once.
fn brief(scene: &mut Scene<'_>) {
    let (containers, lines) = BRIEF;
    scene.steady();
    let parts: Vec<String> = (0..containers).map(|number| format!("b{number}")).collect();
    scene.add_all(&parts, |daemon, name| Load::brief(daemon, name, lines));
    scene.over();
}
