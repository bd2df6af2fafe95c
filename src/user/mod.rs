//! Accounts: sign-up, sessions, profile, personal API tokens, and the OAuth 2.0 endpoints over them.
//!
//! **Purpose.** Who somebody is and what they may do. This file is the facade: other rooms use only what is named here.
//!
//! **Rules.** `api*` → `service`, `session`, `api_token` → {`store`, `model`}; the model is pure. No e-mail address,
//! network address or secret ever enters an event, a log line, a span or a metric label.
//!
//! **Invariants.** A session is one family of refresh tokens: each is used once, its successor is derived, and a late
//! reuse revokes the family. Only hashes of tokens and passwords are stored. Erasing an account erases everything of
//! it, in one transaction, and closes its log.

mod api;
mod api_oauth;
mod api_token;
mod error;
mod event;
pub mod metrics;
mod model;
mod service;
mod session;
mod store;

pub use api::routes;
pub use api_oauth::routes as oauth_routes;
pub use error::Error;
pub use service::{Accounts, Estate, Settings};

/// Every statement of this slice: a test prepares them on both databases.
pub use store::STATEMENTS;
