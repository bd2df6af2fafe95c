//! A bounded pool of raw connections: deadpool, with a manager that never pings.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use deadpool::managed::{self, Metrics, RecycleError, RecycleResult, Timeouts};
use sqlx::{Connection, Database};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::Error;
use crate::kernel::Notes;

/// A wait for a connection that a request's trace shows.
const LONG: Duration = Duration::from_millis(1);
/// For so long after an answer the database is taken to be there.
const LATELY_MS: u64 = 2000;

/// A pooled connection and the generation it was made in.
pub(crate) struct Pooled<D: Database> {
    pub(crate) conn: D::Connection,
    generation: u64,
}

/// Makes connections. `generation` counts the failures that make older connections suspect.
pub(crate) struct Manager<D: Database> {
    options: <D::Connection as Connection>::Options,
    setup: &'static [&'static str],
    generation: Arc<AtomicU64>,
}

impl<D: Database> managed::Manager for Manager<D>
where
    for<'c> &'c mut D::Connection: sqlx::Executor<'c, Database = D>,
{
    type Type = Pooled<D>;
    type Error = sqlx::Error;

    async fn create(&self) -> Result<Pooled<D>, sqlx::Error> {
        use sqlx::Executor as _;
        let generation = self.generation.load(Ordering::SeqCst);
        let mut conn = D::Connection::connect_with(&self.options).await?;
        for statement in self.setup {
            conn.execute(*statement).await?;
        }
        Ok(Pooled { conn, generation })
    }

    async fn recycle(&self, pooled: &mut Pooled<D>, _: &Metrics) -> RecycleResult<sqlx::Error> {
        if pooled.generation == self.generation.load(Ordering::SeqCst) {
            Ok(())
        } else {
            Err(RecycleError::message("made before the last failure"))
        }
    }
}

/// A bounded pool with a name for its metrics.
pub(crate) struct Pool<D: Database>
where
    for<'c> &'c mut D::Connection: sqlx::Executor<'c, Database = D>,
{
    pub(crate) name: &'static str,
    inner: managed::Pool<Manager<D>>,
    generation: Arc<AtomicU64>,
    wait: Duration,
    began: Instant,
    /// When a statement was last answered: milliseconds since then, and one more; 0 where none was since the last failure.
    answered: AtomicU64,
}

/// The limits of a pool.
#[derive(Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) size: usize,
    pub(crate) wait: Duration,
    pub(crate) connect: Duration,
}

impl<D: Database> Pool<D>
where
    for<'c> &'c mut D::Connection: sqlx::Executor<'c, Database = D>,
{
    pub(crate) fn new(
        name: &'static str,
        options: <D::Connection as Connection>::Options,
        setup: &'static [&'static str],
        limits: Limits,
    ) -> Result<Self, Error> {
        let generation = Arc::new(AtomicU64::new(0));
        let manager = Manager { options, setup, generation: Arc::clone(&generation) };
        let inner = managed::Pool::builder(manager)
            .max_size(limits.size)
            // The connection that was used last is warm: few of them carry a light load.
            .queue_mode(managed::QueueMode::Lifo)
            .timeouts(Timeouts { wait: Some(limits.wait), create: Some(limits.connect), recycle: None })
            .runtime(deadpool::Runtime::Tokio1)
            .build()
            .map_err(|error| Error::Unavailable(error.to_string()))?;
        let (began, answered) = (Instant::now(), AtomicU64::new(0));
        Ok(Self { name, inner, generation, wait: limits.wait, began, answered })
    }

    /// A connection, or [`Error::Busy`] when none was free in time.
    pub(crate) async fn get(&self) -> Result<managed::Object<Manager<D>>, Error> {
        use managed::{PoolError, TimeoutType};
        let started = Instant::now();
        let got = self.inner.get().await;
        self.waited(started);
        got.map_err(|error| match error {
            PoolError::Timeout(TimeoutType::Wait) => self.exhausted(),
            PoolError::Timeout(_) => Error::Unavailable("connecting took too long".to_owned()),
            PoolError::Backend(error) => match Error::of("connect", error) {
                Error::Statement { source, .. } => Error::Unavailable(source.to_string()),
                sorted => sorted,
            },
            other => Error::Unavailable(other.to_string()),
        })
    }

    /// One of the turns that `readers` has, or [`Error::Busy`] when none was free in time.
    pub(crate) async fn turn(&self, readers: &Arc<Semaphore>) -> Result<OwnedSemaphorePermit, Error> {
        if let Ok(turn) = Arc::clone(readers).try_acquire_owned() {
            return Ok(turn);
        }
        let started = Instant::now();
        let turn = tokio::time::timeout(self.wait, Arc::clone(readers).acquire_owned()).await;
        self.waited(started);
        turn.ok().and_then(Result::ok).ok_or_else(|| self.exhausted())
    }

    /// Tells how long a caller waited; in its trace too, where that is worth a look.
    fn waited(&self, started: Instant) {
        let ended = Instant::now();
        let wait = ended.duration_since(started);
        metrics::histogram!(super::metrics::WAIT, "pool" => self.name).record(wait.as_secs_f64());
        if wait >= LONG
            && let Some(notes) = Notes::current()
        {
            notes.ended(notes.began("connection.wait", None, started), ended, None);
        }
    }

    fn exhausted(&self) -> Error {
        metrics::counter!(super::metrics::TIMEOUTS, "pool" => self.name).increment(1);
        Error::Busy(format!("pool `{}` is exhausted", self.name))
    }

    /// Makes every connection that exists now suspect: none of them is handed out again.
    pub(crate) fn distrust(&self) {
        self.answered.store(0, Ordering::Relaxed);
        self.generation.fetch_add(1, Ordering::SeqCst);
    }

    fn millis(&self, at: Instant) -> u64 {
        u64::try_from(at.duration_since(self.began).as_millis()).unwrap_or(u64::MAX - 1) + 1
    }

    /// The database did at this time what it was asked.
    pub(crate) fn answered(&self, at: Instant) {
        self.answered.store(self.millis(at), Ordering::Relaxed);
    }

    /// Whether it did of late, and has not failed since.
    pub(crate) fn answered_lately(&self) -> bool {
        match self.answered.load(Ordering::Relaxed) {
            0 => false,
            answered => self.millis(Instant::now()).saturating_sub(answered) < LATELY_MS,
        }
    }

    /// Publishes the pool's size to the gauges.
    pub(crate) fn observe(&self) {
        let status = self.inner.status();
        let float = |count: usize| f64::from(u32::try_from(count).unwrap_or(u32::MAX));
        metrics::gauge!(super::metrics::MAX, "pool" => self.name).set(float(status.max_size));
        let used = status.size.saturating_sub(status.available);
        for (state, count) in [("used", used), ("idle", status.available)] {
            metrics::gauge!(super::metrics::COUNT, "pool" => self.name, "state" => state).set(float(count));
        }
    }
}
