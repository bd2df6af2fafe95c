//! The SQL of collections.

use chrono::{DateTime, Utc};
use sqlx::FromRow;
use uuid::Uuid;

use super::model::{Collection, Kind};
use crate::storage::{Error, Exec, Tx};
use crate::task::input::name_key;
use crate::task::position::Position;
use crate::{sql, statements};

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT id, user_id, kind, project_id, name, color, query, position, archived_at, version, created_at, updated_at ",
            "FROM collections WHERE user_id = $1 ",
            $rest
        )
    };
}

statements! {
    GET: "collection.get" = (select!("AND id = $2"));
    LIST: "collection.list" = (select!("AND kind = $2 AND project_id = $3 ORDER BY position, id"));
    NAMED: "collection.named" = (select!("AND kind = $2 AND project_id = $3 AND name_key = $4"));
    ALL: "collection.all" = (select!("ORDER BY kind, position, id"));
    INSERT: "collection.insert" = "INSERT INTO collections (id, user_id, kind, project_id, name, name_key, color, query, position, \
        archived_at, version, created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)";
    UPDATE: "collection.update" = "UPDATE collections SET name = $3, name_key = $4, color = $5, query = $6, position = $7, \
        archived_at = $8, version = $9, updated_at = $10 WHERE user_id = $1 AND id = $2";
    DELETE: "collection.delete" = "DELETE FROM collections WHERE user_id = $1 AND (id = $2 OR kind = 'section' AND project_id = $2)";
    ERASE: "collection.erase" = "DELETE FROM collections WHERE user_id = $1";
}

#[derive(FromRow)]
struct Row {
    id: Uuid,
    user_id: Uuid,
    kind: String,
    project_id: Uuid,
    name: String,
    color: Option<String>,
    query: Option<String>,
    position: String,
    archived_at: Option<DateTime<Utc>>,
    version: i64,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

impl From<Row> for Collection {
    fn from(row: Row) -> Self {
        let kind = match row.kind.as_str() {
            "section" => Kind::Section,
            "filter" => Kind::Filter,
            "tag" => Kind::Tag,
            _ => Kind::Project,
        };
        Self {
            id: row.id,
            user_id: row.user_id,
            kind,
            project_id: (kind == Kind::Section).then_some(row.project_id),
            name: row.name,
            color: row.color,
            query: row.query,
            position: Position::parse(&row.position).unwrap_or_else(|| Position::of(row.id)),
            archived_at: row.archived_at,
            version: row.version,
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

pub(super) async fn get(on: &mut Exec, user_id: Uuid, id: Uuid) -> Result<Option<Collection>, Error> {
    Ok(sql!(fetch_optional Row => on, GET, user_id, id)?.map(Collection::from))
}

/// All of a kind in their order: of a project where they are sections, else of the user (`scope` is the user's id).
pub(in crate::task) async fn list(
    on: &mut Exec,
    user_id: Uuid,
    kind: Kind,
    scope: Uuid,
) -> Result<Vec<Collection>, Error> {
    Ok(sql!(fetch_all Row => on, LIST, user_id, kind.as_str(), scope)?.into_iter().map(Collection::from).collect())
}

/// The one of a name.
pub(in crate::task) async fn named(
    on: &mut Exec,
    user_id: Uuid,
    kind: Kind,
    scope: Uuid,
    name: &str,
) -> Result<Option<Collection>, Error> {
    let row = sql!(fetch_optional Row => on, NAMED, user_id, kind.as_str(), scope, name_key(name))?;
    Ok(row.map(Collection::from))
}

/// Everything of a user.
pub(in crate::task) async fn all(on: &mut Exec, user_id: Uuid) -> Result<Vec<Collection>, Error> {
    Ok(sql!(fetch_all Row => on, ALL, user_id)?.into_iter().map(Collection::from).collect())
}

pub(super) async fn insert(tx: &mut Tx, new: &Collection) -> Result<(), Error> {
    sql!(execute tx, INSERT, new.id, new.user_id, new.kind.as_str(), new.project_id.unwrap_or(new.user_id), &new.name,
        name_key(&new.name), &new.color, &new.query, new.position.as_str(), new.archived_at, new.version, new.created_at,
        new.updated_at)
    .map(drop)
}

pub(super) async fn update(tx: &mut Tx, after: &Collection) -> Result<(), Error> {
    sql!(execute tx, UPDATE, after.user_id, after.id, &after.name, name_key(&after.name), &after.color, &after.query,
        after.position.as_str(), after.archived_at, after.version, after.updated_at)
    .map(drop)
}

/// Deletes one, and the sections of a project with it.
pub(super) async fn delete(tx: &mut Tx, user_id: Uuid, id: Uuid) -> Result<(), Error> {
    sql!(execute tx, DELETE, user_id, id).map(drop)
}

pub(in crate::task) async fn erase(tx: &mut Tx, user_id: Uuid) -> Result<(), Error> {
    sql!(execute tx, ERASE, user_id).map(drop)
}
