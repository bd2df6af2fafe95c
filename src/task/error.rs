//! What can go wrong with tasks.

use super::input::Invalid;
use super::model::InTrash;
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
    /// The expression is not one of the filter language.
    #[error(transparent)]
    Filter(crate::filter::Error),
    /// A change cannot be undone.
    #[error(transparent)]
    Undo(#[from] super::undo::Refusal),
    /// It is in the trash.
    #[error(transparent)]
    InTrash(#[from] InTrash),
    /// It has open subtasks, and the caller did not say what becomes of them.
    #[error("{count} subtasks are open")]
    OpenSubtasks {
        /// How many.
        count: usize,
    },
    /// It is an occurrence of a series, and the caller did not say how far the change reaches.
    #[error("it is an occurrence of a series")]
    Series,
    /// There are tasks in it, and the caller did not say what becomes of them.
    #[error("{count} tasks are in it")]
    HasTasks {
        /// How many.
        count: usize,
    },
    /// The inbox stays as it is.
    #[error("the inbox cannot be changed")]
    Inbox,
    /// One change would reach too many things.
    #[error("these are more than {limit} {what}")]
    TooMany {
        /// What there are too many of.
        what: &'static str,
        /// How many there may be.
        limit: usize,
    },
    /// There is room for so many and no more.
    #[error("there is room for {limit} {what}")]
    Full {
        /// What there is no more room for.
        what: &'static str,
        /// How many there may be.
        limit: usize,
    },
    /// Something else changed it in the same instant.
    #[error("it was changed at the same time")]
    Conflict,
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
