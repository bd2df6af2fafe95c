//! The routes of webhooks. Those of their deliveries are in `api_delivery.rs`.

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::model::{Input, Webhook};
use super::service::Webhooks;
use super::{Error, api_delivery};
use crate::events;
use crate::http::idempotency::{Outcome, Reply};
use crate::http::{
    Bearer, IfMatch, IfNoneMatch, Json, MergePatch, Path, Post, Problem, ProblemBody, Query, Tags, etag, page_limit,
};
use crate::kernel::{Actor, Scope};

/// `/api/v1/webhooks`.
pub fn routes() -> OpenApiRouter<Webhooks> {
    OpenApiRouter::new()
        .routes(routes!(create, list))
        .routes(routes!(get, patch, delete))
        .routes(routes!(rotate_secret))
        .merge(api_delivery::routes())
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        match error {
            Error::NotFound => Self::not_found(),
            Error::Invalid(wrong) => Self::invalid(wrong),
            Error::TooMany(most) => {
                let detail = format!("You have {most} webhooks, and may have no more: delete one first.");
                Self::new(StatusCode::CONFLICT, "too_many_webhooks", detail)
            }
            Error::Disabled => {
                Self::new(StatusCode::CONFLICT, "webhook_disabled", "The webhook is disabled: enable it first.")
            }
            Error::Busy => {
                let wait = std::time::Duration::from_secs(5);
                Self::unavailable("Too many tests are under way: try again shortly.", wait)
            }
            Error::Stale { current } => Self::stale(current),
            Error::KeyReused => Self::key_reused(),
            Error::Cursor(error) => Self::validation().field("cursor", "invalid", error.to_string()),
            Error::Events(events::Error::Storage(error)) => error.into(),
            Error::Events(events::Error::NoLog) => Self::unauthorized("The account does not exist any more."),
            Error::Events(error) => Self::internal(error),
        }
    }
}

pub(super) type Answer<T> = Result<T, Problem>;

/// Who lets events go elsewhere must be allowed to read them: those of tasks, and those of the account.
fn sharing(bearer: Bearer) -> Answer<Actor> {
    bearer.with(Scope::TasksRead)?;
    bearer.with(Scope::AccountRead)?;
    bearer.with(Scope::AccountWrite)
}

/// A webhook with its signing secret, which is told only once.
#[derive(Serialize, ToSchema)]
struct WebhookWithSecret {
    #[serde(flatten)]
    webhook: Webhook,
    /// The key of the signatures (Standard Webhooks): `whsec_` and the key in base64.
    #[schema(example = "whsec_…")]
    secret: String,
}

fn reply(status: StatusCode, webhook: &Webhook) -> Reply {
    Reply::json(status, webhook).with(header::ETAG, format!("\"{}\"", webhook.version))
}

fn created(webhook: &Webhook) -> Reply {
    reply(StatusCode::CREATED, webhook).with(header::LOCATION, format!("/api/v1/webhooks/{}", webhook.id))
}

fn changed(webhook: &Webhook) -> Reply {
    reply(StatusCode::OK, webhook)
}

/// Adds the secret, which a stored reply does not have.
fn with_secret(webhooks: &Webhooks, outcome: Outcome<Webhook>, fresh: fn(&Webhook) -> Reply) -> Answer<Reply> {
    let mut reply = outcome.reply(fresh);
    let mut body: Map<String, Value> = serde_json::from_str(&reply.body).map_err(Problem::internal)?;
    let id = body.get("id").and_then(Value::as_str).and_then(|id| id.parse::<Uuid>().ok());
    let version = body.get("secretVersion").and_then(Value::as_i64);
    let (Some(id), Some(version)) = (id, version) else {
        return Err(Problem::internal("a stored reply names no secret"));
    };
    body.insert("secret".to_owned(), webhooks.secret(id, version).text().into());
    reply.body = Value::Object(body).to_string();
    Ok(reply.with(header::CACHE_CONTROL, "no-store"))
}

pub(super) fn versions(tags: Tags) -> Option<Vec<i64>> {
    match tags {
        Tags::Versions(versions) => Some(versions),
        Tags::Any | Tags::Missing => None,
    }
}

/// What a page may ask for.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct PageParams {
    /// `nextCursor` of the page before.
    pub(super) cursor: Option<String>,
    /// 1 to 200; 50 when missing.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<usize>,
}

impl PageParams {
    pub(super) fn limit(&self) -> Answer<usize> {
        page_limit(self.limit)
    }
}

/// Create a webhook: your events are sent to its address from now on.
///
/// The answer has the signing secret, which is told only here and when it is rotated.
#[utoipa::path(post, path = "/api/v1/webhooks", tag = "webhooks", request_body = Input,
    params(("Idempotency-Key" = Option<String>, Header, description = "Makes a retry safe")),
    responses((status = 201, body = WebhookWithSecret), (status = 409, body = ProblemBody),
        (status = 422, body = ProblemBody)))]
async fn create(State(webhooks): State<Webhooks>, bearer: Bearer, post: Post<Input>) -> Answer<Reply> {
    let actor = sharing(bearer)?;
    let key = post.key.as_ref().map(|key| (key, created as fn(&Webhook) -> Reply));
    let outcome = webhooks.create(&actor, webhooks.parse(post.body)?, key).await?;
    with_secret(&webhooks, outcome, created)
}

/// A page of webhooks.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct WebhookPage {
    results: Vec<Webhook>,
    /// Pass it as `cursor` for the next page; null on the last one.
    next_cursor: Option<String>,
}

/// List webhooks, oldest first.
#[utoipa::path(get, path = "/api/v1/webhooks", tag = "webhooks", params(PageParams),
    responses((status = 200, body = WebhookPage), (status = 422, body = ProblemBody)))]
async fn list(
    State(webhooks): State<Webhooks>,
    bearer: Bearer,
    Query(params): Query<PageParams>,
) -> Answer<axum::Json<WebhookPage>> {
    let actor = bearer.with(Scope::AccountRead)?;
    let page = webhooks.list(&actor, params.cursor.as_deref(), params.limit()?).await?;
    Ok(axum::Json(WebhookPage { results: page.results, next_cursor: page.next }))
}

/// One webhook.
#[utoipa::path(get, path = "/api/v1/webhooks/{id}", tag = "webhooks", params(("id" = Uuid, Path)),
    responses((status = 200, body = Webhook), (status = 304), (status = 404, body = ProblemBody)))]
async fn get(
    State(webhooks): State<Webhooks>,
    bearer: Bearer,
    fresh: IfNoneMatch,
    Path(id): Path<Uuid>,
) -> Answer<Response> {
    let webhook = webhooks.get(&bearer.with(Scope::AccountRead)?, id).await?;
    Ok(match fresh.not_modified(webhook.version) {
        Some(response) => response,
        None => ([(header::ETAG, etag(webhook.version))], axum::Json(webhook)).into_response(),
    })
}

/// Change some members of a webhook (JSON Merge Patch, RFC 7396): null takes the default.
///
/// `"enabled": true` switches on what was switched off, with a clean slate; what happened meanwhile is not sent.
#[utoipa::path(patch, path = "/api/v1/webhooks/{id}", tag = "webhooks",
    request_body(content = Input, content_type = "application/merge-patch+json"),
    params(("id" = Uuid, Path), ("If-Match" = String, Header, description = "The ETag of the version that is changed, or `*`")),
    responses((status = 200, body = Webhook), (status = 404, body = ProblemBody), (status = 412, body = ProblemBody),
        (status = 422, body = ProblemBody), (status = 428, body = ProblemBody)))]
async fn patch(
    State(webhooks): State<Webhooks>,
    bearer: Bearer,
    condition: IfMatch,
    Path(id): Path<Uuid>,
    Json(patch): Json<Map<String, Value>>,
) -> Answer<Reply> {
    let actor = sharing(bearer)?;
    let expect = versions(condition.required()?);
    let patch: MergePatch<Input> = MergePatch::new(patch)?;
    let webhook = webhooks.patch(&actor, id, expect.as_deref(), |present| patch.merged(&present)).await?;
    Ok(changed(&webhook))
}

/// Delete a webhook and its deliveries. What is under way may still arrive.
#[utoipa::path(delete, path = "/api/v1/webhooks/{id}", tag = "webhooks",
    params(("id" = Uuid, Path), ("If-Match" = String, Header, description = "The ETag of the version that is deleted, or `*`")),
    responses((status = 204), (status = 404, body = ProblemBody), (status = 412, body = ProblemBody),
        (status = 428, body = ProblemBody)))]
async fn delete(
    State(webhooks): State<Webhooks>,
    bearer: Bearer,
    condition: IfMatch,
    Path(id): Path<Uuid>,
) -> Answer<StatusCode> {
    let actor = bearer.with(Scope::AccountWrite)?;
    webhooks.delete(&actor, id, versions(condition.required()?).as_deref()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Give a webhook a new signing secret.
///
/// The answer has it. For a day the one before signs too, so that a receiver can change at its leisure; where the one
/// before is known to somebody else, rotate twice.
#[utoipa::path(post, path = "/api/v1/webhooks/{id}/rotate-secret", tag = "webhooks",
    params(("id" = Uuid, Path), ("If-Match" = Option<String>, Header), ("Idempotency-Key" = Option<String>, Header)),
    responses((status = 200, body = WebhookWithSecret), (status = 404, body = ProblemBody),
        (status = 412, body = ProblemBody)))]
async fn rotate_secret(
    State(webhooks): State<Webhooks>,
    bearer: Bearer,
    IfMatch(tags): IfMatch,
    Path(id): Path<Uuid>,
    post: Post<()>,
) -> Answer<Reply> {
    let actor = bearer.with(Scope::AccountWrite)?;
    let key = post.key.as_ref().map(|key| (key, changed as fn(&Webhook) -> Reply));
    let outcome = webhooks.rotate(&actor, id, versions(tags).as_deref(), key).await?;
    with_secret(&webhooks, outcome, changed)
}
