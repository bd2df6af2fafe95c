//! HTTP: the server, and what the routes of every slice share. It knows no slice.
//!
//! **Purpose.** The accept loop and TLS ([`Server`], [`Certificate`]), the stack that each request passes
//! ([`stack`]), problems (RFC 9457), extractors whose refusals are problems, conditional requests, the bearer,
//! stored replies for `Idempotency-Key`, limits, streams of server-sent events, health, and the description of the API.
//!
//! **Rules.** A handler extracts, calls a service, wraps: under 15 lines. A refusal is a [`Problem`] with a stable
//! code; its private cause is logged once, by the stack.
//!
//! **Invariants.** Every 4xx and 5xx has a problem body with request id and trace id. A write goes on when its client
//! goes away, so that nothing is half-done. Every queue and every wait is bounded. The client's address is never one
//! that the client could have written.

mod bearer;
mod client;
mod conditional;
mod config;
mod docs;
mod extract;
mod head;
mod health;
mod hub;
pub mod idempotency;
mod limit;
mod limit_redis;
pub mod metrics;
mod problem;
mod server;
mod sse;
mod stack;
mod tls;

pub use bearer::{Authenticate, Bearer, Rejected};
pub use client::{ClientAddress, limit_key};
pub use conditional::{IfMatch, IfNoneMatch, Tags, etag};
pub use config::{Config, LimitsConfig};
pub use docs::routes as docs;
pub use extract::{Json, MergePatch, Path, Post, Query, page_limit, parse};
pub use health::{Readiness, admin};
pub use hub::{Hub, Source};
pub use limit::{Decision, Limiter, Policy};
pub use problem::{FieldError, PartProblem, Problem, ProblemBody};
pub use server::Server;
pub use sse::{LastEventId, Place, Streams, event};
pub use stack::{Shared, problems, stack};
pub use tls::Certificate;
