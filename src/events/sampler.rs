//! Samples the outbox into gauges: the event golden signal.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::{backlog, metrics as names};
use crate::kernel::{Clock, Rounds};
use crate::storage::Db;

/// Samples every `period` until told to stop. When the database does not answer, the age is NaN: not known, and an
/// alert on it must not stay silent.
pub async fn sample(db: Db, clock: Clock, period: Duration, stop: CancellationToken) {
    let mut rounds = Rounds::new(period, stop);
    while rounds.next().await {
        let now = clock.now();
        match backlog(&db).await {
            Ok(backlog) => {
                let age = backlog.oldest.map_or(0.0, |oldest| (now - oldest).as_seconds_f64().max(0.0));
                metrics::gauge!(names::BACKLOG).set(float(backlog.waiting));
                metrics::gauge!(names::OLDEST).set(age);
                metrics::gauge!(names::PARKED).set(float(backlog.parked));
                metrics::gauge!(names::SAMPLED).set(float(now.timestamp()));
            }
            Err(error) => {
                tracing::debug!(%error, "the outbox could not be sampled");
                metrics::gauge!(names::OLDEST).set(f64::NAN);
            }
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "a gauge is a float, and 2^53 events are never waiting")]
fn float(count: i64) -> f64 {
    count as f64
}
