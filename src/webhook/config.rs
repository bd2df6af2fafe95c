//! The `[webhooks]` section.

use std::time::Duration;

use chrono::TimeDelta;
use serde::Deserialize;

/// How events go to users' own addresses.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// How many webhooks a user may have.
    pub max_per_user: i64,
    /// Deliveries that a process has under way at once.
    pub concurrency: usize,
    /// The longest that one try may take, milliseconds.
    pub timeout_ms: u64,
    /// The waits before each further try of a delivery that failed, milliseconds.
    pub retry_ladder_ms: Vec<u64>,
    /// After so many deliveries in a row that failed to the end a webhook is switched off.
    pub disable_after: i64,
    /// Days that a finished delivery is kept.
    pub delivery_days: i64,
    /// Whether HTTP and addresses that are not public are allowed: for development and tests.
    pub allow_private: bool,
}

impl Config {
    /// Every mistake in the section: the key, and what is allowed.
    pub fn problems(&self) -> Vec<(&'static str, String)> {
        let mut found = Vec::new();
        if !(1..=1_000).contains(&self.max_per_user) {
            found.push(("max_per_user", "must be 1 to 1000 webhooks".to_owned()));
        }
        if !(1..=1_000).contains(&self.concurrency) {
            found.push(("concurrency", "must be 1 to 1000 deliveries".to_owned()));
        }
        if !(100..=60_000).contains(&self.timeout_ms) {
            found.push(("timeout_ms", "must be 100 to 60000 milliseconds".to_owned()));
        }
        let a_week = 604_800_000;
        if self.retry_ladder_ms.len() > 20 || self.retry_ladder_ms.iter().any(|wait| !(1..=a_week).contains(wait)) {
            found.push(("retry_ladder_ms", "must be at most 20 waits of 1 ms to a week".to_owned()));
        }
        if !(1..=1_000_000).contains(&self.disable_after) {
            found.push(("disable_after", "must be 1 to 1000000 deliveries".to_owned()));
        }
        if !(1..=36_500).contains(&self.delivery_days) {
            found.push(("delivery_days", "must be 1 to 36500 days".to_owned()));
        }
        found
    }

    /// The longest that one try may take.
    pub(super) fn timeout(&self) -> Duration {
        Duration::from_millis(self.timeout_ms)
    }

    /// How long a sender has a delivery: well beyond the try, so that one that lives is never taken for dead.
    pub(super) fn lease(&self) -> TimeDelta {
        TimeDelta::milliseconds(i64::try_from(self.timeout_ms).unwrap_or(60_000)) + TimeDelta::seconds(20)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mistakes_are_told() {
        let good: Config = toml::from_str::<toml::Table>(include_str!("default.toml")).unwrap()["webhooks"]
            .clone()
            .try_into()
            .unwrap();
        assert!(good.problems().is_empty());
        let bad = Config {
            max_per_user: 0,
            concurrency: 0,
            timeout_ms: 1,
            retry_ladder_ms: vec![0],
            disable_after: 0,
            delivery_days: 0,
            allow_private: true,
        };
        let keys: Vec<_> = bad.problems().into_iter().map(|(key, _)| key).collect();
        let all = ["max_per_user", "concurrency", "timeout_ms", "retry_ladder_ms", "disable_after", "delivery_days"];
        assert_eq!(keys, all);
    }
}
