//! What can go wrong with insights.

use super::model::Invalid;
use crate::{events, storage};

/// A failure of the insights slice.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The days that were asked for do not hold.
    #[error("the days are not valid")]
    Invalid(Invalid),
    /// The database.
    #[error(transparent)]
    Storage(#[from] storage::Error),
    /// An event could not be applied.
    #[error(transparent)]
    Event(#[from] events::consumer::Failure),
}
