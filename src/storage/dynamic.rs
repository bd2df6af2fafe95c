//! A statement whose text depends on what is asked for: a listing with conditions. It is made of constants and
//! placeholders; whatever comes from a person is a [`Value`].

use chrono::{DateTime, NaiveDate, Utc};
use sqlx::postgres::PgRow;
use sqlx::sqlite::SqliteRow;
use sqlx::{AssertSqlSafe, FromRow};
use tracing::Instrument as _;
use uuid::Uuid;

use super::{Conn, Error, Exec, Sql};

/// A value to bind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// A text without U+0000.
    Text(String),
    /// A number.
    Int(i64),
    /// A date in the years 1 to 9999.
    Date(NaiveDate),
    /// An instant in whole microseconds, in the years 1 to 9999.
    Instant(DateTime<Utc>),
    /// An id.
    Uuid(Uuid),
}

macro_rules! rows {
    ($query:expr, $values:expr, $conn:expr) => {{
        let mut query = $query;
        for value in $values {
            query = match value {
                Value::Text(value) => query.bind(value),
                Value::Int(value) => query.bind(value),
                Value::Date(value) => query.bind(value),
                Value::Instant(value) => query.bind(value),
                Value::Uuid(value) => query.bind(value),
            };
        }
        query.fetch_all($conn)
    }};
}

/// Reads the rows of `text`, whose placeholders are `values`. `name` is what metrics and traces call it. `keep` says
/// whether the text comes often enough to be kept prepared.
pub async fn fetch_all<R>(
    exec: &mut Exec,
    name: &'static str,
    text: String,
    values: Vec<Value>,
    keep: bool,
) -> Result<Vec<R>, Error>
where
    R: for<'r> FromRow<'r, PgRow> + for<'r> FromRow<'r, SqliteRow> + Send + Unpin,
{
    let timer = exec.begin_call(&Sql { summary: name, postgres: "", sqlite: "" });
    let text = AssertSqlSafe(text);
    let outcome = match exec.conn() {
        Conn::Postgres(conn, persistent) => {
            let query = sqlx::query_as::<_, R>(text).persistent(persistent && keep);
            rows!(query, values, conn).instrument(timer.span()).await
        }
        Conn::Sqlite(conn) => {
            let query = sqlx::query_as::<_, R>(text).persistent(keep);
            rows!(query, values, conn).instrument(timer.span()).await
        }
    };
    exec.end_call(timer, outcome)
}
