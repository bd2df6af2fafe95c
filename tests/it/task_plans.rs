//! No listing, view or search walks through a table: what their plans are, with a hundred thousand tasks of many people.

use sqlx::Connection as _;
use todo::kernel::{Actor, Channel, Scopes};
use todo::task::{Query, Sort, State, View};
use uuid::Uuid;

use crate::support::{World, fresh_database, server};

/// One person with 10,000 tasks, and 90 with 1,000 each: some done, some due, some tagged.
const FILL: &str = "CREATE TEMP TABLE people AS SELECT $1 AS id, 10000 AS tasks \
        UNION ALL SELECT gen_random_uuid(), 1000 FROM generate_series(1, 90); \
    INSERT INTO tasks (id, user_id, title, description, priority, project_id, position, tags, due_date, deadline, completed_at, \
        deleted_at, version, created_at, updated_at) \
        SELECT gen_random_uuid(), people.id, 'task ' || n || ' of ' || (n % 97), 'words ' || (n % 503), n % 5, \
            CASE WHEN n % 3 = 0 THEN CAST('0193a7c0-0000-7000-8000-000000000001' AS uuid) ELSE people.id END, \
            lpad(to_hex(n), 8, '0') || 'i', CASE WHEN n % 10 = 0 THEN '[\"home\"]' END, \
            CASE WHEN n % 4 = 0 THEN DATE '2026-06-01' + n % 400 END, NULL, CASE WHEN n % 7 = 0 THEN now() - n * interval '1 minute' END, \
            CASE WHEN n % 50 = 0 THEN now() END, 1, now() - n * interval '1 minute', now() - n * interval '1 minute' \
        FROM people, generate_series(1, people.tasks) AS n; \
    INSERT INTO task_tags (user_id, name_key, task_id) SELECT user_id, 'home', id FROM tasks WHERE tags IS NOT NULL; \
    ANALYZE";

/// That, with this one person.
fn fill(user_id: Uuid) -> String {
    FILL.replace("$1", &format!("CAST('{user_id}' AS uuid)"))
}

/// A service on a PostgreSQL database of its own, somebody who uses it, and a connection beside it.
async fn postgres() -> Option<(World, Uuid, sqlx::PgConnection)> {
    let url = fresh_database(&server("TODO_TEST_POSTGRES_URL")?).await;
    let world = World::with(&[format!("storage.url={url}")]).await;
    let user_id = world.person("ann@example.org").await.id;
    let connection = sqlx::PgConnection::connect(&url).await.unwrap();
    Some((world, user_id, connection))
}

/// A search on SQLite asks the index of words and then for each task by its id, and so does what writes the words.
#[tokio::test]
async fn searches_on_sqlite_go_by_indexes() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}/todo.db", folder.path().display());
    let world = World::with(&[format!("storage.url={url}")]).await;
    let mut connection = sqlx::SqliteConnection::connect(&url).await.unwrap();
    for (summary, scanned, index) in [
        ("task.search", "SCAN task_terms VIRTUAL TABLE INDEX 0:M", "SEARCH t USING INDEX sqlite_autoindex_tasks"),
        (
            "task.index",
            "SCAN json_each VIRTUAL TABLE",
            "SEARCH task_documents USING COVERING INDEX sqlite_autoindex_task_documents",
        ),
        (
            "task.unwritten",
            "SCAN task_documents USING INDEX task_documents_unwritten",
            "SEARCH t USING INDEX sqlite_autoindex_tasks",
        ),
    ] {
        let sql = todo::app::statements().into_iter().find(|sql| sql.summary == summary).unwrap();
        let explain = sqlx::AssertSqlSafe(format!("EXPLAIN QUERY PLAN {}", sql.sqlite));
        let plan: Vec<(i64, i64, i64, String)> = sqlx::query_as(explain).fetch_all(&mut connection).await.unwrap();
        let plan: Vec<_> = plan.into_iter().map(|(_, _, _, line)| line).collect();
        let scans: Vec<_> = plan
            .iter()
            .filter(|line| line.starts_with("SCAN ") && !["SCAN found", "SCAN unwritten"].contains(&&***line))
            .collect();
        assert!(scans.len() == 1 && scans[0].starts_with(scanned), "{summary}: {plan:#?}");
        assert!(plan.iter().any(|line| line.starts_with(index)), "{summary}: {plan:#?}");
    }
    world.running.stop().await;
}

#[tokio::test]
async fn real_listings_and_searches_go_by_indexes() {
    let Some((world, user_id, mut connection)) = postgres().await else { return };
    sqlx::raw_sql(sqlx::AssertSqlSafe(fill(user_id))).execute(&mut connection).await.unwrap();

    let actor = Actor { user_id, session_id: None, channel: Channel::Person, scopes: Scopes::ALL };
    let project = Some("0193a7c0-0000-7000-8000-000000000001".parse().unwrap());
    let base = Query { limit: 50, ..Query::default() };
    let filter = |text: &str| Query { filter: Some(text.parse().unwrap()), ..base.clone() };
    let sorted = |state, sort| Query { state: Some(state), sort: Some(sort), ..base.clone() };
    let queries = [
        ("open", base.clone(), "tasks_open"),
        ("newest", sorted(State::All, Sort::Newest), "tasks_user_created"),
        ("today", Query { view: Some(View::Today), ..base.clone() }, "tasks_agenda"),
        ("overdue", Query { view: Some(View::Overdue), ..base.clone() }, "tasks_agenda"),
        ("upcoming", Query { view: Some(View::Upcoming), ..base.clone() }, "tasks_agenda"),
        ("project", Query { project, ..base.clone() }, "tasks_project"),
        ("completed", sorted(State::Completed, Sort::Completed), "tasks_completed"),
        ("urgent", sorted(State::Open, Sort::Priority), "tasks_priority"),
        ("tag", Query { tag: Some("home".to_owned()), ..base.clone() }, "task_tags_"),
        ("parent", Query { parent: Some(Uuid::nil()), ..base.clone() }, "tasks_parent"),
        ("filter", filter("done = false && due < now+7d && tag in (home, work)"), "tasks_agenda"),
    ];
    let tasks = &world.running.app().tasks;
    for (name, query, index) in queries {
        let plan = tasks.explain(&actor, &query).await.unwrap().join("\n");
        let by_user = plan.contains("Index Cond: (user_id = ") || plan.contains("Index Cond: ((user_id = ");
        assert!(plan.contains(index) && by_user && !plan.contains("Seq Scan on tasks"), "{name}:\n{plan}");
    }
    sqlx::raw_sql("SET enable_seqscan = off; SET jit = off").execute(&mut connection).await.unwrap();
    for (summary, index, query) in [
        ("task.search", "(tasks_words(user_id, search) @@ ", "task 42"),
        ("task.search_nearly", "tasks_letters", "tusk"),
    ] {
        let sql = todo::app::statements().into_iter().find(|sql| sql.summary == summary).unwrap();
        let explain = sqlx::AssertSqlSafe(format!("EXPLAIN {}", sql.postgres));
        let explain = sqlx::query_as(explain).bind(user_id).bind(query).bind(50_i64).bind("all");
        let plan: Vec<(String,)> = explain.fetch_all(&mut connection).await.unwrap();
        let plan = plan.into_iter().map(|(line,)| line).collect::<Vec<_>>().join("\n");
        assert!(plan.contains(index) && !plan.contains("Seq Scan on tasks"), "{summary}:\n{plan}");
    }
    world.running.stop().await;
}

/// A connection keeps the plan of a create only where the estimate of that plan does not grow with the tables: else it plans
/// again at each call, for as much of the processor's time as the create takes.
#[tokio::test]
async fn real_creates_cost_the_same_however_many_tasks_there_are() {
    let Some((world, user_id, mut connection)) = postgres().await else { return };
    let fill = fill(user_id);
    let settings = "SET enable_seqscan = off; SET jit = off; SET plan_cache_mode = force_generic_plan; ANALYZE";
    sqlx::raw_sql(settings).execute(&mut connection).await.unwrap();
    let creates = ["task.create", "task.create_once", "task.has_room"]
        .map(|summary| todo::app::statements().into_iter().find(|sql| sql.summary == summary).unwrap());
    for (n, create) in creates.iter().enumerate() {
        let prepare = format!("PREPARE create_{n} AS {}", create.postgres);
        sqlx::raw_sql(sqlx::AssertSqlSafe(prepare)).execute(&mut connection).await.unwrap();
    }
    let mut costs = Vec::new();
    for fill in ["", &fill] {
        sqlx::raw_sql(sqlx::AssertSqlSafe(fill.to_owned())).execute(&mut connection).await.unwrap();
        for (n, create) in creates.iter().enumerate() {
            let parameters = (1..=99).take_while(|n| create.postgres.contains(&format!("${n}"))).count();
            let values = vec!["NULL"; parameters].join(", ");
            let explain = sqlx::AssertSqlSafe(format!("EXPLAIN (FORMAT JSON) EXECUTE create_{n}({values})"));
            let (plan,): (serde_json::Value,) = sqlx::query_as(explain).fetch_one(&mut connection).await.unwrap();
            costs.push((create.summary, plan[0]["Plan"]["Total Cost"].as_f64().unwrap()));
        }
    }
    let (before, after) = costs.split_at(creates.len());
    for ((summary, before), (_, after)) in before.iter().zip(after) {
        assert!(after / before < 2.0, "{summary}: {before}, and {after} then");
    }
    world.running.stop().await;
}
