//! What can go wrong with tokens, keys and passwords.

use std::time::Duration;

/// A failure of the auth room.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The token is not valid: a public reason, without any part of the token.
    #[error("{0}")]
    Invalid(&'static str),
    /// The password is not acceptable: a stable code and a sentence.
    #[error("{says}")]
    WeakPassword {
        /// `too_short`, `too_long`, `too_common` or `same_as_email`.
        code: &'static str,
        /// What to do.
        says: &'static str,
    },
    /// The hasher's queue is full.
    #[error("too many sign-ins at once")]
    Busy {
        /// When to try again.
        retry_after: Duration,
    },
    /// The keys cannot be used.
    #[error("keys: {0}")]
    Keys(String),
    /// Something that is needed to decide cannot be reached.
    #[error("{0}")]
    Unavailable(String),
}
