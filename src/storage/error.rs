//! What can go wrong with a database, sorted by what the caller can do about it.

use sqlx::error::ErrorKind;

/// A failure of storage.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No connection was free in time, or a lock was not: try again shortly.
    #[error("the database has no free connection or lock right now ({0})")]
    Busy(String),
    /// The server cannot be reached or went away. The outcome of a commit in flight is unknown.
    #[error("the database cannot be reached ({0})")]
    Unavailable(String),
    /// A unique or foreign key refused the write: the constraint's name.
    #[error("the constraint `{0}` refused the write")]
    Constraint(String),
    /// The schema is not the one that this binary needs.
    #[error("{0}")]
    Schema(String),
    /// A mistake of ours: a statement or a type that does not fit.
    #[error("the statement `{summary}` failed")]
    Statement {
        /// The statement's summary.
        summary: &'static str,
        /// The cause.
        source: sqlx::Error,
    },
}

impl Error {
    /// Sorts an error of `summary`'s statement.
    pub fn of(summary: &'static str, error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::Io(_) | sqlx::Error::Tls(_) | sqlx::Error::Protocol(_) | sqlx::Error::WorkerCrashed => {
                Self::Unavailable(format!("{summary}: {error}"))
            }
            sqlx::Error::Database(db) => {
                if matches!(
                    db.kind(),
                    ErrorKind::UniqueViolation | ErrorKind::ForeignKeyViolation | ErrorKind::CheckViolation
                ) {
                    let name = db.constraint().map_or_else(|| db.message().to_owned(), str::to_owned);
                    return Self::Constraint(name);
                }
                match db.code().as_deref() {
                    // lock_not_available, deadlock_detected, serialization_failure, query_canceled, too_many_connections;
                    // SQLITE_BUSY, SQLITE_LOCKED and their extended forms.
                    Some("55P03" | "40P01" | "40001" | "57014" | "53300" | "5" | "6" | "261" | "517" | "262") => {
                        Self::Busy(format!("{summary}: {error}"))
                    }
                    // The server is going down, coming up, read-only after a failover; a pooler lost its server.
                    Some("57P01" | "57P02" | "57P03" | "25006" | "08006" | "08P01" | "08003" | "58000") => {
                        Self::Unavailable(format!("{summary}: {error}"))
                    }
                    _ => Self::Statement { summary, source: error },
                }
            }
            _ => Self::Statement { summary, source: error },
        }
    }

    /// Whether the same call may succeed a little later.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Busy(_) | Self::Unavailable(_))
    }

    /// A short stable name for a metric label.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Busy(_) => "busy",
            Self::Unavailable(_) => "unavailable",
            Self::Constraint(_) => "constraint",
            Self::Schema(_) => "schema",
            Self::Statement { .. } => "statement",
        }
    }
}
