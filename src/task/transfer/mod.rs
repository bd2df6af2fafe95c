//! Transfer: what comes from other programs, what goes there, and what calendars read.
//!
//! **Rule.** The formats are of the room `interop`; here is what they mean for an account. An import is first tried: the file
//! is kept and the caller is told what is in it, what would be made and what would be left out. Once it is started, a worker
//! makes it, a batch in a transaction, with the progress in the same transaction: whatever crashes, it goes on where it was.
//!
//! **Invariants.** The id of what is made comes from the user and the key in the file (UUID version 5), so nothing is made
//! twice, however often a file is imported; what is there already, in the trash too, is left as it is. What has the id
//! that our own export tells is that thing. Each thing made is an event like any other, of the channel `import`. A feed's
//! address is a secret of which only a hash is kept.

mod api;
mod export;
mod feed;
mod import;
mod make;
pub(super) mod store;
mod worker;

pub use api::FILES;
pub(super) use api::routes;
pub use import::Import;
pub use worker::Imports;
