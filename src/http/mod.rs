//! The HTTP server and what every slice's routes share; it knows no slice.
pub mod idempotency;
