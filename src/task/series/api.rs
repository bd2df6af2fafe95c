//! The routes of series, and what a rule means.

use std::sync::Arc;

use axum::extract::State;
use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::{Recurrence, Series, read_rule, store};
use crate::http::{Bearer, Path, Problem, ProblemBody, Query};
use crate::kernel::{Actor, Scope};
use crate::task::api::Answer;
use crate::task::{Error, Tasks};

/// Dates that are told of a series and of a rule.
const DATES: usize = 10;

/// `/api/v1/series/{id}` and `/api/v1/recurrence`.
pub(in crate::task) fn routes() -> OpenApiRouter<Arc<Tasks>> {
    OpenApiRouter::new().routes(routes!(get)).routes(routes!(preview))
}

/// A series as its owner sees it.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct SeriesBody {
    /// What the `seriesId` of its occurrences is.
    id: Uuid,
    /// How it recurs.
    recurrence: Recurrence,
    /// The last date of which an occurrence was made.
    last_date: NaiveDate,
    /// Whether no more occurrences are made.
    ended: bool,
    /// The next ten dates of the rule; those that come while an occurrence is open may be left out.
    dates: Vec<NaiveDate>,
}

impl From<Series> for SeriesBody {
    fn from(series: Series) -> Self {
        let dates = series.coming(DATES);
        let Series { id, recurrence, last_date, ended, .. } = series;
        Self { id, recurrence, last_date, ended, dates }
    }
}

/// A series.
#[utoipa::path(get, path = "/api/v1/series/{id}", tag = "tasks", params(("id" = Uuid, Path)),
    responses((status = 200, body = SeriesBody), (status = 404, body = ProblemBody)))]
async fn get(State(tasks): State<Arc<Tasks>>, bearer: Bearer, Path(id): Path<Uuid>) -> Answer<axum::Json<SeriesBody>> {
    let series = tasks.series(&bearer.with(Scope::TasksRead)?, id).await?;
    Ok(axum::Json(series.into()))
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct PreviewParams {
    /// An RRULE, or words in the account's language.
    #[param(example = "every last workday of the month")]
    rule: String,
    /// The first day that counts; today when missing.
    start: Option<NaiveDate>,
}

/// What a rule means.
#[derive(Serialize, ToSchema)]
struct Preview {
    /// As an RRULE.
    rule: String,
    /// In words, in the account's language.
    text: String,
    /// Its first ten dates.
    dates: Vec<NaiveDate>,
}

/// What a rule means: as an RRULE, in words, and its first dates.
#[utoipa::path(get, path = "/api/v1/recurrence", tag = "tasks", params(PreviewParams),
    responses((status = 200, body = Preview), (status = 422, body = ProblemBody)))]
async fn preview(
    State(tasks): State<Arc<Tasks>>,
    bearer: Bearer,
    Query(params): Query<PreviewParams>,
) -> Answer<axum::Json<Preview>> {
    let local = tasks.local(&bearer.with(Scope::TasksRead)?).await?;
    let read = read_rule(&params.rule, local);
    let (rule, _) = read.map_err(|(_, code, says)| Problem::validation().field("rule", code, says))?;
    let dates = rule.occurrences(params.start.unwrap_or(local.today)).map(|occurrence| occurrence.date);
    let dates = dates.take(DATES).collect();
    Ok(axum::Json(Preview { rule: rule.to_string(), text: rule.describe(local.language), dates }))
}

impl Tasks {
    /// A series of the actor's.
    pub async fn series(&self, actor: &Actor, id: Uuid) -> Result<Series, Error> {
        let mut exec = self.db.read().await?;
        store::get(&mut exec, actor.user_id, id).await?.ok_or(Error::NotFound)
    }
}
