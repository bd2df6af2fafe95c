//! The `[notifications]` section.

use serde::Deserialize;

/// How many notifications are kept, and how soon new ones are told.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Days that a notification is kept.
    pub days: i64,
    /// Notifications of one user; the oldest ones make room.
    pub per_user: i64,
    /// How often new ones are looked for while streams are open, milliseconds.
    pub poll_ms: u64,
}

impl Config {
    /// Every mistake in the section: the key, and what is allowed.
    pub fn problems(&self) -> Vec<(&'static str, String)> {
        let mut found = Vec::new();
        if !(1..=36_500).contains(&self.days) {
            found.push(("days", "must be 1 to 36500 days".to_owned()));
        }
        if !(1..=10_000).contains(&self.per_user) {
            found.push(("per_user", "must be 1 to 10000 notifications".to_owned()));
        }
        if !(10..=60_000).contains(&self.poll_ms) {
            found.push(("poll_ms", "must be 10 to 60000 milliseconds".to_owned()));
        }
        found
    }
}
