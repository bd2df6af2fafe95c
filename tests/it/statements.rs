//! Every statement is prepared on both databases, and both have the same tables.

use std::collections::BTreeMap;

use sqlx::{Connection as _, Executor as _, SqlSafeStr as _};
use todo::storage::{Db, Migrations};

use crate::support::{World, config, fresh_database, server};

async fn sqlite() -> (tempfile::TempDir, sqlx::SqliteConnection) {
    let folder = tempfile::tempdir().unwrap();
    let db = Db::open(&config(folder.path(), &[]).storage).unwrap();
    Migrations::of(&db).apply().await.unwrap();
    let url = format!("sqlite:{}/todo.db", folder.path().display());
    let connection = sqlx::SqliteConnection::connect(&url).await.unwrap();
    (folder, connection)
}

#[tokio::test]
async fn every_statement_is_right_on_sqlite() {
    let (_folder, mut connection) = sqlite().await;
    let statements = todo::app::statements();
    assert!(statements.len() > 60, "the list lost some: {}", statements.len());
    for sql in statements {
        let prepared = connection.prepare(sqlx::AssertSqlSafe(sql.sqlite).into_sql_str()).await;
        prepared.unwrap_or_else(|error| panic!("{}: {error}\n{}", sql.summary, sql.sqlite));
    }
}

#[tokio::test]
async fn real_every_statement_is_right_on_postgres() {
    let Some(url) = server("TODO_TEST_POSTGRES_URL") else { return };
    let url = fresh_database(&url).await;
    let world = World::with(&[format!("storage.url={url}")]).await;
    let mut connection = sqlx::PgConnection::connect(&url).await.unwrap();
    for sql in todo::app::statements() {
        let prepared = connection.prepare(sqlx::AssertSqlSafe(sql.postgres).into_sql_str()).await;
        prepared.unwrap_or_else(|error| panic!("{}: {error}\n{}", sql.summary, sql.postgres));
    }
    world.running.stop().await;
}

#[tokio::test]
async fn real_both_schemas_have_the_same_columns() {
    let Some(url) = server("TODO_TEST_POSTGRES_URL") else { return };
    let url = fresh_database(&url).await;
    let world = World::with(&[format!("storage.url={url}")]).await;
    let mut postgres = sqlx::PgConnection::connect(&url).await.unwrap();
    let rows: Vec<(String, String, bool)> = sqlx::query_as(
        "SELECT table_name::text, column_name::text, is_nullable = 'NO' FROM information_schema.columns \
         WHERE table_schema = 'public' AND table_name <> '_sqlx_migrations'",
    )
    .fetch_all(&mut postgres)
    .await
    .unwrap();
    let (_folder, mut sqlite) = sqlite().await;
    let lite: Vec<(String, String, bool)> = sqlx::query_as(
        "SELECT m.name, p.name, p.\"notnull\" OR p.pk > 0 FROM sqlite_master AS m JOIN pragma_table_info(m.name) AS p \
         WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%' AND m.name <> '_sqlx_migrations'",
    )
    .fetch_all(&mut sqlite)
    .await
    .unwrap();
    let map = |rows: Vec<(String, String, bool)>| -> BTreeMap<_, _> {
        rows.into_iter().map(|(table, column, required)| ((table, column), required)).collect()
    };
    assert_eq!(map(rows), map(lite));
    world.running.stop().await;
}
