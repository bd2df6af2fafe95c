//! What can go wrong with webhooks.

use super::model::Wrong;
use crate::{events, storage};

/// A failure of the webhook slice.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no such webhook, or no such delivery, of this user.
    #[error("there is no such thing")]
    NotFound,
    /// The input does not hold.
    #[error("the webhook is not valid")]
    Invalid(Vec<Wrong>),
    /// The user has as many as they may have.
    #[error("there are {0} webhooks already")]
    TooMany(i64),
    /// It is disabled, so that nothing is sent.
    #[error("the webhook is disabled")]
    Disabled,
    /// Too many tests at once.
    #[error("too many tests are under way")]
    Busy,
    /// The version that the caller edited is not the present one.
    #[error("the webhook was changed meanwhile: it has version {current} now")]
    Stale {
        /// The present version.
        current: i64,
    },
    /// The Idempotency-Key was used for another request.
    #[error("this Idempotency-Key was used for another request")]
    KeyReused,
    /// The cursor is not of this listing.
    #[error(transparent)]
    Cursor(#[from] crate::kernel::CursorError),
    /// The log.
    #[error(transparent)]
    Events(#[from] events::Error),
}

impl From<storage::Error> for Error {
    fn from(error: storage::Error) -> Self {
        Self::Events(error.into())
    }
}
