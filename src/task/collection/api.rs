//! The routes of collections: the same five for each kind.

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

use super::model::{Collection, Fields, Kind};
use super::service::Contents;
use crate::http::idempotency::Reply;
use crate::http::{Bearer, IfMatch, IfNoneMatch, Json, MergePatch, Path, Post, ProblemBody, Query, etag};
use crate::kernel::Scope;
use crate::task::api::{Answer, expect};
use crate::task::service::Tasks;

/// `/api/v1/projects`, `/api/v1/sections` and `/api/v1/filters`.
pub fn routes() -> OpenApiRouter<Arc<Tasks>> {
    OpenApiRouter::new()
        .routes(routes!(project::list, project::create))
        .routes(routes!(project::get, project::patch, project::delete))
        .routes(routes!(sections, add_section))
        .routes(routes!(section::get, section::patch, section::delete))
        .routes(routes!(filter::list, filter::create))
        .routes(routes!(filter::get, filter::patch, filter::delete))
        .merge(super::tag::routes())
}

/// What a client says of a project.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ProjectInput {
    /// 1 to 100 characters, not the name of another project.
    #[schema(min_length = 1, max_length = 100, example = "Home")]
    name: Option<String>,
    /// `#rrggbb`.
    #[schema(example = "#d1453b")]
    color: Option<String>,
    /// Its place among the projects: a fractional index. At the end when missing.
    position: Option<String>,
    /// An archived project and its tasks are hidden from the views.
    archived: Option<bool>,
}

/// What a client says of a section.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct SectionInput {
    /// 1 to 100 characters, not the name of another section of the project.
    #[schema(min_length = 1, max_length = 100, example = "Garden")]
    name: Option<String>,
    /// `#rrggbb`.
    color: Option<String>,
    /// Its place among the sections of the project: a fractional index. At the end when missing.
    position: Option<String>,
    /// An archived section is out of the way.
    archived: Option<bool>,
}

/// What a client says of a saved filter.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct FilterInput {
    /// 1 to 100 characters, not the name of another saved filter.
    #[schema(min_length = 1, max_length = 100, example = "This week")]
    name: Option<String>,
    /// The expression.
    #[schema(example = "done = false && due < now+7d")]
    query: Option<String>,
    /// `#rrggbb`.
    color: Option<String>,
    /// Its place among the filters: a fractional index. At the end when missing.
    position: Option<String>,
    /// An archived filter is out of the way.
    archived: Option<bool>,
}

macro_rules! fields {
    ($input:ident $(, $query:ident)?) => {
        impl From<$input> for Fields {
            fn from(input: $input) -> Self {
                let mut fields = Self::default();
                (fields.name, fields.color) = (input.name, input.color);
                (fields.position, fields.archived) = (input.position, input.archived);
                $(fields.$query = input.$query;)?
                fields
            }
        }

        impl From<Fields> for $input {
            fn from(fields: Fields) -> Self {
                let Fields { name, color, position, archived, .. } = fields;
                Self { name, color, position, archived, $($query: fields.$query)? }
            }
        }
    };
}
fields!(ProjectInput);
fields!(SectionInput);
fields!(FilterInput, query);

/// All of a kind.
#[derive(Serialize, ToSchema)]
struct CollectionList {
    /// In their order.
    results: Vec<Collection>,
}

/// What becomes of tasks.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ContentParams {
    /// What becomes of its tasks: `ask` (default; 409 `has_tasks` where there are some), `trash`, or `keep` (in the inbox; those
    /// of a section in its project).
    #[serde(default)]
    #[param(inline)]
    tasks: Contents,
}

fn reply(status: StatusCode, collection: &Collection) -> Reply {
    Reply::json(status, collection).with(header::ETAG, format!("\"{}\"", collection.version))
}

fn created(collection: &Collection) -> Reply {
    let location = format!("/api/v1/{}s/{}", collection.kind.as_str(), collection.id);
    reply(StatusCode::CREATED, collection).with(header::LOCATION, location)
}

/// The routes of one kind. A section is listed and made below its project.
macro_rules! kind {
    ($kind:ident, $input:ident, $tag:literal, $all:literal, $one:literal; $($below:ident)?) => {
        $($below!($kind, $input, $tag, $all);)?

        /// Get one.
        #[utoipa::path(get, path = $one, tag = $tag, params(("id" = Uuid, Path)),
            responses((status = 200, body = Collection), (status = 304), (status = 404, body = ProblemBody)))]
        pub(super) async fn get(
            State(tasks): State<Arc<Tasks>>,
            bearer: Bearer,
            fresh: IfNoneMatch,
            Path(id): Path<Uuid>,
        ) -> Answer<Response> {
            let found = tasks.collection(&bearer.with(Scope::TasksRead)?, Kind::$kind, id).await?;
            Ok(match fresh.not_modified(found.version) {
                Some(response) => response,
                None => ([(header::ETAG, etag(found.version))], axum::Json(found)).into_response(),
            })
        }

        /// Change some members (JSON Merge Patch, RFC 7396): null takes the default.
        #[utoipa::path(patch, path = $one, tag = $tag,
            request_body(content = $input, content_type = "application/merge-patch+json"),
            params(("id" = Uuid, Path), ("If-Match" = String, Header, description = "The ETag of the version that is changed, or `*`")),
            responses((status = 200, body = Collection), (status = 404, body = ProblemBody), (status = 409, body = ProblemBody),
                (status = 412, body = ProblemBody), (status = 422, body = ProblemBody), (status = 428, body = ProblemBody)))]
        pub(super) async fn patch(
            State(tasks): State<Arc<Tasks>>,
            bearer: Bearer,
            condition: IfMatch,
            Path(id): Path<Uuid>,
            Json(patch): Json<serde_json::Map<String, Value>>,
        ) -> Answer<Reply> {
            let actor = bearer.with(Scope::TasksWrite)?;
            let expect = expect(condition.required()?);
            let patch: MergePatch<$input> = MergePatch::new(patch)?;
            let edit = |fields: Fields| Fields::from(patch.merged(&$input::from(fields)));
            Ok(reply(StatusCode::OK, &tasks.edit_collection(&actor, Kind::$kind, id, &expect, edit).await?))
        }

        /// Delete one, and what `tasks` says with its tasks.
        #[utoipa::path(delete, path = $one, tag = $tag,
            params(("id" = Uuid, Path), ContentParams,
                ("If-Match" = String, Header, description = "The ETag of the version that is deleted, or `*`")),
            responses((status = 204), (status = 404, body = ProblemBody), (status = 409, body = ProblemBody),
                (status = 412, body = ProblemBody), (status = 428, body = ProblemBody)))]
        pub(super) async fn delete(
            State(tasks): State<Arc<Tasks>>,
            bearer: Bearer,
            condition: IfMatch,
            Path(id): Path<Uuid>,
            Query(params): Query<ContentParams>,
        ) -> Answer<StatusCode> {
            let actor = bearer.with(Scope::TasksWrite)?;
            let expect = expect(condition.required()?);
            tasks.delete_collection(&actor, Kind::$kind, id, &expect, params.tasks).await?;
            Ok(StatusCode::NO_CONTENT)
        }
    };
}

/// Listing and making, of what belongs to the user.
macro_rules! top {
    ($kind:ident, $input:ident, $tag:literal, $all:literal) => {
        /// List all, in their order.
        #[utoipa::path(get, path = $all, tag = $tag, responses((status = 200, body = CollectionList)))]
        pub(super) async fn list(State(tasks): State<Arc<Tasks>>, bearer: Bearer) -> Answer<axum::Json<CollectionList>> {
            let results = tasks.collections(&bearer.with(Scope::TasksRead)?, Kind::$kind, None).await?;
            Ok(axum::Json(CollectionList { results }))
        }

        /// Create one.
        #[utoipa::path(post, path = $all, tag = $tag, request_body = $input,
            params(("Idempotency-Key" = Option<String>, Header, description = "Makes a retry safe")),
            responses((status = 201, body = Collection), (status = 409, body = ProblemBody), (status = 422, body = ProblemBody)))]
        pub(super) async fn create(
            State(tasks): State<Arc<Tasks>>,
            bearer: Bearer,
            post: Post<$input>,
        ) -> Answer<Reply> {
            let actor = bearer.with(Scope::TasksWrite)?;
            let once = post.key.as_ref().map(|key| (key, created as fn(&Collection) -> Reply));
            Ok(tasks.create_collection(&actor, Kind::$kind, None, post.body.into(), once).await?.reply(created))
        }
    };
}

mod project {
    #[cfg_attr(not(test), expect(clippy::wildcard_imports, reason = "the macro needs what this file has"))]
    use super::*;
    kind!(Project, ProjectInput, "projects", "/api/v1/projects", "/api/v1/projects/{id}"; top);
}

mod section {
    #[cfg_attr(not(test), expect(clippy::wildcard_imports, reason = "the macro needs what this file has"))]
    use super::*;
    kind!(Section, SectionInput, "projects", "", "/api/v1/sections/{id}";);
}

mod filter {
    #[cfg_attr(not(test), expect(clippy::wildcard_imports, reason = "the macro needs what this file has"))]
    use super::*;
    kind!(Filter, FilterInput, "filters", "/api/v1/filters", "/api/v1/filters/{id}"; top);
}

/// List the sections of a project, in their order.
#[utoipa::path(get, path = "/api/v1/projects/{id}/sections", tag = "projects", params(("id" = Uuid, Path)),
    responses((status = 200, body = CollectionList), (status = 404, body = ProblemBody)))]
async fn sections(
    State(tasks): State<Arc<Tasks>>,
    bearer: Bearer,
    Path(id): Path<Uuid>,
) -> Answer<axum::Json<CollectionList>> {
    let results = tasks.collections(&bearer.with(Scope::TasksRead)?, Kind::Section, Some(id)).await?;
    Ok(axum::Json(CollectionList { results }))
}

/// Create a section of a project.
#[utoipa::path(post, path = "/api/v1/projects/{id}/sections", tag = "projects", request_body = SectionInput,
    params(("id" = Uuid, Path), ("Idempotency-Key" = Option<String>, Header, description = "Makes a retry safe")),
    responses((status = 201, body = Collection), (status = 404, body = ProblemBody), (status = 409, body = ProblemBody),
        (status = 422, body = ProblemBody)))]
async fn add_section(
    State(tasks): State<Arc<Tasks>>,
    bearer: Bearer,
    Path(id): Path<Uuid>,
    post: Post<SectionInput>,
) -> Answer<Reply> {
    let actor = bearer.with(Scope::TasksWrite)?;
    let once = post.key.as_ref().map(|key| (key, created as fn(&Collection) -> Reply));
    Ok(tasks.create_collection(&actor, Kind::Section, Some(id), post.body.into(), once).await?.reply(created))
}
