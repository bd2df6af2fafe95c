//! How the workers of this slice go on: round by round, and in a round until nothing is left.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::Error;
use crate::kernel::Rounds;
use crate::telemetry::metrics::{round_done, round_failed};

/// Does `some` of the work again and again while there is more (it returns whether there was any), then waits for the next
/// round; until told to stop, and to the end of what is under way then. `what` is named where it fails: the next round goes
/// on.
pub(super) async fn drain<F>(period: Duration, stop: CancellationToken, what: &'static str, some: impl Fn() -> F)
where
    F: Future<Output = Result<bool, Error>>,
{
    let mut rounds = Rounds::new(period, stop.clone());
    while rounds.next().await {
        while !stop.is_cancelled() {
            match some().await {
                Ok(more) => {
                    round_done(what);
                    if !more {
                        break;
                    }
                }
                Err(error) => {
                    round_failed(what);
                    tracing::warn!(%error, what, "a worker could not go on: the next round will");
                    break;
                }
            }
        }
    }
}
