//! The routes of imports and exports.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::import::{Import, format};
use super::{export, feed};
use crate::http::{Bearer, Path, Problem, ProblemBody, Query};
use crate::interop::{project_of_file, table};
use crate::kernel::Scope;
use crate::task::Tasks;
use crate::task::api::Answer;

/// Where the body is a whole file, and may be larger than others.
pub const FILES: &[&str] = &["/api/v1/imports"];

/// `/api/v1/imports`, `/api/v1/export` and the calendar feed.
pub(in crate::task) fn routes() -> OpenApiRouter<Arc<Tasks>> {
    OpenApiRouter::new()
        .routes(routes!(list, try_import))
        .routes(routes!(get, forget))
        .routes(routes!(start))
        .routes(routes!(export))
        .merge(feed::routes())
}

#[derive(Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ImportParams {
    /// `todoist` (a project's CSV), `vikunja` (`data.json` or `filters.json` of its export) or `own` (`GET /api/v1/export`, or
    /// `GET /api/v1/me/export`); guessed when missing.
    format: Option<String>,
    /// The file's name: Todoist's has the project's.
    file_name: Option<String>,
}

/// The imports.
#[derive(Serialize, ToSchema)]
struct ImportList {
    /// Newest first.
    results: Vec<Import>,
}

/// Try an import: the file is read and kept for 30 days, and nothing is made yet. The body is the file, at most 32 MiB.
#[utoipa::path(post, path = "/api/v1/imports", tag = "tasks", params(ImportParams),
    request_body(content = String, content_type = "application/octet-stream"),
    responses((status = 201, body = Import), (status = 409, body = ProblemBody), (status = 413, body = ProblemBody), (status = 422, body = ProblemBody)))]
async fn try_import(
    State(tasks): State<Arc<Tasks>>,
    bearer: Bearer,
    Query(params): Query<ImportParams>,
    body: Bytes,
) -> Answer<Response> {
    let actor = bearer.with(Scope::TasksWrite)?;
    let named = match params.format.as_deref() {
        Some(text) => {
            let says = "use todoist, vikunja or own";
            Some(format(text).ok_or_else(|| Problem::validation().field("format", "unknown", says))?)
        }
        None => None,
    };
    let project = params.file_name.as_deref().map(|name| project_of_file(name).to_owned());
    let import = tasks.try_import(&actor, &body, named, project).await?;
    let place = format!("/api/v1/imports/{}", import.id);
    Ok((StatusCode::CREATED, [(header::LOCATION, place)], axum::Json(import)).into_response())
}

/// The imports of the last 30 days.
#[utoipa::path(get, path = "/api/v1/imports", tag = "tasks", responses((status = 200, body = ImportList)))]
async fn list(State(tasks): State<Arc<Tasks>>, bearer: Bearer) -> Answer<axum::Json<ImportList>> {
    let results = tasks.imports(&bearer.with(Scope::TasksRead)?).await?;
    Ok(axum::Json(ImportList { results }))
}

/// An import, and how far it is.
#[utoipa::path(get, path = "/api/v1/imports/{id}", tag = "tasks", params(("id" = Uuid, Path)),
    responses((status = 200, body = Import), (status = 404, body = ProblemBody)))]
async fn get(State(tasks): State<Arc<Tasks>>, bearer: Bearer, Path(id): Path<Uuid>) -> Answer<axum::Json<Import>> {
    Ok(axum::Json(tasks.import(&bearer.with(Scope::TasksRead)?, id).await?))
}

/// Have an import made. What is there already stays as it is. Once more changes nothing.
#[utoipa::path(post, path = "/api/v1/imports/{id}/start", tag = "tasks", params(("id" = Uuid, Path)),
    responses((status = 202, body = Import), (status = 404, body = ProblemBody)))]
async fn start(
    State(tasks): State<Arc<Tasks>>,
    bearer: Bearer,
    Path(id): Path<Uuid>,
) -> Answer<(StatusCode, axum::Json<Import>)> {
    let import = tasks.start_import(&bearer.with(Scope::TasksWrite)?, id).await?;
    Ok((StatusCode::ACCEPTED, axum::Json(import)))
}

/// Forget an import: one that is running stops. What was made stays.
#[utoipa::path(delete, path = "/api/v1/imports/{id}", tag = "tasks", params(("id" = Uuid, Path)), responses((status = 204)))]
async fn forget(State(tasks): State<Arc<Tasks>>, bearer: Bearer, Path(id): Path<Uuid>) -> Answer<StatusCode> {
    tasks.forget_import(&bearer.with(Scope::TasksWrite)?, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ExportParams {
    /// `json` (default), which can be imported again, or `csv`, a table for spreadsheets.
    format: Option<String>,
}

/// All tasks, projects, sections, saved filters and tags, the trash left out.
#[utoipa::path(get, path = "/api/v1/export", tag = "tasks", params(ExportParams),
    responses((status = 200, body = String), (status = 422, body = ProblemBody)))]
async fn export(
    State(tasks): State<Arc<Tasks>>,
    bearer: Bearer,
    Query(params): Query<ExportParams>,
) -> Answer<Response> {
    let actor = bearer.with(Scope::TasksRead)?;
    let (kind, name, is_table) = match params.format.as_deref() {
        None | Some("json") => ("application/json", "todo.json", false),
        Some("csv") => ("text/csv; charset=utf-8", "todo.csv", true),
        Some(_) => return Err(Problem::validation().field("format", "unknown", "use json or csv")),
    };
    let portable = tasks.portable(&actor).await?;
    let text = if is_table { table::csv_of(&portable) } else { export::own(&portable, tasks.clock.now()) };
    let attached = format!("attachment; filename=\"{name}\"");
    Ok(([(header::CONTENT_TYPE, kind.to_owned()), (header::CONTENT_DISPOSITION, attached)], text).into_response())
}
