//! Storage: PostgreSQL in production, SQLite as the embedded default, behind two closed enums.
//!
//! **Purpose.** [`Db`] hands out bounded, timed connections; [`Tx`] is one transaction; [`Sql`] is one statement with a
//! name, whose text serves both databases wherever the dialects agree. Stores are free functions over these.
//!
//! **Rules.** A read takes `&Db`, a write takes `&mut Tx`. Nothing slow happens inside a transaction. A
//! statement is declared with [`statements!`](crate::statements), which also lists it, so that a test can
//! prepare every one on both databases. Only a listing with conditions is made at run time ([`dynamic`]), of constants and
//! placeholders.
//!
//! **Invariants.**
//! - A connection on which a call was cancelled or broke is closed, never handed on; a healthy one goes back without a
//!   round trip. (That is why the pool is deadpool over raw connections: sqlx's own pool pings at each release.)
//! - After one broken connection every older one is suspect and is replaced before it is used, so that a restarted
//!   database costs at most one failed call for each that was in flight.
//! - A transaction that is dropped without a commit is rolled back.
//! - Waiting for a connection is bounded: past it the caller gets [`Error::Busy`], which is 503 with Retry-After.

mod config;
mod conn;
mod db;
pub mod dynamic;
mod error;
mod migrate;
mod pool;
pub mod rows;
mod sql;

pub use config::Config;
pub use conn::{Conn, Exec, Tx};
pub use db::{Db, Engine};
pub use error::Error;
pub use migrate::{Migrations, Plan};
pub use sql::Sql;

/// The room's metric names, and what they mean.
pub mod metrics {
    use metrics::{Unit, describe_counter, describe_gauge, describe_histogram};

    /// Time a caller waited for a connection.
    pub const WAIT: &str = "db_client_connection_wait_time_seconds";
    /// Callers that gave up waiting.
    pub const TIMEOUTS: &str = "db_client_connection_timeouts_total";
    /// Connections by state.
    pub const COUNT: &str = "db_client_connections";
    /// The most connections of a pool.
    pub const MAX: &str = "db_client_connection_max";
    /// Duration of one statement.
    pub const DURATION: &str = "db_client_operation_duration_seconds";
    /// Statements that failed.
    pub const ERRORS: &str = "db_client_operation_errors_total";

    /// Describes them to the installed recorder.
    pub fn describe() {
        describe_histogram!(WAIT, Unit::Seconds, "Time that a caller waited for a database connection");
        describe_counter!(TIMEOUTS, "Callers that gave up waiting for a database connection");
        describe_gauge!(COUNT, "Database connections by pool and state (used, idle)");
        describe_gauge!(MAX, "The most database connections that a pool may have");
        describe_histogram!(DURATION, Unit::Seconds, "Duration of a database statement by its summary");
        describe_counter!(ERRORS, "Database statements that failed, by summary and kind");
    }
}
