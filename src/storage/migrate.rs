//! Migrations: numbered alike for both databases, applied under a lock, expand/contract.
//!
//! **Expand/contract.** A migration only adds (a table, a nullable column or one with a default, an index); what the
//! previous version still reads is removed one release later. So the previous version keeps running during a deploy.
//!
//! **Lock.** All missing migrations run in one transaction that first takes a transaction-level advisory lock
//! (PostgreSQL: works behind a transaction pooler and cannot be forgotten) or the write lock (SQLite). Twenty
//! processes may start at once: one applies, the others wait and find nothing left to do.

use sqlx::Executor as _;
use sqlx::migrate::{Migrate as _, MigrateError, Migrator};

use super::{Conn, Db, Engine, Error, Exec, Sql};
use crate::sql;

static POSTGRES: Migrator = sqlx::migrate!("src/storage/migrations/postgres");
static SQLITE: Migrator = sqlx::migrate!("src/storage/migrations/sqlite");

/// Arbitrary and ours: the key of the advisory lock.
const LOCK: &str = "SELECT pg_advisory_xact_lock(7310572013)";
/// A start that has to wait longer than this for another one's migration gives up.
const PATIENCE: &str = "SET LOCAL lock_timeout = '120s'; SET LOCAL statement_timeout = '600s'";

const TABLE: Sql = Sql {
    summary: "migrate.table",
    postgres: "SELECT count(*) FROM pg_class WHERE oid = to_regclass('_sqlx_migrations')",
    sqlite: "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = '_sqlx_migrations'",
};
const APPLIED: Sql = Sql {
    summary: "migrate.applied",
    postgres: "SELECT version FROM _sqlx_migrations ORDER BY version",
    sqlite: "SELECT version FROM _sqlx_migrations ORDER BY version",
};

/// What a database has and lacks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Applied already.
    pub applied: Vec<i64>,
    /// Missing: number and name, in order.
    pub pending: Vec<(i64, String)>,
    /// Applied, and unknown to this binary: the schema is newer.
    pub unknown: Vec<i64>,
}

/// The migrations of one database.
pub struct Migrations<'a> {
    db: &'a Db,
    migrator: &'static Migrator,
}

impl<'a> Migrations<'a> {
    /// Those for `db`.
    pub fn of(db: &'a Db) -> Self {
        let migrator = match db.engine() {
            Engine::Postgres => &POSTGRES,
            Engine::Sqlite => &SQLITE,
        };
        Self { db, migrator }
    }

    /// What would be done; changes nothing.
    pub async fn plan(&self) -> Result<Plan, Error> {
        let mut exec = match self.db.engine() {
            Engine::Postgres => self.db.read().await?,
            // A reader cannot create the file's first page.
            Engine::Sqlite => return self.plan_in(&mut *self.db.begin().await?).await,
        };
        self.plan_in(&mut exec).await
    }

    async fn plan_in(&self, exec: &mut Exec) -> Result<Plan, Error> {
        let (tables,) = sql!(fetch_one (i64,) => exec, TABLE)?;
        let applied: Vec<i64> = if tables == 0 {
            Vec::new()
        } else {
            sql!(fetch_all (i64,) => exec, APPLIED)?.into_iter().map(|(version,)| version).collect()
        };
        let pending = self.migrator.iter().filter(|m| !applied.contains(&m.version));
        let unknown = applied.iter().copied().filter(|version| !self.migrator.version_exists(*version));
        Ok(Plan {
            pending: pending.map(|m| (m.version, m.description.to_string())).collect(),
            unknown: unknown.collect(),
            applied,
        })
    }

    /// Refuses a schema that is newer or older than this binary's.
    pub async fn verify(&self) -> Result<(), Error> {
        let plan = self.plan().await?;
        refuse_newer(&plan)?;
        if let Some((version, name)) = plan.pending.first() {
            return Err(Error::Schema(format!("migration {version} ({name}) is missing: run `todo migrate`")));
        }
        Ok(())
    }

    /// Applies what is missing, under the lock. Returns what was pending before.
    pub async fn apply(&self) -> Result<Plan, Error> {
        let plan = self.plan().await?;
        refuse_newer(&plan)?;
        if plan.pending.is_empty() {
            return Ok(plan);
        }
        let mut exec = match self.db.begin().await {
            Ok(tx) => tx,
            Err(error) => return Err(error),
        };
        let timer = exec.begin_call(&APPLIED);
        let outcome = match exec.conn() {
            Conn::Postgres(conn, _) => run_postgres(self.migrator, conn).await,
            Conn::Sqlite(conn) => run_sqlite(self.migrator, conn).await,
        };
        let outcome = outcome.map_err(|error| match error {
            MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => error,
            other => sqlx::Error::Migrate(Box::new(other)),
        });
        exec.end_call(timer, outcome)?;
        exec.commit().await?;
        Ok(plan)
    }
}

fn refuse_newer(plan: &Plan) -> Result<(), Error> {
    match plan.unknown.last() {
        Some(version) => Err(Error::Schema(format!(
            "the database has migration {version}, which this version does not know: start a newer version of todo"
        ))),
        None => Ok(()),
    }
}

async fn run_postgres(migrator: &Migrator, conn: &mut sqlx::PgConnection) -> Result<(), MigrateError> {
    conn.execute(PATIENCE).await?;
    conn.execute(LOCK).await?;
    conn.ensure_migrations_table("_sqlx_migrations").await?;
    let applied: Vec<(i64,)> = sqlx::query_as(APPLIED.postgres).persistent(false).fetch_all(&mut *conn).await?;
    for migration in migrator.iter().filter(|m| !applied.contains(&(m.version,))) {
        conn.execute(migration.sql.clone()).await?;
        sqlx::query(RECORD_POSTGRES)
            .persistent(false)
            .bind(migration.version)
            .bind(&*migration.description)
            .bind(&*migration.checksum)
            .execute(&mut *conn)
            .await?;
    }
    Ok(())
}

async fn run_sqlite(migrator: &Migrator, conn: &mut sqlx::SqliteConnection) -> Result<(), MigrateError> {
    conn.ensure_migrations_table("_sqlx_migrations").await?;
    let applied: Vec<(i64,)> = sqlx::query_as(APPLIED.sqlite).fetch_all(&mut *conn).await?;
    for migration in migrator.iter().filter(|m| !applied.contains(&(m.version,))) {
        conn.execute(migration.sql.clone()).await?;
        sqlx::query(RECORD_SQLITE)
            .bind(migration.version)
            .bind(&*migration.description)
            .bind(&*migration.checksum)
            .execute(&mut *conn)
            .await?;
    }
    Ok(())
}

// The table is sqlx's, so that its tools can read it; the loop is ours, because theirs holds a session-level lock.
const RECORD_POSTGRES: &str = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
                               VALUES ($1, $2, TRUE, $3, -1)";
const RECORD_SQLITE: &str = RECORD_POSTGRES;
