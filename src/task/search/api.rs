//! The route of searching.

use std::sync::Arc;

use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::mark::{Mark, mark};
use super::{Terms, store};
use crate::http::{Bearer, Problem, ProblemBody, Query, page_limit};
use crate::kernel::{Actor, Scope};
use crate::task::api::Answer;
use crate::task::find;
use crate::task::{Error, Task, Tasks};

/// `/api/v1/tasks/search`.
pub(in crate::task) fn routes() -> OpenApiRouter<Arc<Tasks>> {
    OpenApiRouter::new().routes(routes!(search))
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct SearchParams {
    /// One to ten words, at most 200 characters: each is the beginning of a word of the task.
    #[param(example = "pay rent", max_length = 200)]
    q: String,
    /// `open`, `completed` or `all` (default).
    #[param(inline)]
    state: Option<find::State>,
    /// 1 to 200; 50 when missing. There is no second page: add a word instead.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<usize>,
}

/// A task that was found.
#[derive(Serialize, ToSchema)]
pub struct Hit {
    /// The task.
    pub task: Task,
    /// How good it is: greater is better, within one search.
    pub score: f64,
    /// Where the words are.
    pub marks: Vec<Mark>,
    /// The part of the description that has one of the words.
    pub snippet: Option<String>,
}

/// What was found.
#[derive(Serialize, ToSchema)]
pub struct Hits {
    /// Best first.
    pub results: Vec<Hit>,
    /// Whether nothing has these words, and these titles are spelt nearly so.
    pub nearly: bool,
}

/// Search the title, the tags and the description of tasks that are not in the trash.
#[utoipa::path(get, path = "/api/v1/tasks/search", tag = "tasks", params(SearchParams),
    responses((status = 200, body = Hits), (status = 422, body = ProblemBody)))]
async fn search(
    State(tasks): State<Arc<Tasks>>,
    bearer: Bearer,
    Query(params): Query<SearchParams>,
) -> Answer<axum::Json<Hits>> {
    let actor = bearer.with(Scope::TasksRead)?;
    let state = params.state.unwrap_or(find::State::All);
    if state == find::State::Trash {
        return Err(Problem::validation().field("state", "unknown", "use open, completed or all"));
    }
    let limit = page_limit(params.limit)?;
    let says = "use one to ten words, and at most 200 characters";
    let terms = Terms::of(&params.q).ok_or_else(|| Problem::validation().field("q", "invalid", says))?;
    Ok(axum::Json(tasks.search(&actor, &terms, state, limit).await?))
}

impl Tasks {
    /// The best `limit` tasks that have the words.
    pub async fn search(&self, actor: &Actor, terms: &Terms, state: find::State, limit: usize) -> Result<Hits, Error> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let (found, nearly) = store::search(&self.db, actor.user_id, terms, state, limit).await?;
        let hit = |(task, score)| {
            let (marks, snippet) = mark(&task, terms);
            Hit { task, score, marks, snippet }
        };
        Ok(Hits { results: found.into_iter().map(hit).collect(), nearly })
    }
}
