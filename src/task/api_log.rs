//! The routes over the log of changes: the history of a task, and undo.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::api::Answer;
use super::history::Entry;
use super::service::Tasks;
use super::undo::Undone;
use crate::http::idempotency::Reply;
use crate::http::{Bearer, Path, Post, ProblemBody, Query, page_limit};
use crate::kernel::Scope;

/// `/api/v1/tasks/{id}/history` and `/api/v1/changes/{seq}/undo`.
pub fn routes() -> OpenApiRouter<Arc<Tasks>> {
    OpenApiRouter::new().routes(routes!(history)).routes(routes!(undo))
}

/// What a page may ask for.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct PageParams {
    /// `nextCursor` of the page before.
    cursor: Option<String>,
    /// 1 to 200; 50 when missing.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<usize>,
}

/// A page of a history.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct HistoryPage {
    /// Newest first.
    results: Vec<Entry>,
    /// Pass it as `cursor` for the next page; null on the last one.
    next_cursor: Option<String>,
}

/// The history of a task: who changed what, when and through what. Newest first.
#[utoipa::path(get, path = "/api/v1/tasks/{id}/history", tag = "tasks", params(("id" = Uuid, Path), PageParams),
    responses((status = 200, body = HistoryPage), (status = 404, body = ProblemBody), (status = 422, body = ProblemBody)))]
async fn history(
    State(tasks): State<Arc<Tasks>>,
    bearer: Bearer,
    Path(id): Path<Uuid>,
    Query(params): Query<PageParams>,
) -> Answer<axum::Json<HistoryPage>> {
    let actor = bearer.with(Scope::TasksRead)?;
    let page = tasks.history(&actor, id, params.cursor.as_deref(), page_limit(params.limit)?).await?;
    Ok(axum::Json(HistoryPage { results: page.results, next_cursor: page.next }))
}

fn done(undone: &Undone) -> Reply {
    Reply::json(StatusCode::OK, undone)
}

/// Undo a change, with all that was changed with it, as a new change. What cannot be undone says why (409).
#[utoipa::path(post, path = "/api/v1/changes/{seq}/undo", tag = "tasks",
    params(("seq" = i64, Path), ("Idempotency-Key" = Option<String>, Header, description = "Makes a retry safe")),
    responses((status = 200, body = Undone), (status = 404, body = ProblemBody), (status = 409, body = ProblemBody)))]
async fn undo(State(tasks): State<Arc<Tasks>>, bearer: Bearer, Path(seq): Path<i64>, post: Post<()>) -> Answer<Reply> {
    let actor = bearer.with(Scope::TasksWrite)?;
    let once = post.key.as_ref().map(|key| (key, done as fn(&Undone) -> Reply));
    Ok(tasks.undo(&actor, seq, once).await?.reply(done))
}
