//! Tokens, keys and passwords.
//!
//! **Purpose.** Issue and verify access tokens (RFC 9068), accept those of an external OpenID provider, derive refresh
//! tokens, hash passwords. It knows no SQL and no HTTP server; accounts are asked for through [`Directory`].
//!
//! **Rules.** RFC 8725 for JWTs, RFC 9700 for OAuth. A token is never logged; an error about one has no part of it.
//!
//! **Invariants.** A token is verified with our algorithm and our key, whatever its header says. A secret at rest is a
//! hash, or a file that not everybody can read. Hashing a password never blocks an async thread, and its queue is
//! bounded. An unknown user costs the time of a known one.

mod authenticator;
mod config;
mod error;
mod external;
mod keys;
pub mod metrics;
pub mod opaque;
pub mod password;
mod token;

pub use authenticator::{Authenticator, Directory};
pub use config::Config;
pub use error::Error;
pub use external::{External, Provider};
pub use keys::KeyRing;
pub use password::Hasher;
pub use token::{FIRST_PARTY, LEEWAY, Tokens};
