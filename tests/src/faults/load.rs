//! What the containers of a row print, and what Docker's logs say that they printed.

use std::cell::OnceCell;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Seek};
use std::path::Path;
use std::process::Command;

use crate::bench::{beside, lines};
use crate::docker::{Dockerd, Run};
use crate::endpoint::{Account, Markers, Search};

/// The image with the printer in it.
pub(super) const IMAGE: &str = "fault-printer";
const PRINTER: &str = "line-printer";

/// Prints on after what an earlier run of the same container printed: numbers never come twice.
const STEADY: &str = "n=0; [ -e /tmp/runs ] && read n </tmp/runs; echo $((n+1)) >/tmp/runs; \
                      exec line-printer RATE 9000000 BYTES $((n*10000000))";

/// A container of a row.
#[derive(Debug)]
pub(super) struct Load {
    /// Its full id.
    pub(super) id: String,
    /// Whether it prints at the moment.
    pub(super) prints: bool,
    truth: Truth,
    /// Everything it printed, once it prints no more.
    printed: OnceCell<Account>,
}

/// What it has printed.
#[derive(Debug)]
enum Truth {
    /// Its log, which stays open when Docker deletes it.
    Log(File),
    /// Numbers from one to this: it is gone before anybody could look.
    UpTo(u64),
}

impl Load {
    /// A container that prints so many lines a second without end.
    pub(super) fn steady(daemon: &Dockerd, name: &str, rate: u64) -> Self {
        let script = STEADY.replace("RATE", &rate.to_string());
        let script = script.replace("BYTES", &lines::SHORTEST.to_string());
        // Nobody waits ten seconds for a printer to hear of its end.
        Self::run(daemon, name, &script, &["--stop-signal=KILL"])
    }

    /// A container that carries out this script and is to be looked at by its json-file log.
    pub(super) fn run(daemon: &Dockerd, name: &str, script: &str, arguments: &[&str]) -> Self {
        let log_driver = Some("json-file");
        let run = Run { name, script, image: IMAGE, log_driver, arguments, ..Run::default() };
        let container = daemon.run(&run);
        let log = File::open(container.log_path()).expect("docker made its log");
        let id = container.id().to_owned();
        Self { id, prints: true, truth: Truth::Log(log), printed: OnceCell::new() }
    }

    /// A container that prints so many lines as fast as it can, lives for 200 ms more, and is gone.
    pub(super) fn brief(daemon: &Dockerd, name: &str, count: u64) -> Self {
        let script = format!("awk 'BEGIN {{ while (i++ < {count}) print \"n=\" i }}'; sleep 0.2");
        let arguments = &["--rm"];
        let log_driver = Some("json-file");
        let run = Run { name, script: &script, image: IMAGE, log_driver, arguments, ..Run::default() };
        let id = daemon.run(&run).id().to_owned();
        Self { id, prints: false, truth: Truth::UpTo(count), printed: OnceCell::new() }
    }

    /// The first 12 characters of the id, as they stand in a stream's name.
    pub(super) fn short_id(&self) -> &str {
        &self.id[..12]
    }

    /// Everything it printed. Only when it prints no more: it is read once.
    pub(super) fn printed(&self) -> &Account {
        assert!(!self.prints, "it prints on");
        self.printed.get_or_init(|| self.printed_by_now())
    }

    /// Everything it has printed so far.
    pub(super) fn printed_by_now(&self) -> Account {
        let (mut account, search) = (Account::default(), Search::new(&Markers::default()));
        match &self.truth {
            Truth::UpTo(last) => {
                for number in 1..=*last {
                    account.add(format!("n={number}").as_bytes(), &search, 0);
                }
            }
            Truth::Log(log) => {
                let mut log = log.try_clone().expect("a second handle");
                log.rewind().expect("a file");
                let (mut log, mut line) = (BufReader::with_capacity(1 << 18, log), Vec::new());
                while log.read_until(b'\n', &mut line).is_ok_and(|length| length > 0) {
                    account.add(&line, &search, 0);
                    line.clear();
                }
            }
        }
        account
    }
}

/// The numbers in a batch of the spool, each behind its `n=`.
pub(super) fn numbers_in(batch: &Path) -> u64 {
    let (mut account, search) = (Account::default(), Search::new(&Markers::default()));
    let text = fs::read(batch).expect("a batch");
    for event in text.split(|byte| *byte == b'}') {
        account.add(event, &search, 0);
    }
    account.distinct()
}

/// Makes the image: a busybox, the printer and, since it is built like everything else, its libraries.
pub(super) fn import(daemon: &Dockerd) {
    let build = daemon.root().join("printer");
    for directory in ["bin", "tmp"] {
        fs::create_dir_all(build.join(directory)).expect("a directory");
    }
    fs::copy("/bin/busybox", build.join("bin/busybox")).expect("busybox-static is installed");
    for name in ["sh", "awk", "echo", "sleep", "true"] {
        std::os::unix::fs::symlink("busybox", build.join("bin").join(name)).expect("a link");
    }
    let printer = beside(PRINTER);
    fs::copy(&printer, build.join("bin").join(PRINTER)).expect("the printer can be copied");
    fs::write(build.join("tmp/go"), "").expect("a file");
    let said = Command::new("ldd").arg(&printer).output().expect("ldd of libc-bin").stdout;
    let said = String::from_utf8_lossy(&said);
    for library in said.split_whitespace().filter(|word| word.starts_with('/')) {
        let to = build.join(library.trim_start_matches('/'));
        fs::create_dir_all(to.parent().expect("a directory")).expect("a directory");
        fs::copy(library, to).expect("a library can be copied");
    }
    daemon.import(&build, IMAGE);
    let _ = fs::remove_dir_all(build);
}
