//! The private calendar feed: who has its address reads it.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::store;
use crate::auth::opaque;
use crate::events;
use crate::http::{Bearer, IfNoneMatch, Path, Problem, ProblemBody, Query, etag};
use crate::interop::ical::{self, Components};
use crate::kernel::Scope;
use crate::task::api::Answer;
use crate::task::{Error, Tasks};

/// What the secret in a feed's address begins with.
const PREFIX: &str = "todo_cal_";

/// `/api/v1/me/feed` and `/feeds/{secret}`.
pub(super) fn routes() -> OpenApiRouter<Arc<Tasks>> {
    OpenApiRouter::new().routes(routes!(get, make, delete)).routes(routes!(feed))
}

/// A feed's address.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct FeedAddress {
    /// A path below the address of this service. It is told this once.
    path: String,
    /// When it was made.
    created_at: DateTime<Utc>,
}

/// Whether there is a feed.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Feed {
    /// When its address was made.
    created_at: DateTime<Utc>,
}

/// Whether there is a calendar feed, and since when.
#[utoipa::path(get, path = "/api/v1/me/feed", tag = "tasks",
    responses((status = 200, body = Feed), (status = 404, body = ProblemBody)))]
async fn get(State(tasks): State<Arc<Tasks>>, bearer: Bearer) -> Answer<axum::Json<Feed>> {
    let actor = bearer.with(Scope::TasksRead)?;
    let created_at =
        store::feed(&tasks.db, actor.user_id).await.map_err(Error::from)?.ok_or_else(Problem::not_found)?;
    Ok(axum::Json(Feed { created_at }))
}

/// Make a secret address for calendars (iCalendar, RFC 5545). An older one ends.
#[utoipa::path(post, path = "/api/v1/me/feed", tag = "tasks", responses((status = 201, body = FeedAddress)))]
async fn make(State(tasks): State<Arc<Tasks>>, bearer: Bearer) -> Answer<(StatusCode, axum::Json<FeedAddress>)> {
    let actor = bearer.with(Scope::AccountWrite)?;
    let (secret, created_at) = (opaque::new(PREFIX, &tasks.ids), tasks.clock.now());
    let mut tx = tasks.db.begin().await.map_err(Error::from)?;
    store::put_feed(&mut tx, actor.user_id, &opaque::hash(&secret), created_at).await.map_err(Error::from)?;
    tx.commit().await.map_err(Error::from)?;
    Ok((StatusCode::CREATED, axum::Json(FeedAddress { path: format!("/feeds/{secret}"), created_at })))
}

/// End the feed.
#[utoipa::path(delete, path = "/api/v1/me/feed", tag = "tasks", responses((status = 204)))]
async fn delete(State(tasks): State<Arc<Tasks>>, bearer: Bearer) -> Answer<StatusCode> {
    let actor = bearer.with(Scope::AccountWrite)?;
    let mut tx = tasks.db.begin().await.map_err(Error::from)?;
    store::delete_feed(&mut tx, actor.user_id).await.map_err(Error::from)?;
    tx.commit().await.map_err(Error::from)?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct FeedParams {
    /// What tasks are: `todos` (default), `events` (for calendars that show no to-dos) or `both`.
    #[serde(default)]
    show: Option<String>,
}

/// The calendar of whoever made this address: tasks that are due, and what was done in the last 30 days, at most 5,000.
#[utoipa::path(get, path = "/feeds/{secret}", tag = "tasks", params(("secret" = String, Path), FeedParams), security(()),
    responses((status = 200, body = String, content_type = "text/calendar"), (status = 304), (status = 404, body = ProblemBody)))]
async fn feed(
    State(tasks): State<Arc<Tasks>>,
    fresh: IfNoneMatch,
    Path(secret): Path<String>,
    Query(params): Query<FeedParams>,
) -> Answer<Response> {
    let components = match params.show.as_deref() {
        None | Some("todos") => Components { todos: true, events: false },
        Some("events") => Components { todos: false, events: true },
        Some("both") => Components { todos: true, events: true },
        Some(_) => return Err(Problem::validation().field("show", "unknown", "use todos, events or both")),
    };
    let secret = secret.trim_end_matches(".ics");
    let user_id = store::feed_of(&tasks.db, &opaque::hash(secret)).await.map_err(Error::from)?;
    let user_id = user_id.ok_or_else(Problem::not_found)?;
    let seq = events::last_seq(&tasks.db, user_id).await.map_err(Error::from)?.unwrap_or_default();
    if let Some(response) = fresh.not_modified(seq) {
        return Ok(response);
    }
    let items = tasks.calendar(user_id).await?;
    let text = ical::feed("Todo", &items, components, tasks.clock.now(), "todo");
    let kind = (header::CONTENT_TYPE, HeaderValue::from_static("text/calendar; charset=utf-8"));
    Ok(([kind, (header::ETAG, etag(seq))], text).into_response())
}
