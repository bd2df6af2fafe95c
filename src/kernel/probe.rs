//! What a dependency says of its own health.

use futures::future::BoxFuture;

/// `Ok` when the dependency can do its work, else one sentence on what is wrong (no secret, no address of a person).
pub type ProbeResult = Result<(), String>;

/// A dependency that readiness asks. An implementation answers fast, from what it knows or with one bounded call.
pub trait Probe: Send + Sync {
    /// A stable short name: `database`, `kafka`.
    fn name(&self) -> &'static str;

    /// Whether requests fail without it. A dependency that is not critical is reported and does not make the
    /// process unready: writes go on while Kafka is down.
    fn critical(&self) -> bool;

    /// The present state.
    fn check(&self) -> BoxFuture<'_, ProbeResult>;
}
