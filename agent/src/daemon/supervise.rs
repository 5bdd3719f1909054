//! Joins the tasks: none is forgotten, and one that ends early ends the daemon by name.

use std::future::Future;

use anyhow::{Context, anyhow};
use tokio::task::JoinSet;

/// The daemon's tasks.
#[derive(Debug, Default)]
pub struct Supervisor {
    tasks: JoinSet<(&'static str, anyhow::Result<()>)>,
}

impl Supervisor {
    /// Starts a task. Its name appears in the reason if it ends early.
    pub fn spawn(
        &mut self,
        name: &'static str,
        task: impl Future<Output = anyhow::Result<()>> + Send + 'static,
    ) {
        self.tasks.spawn(async move { (name, task.await) });
    }

    /// Waits until any task ends, which none should before it was asked to.
    pub async fn first_end(&mut self) -> anyhow::Error {
        match self.tasks.join_next().await {
            None => anyhow!("no task is running"),
            Some(Err(panic)) => anyhow::Error::from(panic).context("a task panicked"),
            Some(Ok((name, Ok(())))) => anyhow!("the {name} task ended by itself"),
            Some(Ok((name, Err(error)))) => error.context(format!("the {name} task failed")),
        }
    }

    /// Waits until every task has ended, as asked.
    pub async fn join(mut self) -> anyhow::Result<()> {
        while let Some(ended) = self.tasks.join_next().await {
            let (name, result) = ended.context("a task panicked")?;
            result.with_context(|| format!("the {name} task failed"))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_task_that_ends_early_is_named() {
        let mut supervisor = Supervisor::default();
        supervisor.spawn("steady", std::future::pending());
        supervisor.spawn("hasty", async { Ok(()) });
        assert_eq!(supervisor.first_end().await.to_string(), "the hasty task ended by itself");
        supervisor.spawn("weak", async { Err(anyhow!("no luck")) });
        assert_eq!(format!("{:#}", supervisor.first_end().await), "the weak task failed: no luck");
    }
}
