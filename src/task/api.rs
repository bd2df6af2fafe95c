//! The routes of tasks.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::Error;
use super::find::{Query, Sort, State as TaskState, View};
use super::input::{Draft, Input, Local};
use super::model::Task;
use super::place::Destination;
use super::series::Reach;
use super::service::{Expect, Follow, Once, Subtasks, Tasks};
use crate::events;
use crate::http::idempotency::Reply;
use crate::http::{
    self, Bearer, IfMatch, IfNoneMatch, Json, MergePatch, Path, Post, Problem, ProblemBody, Tags, etag, page_limit,
};
use crate::kernel::Scope;

/// `/api/v1/tasks`.
pub fn routes() -> OpenApiRouter<Arc<Tasks>> {
    OpenApiRouter::new()
        .routes(routes!(create, list))
        .routes(routes!(get, replace, patch, delete))
        .routes(routes!(shift))
        .routes(routes!(complete))
        .routes(routes!(reopen))
        .routes(routes!(restore))
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        match error {
            Error::NotFound => Self::not_found(),
            Error::Invalid(invalid) => Self::invalid(invalid.0),
            Error::Filter(error) => Self::validation().field("filter", "not_a_filter", error.rendered().to_owned()),
            Error::Undo(refusal) => {
                let detail = format!("This cannot be undone: {refusal}.");
                Self::new(StatusCode::CONFLICT, "not_undoable", detail)
            }
            Error::InTrash(_) => {
                Self::new(StatusCode::CONFLICT, "task_in_trash", "The task is in the trash: restore it first.")
            }
            Error::OpenSubtasks { count } => {
                let detail = format!(
                    "{count} of its subtasks are open: say ?subtasks=complete to do them too, or ?subtasks=keep to leave them open."
                );
                Self::new(StatusCode::CONFLICT, "open_subtasks", detail)
            }
            Error::Series => {
                let detail = "It is an occurrence of a series: say ?series=this for it alone, ?series=following for it and those \
                    after it, or ?series=all.";
                Self::new(StatusCode::CONFLICT, "series_reach", detail)
            }
            Error::HasTasks { count } => {
                let detail = format!(
                    "There are {count} tasks in it: say ?tasks=trash to move them to the trash too, or ?tasks=keep to keep them."
                );
                Self::new(StatusCode::CONFLICT, "has_tasks", detail)
            }
            Error::Inbox => Self::new(StatusCode::CONFLICT, "inbox", "The inbox cannot be changed or deleted."),
            Error::TooMany { what, limit } => {
                let detail = format!("This would reach more than {limit} {what}: do it in parts.");
                Self::new(StatusCode::CONFLICT, "too_many", detail)
            }
            Error::Full { what, limit } => {
                let detail =
                    format!("There is room for {limit} {what}, the trash included: delete some for good first.");
                Self::new(StatusCode::CONFLICT, "limit_reached", detail)
            }
            Error::Conflict => {
                Self::new(StatusCode::CONFLICT, "conflict", "Something else changed it in the same instant: try again.")
            }
            Error::Stale { current } => Self::stale(current),
            Error::KeyReused => Self::key_reused(),
            Error::Cursor(error) => Self::validation().field("cursor", "invalid", error.to_string()),
            Error::Events(events::Error::Storage(error)) => error.into(),
            Error::Events(events::Error::NoLog) => Self::unauthorized("The account does not exist any more."),
            Error::Events(error) => Self::internal(error),
        }
    }
}

pub(super) type Answer<T> = Result<T, Problem>;

fn reply(status: StatusCode, task: &Task) -> Reply {
    Reply::json(status, task).with(header::ETAG, format!("\"{}\"", task.version))
}

fn created(task: &Task) -> Reply {
    reply(StatusCode::CREATED, task).with(header::LOCATION, format!("/api/v1/tasks/{}", task.id))
}

fn changed(task: &Task) -> Reply {
    reply(StatusCode::OK, task)
}

pub(super) fn expect(tags: Tags) -> Expect {
    match tags {
        Tags::Versions(versions) => Expect::OneOf(versions),
        Tags::Any | Tags::Missing => Expect::Any,
    }
}

fn parse(input: Input, local: Local) -> Result<Draft, Error> {
    input.parse(local).map_err(Error::Invalid)
}

/// What follows from a change.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct FollowParams {
    /// What becomes of open subtasks when the task is done: `ask` (default; 409 `open_subtasks` where there are some),
    /// `complete` or `keep`.
    #[serde(default)]
    #[param(inline)]
    subtasks: Subtasks,
    /// How far the change of an occurrence reaches: `this`, `following` (this one and those after it) or `all`; 409
    /// `series_reach` where it matters and is missing.
    #[param(inline)]
    series: Option<Reach>,
}

/// How far a deletion reaches.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ReachParams {
    /// How far the deletion of an occurrence reaches: `this`, `following` (which ends its series) or `all`; 409
    /// `series_reach` where it matters and is missing.
    #[param(inline)]
    series: Option<Reach>,
}

/// What becomes of subtasks.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct SubtaskParams {
    /// What becomes of open subtasks when the task is done: `ask` (default; 409 `open_subtasks` where there are some),
    /// `complete` or `keep`.
    #[serde(default)]
    #[param(inline)]
    subtasks: Subtasks,
}

/// Create a task.
#[utoipa::path(post, path = "/api/v1/tasks", tag = "tasks", request_body = Input,
    params(("Idempotency-Key" = Option<String>, Header, description = "Makes a retry safe")),
    responses((status = 201, body = Task), (status = 422, body = ProblemBody)))]
async fn create(State(tasks): State<Arc<Tasks>>, bearer: Bearer, post: Post<Input>) -> Answer<Reply> {
    let actor = bearer.with(Scope::TasksWrite)?;
    let once = post.key.as_ref().map(|key| Once { key, reply: &created });
    let local = tasks.local_of(&actor, &post.body).await?;
    Ok(tasks.create(&actor, parse(post.body, local)?, once).await?.reply(created))
}

/// What a listing may ask for. What is given together holds together.
#[derive(Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ListParams {
    /// `open` (default), `completed`, `all` (default of a filter) or `trash`.
    #[param(inline)]
    state: Option<TaskState>,
    /// `created` (default), `-created`, `-updated`, `-completed`, `due` (default of a view), `-priority` or `position` (default
    /// in a project, a section or a task).
    #[param(inline)]
    sort: Option<Sort>,
    /// `today` (what is overdue too), `overdue` or `upcoming` (the seven days after today), in the account's time zone.
    #[param(inline)]
    view: Option<View>,
    /// The id of a project.
    project: Option<Uuid>,
    /// The id of a section.
    section: Option<Uuid>,
    /// The id of a task: its subtasks.
    parent: Option<Uuid>,
    /// The name of a tag.
    tag: Option<String>,
    /// An expression of the filter language.
    #[param(example = "done = false && due < now+7d && tag in (home, work)")]
    filter: Option<String>,
    /// The id of a saved filter.
    filter_id: Option<Uuid>,
    /// Views, projects, sections and tags leave out what has not started and what is in an archived project: `true` has it
    /// too.
    #[serde(default)]
    hidden: bool,
    /// `nextCursor` of the page before.
    cursor: Option<String>,
    /// 1 to 200; 50 when missing.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<usize>,
}

/// A page of tasks.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct TaskPage {
    results: Vec<Task>,
    /// Pass it as `cursor` for the next page; null on the last one.
    next_cursor: Option<String>,
}

/// List tasks.
#[utoipa::path(get, path = "/api/v1/tasks", tag = "tasks", params(ListParams),
    responses((status = 200, body = TaskPage), (status = 422, body = ProblemBody)))]
async fn list(
    State(tasks): State<Arc<Tasks>>,
    bearer: Bearer,
    http::Query(params): http::Query<ListParams>,
) -> Answer<axum::Json<TaskPage>> {
    let actor = bearer.with(Scope::TasksRead)?;
    let limit = page_limit(params.limit)?;
    let filter = match (params.filter, params.filter_id) {
        (Some(_), Some(_)) => {
            return Err(Problem::validation().field("filterId", "contradiction", "use one of filter and filterId"));
        }
        (Some(text), None) => Some(text.parse().map_err(Error::Filter)?),
        (None, Some(id)) => Some(tasks.saved_filter(&actor, id).await?),
        (None, None) => None,
    };
    let ListParams { state, sort, view, project, section, parent, tag, hidden, cursor, .. } = params;
    let query = Query { state, sort, view, project, section, parent, tag, filter, hidden, cursor, limit };
    let page = tasks.list(&actor, &query).await?;
    Ok(axum::Json(TaskPage { results: page.results, next_cursor: page.next }))
}

/// One task, also from the trash.
#[utoipa::path(get, path = "/api/v1/tasks/{id}", tag = "tasks", params(("id" = Uuid, Path)),
    responses((status = 200, body = Task), (status = 304), (status = 404, body = ProblemBody)))]
async fn get(
    State(tasks): State<Arc<Tasks>>,
    bearer: Bearer,
    fresh: IfNoneMatch,
    Path(id): Path<Uuid>,
) -> Answer<Response> {
    let task = tasks.get(&bearer.with(Scope::TasksRead)?, id).await?;
    Ok(match fresh.not_modified(task.version) {
        Some(response) => response,
        None => ([(header::ETAG, etag(task.version))], axum::Json(task)).into_response(),
    })
}

/// Replace a task: what is missing gets its default.
#[utoipa::path(put, path = "/api/v1/tasks/{id}", tag = "tasks", request_body = Input,
    params(("id" = Uuid, Path), FollowParams,
        ("If-Match" = String, Header, description = "The ETag of the version that is changed, or `*`")),
    responses((status = 200, body = Task), (status = 404, body = ProblemBody), (status = 409, body = ProblemBody), (status = 412, body = ProblemBody),
        (status = 422, body = ProblemBody), (status = 428, body = ProblemBody)))]
async fn replace(
    State(tasks): State<Arc<Tasks>>,
    bearer: Bearer,
    condition: IfMatch,
    Path(id): Path<Uuid>,
    http::Query(FollowParams { subtasks, series }): http::Query<FollowParams>,
    Json(input): Json<Input>,
) -> Answer<Reply> {
    let actor = bearer.with(Scope::TasksWrite)?;
    let expect = expect(condition.required()?);
    let local = tasks.local_of(&actor, &input).await?;
    let follow = Follow { subtasks, series };
    Ok(changed(&tasks.replace(&actor, id, &expect, parse(input, local)?, follow).await?))
}

/// Change some members of a task (JSON Merge Patch, RFC 7396): null takes the default.
#[utoipa::path(patch, path = "/api/v1/tasks/{id}", tag = "tasks",
    request_body(content = Input, content_type = "application/merge-patch+json"),
    params(("id" = Uuid, Path), FollowParams,
        ("If-Match" = String, Header, description = "The ETag of the version that is changed, or `*`")),
    responses((status = 200, body = Task), (status = 404, body = ProblemBody), (status = 409, body = ProblemBody), (status = 412, body = ProblemBody),
        (status = 422, body = ProblemBody), (status = 428, body = ProblemBody)))]
async fn patch(
    State(tasks): State<Arc<Tasks>>,
    bearer: Bearer,
    condition: IfMatch,
    Path(id): Path<Uuid>,
    http::Query(FollowParams { subtasks, series }): http::Query<FollowParams>,
    Json(patch): Json<serde_json::Map<String, Value>>,
) -> Answer<Reply> {
    let actor = bearer.with(Scope::TasksWrite)?;
    let expect = expect(condition.required()?);
    let patch: MergePatch<Input> = MergePatch::new(patch)?;
    // What the patch leaves as it is may need it too.
    let local = tasks.local(&actor).await?;
    let merge = |present| parse(patch.merged(&present), local);
    Ok(changed(&tasks.patch(&actor, id, &expect, merge, Follow { subtasks, series }).await?))
}

/// Move a task to the trash, with its subtasks.
#[utoipa::path(delete, path = "/api/v1/tasks/{id}", tag = "tasks",
    params(("id" = Uuid, Path), ReachParams, ("If-Match" = String, Header, description = "The ETag of the version that is deleted, or `*`")),
    responses((status = 204), (status = 404, body = ProblemBody), (status = 409, body = ProblemBody), (status = 412, body = ProblemBody),
        (status = 428, body = ProblemBody)))]
async fn delete(
    State(tasks): State<Arc<Tasks>>,
    bearer: Bearer,
    condition: IfMatch,
    Path(id): Path<Uuid>,
    http::Query(ReachParams { series }): http::Query<ReachParams>,
) -> Answer<StatusCode> {
    let actor = bearer.with(Scope::TasksWrite)?;
    tasks.delete(&actor, id, &expect(condition.required()?), series).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Move a task, with its subtasks, to another project, section or parent, or among its siblings.
#[utoipa::path(post, path = "/api/v1/tasks/{id}/move", tag = "tasks", request_body = Destination,
    params(("id" = Uuid, Path), ("If-Match" = Option<String>, Header), ("Idempotency-Key" = Option<String>, Header)),
    responses((status = 200, body = Task), (status = 404, body = ProblemBody), (status = 409, body = ProblemBody),
        (status = 412, body = ProblemBody), (status = 422, body = ProblemBody)))]
async fn shift(
    State(tasks): State<Arc<Tasks>>,
    bearer: Bearer,
    IfMatch(tags): IfMatch,
    Path(id): Path<Uuid>,
    post: Post<Destination>,
) -> Answer<Reply> {
    let actor = bearer.with(Scope::TasksWrite)?;
    let once = post.key.as_ref().map(|key| Once { key, reply: &changed });
    Ok(tasks.shift(&actor, id, &expect(tags), post.body, once).await?.reply(changed))
}

/// Mark a task done. Once more changes nothing.
#[utoipa::path(post, path = "/api/v1/tasks/{id}/complete", tag = "tasks",
    params(("id" = Uuid, Path), SubtaskParams, ("If-Match" = Option<String>, Header), ("Idempotency-Key" = Option<String>, Header)),
    responses((status = 200, body = Task), (status = 404, body = ProblemBody), (status = 409, body = ProblemBody),
        (status = 412, body = ProblemBody)))]
async fn complete(
    State(tasks): State<Arc<Tasks>>,
    bearer: Bearer,
    IfMatch(tags): IfMatch,
    Path(id): Path<Uuid>,
    http::Query(SubtaskParams { subtasks }): http::Query<SubtaskParams>,
    post: Post<()>,
) -> Answer<Reply> {
    let actor = bearer.with(Scope::TasksWrite)?;
    let once = post.key.as_ref().map(|key| Once { key, reply: &changed });
    Ok(tasks.complete(&actor, id, &expect(tags), once, subtasks).await?.reply(changed))
}

/// Mark a task not done. Once more changes nothing.
#[utoipa::path(post, path = "/api/v1/tasks/{id}/reopen", tag = "tasks",
    params(("id" = Uuid, Path), ("If-Match" = Option<String>, Header), ("Idempotency-Key" = Option<String>, Header)),
    responses((status = 200, body = Task), (status = 404, body = ProblemBody), (status = 409, body = ProblemBody),
        (status = 412, body = ProblemBody)))]
async fn reopen(
    State(tasks): State<Arc<Tasks>>,
    bearer: Bearer,
    IfMatch(tags): IfMatch,
    Path(id): Path<Uuid>,
    post: Post<()>,
) -> Answer<Reply> {
    let actor = bearer.with(Scope::TasksWrite)?;
    let once = post.key.as_ref().map(|key| Once { key, reply: &changed });
    Ok(tasks.reopen(&actor, id, &expect(tags), once).await?.reply(changed))
}

/// Take a task out of the trash, with the subtasks that went there with it. Once more changes nothing.
#[utoipa::path(post, path = "/api/v1/tasks/{id}/restore", tag = "tasks",
    params(("id" = Uuid, Path), ("If-Match" = Option<String>, Header), ("Idempotency-Key" = Option<String>, Header)),
    responses((status = 200, body = Task), (status = 404, body = ProblemBody), (status = 412, body = ProblemBody)))]
async fn restore(
    State(tasks): State<Arc<Tasks>>,
    bearer: Bearer,
    IfMatch(tags): IfMatch,
    Path(id): Path<Uuid>,
    post: Post<()>,
) -> Answer<Reply> {
    let actor = bearer.with(Scope::TasksWrite)?;
    let once = post.key.as_ref().map(|key| Once { key, reply: &changed });
    Ok(tasks.restore(&actor, id, &expect(tags), once).await?.reply(changed))
}
