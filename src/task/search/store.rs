//! The SQL of searching.

use sqlx::FromRow;
use uuid::Uuid;

use super::Terms;
use crate::storage::{Db, Engine, Error};
use crate::task::find::State;
use crate::task::model::Task;
use crate::task::rows::{Row, columns};
use crate::{sql, statements};

/// Tasks that are ranked of those that have the words: a word that is everywhere must not cost more.
macro_rules! ranked {
    () => {
        "2000"
    };
}

/// What a search leaves out: the trash always, and by `$4` what is done (`open`) or not (`completed`).
macro_rules! only {
    () => {
        "t.deleted_at IS NULL AND ($4 = 'all' OR ($4 = 'completed') = (t.completed_at IS NOT NULL))"
    };
}

/// What begins with each `word`, behind a prefix.
macro_rules! query {
    ($prefix:literal) => {
        concat!("CAST(string_agg('''' || ", $prefix, " || word || ''':*', ' & ') AS tsquery)")
    };
}

statements! {
    WORDS: "task.search" = {
        concat!(
            "SELECT ", columns!(postgres), ", CAST(ts_rank('{0.1, 0.2, 0.5, 1}', t.search, t.words) AS double precision) AS score ",
            "FROM (SELECT tasks.*, words FROM (SELECT ", query!("''"), " AS words, ",
            query!("right(CAST(CAST($1 AS uuid) AS text), 8)"), " AS owned FROM ",
            // Of a letter unaccent may make a quote, which would end the word.
            "regexp_split_to_table(translate(unaccent($2), '''\\', ''), ' ') AS word WHERE word <> '') AS query, ",
            "tasks WHERE user_id = $1 AND tasks_words(user_id, search) @@ owned LIMIT ", ranked!(), ") AS t ",
            "WHERE ", only!(), " ORDER BY score DESC, t.id DESC LIMIT $3"
        ),
        concat!(
            "SELECT ", columns!(sqlite), ", found.score FROM (SELECT rowid AS number, -bm25(task_terms, 10, 5, 1) AS score ",
            "FROM task_terms WHERE task_terms MATCH $2 LIMIT ", ranked!(), ") AS found ",
            // In this order: the other way round all of the user's tasks would be read.
            "CROSS JOIN task_documents ON task_documents.number = found.number CROSS JOIN tasks AS t ON t.id = task_documents.task_id ",
            "WHERE t.user_id = $1 AND ", only!(), " ORDER BY score DESC, t.id DESC LIMIT $3"
        )
    };
    /// How alike is alike enough, until the end of the transaction: a pooler lets nothing be set for a connection.
    ALIKE: "task.search_alike" = {
        "SELECT set_config('pg_trgm.word_similarity_threshold', '0.5', true)",
        "SELECT '0.5'"
    };
    LETTERS: "task.search_nearly" = {
        concat!(
            "SELECT ", columns!(postgres), ", CAST(word_similarity($2, t.title) AS double precision) AS score FROM ",
            "(SELECT * FROM tasks WHERE user_id = $1 AND $2 <% title LIMIT ", ranked!(), ") AS t ",
            "WHERE ", only!(), " ORDER BY score DESC, t.id DESC LIMIT $3"
        ),
        "SELECT 1"
    };
}

#[derive(FromRow)]
struct Found {
    #[sqlx(flatten)]
    row: Row,
    score: f64,
}

/// At most `limit` of what is found, best first, with how good it is; and whether it is spelt nearly so only.
pub(super) async fn search(
    db: &Db,
    user_id: Uuid,
    terms: &Terms,
    state: State,
    limit: i64,
) -> Result<(Vec<(Task, f64)>, bool), Error> {
    let state = match state {
        State::Open => "open",
        State::Completed => "completed",
        State::All | State::Trash => "all",
    };
    let is_postgres = db.engine() == Engine::Postgres;
    let query = if is_postgres { terms.text() } else { terms.fts(user_id) };
    let mut exec = db.read().await?;
    let mut found = sql!(fetch_all Found => exec, WORDS, user_id, query, limit, state)?;
    let nearly = found.is_empty() && is_postgres;
    if nearly {
        drop(exec);
        let mut tx = db.begin().await?;
        sql!(fetch_one (String,) => tx, ALIKE)?;
        found = sql!(fetch_all Found => tx, LETTERS, user_id, terms.text(), limit, state)?;
        tx.rollback().await?;
    }
    Ok((found.into_iter().map(|found| (Task::from(found.row), found.score)).collect(), nearly))
}
