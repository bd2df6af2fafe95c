//! The `[storage]` section.

use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;

/// Where the data is and how many connections may be used.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// `sqlite:PATH` or `postgres://…`.
    pub url: SecretString,
    /// PostgreSQL: connections of this process. SQLite: readers (the writer is one).
    pub max_connections: u32,
    /// The longest wait for a connection, milliseconds.
    pub acquire_timeout_ms: u64,
    /// The longest wait for a new connection to the server, milliseconds.
    pub connect_timeout_ms: u64,
    /// PostgreSQL's `statement_timeout`, milliseconds.
    pub statement_timeout_ms: u64,
    /// What is between this process and PostgreSQL: `none` or `transaction` (PgBouncer in transaction mode).
    pub pooler: Pooler,
    /// Whether `serve` applies missing migrations at start.
    pub migrate_on_start: bool,
}

/// What is between this process and PostgreSQL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Pooler {
    /// Nothing, or a pooler in session mode.
    None,
    /// A pooler in transaction mode: every call runs in a transaction and no statement is kept prepared.
    Transaction,
}

impl Config {
    /// Whether the embedded database is configured.
    pub fn is_sqlite(&self) -> bool {
        self.url.expose_secret().starts_with("sqlite:")
    }

    /// Every mistake in the section: the key, and what is allowed.
    pub fn problems(&self) -> Vec<(&'static str, String)> {
        let mut found = Vec::new();
        let url = self.url.expose_secret();
        if !self.is_sqlite() && !url.starts_with("postgres://") && !url.starts_with("postgresql://") {
            found.push(("url", "must be `sqlite:PATH` or `postgres://USER:PASSWORD@HOST:PORT/DATABASE`".to_owned()));
        } else if !self.is_sqlite()
            && let Err(error) = url.parse::<sqlx::postgres::PgConnectOptions>()
        {
            found.push(("url", format!("is not a PostgreSQL address: {error}")));
        }
        if !(1..=1000).contains(&self.max_connections) {
            found.push(("max_connections", "must be 1 to 1000".to_owned()));
        }
        for (key, value) in [
            ("acquire_timeout_ms", self.acquire_timeout_ms),
            ("connect_timeout_ms", self.connect_timeout_ms),
            ("statement_timeout_ms", self.statement_timeout_ms),
        ] {
            if !(10..=600_000).contains(&value) {
                found.push((key, "must be 10 to 600000 milliseconds".to_owned()));
            }
        }
        found
    }
}
