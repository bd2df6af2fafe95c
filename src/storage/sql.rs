//! One statement: a name and its text in both dialects.

/// A statement. The summary is its `db.query.summary`: a low-cardinality name such as `task.get`.
#[derive(Debug)]
pub struct Sql {
    /// The name in spans and metrics.
    pub summary: &'static str,
    /// The text for PostgreSQL.
    pub postgres: &'static str,
    /// The text for SQLite.
    pub sqlite: &'static str,
}

/// Declares the statements of a store: a constant each, and `STATEMENTS`, the list of all of them.
///
/// `NAME: "summary" = "text for both";` or `NAME: "summary" = { "text for PostgreSQL", "text for SQLite" };`
#[macro_export]
macro_rules! statements {
    ($($(#[$doc:meta])* $name:ident: $summary:literal = $text:tt;)+) => {
        $($(#[$doc])* const $name: $crate::storage::Sql = $crate::statements!(@one $summary, $text);)+
        /// Every statement of this store: a test prepares them on both databases.
        pub const STATEMENTS: &[$crate::storage::Sql] = &[$($crate::statements!(@one $summary, $text)),+];
    };
    (@one $summary:literal, { $postgres:expr, $sqlite:expr $(,)? }) => {
        $crate::storage::Sql { summary: $summary, postgres: $postgres, sqlite: $sqlite }
    };
    (@one $summary:literal, $both:tt) => {
        $crate::storage::Sql { summary: $summary, postgres: $both, sqlite: $both }
    };
}

/// Runs a statement: `sql!(fetch_optional Row => on, STATEMENT, binds…)`, likewise `fetch_one` and `fetch_all`, or
/// `sql!(execute on, STATEMENT, binds…)`, which gives the number of rows. `on` is an [`Exec`](crate::storage::Exec) or
/// a [`Tx`](crate::storage::Tx).
#[macro_export]
macro_rules! sql {
    (execute $on:expr, $sql:expr $(, $bind:expr)* $(,)?) => {{
        use tracing::Instrument as _;
        let timer = $on.begin_call(&$sql);
        let outcome = match $on.conn() {
            $crate::storage::Conn::Postgres(conn, persistent) => sqlx::query($sql.postgres)
                .persistent(persistent)$(.bind($bind))*.execute(conn)
                .instrument(timer.span()).await.map(|done| done.rows_affected()),
            $crate::storage::Conn::Sqlite(conn) => sqlx::query($sql.sqlite)
                $(.bind($bind))*.execute(conn)
                .instrument(timer.span()).await.map(|done| done.rows_affected()),
        };
        $on.end_call(timer, outcome)
    }};
    ($fetch:ident $row:ty => $on:expr, $sql:expr $(, $bind:expr)* $(,)?) => {{
        use tracing::Instrument as _;
        let timer = $on.begin_call(&$sql);
        let outcome = match $on.conn() {
            $crate::storage::Conn::Postgres(conn, persistent) => sqlx::query_as::<_, $row>($sql.postgres)
                .persistent(persistent)$(.bind($bind))*.$fetch(conn)
                .instrument(timer.span()).await,
            $crate::storage::Conn::Sqlite(conn) => sqlx::query_as::<_, $row>($sql.sqlite)
                $(.bind($bind))*.$fetch(conn)
                .instrument(timer.span()).await,
        };
        $on.end_call(timer, outcome)
    }};
    ($fetch:ident $row:ty, $($rest:tt)*) => {
        $crate::sql!($fetch $row => $($rest)*)
    };
}
