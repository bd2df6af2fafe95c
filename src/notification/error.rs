//! What can go wrong with notifications.

use crate::{events, storage};

/// A failure of the notification slice.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no such notification of this user.
    #[error("there is no such notification")]
    NotFound,
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
