//! Sync: what a client missed, from the user's own log.
//!
//! **Purpose.** `GET /api/v1/changes?since=SEQ` gives the changes after a number, deletions included, in order. It is a
//! reader of the log and nothing else: no table of its own. `GET /api/v1/events`, the live stream, is the second one.
//!
//! **Rule.** A room of its own, because the log is of all slices: it imports none of them.

mod stream;

use axum::extract::{FromRef, State};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::events::{self, Change};
use crate::http::{Bearer, Problem, ProblemBody, Query, Streams};
use crate::kernel::Scope;
use crate::storage::Db;

pub use stream::Live;

/// What the routes need.
#[derive(Clone, FromRef)]
pub struct ApiState {
    /// The database.
    pub db: Db,
    /// The live streams of changes.
    pub live: Live,
    /// The streams of this process.
    pub streams: Streams,
}

/// `/api/v1/changes` and `/api/v1/events`.
pub fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(changes)).merge(stream::routes())
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Params {
    /// The number of the last change that is known; 0 for all.
    #[serde(default)]
    #[param(minimum = 0)]
    since: i64,
    /// 1 to 1000; 200 when missing.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<i64>,
}

/// A page of changes.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Changes {
    /// In order, without gaps.
    #[schema(value_type = Vec<ChangeBody>)]
    results: Vec<Change>,
    /// Pass it as `since` next time.
    last_seq: i64,
    /// Whether there are more after these.
    has_more: bool,
}

/// One change.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[expect(dead_code, reason = "only describes `Change` in the API's description: the room of events knows no HTTP")]
struct ChangeBody {
    /// Its number in the log.
    seq: i64,
    /// `person`, `api_token`, `chat`, `scheduler`, `import` or `operator`.
    channel: String,
    /// The trace of the request that made it.
    trace_id: Option<String>,
    /// The event as it was published.
    #[schema(value_type = Object)]
    event: Box<RawValue>,
}

fn problem(error: events::Error) -> Problem {
    match error {
        events::Error::Storage(error) => error.into(),
        other => Problem::internal(other),
    }
}

/// What was cut from the history cannot be told.
fn resync() -> Problem {
    let detail =
        "The changes after this number are not kept any more: read everything again, then go on from the latest.";
    Problem::new(axum::http::StatusCode::GONE, "resync_required", detail)
}

/// What changed after `since`, deletions included. When older changes were cut from the history: 410 `resync_required`.
#[utoipa::path(get, path = "/api/v1/changes", tag = "sync", params(Params),
    responses((status = 200, body = Changes), (status = 410, body = ProblemBody), (status = 422, body = ProblemBody)))]
async fn changes(
    State(db): State<Db>,
    bearer: Bearer,
    Query(params): Query<Params>,
) -> Result<axum::Json<Changes>, Problem> {
    let actor = bearer.with(Scope::TasksRead)?;
    let limit = params.limit.unwrap_or(200);
    if !(1..=1000).contains(&limit) {
        return Err(Problem::validation().field("limit", "out_of_range", "use 1 to 1000"));
    }
    if params.since < 0 {
        return Err(Problem::validation().field("since", "out_of_range", "use 0 or the number of a change"));
    }
    let mut results = events::changes(&db, actor.user_id, params.since, limit + 1).await.map_err(problem)?;
    let first = results.first().map(|change| change.seq);
    if first.is_some_and(|first| first != params.since + 1) {
        return Err(resync());
    }
    let has_more = i64::try_from(results.len()).unwrap_or(i64::MAX) > limit;
    results.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    let last_seq = results.last().map_or(params.since, |change| change.seq);
    Ok(axum::Json(Changes { results, last_seq, has_more }))
}
