//! The live stream of a user's changes: the second reader of the log.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use serde::Deserialize;
use tokio_util::sync::CancellationToken;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::{ApiState, problem, resync};
use crate::events::{self, Change, EventLog};
use crate::http::{Bearer, Hub, LastEventId, Problem, ProblemBody, Query, Source, Streams};
use crate::kernel::Scope;
use crate::storage::{self, Db};

/// How often other processes' commits are looked for.
const LOOK: Duration = Duration::from_millis(500);

/// `/api/v1/events`.
pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(follow))
}

/// The logs of a database.
struct Logs(Db);

impl Source for Logs {
    const NAME: &'static str = "change";
    type Item = Change;

    async fn last_numbers(&self, users: &[Uuid]) -> Result<Vec<(Uuid, i64)>, storage::Error> {
        events::last_seqs(&self.0, users).await
    }

    async fn after(&self, user_id: Uuid, after: i64, limit: i64) -> Result<Vec<(i64, Change)>, storage::Error> {
        let page = events::changes(&self.0, user_id, after, limit).await.map_err(|error| match error {
            events::Error::Storage(error) => error,
            other => storage::Error::Unavailable(other.to_string()),
        })?;
        Ok(page.into_iter().map(|change| (change.seq, change)).collect())
    }
}

/// The live streams of this process. Clones share everything.
#[derive(Clone)]
pub struct Live(Arc<Hub<Logs>>);

impl Live {
    /// Woken by what `log` commits in this process, and by looks at the database.
    pub fn new(db: Db, log: &EventLog) -> Self {
        let hub = Hub::new(Logs(db));
        let woken = Arc::downgrade(&hub);
        log.tell(move |user_id| {
            if let Some(hub) = woken.upgrade() {
                hub.wake(user_id);
            }
        });
        Self(hub)
    }

    /// Looks for what other processes committed, until told to stop.
    pub async fn look(self, stop: CancellationToken) {
        self.0.run(LOOK, stop).await;
    }
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct StreamParams {
    /// The number of the last change that is known, at the first time. Missing: what comes from now on.
    #[param(minimum = 0)]
    since: Option<i64>,
}

/// Changes as they come: server-sent events named `change`, whose `id` is the number of the change and whose data is as in
/// `GET /api/v1/changes`.
///
/// A client that breaks off comes back with the last `id` as `Last-Event-ID`, to any instance, and gets what came meanwhile,
/// once. When older changes were cut from the history: 410 `resync_required`. Between events there are comments. The stream
/// ends with its token, and when the service stops.
#[utoipa::path(get, path = "/api/v1/events", tag = "sync",
    params(StreamParams, ("Last-Event-ID" = Option<i64>, Header, description = "The id of the last event; it counts more than `since`")),
    responses((status = 200, body = String, content_type = "text/event-stream"), (status = 410, body = ProblemBody),
        (status = 422, body = ProblemBody), (status = 429, body = ProblemBody), (status = 503, body = ProblemBody)))]
async fn follow(
    State(db): State<Db>,
    State(live): State<Live>,
    State(streams): State<Streams>,
    bearer: Bearer,
    LastEventId(last): LastEventId,
    Query(params): Query<StreamParams>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let actor = bearer.with(Scope::TasksRead)?;
    if params.since.is_some_and(|since| since < 0) {
        return Err(Problem::validation().field("since", "out_of_range", "use 0 or the number of a change"));
    }
    let place = streams.open(actor.user_id, &headers)?;
    let newest = events::last_seq(&db, actor.user_id).await.map_err(problem)?.unwrap_or_default();
    // A number that was never given (of a database that was put back to an earlier time) is as the last one.
    let after = last.or(params.since).map_or(newest, |since| since.min(newest));
    let first = events::first_seq(&db, actor.user_id).await.map_err(problem)?;
    if after < newest && first.is_some_and(|first| first > after + 1) {
        return Err(resync());
    }
    Ok(place.answer(after, live.0.follow(actor.user_id, after)))
}
