//! Tags: names on tasks. A tag is where it is used; it has a row of its own only where somebody gave it a colour.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::model::{Collection, Fields, Kind};
use super::{event, store};
use crate::http::{Bearer, Json, Path, ProblemBody};
use crate::kernel::{Actor, Scope};
use crate::storage::rows::json;
use crate::task::api::Answer;
use crate::task::change::{TREE_MAX, Work};
use crate::task::input::{Invalid, name, name_key};
use crate::task::{Error, Tasks};
use crate::{sql, statements};

statements! {
    USED: "tag.used" = {
        "SELECT used.name_key, count(*) FILTER (WHERE t.completed_at IS NULL), (array_agg(used.task_id ORDER BY used.task_id))[1] FROM task_tags AS used \
            CROSS JOIN LATERAL (SELECT completed_at, deleted_at FROM tasks WHERE id = used.task_id OFFSET 0) AS t \
            WHERE used.user_id = $1 AND t.deleted_at IS NULL GROUP BY used.name_key",
        "SELECT used.name_key, count(*) FILTER (WHERE t.completed_at IS NULL), min(used.task_id) FROM task_tags AS used \
            JOIN tasks AS t ON t.id = used.task_id WHERE used.user_id = $1 AND t.deleted_at IS NULL GROUP BY used.name_key"
    };
    NAMES: "tag.names" = {
        "SELECT t.id, t.tags FROM jsonb_array_elements_text(CAST($2 AS jsonb)) AS which CROSS JOIN LATERAL \
            (SELECT id, tags FROM tasks WHERE id = CAST(which.value AS uuid) AND user_id = $1 OFFSET 0) AS t",
        "SELECT id, tags FROM tasks WHERE user_id = $1 AND id IN (SELECT unhex(replace(value, '-', '')) FROM json_each($2))"
    };
    TAGGED: "tag.tagged" = "SELECT task_id FROM task_tags WHERE user_id = $1 AND name_key = $2 ORDER BY task_id LIMIT $3";
}

/// `/api/v1/tags`.
pub fn routes() -> OpenApiRouter<Arc<Tasks>> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(edit, delete))
}

/// A tag.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Tag {
    /// As a person wrote it.
    name: String,
    /// `#rrggbb`.
    color: Option<String>,
    /// Open tasks that have it.
    open_tasks: i64,
}

/// All of them.
#[derive(Debug, Serialize, ToSchema)]
struct TagList {
    /// In the order of their names.
    results: Vec<Tag>,
}

/// What becomes of a tag.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct TagInput {
    /// What it is called from now on: another case, another name, or that of another tag, which both are then. As it is
    /// when missing.
    #[schema(min_length = 1, max_length = 100)]
    name: Option<String>,
    /// `#rrggbb`; none when missing.
    color: Option<String>,
}

/// The tags that tasks have, those in the trash left out, and those that have a colour.
#[utoipa::path(get, path = "/api/v1/tags", tag = "tasks", responses((status = 200, body = TagList)))]
async fn list(State(tasks): State<Arc<Tasks>>, bearer: Bearer) -> Answer<axum::Json<TagList>> {
    Ok(axum::Json(TagList { results: tasks.tags(&bearer.with(Scope::TasksRead)?).await? }))
}

/// Give a tag a colour or another name, on all tasks that have it, in one change.
#[utoipa::path(put, path = "/api/v1/tags/{name}", tag = "tasks", params(("name" = String, Path)), request_body = TagInput,
    responses((status = 200, body = TagList), (status = 409, body = ProblemBody), (status = 422, body = ProblemBody)))]
async fn edit(
    State(tasks): State<Arc<Tasks>>,
    bearer: Bearer,
    Path(name): Path<String>,
    Json(input): Json<TagInput>,
) -> Answer<axum::Json<TagList>> {
    let actor = bearer.with(Scope::TasksWrite)?;
    tasks.edit_tag(&actor, &name, input).await?;
    Ok(axum::Json(TagList { results: tasks.tags(&actor).await? }))
}

/// Take a tag off all tasks, in one change.
#[utoipa::path(delete, path = "/api/v1/tags/{name}", tag = "tasks", params(("name" = String, Path)),
    responses((status = 204), (status = 409, body = ProblemBody)))]
async fn delete(State(tasks): State<Arc<Tasks>>, bearer: Bearer, Path(name): Path<String>) -> Answer<StatusCode> {
    tasks.delete_tag(&bearer.with(Scope::TasksWrite)?, &name).await?;
    Ok(StatusCode::NO_CONTENT)
}

impl Tasks {
    async fn tags(&self, actor: &Actor) -> Result<Vec<Tag>, Error> {
        let mut exec = self.db.read().await?;
        let user_id = actor.user_id;
        let used = sql!(fetch_all (String, i64, Uuid) => exec, USED, user_id)?;
        let known = store::list(&mut exec, user_id, Kind::Tag, user_id).await?;
        let one_each: BTreeSet<_> = used.iter().map(|(.., task)| *task).collect();
        let written = sql!(fetch_all (Uuid, Option<String>) => exec, NAMES, user_id, json(&one_each))?;
        let mut names = BTreeMap::new();
        for (task, tags) in written {
            let tags: Vec<String> = serde_json::from_str(&tags.unwrap_or_default()).unwrap_or_default();
            names.extend(tags.into_iter().map(|tag| ((task, name_key(&tag)), tag)));
        }
        let mut tags: BTreeMap<String, Tag> = BTreeMap::new();
        for (key, open_tasks, task) in used {
            let name = names.remove(&(task, key.clone())).unwrap_or_else(|| key.clone());
            tags.insert(key, Tag { name, color: None, open_tasks });
        }
        for tag in known {
            let open_tasks = tags.get(&name_key(&tag.name)).map_or(0, |tag| tag.open_tasks);
            tags.insert(name_key(&tag.name), Tag { name: tag.name, color: tag.color, open_tasks });
        }
        Ok(tags.into_values().collect())
    }

    async fn edit_tag(&self, actor: &Actor, old: &str, input: TagInput) -> Result<(), Error> {
        let new = input.name.unwrap_or_else(|| old.to_owned());
        let fields = Fields { name: Some(new), color: input.color, ..Fields::default() };
        let checked = fields.parse(Kind::Tag).map_err(Error::Invalid)?;
        let mut work = Work::begin(self, actor).await?;
        let new = checked.name().to_owned();
        let row = tag_row(&mut work, &new).await?;
        if name_key(&new) != name_key(old)
            && let Some(row) = tag_row(&mut work, old).await?
        {
            remove(&mut work, &row).await?;
        }
        match row {
            Some(row) if checked.color().is_none() => remove(&mut work, &row).await?,
            Some(row) => {
                if let Some(after) = row.replace(checked, work.now()) {
                    store::update(work.tx(), &after).await?;
                    work.note(&event::updated(&row, &after, work.change()))?;
                }
            }
            None if checked.color().is_none() => {}
            None => {
                let user_id = work.user_id();
                let (what, limit) = Kind::Tag.limit();
                if store::list(work.tx(), user_id, Kind::Tag, user_id).await?.len() >= limit {
                    return Err(Error::Full { what, limit });
                }
                let row = Collection::create(work.fresh(), user_id, Kind::Tag, None, checked, work.now());
                store::insert(work.tx(), &row).await?;
                work.note(&event::created(&row, work.change()))?;
            }
        }
        retag(&mut work, old, Some(&new)).await?;
        work.close().await
    }

    async fn delete_tag(&self, actor: &Actor, old: &str) -> Result<(), Error> {
        let mut work = Work::begin(self, actor).await?;
        if let Some(row) = tag_row(&mut work, old).await? {
            remove(&mut work, &row).await?;
        }
        retag(&mut work, old, None).await?;
        work.close().await
    }
}

async fn tag_row(work: &mut Work<'_>, name: &str) -> Result<Option<Collection>, Error> {
    let user_id = work.user_id();
    Ok(store::named(work.tx(), user_id, Kind::Tag, user_id, name).await?)
}

async fn remove(work: &mut Work<'_>, row: &Collection) -> Result<(), Error> {
    store::delete(work.tx(), row.user_id, row.id).await?;
    work.note(&event::deleted(row, work.change()))
}

/// Gives all tasks that have a tag another one instead, or none.
async fn retag(work: &mut Work<'_>, old: &str, new: Option<&str>) -> Result<(), Error> {
    if let Some(Err((code, says))) = new.map(name) {
        return Err(Error::Invalid(Invalid::one("/name", code, says)));
    }
    let (user_id, now, key) = (work.user_id(), work.now(), name_key(old));
    let limit = i64::try_from(TREE_MAX).unwrap_or(i64::MAX - 1) + 1;
    let tx = work.tx();
    let ids = sql!(fetch_all (Uuid,) => tx, TAGGED, user_id, &key, limit)?;
    if ids.len() > TREE_MAX {
        return Err(Error::TooMany { what: "tasks", limit: TREE_MAX });
    }
    for (id,) in ids {
        let Some(task) = work.find(id).await? else { continue };
        let others =
            task.tags.iter().filter(|tag| name_key(tag) != key && new.is_none_or(|new| name_key(tag) != name_key(new)));
        let others = others.map(String::as_str).chain(new);
        let tags: BTreeMap<_, _> = others.map(|tag| (name_key(tag), tag.to_owned())).collect();
        work.step(&task, task.tag(tags.into_values().collect(), now))?;
    }
    Ok(())
}
