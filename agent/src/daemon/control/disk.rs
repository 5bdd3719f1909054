//! The disk, asked for those who ask the daemon: by a few threads, so that one that hangs keeps these and no others.
//!
//! What is read or written is not known here.

use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::PATIENCE;

/// Threads at a time, of the daemon's 64 (`cli/run.rs`): the others are there for lines, names and measures.
const THREADS: usize = 4;

/// Its threads.
#[derive(Debug)]
pub(super) struct Disk(Arc<Semaphore>);

impl Default for Disk {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(THREADS)))
    }
}

impl Disk {
    /// What came of it; `None` where the disk does not answer soon. It may do so later all the same.
    pub(super) async fn ask<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Option<T> {
        let threads = Arc::clone(&self.0);
        let answer = async {
            let thread = threads.acquire_owned().await.ok()?;
            // It is given back when the work is done, and not when nobody waits for that any more.
            let work = move || {
                let done = work();
                drop(thread);
                done
            };
            spawn_blocking(work).await.ok()
        };
        timeout(PATIENCE, answer).await.ok().flatten()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::{Mutex, mpsc};

    use futures_util::future::join_all;

    use super::*;

    #[tokio::test]
    async fn a_disk_that_hangs_keeps_a_few_threads_however_often_it_is_asked() {
        let disk = Disk::default();
        let (gate, closed) = mpsc::channel::<()>();
        let (closed, hanging) = (Arc::new(Mutex::new(closed)), Arc::new(AtomicUsize::new(0)));
        let hang = || {
            let (closed, hanging) = (Arc::clone(&closed), Arc::clone(&hanging));
            disk.ask(move || {
                hanging.fetch_add(1, Ordering::SeqCst);
                closed.lock().unwrap().recv().unwrap_err();
            })
        };
        let answers = join_all((0..5 * THREADS).map(|_| hang())).await;
        assert!(answers.iter().all(Option::is_none));
        assert_eq!(hanging.load(Ordering::SeqCst), THREADS, "nobody was let in when the first were given up");
        drop(gate);
        assert_eq!(disk.ask(|| 7).await, Some(7), "it answers again");
    }
}
