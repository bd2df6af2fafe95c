//! A connection in use, alone or inside a transaction.

use std::sync::Arc;
use std::time::Instant;

use deadpool::managed::Object;
use opentelemetry::Context;
use opentelemetry::trace::TraceContextExt as _;
use sqlx::{Executor as _, PgConnection, Postgres, Sqlite, SqliteConnection};
use tokio::sync::OwnedSemaphorePermit;
use tracing::{Instrument as _, Span};

use super::pool::{Manager, Pool};
use super::{Error, Sql};
use crate::kernel::Notes;

/// The raw connection of a call, with whether PostgreSQL may keep its statements prepared.
pub enum Conn<'a> {
    /// PostgreSQL.
    Postgres(&'a mut PgConnection, bool),
    /// SQLite.
    Sqlite(&'a mut SqliteConnection),
}

pub(super) enum Held {
    Postgres(Object<Manager<Postgres>>, Arc<Pool<Postgres>>, bool),
    Sqlite(Object<Manager<Sqlite>>, Arc<Pool<Sqlite>>),
}

/// A connection that is held for one or more calls.
pub struct Exec {
    held: Option<Held>,
    /// True from the start of a call to its good end: a connection that is dropped in this state is closed.
    suspect: bool,
    /// Whether a transaction is open on it.
    open: bool,
    /// A reader's turn, given back with the connection.
    reader: Option<OwnedSemaphorePermit>,
}

/// What [`Exec::end_call`] needs to know about its call.
pub struct Timer {
    summary: &'static str,
    started: Instant,
    record: Record,
}

/// Where a call is told of.
enum Record {
    /// What nobody asked for (a poll, a sample), or each would be a trace of its own.
    Nowhere,
    /// In the notes of the request that it is part of, at this place.
    Notes(Arc<Notes>, usize),
    /// In a span below that of the background work, where that is recorded.
    Span(Span),
}

impl Timer {
    /// The span to run the call in.
    pub fn span(&self) -> Span {
        match &self.record {
            Record::Span(span) => span.clone(),
            _ => Span::none(),
        }
    }

    fn end(self, ended: Instant, error: Option<&Error>) {
        match self.record {
            Record::Nowhere => {}
            Record::Notes(notes, place) => notes.ended(place, ended, error.map(Error::kind)),
            Record::Span(span) => {
                if let Some(error) = error {
                    span.record("error.type", error.kind());
                    span.record("otel.status_code", "ERROR");
                }
            }
        }
    }
}

impl Exec {
    pub(super) fn new(held: Held) -> Self {
        Self { held: Some(held), suspect: false, open: false, reader: None }
    }

    pub(super) fn in_turn(mut self, turn: OwnedSemaphorePermit) -> Self {
        self.reader = Some(turn);
        self
    }

    /// The raw connection. Used by [`sql!`](crate::sql) between `begin_call` and `end_call`.
    #[expect(clippy::expect_used, reason = "the connection is taken out in `drop` only")]
    pub fn conn(&mut self) -> Conn<'_> {
        match self.held.as_mut().expect("held until dropped") {
            Held::Postgres(object, _, persistent) => Conn::Postgres(&mut object.conn, *persistent),
            Held::Sqlite(object, _) => Conn::Sqlite(&mut object.conn),
        }
    }

    /// Marks the connection suspect until [`Exec::end_call`].
    pub fn begin_call(&mut self, sql: &Sql) -> Timer {
        self.suspect = true;
        let started = Instant::now();
        let system = match &self.held {
            Some(Held::Postgres(..)) => "postgresql",
            _ => "sqlite",
        };
        let record = match Notes::current() {
            Some(notes) => {
                let place = notes.began(sql.summary, Some(system), started);
                Record::Notes(notes, place)
            }
            None if Context::map_current(|context| context.span().span_context().is_sampled()) => {
                Record::Span(span(system, sql.summary))
            }
            None => Record::Nowhere,
        };
        Timer { summary: sql.summary, started, record }
    }

    /// Records the call and sorts its error.
    pub fn end_call<T>(&mut self, timer: Timer, outcome: Result<T, sqlx::Error>) -> Result<T, Error> {
        let ended = Instant::now();
        let seconds = ended.duration_since(timer.started).as_secs_f64();
        metrics::histogram!(super::metrics::DURATION, "db_query_summary" => timer.summary).record(seconds);
        let (summary, outcome) = (timer.summary, outcome.map_err(|error| Error::of(timer.summary, error)));
        timer.end(ended, outcome.as_ref().err());
        self.suspect = false;
        match &outcome {
            Ok(_) => self.trust(ended),
            Err(error) => {
                metrics::counter!(super::metrics::ERRORS, "db_query_summary" => summary, "error_type" => error.kind())
                    .increment(1);
                if matches!(error, Error::Unavailable(_)) {
                    self.suspect = true;
                    self.distrust();
                }
            }
        }
        outcome
    }

    fn trust(&self, at: Instant) {
        match &self.held {
            Some(Held::Postgres(_, pool, _)) => pool.answered(at),
            Some(Held::Sqlite(_, pool)) => pool.answered(at),
            None => {}
        }
    }

    fn distrust(&self) {
        match &self.held {
            Some(Held::Postgres(_, pool, _)) => pool.distrust(),
            Some(Held::Sqlite(_, pool)) => pool.distrust(),
            None => {}
        }
    }

    /// Runs a transaction command in the simple protocol.
    pub(super) async fn command(&mut self, command: &Sql) -> Result<(), Error> {
        let timer = self.begin_call(command);
        let outcome = match self.conn() {
            Conn::Postgres(conn, _) => conn.execute(command.postgres).instrument(timer.span()).await.map(drop),
            Conn::Sqlite(conn) => conn.execute(command.sqlite).instrument(timer.span()).await.map(drop),
        };
        self.end_call(timer, outcome)
    }

    pub(super) fn set_open(&mut self, open: bool) {
        self.open = open;
    }
}

/// OpenTelemetry's conventions for database clients: the summary, never the text or the values.
fn span(system: &'static str, summary: &'static str) -> Span {
    tracing::info_span!(
        "query", otel.name = summary, otel.kind = "client", db.system.name = system, db.query.summary = summary,
        error.type = tracing::field::Empty, otel.status_code = tracing::field::Empty,
    )
}

impl Drop for Exec {
    fn drop(&mut self) {
        let Some(held) = self.held.take() else { return };
        if self.suspect {
            // A call was cancelled or broke half-way: closing the connection is the one safe end of it.
            match held {
                Held::Postgres(object, ..) => drop(Object::take(object)),
                Held::Sqlite(object, _) => drop(Object::take(object)),
            }
        } else if self.open {
            let mut back = Exec { held: Some(held), suspect: false, open: false, reader: self.reader.take() };
            match tokio::runtime::Handle::try_current() {
                Ok(runtime) => drop(runtime.spawn(async move { back.command(&ROLLBACK).await })),
                Err(_) => back.suspect = true,
            }
        }
    }
}

pub(super) const BEGIN: Sql = Sql { summary: "begin", postgres: "BEGIN", sqlite: "BEGIN IMMEDIATE" };
/// A read inside a transaction, for a pooler in transaction mode.
pub(super) const BEGIN_READ: Sql = Sql { summary: "begin", postgres: "BEGIN READ ONLY", sqlite: "BEGIN" };
const COMMIT: Sql = Sql { summary: "commit", postgres: "COMMIT", sqlite: "COMMIT" };
const ROLLBACK: Sql = Sql { summary: "rollback", postgres: "ROLLBACK", sqlite: "ROLLBACK" };

/// A transaction for writing. Dropped without a commit, it is rolled back.
pub struct Tx(Exec);

impl Tx {
    pub(super) async fn begin(mut exec: Exec) -> Result<Self, Error> {
        exec.command(&BEGIN).await?;
        exec.open = true;
        Ok(Self(exec))
    }

    /// Makes the changes durable. On [`Error::Unavailable`] the outcome is unknown.
    pub async fn commit(mut self) -> Result<(), Error> {
        self.0.command(&COMMIT).await?;
        self.0.open = false;
        Ok(())
    }

    /// Gives the changes up, and the connection back.
    pub async fn rollback(mut self) -> Result<(), Error> {
        self.0.command(&ROLLBACK).await?;
        self.0.open = false;
        Ok(())
    }
}

impl std::ops::Deref for Tx {
    type Target = Exec;
    fn deref(&self) -> &Exec {
        &self.0
    }
}

impl std::ops::DerefMut for Tx {
    fn deref_mut(&mut self) -> &mut Exec {
        &mut self.0
    }
}
