//! The database: which one, and how to get a connection of it.

use std::str::FromStr as _;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use futures::future::BoxFuture;
use secrecy::ExposeSecret as _;
use sqlx::postgres::PgConnectOptions;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{ConnectOptions as _, Postgres, Sqlite};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use super::config::{Config, Pooler};
use super::conn::{BEGIN_READ, Held};
use super::pool::{Limits, Pool};
use super::{Error, Exec, Sql, Tx};
use crate::kernel::{Probe, ProbeResult, Rounds};

/// Which database it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// PostgreSQL 15 or newer.
    Postgres,
    /// SQLite, in this process.
    Sqlite,
}

impl Engine {
    /// Items as one bind: an array of PostgreSQL, or of JSON. They come as both write them, texts in double quotes.
    pub fn array(self, items: impl Iterator<Item = impl std::fmt::Display>) -> String {
        let items = items.map(|item| item.to_string()).collect::<Vec<_>>().join(",");
        match self {
            Self::Postgres => format!("{{{items}}}"),
            Self::Sqlite => format!("[{items}]"),
        }
    }
}

/// A database. Clones share its pools.
#[derive(Clone)]
pub enum Db {
    /// PostgreSQL: one pool, and whether a transaction pooler is in between.
    Postgres(Arc<PostgresDb>),
    /// SQLite: readers, and the one writer.
    Sqlite(Arc<SqliteDb>),
}

/// PostgreSQL's pool, of which reads may have half: more of them at once only have the server switch between them, and
/// a flood of reads leaves the other half to the writes.
pub struct PostgresDb {
    pool: Arc<Pool<Postgres>>,
    readers: Arc<Semaphore>,
    pooler: Pooler,
}

/// SQLite's pools.
pub struct SqliteDb {
    read: Arc<Pool<Sqlite>>,
    write: Arc<Pool<Sqlite>>,
}

impl Db {
    /// Prepares the pools; connections are made when they are first needed.
    pub fn open(config: &Config) -> Result<Self, Error> {
        let limits = Limits {
            size: config.max_connections as usize,
            wait: Duration::from_millis(config.acquire_timeout_ms),
            connect: Duration::from_millis(config.connect_timeout_ms),
        };
        let url = config.url.expose_secret();
        if config.is_sqlite() { Self::sqlite(url, limits) } else { Self::postgres(url, config, limits) }
    }

    fn postgres(url: &str, config: &Config, limits: Limits) -> Result<Self, Error> {
        let invalid = |error: sqlx::Error| Error::Unavailable(format!("storage.url: {error}"));
        let mut options = PgConnectOptions::from_str(url).map_err(invalid)?.disable_statement_logging();
        if config.pooler == Pooler::None {
            // A pooler refuses start-up parameters that it does not know.
            options = options.application_name("todo").options([
                ("statement_timeout", config.statement_timeout_ms.to_string()),
                ("lock_timeout", config.statement_timeout_ms.to_string()),
                // Every statement is written for an index. A plan that was made while a table was empty (an outbox in good
                // order always is) lives on in its connection, and must not walk the whole of it once it is full.
                ("enable_seqscan", "off".to_owned()),
                // A table without an index that fits is read in sequence all the same, at a cost that says "never": enough
                // to have a statement of a millisecond compiled for a tenth of a second, each time.
                ("jit", "off".to_owned()),
                // A process that is frozen in a transaction must not keep its users' rows locked.
                ("idle_in_transaction_session_timeout", "10000".to_owned()),
            ]);
        } else {
            options = options.statement_cache_capacity(0);
        }
        let pool = Arc::new(Pool::new("postgres", options, &[], limits)?);
        let readers = Arc::new(Semaphore::new(limits.size.div_ceil(2)));
        Ok(Self::Postgres(Arc::new(PostgresDb { pool, readers, pooler: config.pooler })))
    }

    fn sqlite(url: &str, limits: Limits) -> Result<Self, Error> {
        let invalid = |error: sqlx::Error| Error::Unavailable(format!("storage.url: {error}"));
        let options = SqliteConnectOptions::from_str(url)
            .map_err(invalid)?
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(Duration::from_secs(10))
            .disable_statement_logging();
        if let Some(folder) = options.get_filename().parent().filter(|folder| !folder.as_os_str().is_empty()) {
            private_folder(folder)
                .map_err(|error| Error::Unavailable(format!("cannot create {}: {error}", folder.display())))?;
        }
        // Eight readers are plenty for one process; each has a thread of its own.
        let readers = Limits { size: limits.size.min(8), ..limits };
        let writer = Limits { size: 1, ..limits };
        let read = Arc::new(Pool::new("sqlite_read", options.clone(), &["PRAGMA query_only = ON"], readers)?);
        let write = Arc::new(Pool::new("sqlite_write", options, &[], writer)?);
        Ok(Self::Sqlite(Arc::new(SqliteDb { read, write })))
    }

    /// Which database it is.
    pub fn engine(&self) -> Engine {
        match self {
            Self::Postgres(_) => Engine::Postgres,
            Self::Sqlite(_) => Engine::Sqlite,
        }
    }

    /// A connection for reading.
    pub async fn read(&self) -> Result<Exec, Error> {
        match self {
            Self::Postgres(db) => {
                let reader = db.pool.turn(&db.readers).await?;
                let mut exec = db.get().await?.in_turn(reader);
                if db.pooler == Pooler::Transaction {
                    exec.command(&BEGIN_READ).await?;
                    exec.set_open(true);
                }
                Ok(exec)
            }
            Self::Sqlite(db) => Ok(Exec::new(Held::Sqlite(db.read.get().await?, Arc::clone(&db.read)))),
        }
    }

    /// A connection for one statement that is a transaction in itself (PostgreSQL), or a transaction (SQLite, and
    /// PostgreSQL behind a transaction pooler). End it with `commit`.
    pub async fn single(&self) -> Result<Single, Error> {
        match self {
            Self::Postgres(db) if db.pooler == Pooler::None => Ok(Single::Alone(db.get().await?)),
            _ => Ok(Single::Tx(self.begin().await?)),
        }
    }

    /// A transaction for writing. On SQLite it has the write lock from the start.
    pub async fn begin(&self) -> Result<Tx, Error> {
        let exec = match self {
            Self::Postgres(db) => db.get().await?,
            Self::Sqlite(db) => Exec::new(Held::Sqlite(db.write.get().await?, Arc::clone(&db.write))),
        };
        Tx::begin(exec).await
    }

    /// Runs a statement of housekeeping: it deletes at most `limit` rows that are older than `before`, which are its
    /// parameters. Returns how many.
    pub async fn purge(&self, statement: &Sql, before: DateTime<Utc>, limit: i64) -> Result<u64, Error> {
        let mut exec = self.single().await?;
        let purged = crate::sql!(execute exec, statement, before, limit)?;
        exec.commit().await?;
        Ok(purged)
    }

    /// Keeps the gauges of the pools fresh, until told to stop. Workers look at the database at full tenths of a second after
    /// their start, all at once: a look in step with them would find a pool that is always in use.
    pub async fn run_upkeep(&self, stop: CancellationToken) {
        tokio::time::sleep(Duration::from_millis(50)).await;
        let mut rounds = Rounds::new(Duration::from_secs(2), stop);
        while rounds.next().await {
            self.observe();
        }
    }

    fn observe(&self) {
        match self {
            Self::Postgres(db) => db.pool.observe(),
            Self::Sqlite(db) => {
                db.read.observe();
                db.write.observe();
            }
        }
    }
}

/// Makes what is missing of the path, for this user alone: the database holds everybody's tasks and password hashes. A
/// folder that is there already is the operator's and stays as it is.
fn private_folder(folder: &std::path::Path) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

impl PostgresDb {
    async fn get(&self) -> Result<Exec, Error> {
        let object = self.pool.get().await?;
        Ok(Exec::new(Held::Postgres(object, Arc::clone(&self.pool), self.pooler == Pooler::None)))
    }
}

/// A single-statement write: see [`Db::single`].
pub enum Single {
    /// The statement is its own transaction.
    Alone(Exec),
    /// The statement runs in a transaction.
    Tx(Tx),
}

impl Single {
    /// Ends it.
    pub async fn commit(self) -> Result<(), Error> {
        match self {
            Self::Alone(_) => Ok(()),
            Self::Tx(tx) => tx.commit().await,
        }
    }
}

impl std::ops::Deref for Single {
    type Target = Exec;
    fn deref(&self) -> &Exec {
        match self {
            Self::Alone(exec) => exec,
            Self::Tx(tx) => tx,
        }
    }
}

impl std::ops::DerefMut for Single {
    fn deref_mut(&mut self) -> &mut Exec {
        match self {
            Self::Alone(exec) => exec,
            Self::Tx(tx) => tx,
        }
    }
}

const PING: Sql = Sql { summary: "ping", postgres: "SELECT 1::bigint", sqlite: "SELECT 1" };

impl Probe for Db {
    fn name(&self) -> &'static str {
        "database"
    }

    fn critical(&self) -> bool {
        true
    }

    fn check(&self) -> BoxFuture<'_, ProbeResult> {
        Box::pin(async move {
            // While it answers, however slowly, nobody waits for a connection to hear that it does.
            let lately = match self {
                Self::Postgres(db) => db.pool.answered_lately(),
                Self::Sqlite(db) => db.read.answered_lately(),
            };
            if lately {
                return Ok(());
            }
            let mut exec = self.read().await.map_err(|error| error.to_string())?;
            crate::sql!(fetch_one (i64,) => exec, PING).map(drop).map_err(|error| error.to_string())
        })
    }
}
