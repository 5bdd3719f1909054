//! Which Auto Scaling group this host is in, found out beside everything else.

use std::future::pending;
use std::time::Duration;

use log::{error, info};
use tokio::sync::watch;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

/// How often is asked again where there was no group.
const NONE_AGAIN: Duration = Duration::from_hours(1);

/// Finds out the group of this host, however long that takes; once.
pub async fn find_group(
    ask: impl AsyncFn() -> Result<Option<String>, String>,
    again: Duration,
    found: watch::Sender<Option<String>>,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let mut said = false;
    let asking = async {
        loop {
            match ask().await {
                // Tags may come later than the instance, and it may be attached later, too.
                Ok(None) => {
                    if !said {
                        said = true;
                        info!(
                            "this host is in no Auto Scaling group so far: its metrics have no series of a group"
                        );
                    }
                    sleep(NONE_AGAIN.saturating_sub(again)).await;
                }
                Ok(Some(group)) => {
                    info!("this host is in the Auto Scaling group {group}");
                    found.send_replace(Some(group));
                    break;
                }
                Err(reason) if !said => {
                    said = true;
                    error!(
                        "cannot find out this host's Auto Scaling group: {reason}; its metrics have no series of the \
                         group until then; set host.auto_scaling_group"
                    );
                }
                Err(_) => {}
            }
            sleep(again).await;
        }
        pending::<()>().await;
    };
    tokio::select! {
        () = stop.cancelled() => {}
        () = asking => {}
    }
    Ok(())
}
