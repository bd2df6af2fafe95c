//! The route of insights.

use axum::extract::State;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::model::Report;
use super::{Error, Insights};
use crate::http::{Bearer, Problem, ProblemBody, Query};
use crate::kernel::Scope;

/// `/api/v1/insights`.
pub fn routes() -> OpenApiRouter<Insights> {
    OpenApiRouter::new().routes(routes!(insights))
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        match error {
            Error::Invalid(invalid) => Self::invalid(invalid.0),
            Error::Storage(error) => error.into(),
            Error::Event(error) => Self::internal(error),
        }
    }
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Params {
    /// The first day, `YYYY-MM-DD`; when missing, such that there are 30 days.
    #[param(value_type = Option<chrono::NaiveDate>)]
    from: Option<String>,
    /// The last day, at most 365 days after the first; today in the user's time zone when missing.
    #[param(value_type = Option<chrono::NaiveDate>)]
    to: Option<String>,
}

/// What came of each day: tasks that were made, done, and overdue at its end.
///
/// Days are those of the user's time zone. A task that is reopened is taken back from the day on which it was done; one
/// that is deleted stays where it was counted. A task is overdue at the end of a day if it is due on an earlier one, was
/// made by then, and was neither done nor deleted by then: all of this as the task is now, so that a due date that was
/// moved counts as if it had always been there. The figures follow the changes by about a second; `asOf` says how far
/// they are.
#[utoipa::path(get, path = "/api/v1/insights", tag = "insights", params(Params),
    responses((status = 200, body = Report), (status = 422, body = ProblemBody)))]
async fn insights(
    State(insights): State<Insights>,
    bearer: Bearer,
    Query(params): Query<Params>,
) -> Result<axum::Json<Report>, Problem> {
    let actor = bearer.with(Scope::TasksRead)?;
    Ok(axum::Json(insights.report(&actor, params.from.as_deref(), params.to.as_deref()).await?))
}
