//! What SQLite's index has: the words of each task, each behind the end of its user's id, so that a search reads what the
//! user has of a word, not what everybody has. PostgreSQL makes the same of a row by itself.

use serde::Serialize;
use uuid::Uuid;

use super::{fold, words};
use crate::storage::rows::json;
use crate::storage::{Conn, Db, Engine, Error, Tx};
use crate::task::model::Task;
use crate::task::rows::{Row, columns};
use crate::task::write::Written;
use crate::{sql, statements};

/// Tasks whose words are written in one transaction, where they were not.
macro_rules! page {
    () => {
        "1000"
    };
}

statements! {
    INDEX: "task.index" = {
        "SELECT 1",
        "UPDATE task_documents SET title = value ->> 'title', tags = value ->> 'tags', description = value ->> 'description' \
            FROM json_each($1) WHERE task_id = unhex(replace(value ->> 'task_id', '-', ''))"
    };
    UNWRITTEN: "task.unwritten" = {
        concat!("SELECT ", columns!(postgres), " FROM tasks AS t WHERE false"),
        concat!(
            "SELECT ", columns!(sqlite), " FROM (SELECT task_id FROM task_documents WHERE title IS NULL LIMIT ", page!(),
            ") AS unwritten JOIN tasks AS t ON t.id = task_id"
        )
    };
}

/// The words of one task.
#[derive(Serialize)]
struct Document {
    task_id: Uuid,
    title: String,
    tags: String,
    description: String,
}

impl Document {
    fn of(task: &Task) -> Self {
        let owner = owner(task.user_id);
        let words = |text: &str| owned(&owner, words(text).map(|(_, word)| fold(word)));
        Self {
            task_id: task.id,
            title: words(&task.title),
            tags: words(&task.tags.join(" ")),
            description: words(&task.description),
        }
    }
}

/// What stands before each word of a user's.
pub(super) fn owner(user_id: Uuid) -> String {
    user_id.simple().to_string().split_off(24)
}

fn owned(owner: &str, words: impl Iterator<Item = String>) -> String {
    words.filter(|word| !word.is_empty()).map(|word| format!("{owner}{word}")).collect::<Vec<_>>().join(" ")
}

/// Writes the words of what was changed in this transaction.
pub(in crate::task) async fn put(tx: &mut Tx, changes: &[Written]) -> Result<(), Error> {
    if matches!(tx.conn(), Conn::Postgres(..)) {
        return Ok(());
    }
    let documents: Vec<_> =
        changes.iter().filter(|change| change.says_other()).map(|change| Document::of(&change.after)).collect();
    if documents.is_empty() {
        return Ok(());
    }
    sql!(execute tx, INDEX, json(&documents)).map(drop)
}

/// Writes the words of all tasks that have none yet, and tells how many these were.
pub async fn index(db: &Db) -> Result<usize, Error> {
    let mut all = 0;
    while db.engine() == Engine::Sqlite {
        let mut tx = db.begin().await?;
        let documents: Vec<_> =
            sql!(fetch_all Row => tx, UNWRITTEN)?.into_iter().map(|row| Document::of(&Task::from(row))).collect();
        if documents.is_empty() {
            tx.rollback().await?;
            break;
        }
        sql!(execute tx, INDEX, json(&documents))?;
        tx.commit().await?;
        all += documents.len();
    }
    Ok(all)
}
