//! The endpoint cannot be reached, or says nothing of use.

use std::fs;

use crate::endpoint::{Fault, Operation};
use crate::faults::row::Row;
use crate::faults::sampler;
use crate::faults::scene::Scene;
use crate::faults::tls::Front;

pub(super) fn rows() -> Vec<Row> {
    vec![
        Row::new("refused", refused),
        Row::new("503", |scene| injected(scene, Fault::Unavailable)),
        Row::new("hang", |scene| injected(scene, Fault::Hang)),
        Row::new("swallowed", |scene| injected(scene, Fault::Swallow)),
        Row::new("no-name", no_name),
        Row::new("tls-reset", tls_reset),
        Row::new("outage-6h", six_hours),
    ]
}

/// Nobody listens.
fn refused(scene: &mut Scene<'_>) {
    scene.steady();
    scene.endpoint.refuse();
    scene.outage();
    scene.endpoint.accept();
    scene.over();
}

/// Every call of any kind goes wrong in this way.
fn injected(scene: &mut Scene<'_>, fault: Fault) {
    scene.steady();
    scene.endpoint.inject(None, fault, None);
    scene.outage();
    scene.mend();
    scene.over();
}

/// The endpoint's name cannot be resolved. The agent has a hosts file and a resolver of its own.
fn no_name(scene: &mut Scene<'_>) {
    const KNOWN: &str = "127.0.0.1 localhost logs.fault-table.test\n";
    const UNKNOWN: &str = "127.0.0.1 localhost\n";
    let directory = scene.agent.directory().to_owned();
    let hosts = directory.join("hosts");
    fs::write(&hosts, KNOWN).expect("a file");
    // Nobody answers questions there.
    let resolver = "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n";
    fs::write(directory.join("resolv.conf"), resolver).expect("a file");
    fs::write(directory.join("nsswitch.conf"), "hosts: files dns\n").expect("a file");
    let binds = format!(
        "for file in hosts resolv.conf nsswitch.conf; do \
           [ ! -e /etc/$file ] || mount --bind {0}/$file /etc/$file || exit; done; exec \"$@\"",
        directory.display()
    );
    let url = format!("http://logs.fault-table.test:{}", scene.endpoint.address().port());
    let through = ["unshare", "--mount", "--propagation", "private", "sh", "-c", &binds, "sh"];
    scene.options(|mut options| {
        options.through = through.map(str::to_owned).to_vec();
        options.with_variable("AWS_ENDPOINT_URL", &url)
    });
    scene.steady();
    // In place: it is bound by its inode.
    fs::write(&hosts, UNKNOWN).expect("a file");
    // Connections that are there need no name.
    scene.endpoint.refuse();
    scene.endpoint.accept();
    let connections = scene.endpoint.totals().connections;
    scene.outage();
    let came = scene.endpoint.totals().connections - connections;
    scene.claim(came == 0, &format!("{came} connections without a name"));
    fs::write(&hosts, KNOWN).expect("a file");
    scene.over();
}

/// Handshakes are reset.
fn tls_reset(scene: &mut Scene<'_>) {
    let front = Front::start(scene.endpoint.address(), scene.agent.directory());
    let (url, certificate) = (front.url(), front.certificate());
    scene.options(|options| {
        let options = options.with_variable("AWS_ENDPOINT_URL", &url);
        options.with_variable("SSL_CERT_FILE", &certificate)
    });
    scene.steady();
    front.reset(true);
    scene.outage();
    front.reset(false);
    scene.over();
    scene.conclude();
}

/// Six hours without an endpoint, in the time it takes to read what a slow container printed meanwhile.
fn six_hours(scene: &mut Scene<'_>) {
    const SPAN: u64 = 6 * 3_600;
    let lines = scene.plan.sized(5, 20) * SPAN;
    scene.add_written("backlog", &[(lines, SPAN.cast_signed(), SPAN)]);
    scene.endpoint.refuse();
    scene.start_agent();
    let (spool, last) = (scene.spool.clone(), format!("n={lines:010}"));
    scene.wait_until("the whole log in the spool", || {
        let newest = sampler::batches(&spool).pop().and_then(|path| fs::read(path).ok());
        newest.is_some_and(|text| memchr::memmem::find(&text, last.as_bytes()).is_some())
    });
    scene.add_steady("main", scene.plan.rate);
    scene.window();
    let calls = scene.endpoint.calls(Operation::PutLogEvents);
    scene.claim(calls == 0, "the endpoint was there");
    scene.endpoint.accept();
    scene.over();
}
