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
         WHERE table_schema = 'public' AND table_name <> '_sqlx_migrations' AND column_name <> 'search'",
    )
    .fetch_all(&mut postgres)
    .await
    .unwrap();
    let (_folder, mut sqlite) = sqlite().await;
    // What is searched by is a column there, and tables here.
    let lite: Vec<(String, String, bool)> = sqlx::query_as(
        "SELECT m.name, p.name, p.\"notnull\" OR p.pk > 0 FROM sqlite_master AS m JOIN pragma_table_info(m.name) AS p \
         WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%' AND m.name <> '_sqlx_migrations' \
         AND m.name NOT LIKE 'task_words%' AND m.name NOT LIKE 'task_terms%' AND m.name <> 'task_documents'",
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

/// The relay's query walks along the outbox's key and stops at its limit, however long the backlog, and what was
/// acknowledged is found by its key: a plan that read it all would make a long backlog grow longer.
#[tokio::test]
async fn real_the_relays_statements_go_by_the_key_of_a_long_backlog() {
    let Some(url) = server("TODO_TEST_POSTGRES_URL") else { return };
    let url = fresh_database(&url).await;
    let world = World::with(&[format!("storage.url={url}")]).await;
    let mut connection = sqlx::PgConnection::connect(&url).await.unwrap();
    let fill = "INSERT INTO user_logs (user_id, shard, last_seq) SELECT CAST('0193a7c0-0000-7000-8000-' || n AS uuid), n & 63, 100 \
            FROM generate_series(100000000000, 100000000199) AS n; \
        INSERT INTO events (user_id, seq, event_id, topic, event_type, subject_id, channel, occurred_at, value) \
            SELECT user_id, seq, gen_random_uuid(), 'todo-events', 'TASK_CREATED', gen_random_uuid(), 'web', now(), '{}' \
            FROM user_logs, generate_series(1, 100) AS seq; \
        INSERT INTO outbox (shard, user_id, seq) SELECT shard, events.user_id, seq FROM events JOIN user_logs USING (user_id); \
        ANALYZE";
    sqlx::raw_sql(fill).execute(&mut connection).await.unwrap();
    let batch = todo::app::statements().into_iter().find(|sql| sql.summary == "outbox.batch").unwrap();
    // All shards, every second one, and a single one.
    for shards in [-1_i64, 0x5555_5555_5555_5555, 1] {
        let explain = format!("EXPLAIN {}", batch.postgres);
        let plan: Vec<(String,)> = sqlx::query_as(sqlx::AssertSqlSafe(explain))
            .bind(shards)
            .bind(1000_i64)
            .fetch_all(&mut connection)
            .await
            .unwrap();
        let plan = plan.into_iter().map(|(line,)| line).collect::<Vec<_>>().join("\n");
        assert!(plan.contains("Index Scan using outbox_pkey on outbox") && !plan.contains("Sort"), "{plan}");
    }
    let acknowledge = todo::app::statements().into_iter().find(|sql| sql.summary == "outbox.acknowledge").unwrap();
    let explain = format!("EXPLAIN {}", acknowledge.postgres);
    // As the service's own connections have it, also for a table that the server takes to be empty.
    sqlx::raw_sql("SET enable_seqscan = off; TRUNCATE outbox; ANALYZE outbox").execute(&mut connection).await.unwrap();
    let explain = sqlx::query_as(sqlx::AssertSqlSafe(explain)).bind("{1,2}").bind(uuid::Uuid::nil()).bind("{\"1\":1}");
    let plan: Vec<(String,)> = explain.fetch_all(&mut connection).await.unwrap();
    let plan = plan.into_iter().map(|(line,)| line).collect::<Vec<_>>().join("\n");
    assert!(plan.contains("outbox_pkey") && !plan.contains("Seq Scan"), "{plan}");
    world.running.stop().await;
}

/// What is asked for each batch of events and by each look of a sender goes by an index, with a long history and with
/// none: most users have no webhook, and most deliveries are over.
#[tokio::test]
async fn real_webhooks_go_by_their_indexes() {
    let Some(url) = server("TODO_TEST_POSTGRES_URL") else { return };
    let url = fresh_database(&url).await;
    let world = World::with(&[format!("storage.url={url}")]).await;
    let mut connection = sqlx::PgConnection::connect(&url).await.unwrap();
    let fill = "INSERT INTO webhooks (id, user_id, url, description, secret_version, since_seq, failures, version, created_at, updated_at) \
            SELECT gen_random_uuid(), gen_random_uuid(), 'https://example.com/', '', 1, 1, 0, 1, now(), now() FROM generate_series(1, 500); \
        INSERT INTO webhook_deliveries (id, webhook_id, user_id, seq, event_id, event_type, body, state, attempts, due_at, created_at, finished_at) \
            SELECT gen_random_uuid(), id, user_id, n, gen_random_uuid(), 'TASK_CREATED', '{}', 'delivered', 1, \
            CASE WHEN n = 40 THEN now() + interval '1 day' END, now(), CASE WHEN n < 40 THEN now() END \
            FROM webhooks, generate_series(1, 40) AS n; ANALYZE; SET enable_seqscan = off";
    sqlx::raw_sql(fill).execute(&mut connection).await.unwrap();
    let (ids, now) = (format!("[\"{}\"]", uuid::Uuid::nil()), world.clock.now());
    for empty in [false, true] {
        if empty {
            sqlx::raw_sql("TRUNCATE webhooks, webhook_deliveries; ANALYZE").execute(&mut connection).await.unwrap();
        }
        for (summary, index) in [
            ("webhook.owners", "webhooks_user"),
            ("webhook.enabled", "webhooks_user"),
            ("webhook_delivery.is_due", "webhook_deliveries_due"),
            ("webhook_delivery.candidates", "webhook_deliveries_due"),
            ("webhook_delivery.claim", "webhook_deliveries_pkey"),
            ("webhook_delivery.claimed", "webhook_deliveries_pkey"),
            ("webhook_delivery.purge", "webhook_deliveries_finished"),
        ] {
            let sql = todo::app::statements().into_iter().find(|sql| sql.summary == summary).unwrap();
            let explain = sqlx::query_as(sqlx::AssertSqlSafe(format!("EXPLAIN {}", sql.postgres)));
            let explain = match summary {
                "webhook_delivery.purge" => explain.bind(now).bind(1000_i64),
                "webhook_delivery.is_due" => explain.bind(now).bind(&ids),
                "webhook_delivery.candidates" => explain.bind(now).bind(&ids).bind(100_i64),
                "webhook_delivery.claim" => explain.bind(&ids).bind(uuid::Uuid::nil()).bind(now),
                _ => explain.bind(&ids),
            };
            let plan: Vec<(String,)> = explain.fetch_all(&mut connection).await.unwrap();
            let plan = plan.into_iter().map(|(line,)| line).collect::<Vec<_>>().join("\n");
            // A walk through a whole index is no better.
            let by_it = plan.contains(index) && plan.contains("Index Cond");
            assert!(by_it && !plan.contains("Seq Scan"), "{summary}:\n{plan}");
        }
    }
    world.running.stop().await;
}
