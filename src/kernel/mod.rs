//! The words that every room speaks: time, ids, actors, cursors, backoff, secrets, probes.
//!
//! **Rule:** no I/O and no imports from other rooms. Everything here is a value or a pure function, save the two
//! sources that the rest of the house may not touch directly, [`Clock`] and [`Ids`], and the [`Rounds`] of background work.
//!
//! **Invariants:** every instant is cut to microseconds (what both databases keep); every id is a UUID version 7
//! (RFC 9562), so that ids sort by creation.

mod actor;
mod backoff;
mod caret;
mod clock;
mod cursor;
mod ids;
pub mod locale;
mod notes;
mod probe;
mod rounds;
pub mod zone;

pub use actor::{Actor, Channel, Scope, Scopes};
pub use backoff::Backoff;
pub use caret::caret;
pub use clock::Clock;
pub use cursor::{Cursor, CursorError, Page};
pub use ids::Ids;
pub use notes::{Noted, Notes, Step, step};
pub use probe::{Probe, ProbeResult};
pub use rounds::Rounds;
pub use secrecy::{ExposeSecret, SecretString};
