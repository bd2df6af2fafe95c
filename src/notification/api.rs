//! The routes of notifications.

use axum::extract::{FromRef, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::model::Notification;
use super::service::Query as Listed;
use super::{Error, Notifications};
use crate::events;
use crate::http::{Bearer, Json, LastEventId, Path, Problem, ProblemBody, Query, Streams, page_limit};
use crate::kernel::Scope;

/// What the routes need.
#[derive(Clone, FromRef)]
pub struct ApiState {
    /// The slice.
    pub notifications: Notifications,
    /// The streams of this process.
    pub streams: Streams,
}

/// `/api/v1/notifications`.
pub fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(list_notifications))
        .routes(routes!(follow_notifications))
        .routes(routes!(read_notifications))
        .routes(routes!(read_notification))
        .routes(routes!(delete_notification))
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        match error {
            Error::NotFound => Self::not_found(),
            Error::Cursor(error) => Self::validation().field("cursor", "invalid", error.to_string()),
            Error::Events(events::Error::Storage(error)) => error.into(),
            Error::Events(events::Error::NoLog) => Self::unauthorized("The account does not exist any more."),
            Error::Events(error) => Self::internal(error),
        }
    }
}

type Answer<T> = Result<T, Problem>;

/// What a listing may ask for.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ListParams {
    /// Only those that are not read.
    #[serde(default)]
    unread: bool,
    /// `nextCursor` of the page before.
    cursor: Option<String>,
    /// 1 to 200; 50 when missing.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<usize>,
}

/// A page of notifications.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct NotificationPage {
    results: Vec<Notification>,
    /// Pass it as `cursor` for the next page; null on the last one.
    next_cursor: Option<String>,
    /// How many are not read, over all pages.
    unread_count: i64,
    /// The number of the newest one that there ever was: where a stream goes on after this page, and what `upTo` takes.
    last_number: i64,
}

/// The notifications, newest first.
#[utoipa::path(get, path = "/api/v1/notifications", tag = "notifications", params(ListParams),
    responses((status = 200, body = NotificationPage), (status = 422, body = ProblemBody)))]
async fn list_notifications(
    State(notifications): State<Notifications>,
    bearer: Bearer,
    Query(params): Query<ListParams>,
) -> Answer<axum::Json<NotificationPage>> {
    let actor = bearer.with(Scope::AccountRead)?;
    let limit = page_limit(params.limit)?;
    let query = Listed { unread: params.unread, cursor: params.cursor, limit };
    let listing = notifications.list(&actor, &query).await?;
    let (results, next_cursor) = (listing.page.results, listing.page.next);
    Ok(axum::Json(NotificationPage {
        results,
        next_cursor,
        unread_count: listing.unread,
        last_number: listing.last_number,
    }))
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct StreamParams {
    /// The number of the last notification that is known, at the first time: `lastNumber` of the list. Missing: what
    /// comes from now on.
    #[param(minimum = 0)]
    since: Option<i64>,
}

/// New notifications as they come: server-sent events named `notification`, whose `id` is the notification's number.
///
/// A client that breaks off comes back with the last `id` as `Last-Event-ID`, and gets what came meanwhile, once. Between
/// events there are comments, so that a broken connection is noticed. The stream ends with its token, and when the service
/// stops. What is read or deleted elsewhere is in the changes.
#[utoipa::path(get, path = "/api/v1/notifications/stream", tag = "notifications",
    params(StreamParams, ("Last-Event-ID" = Option<i64>, Header, description = "The id of the last event; it counts more than `since`")),
    responses((status = 200, body = String, content_type = "text/event-stream"), (status = 422, body = ProblemBody),
        (status = 429, body = ProblemBody), (status = 503, body = ProblemBody)))]
async fn follow_notifications(
    State(notifications): State<Notifications>,
    State(streams): State<Streams>,
    bearer: Bearer,
    LastEventId(last): LastEventId,
    Query(params): Query<StreamParams>,
    headers: HeaderMap,
) -> Answer<Response> {
    let actor = bearer.with(Scope::AccountRead)?;
    if params.since.is_some_and(|since| since < 0) {
        return Err(Problem::validation().field("since", "out_of_range", "use 0 or the number of a notification"));
    }
    let place = streams.open(actor.user_id, &headers)?;
    let after = notifications.start(&actor, last.or(params.since)).await?;
    Ok(place.answer(after, notifications.follow(&actor, after)))
}

/// Up to where.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ReadAllBody {
    /// The number of the newest one that was seen: later ones stay unread.
    #[schema(minimum = 0)]
    up_to: i64,
}

/// How many are left.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct UnreadCount {
    unread_count: i64,
}

/// Mark all as read, up to a number. Once more changes nothing.
#[utoipa::path(put, path = "/api/v1/notifications/read", tag = "notifications", request_body = ReadAllBody,
    responses((status = 200, body = UnreadCount), (status = 422, body = ProblemBody)))]
async fn read_notifications(
    State(notifications): State<Notifications>,
    bearer: Bearer,
    Json(body): Json<ReadAllBody>,
) -> Answer<axum::Json<UnreadCount>> {
    let actor = bearer.with(Scope::AccountWrite)?;
    if body.up_to < 0 {
        return Err(Problem::validation().field("/upTo", "out_of_range", "use 0 or the number of a notification"));
    }
    let unread_count = notifications.read_all(&actor, body.up_to).await?;
    Ok(axum::Json(UnreadCount { unread_count }))
}

/// Mark one as read. Once more changes nothing.
#[utoipa::path(put, path = "/api/v1/notifications/{id}/read", tag = "notifications", params(("id" = Uuid, Path)),
    responses((status = 200, body = Notification), (status = 404, body = ProblemBody)))]
async fn read_notification(
    State(notifications): State<Notifications>,
    bearer: Bearer,
    Path(id): Path<Uuid>,
) -> Answer<axum::Json<Notification>> {
    Ok(axum::Json(notifications.read(&bearer.with(Scope::AccountWrite)?, id).await?))
}

/// Delete one.
#[utoipa::path(delete, path = "/api/v1/notifications/{id}", tag = "notifications", params(("id" = Uuid, Path)),
    responses((status = 204), (status = 404, body = ProblemBody)))]
async fn delete_notification(
    State(notifications): State<Notifications>,
    bearer: Bearer,
    Path(id): Path<Uuid>,
) -> Answer<StatusCode> {
    notifications.delete(&bearer.with(Scope::AccountWrite)?, id).await?;
    Ok(StatusCode::NO_CONTENT)
}
