//! What can go wrong with tasks.

use super::model::{InTrash, Invalid};
use crate::{events, storage};

/// A failure of the task slice.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no such task of this user.
    #[error("there is no such task")]
    NotFound,
    /// The input does not hold.
    #[error("the task is not valid")]
    Invalid(Invalid),
    /// It is in the trash.
    #[error(transparent)]
    InTrash(#[from] InTrash),
    /// The version that the caller edited is not the present one.
    #[error("the task was changed meanwhile: it has version {current} now")]
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
    /// The log refused the event.
    #[error(transparent)]
    Events(#[from] events::Error),
}

impl From<storage::Error> for Error {
    fn from(error: storage::Error) -> Self {
        Self::Events(error.into())
    }
}
