//! Work that comes round: at a period, until told to stop.

use std::time::Duration;

use tokio::time::{Interval, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

/// Rounds at a period, the first at once. A round that takes longer than the period delays the next one instead of
/// bringing several at once.
#[derive(Debug)]
pub struct Rounds {
    tick: Interval,
    stop: CancellationToken,
}

impl Rounds {
    /// Rounds every `period`, until `stop`.
    pub fn new(period: Duration, stop: CancellationToken) -> Self {
        let mut tick = tokio::time::interval(period);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self { tick, stop }
    }

    /// Waits for the next round: true when it is due, false when there shall be no more.
    pub async fn next(&mut self) -> bool {
        tokio::select! {
            biased;
            () = self.stop.cancelled() => false,
            _ = self.tick.tick() => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn rounds_come_until_the_stop() {
        let stop = CancellationToken::new();
        let mut rounds = Rounds::new(Duration::from_millis(1), stop.clone());
        assert!(rounds.next().await && rounds.next().await);
        stop.cancel();
        assert!(!rounds.next().await, "also when a round is due");
    }
}
