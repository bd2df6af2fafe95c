//! What can go wrong with accounts.

use super::model::Wrong;
use crate::http::Decision;
use crate::{auth, events, storage};

/// A failure of the user slice.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no such thing of this user.
    #[error("there is no such thing")]
    NotFound,
    /// Some values do not hold.
    #[error("some values are not valid")]
    Invalid(Vec<Wrong>),
    /// The address has an account already.
    #[error("there is an account with this e-mail address")]
    EmailTaken,
    /// E-mail or password is wrong; which of them is not told.
    #[error("the e-mail address or the password is wrong")]
    WrongCredentials,
    /// The password that must be given again is wrong.
    #[error("the present password is wrong")]
    WrongPassword,
    /// The version that the caller edited is not the present one.
    #[error("the account was changed meanwhile: it has version {current} now")]
    Stale {
        /// The present version.
        current: i64,
    },
    /// An OAuth request cannot be granted (RFC 6749 section 5.2): the code and a sentence.
    #[error("{code}: {says}")]
    Grant {
        /// `invalid_grant`, `invalid_client`, `invalid_scope`, `invalid_request`, `unsupported_grant_type`.
        code: &'static str,
        /// What is wrong.
        says: &'static str,
    },
    /// Too many tries.
    #[error("too many tries")]
    Limited(Decision),
    /// The Idempotency-Key was used for another request.
    #[error("this Idempotency-Key was used for another request")]
    KeyReused,
    /// Tokens, keys or passwords.
    #[error(transparent)]
    Auth(#[from] auth::Error),
    /// The log.
    #[error(transparent)]
    Events(#[from] events::Error),
}

impl Error {
    pub(super) fn grant(code: &'static str, says: &'static str) -> Self {
        Self::Grant { code, says }
    }
}

impl From<storage::Error> for Error {
    fn from(error: storage::Error) -> Self {
        Self::Events(error.into())
    }
}
