//! The routes of what is sent to a webhook.

use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::api::{Answer, PageParams};
use super::attempts::Tested;
use super::queue::Delivery;
use super::service::Webhooks;
use crate::http::idempotency::Reply;
use crate::http::{Bearer, Path, Post, ProblemBody, Query};
use crate::kernel::Scope;

pub(super) fn routes() -> OpenApiRouter<Webhooks> {
    OpenApiRouter::new().routes(routes!(test)).routes(routes!(deliveries)).routes(routes!(redeliver))
}

fn ok<T: Serialize>(body: &T) -> Reply {
    Reply::json(StatusCode::OK, body)
}

/// Send a test, and see what comes of it.
///
/// An event of the type `WEBHOOK_TEST`, signed as all others, is sent once and at once, also to a webhook that is
/// disabled. That it fails does not count against the webhook.
#[utoipa::path(post, path = "/api/v1/webhooks/{id}/test", tag = "webhooks",
    params(("id" = Uuid, Path), ("Idempotency-Key" = Option<String>, Header)),
    responses((status = 200, body = Tested), (status = 404, body = ProblemBody), (status = 503, body = ProblemBody)))]
async fn test(State(webhooks): State<Webhooks>, bearer: Bearer, Path(id): Path<Uuid>, post: Post<()>) -> Answer<Reply> {
    let actor = bearer.with(Scope::AccountWrite)?;
    let key = post.key.as_ref().map(|key| (key, ok::<Tested> as fn(&Tested) -> Reply));
    Ok(webhooks.test(&actor, id, key).await?.reply(ok))
}

/// A page of deliveries.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct DeliveryPage {
    results: Vec<Delivery>,
    /// Pass it as `cursor` for the next page; null on the last one.
    next_cursor: Option<String>,
}

/// List what was sent and what is to be sent, latest first.
#[utoipa::path(get, path = "/api/v1/webhooks/{id}/deliveries", tag = "webhooks", params(("id" = Uuid, Path), PageParams),
    responses((status = 200, body = DeliveryPage), (status = 404, body = ProblemBody), (status = 422, body = ProblemBody)))]
async fn deliveries(
    State(webhooks): State<Webhooks>,
    bearer: Bearer,
    Path(id): Path<Uuid>,
    Query(params): Query<PageParams>,
) -> Answer<axum::Json<DeliveryPage>> {
    let actor = bearer.with(Scope::AccountRead)?;
    let page = webhooks.deliveries(&actor, id, params.cursor.as_deref(), params.limit()?).await?;
    Ok(axum::Json(DeliveryPage { results: page.results, next_cursor: page.next }))
}

/// Send a delivery once more, with the same id.
///
/// It begins again with all of its tries. One that is to be tried anyway stays as it is.
#[utoipa::path(post, path = "/api/v1/webhooks/{id}/deliveries/{deliveryId}/redeliver", tag = "webhooks",
    params(("id" = Uuid, Path), ("deliveryId" = Uuid, Path), ("Idempotency-Key" = Option<String>, Header)),
    responses((status = 200, body = Delivery), (status = 404, body = ProblemBody), (status = 409, body = ProblemBody)))]
async fn redeliver(
    State(webhooks): State<Webhooks>,
    bearer: Bearer,
    Path(ids): Path<(Uuid, Uuid)>,
    post: Post<()>,
) -> Answer<Reply> {
    let actor = bearer.with(Scope::AccountWrite)?;
    let key = post.key.as_ref().map(|key| (key, ok::<Delivery> as fn(&Delivery) -> Reply));
    Ok(webhooks.redeliver(&actor, ids, key).await?.reply(ok))
}
