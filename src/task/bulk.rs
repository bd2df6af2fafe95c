//! Many changes in one call: one transaction, and a result for each.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::Error;
use super::api::Answer;
use super::change::Work;
use super::edit::Edit;
use super::input::{Input, Local};
use super::model::Task;
use super::place::Destination;
use super::series::Reach;
use super::service::{Follow, Subtasks, Tasks};
use crate::http::idempotency::{Key, Outcome, Reply};
use crate::http::{Bearer, FieldError, MergePatch, PartProblem, Post, Problem, ProblemBody};
use crate::kernel::{Actor, Scope};

/// Items of one call.
pub const ITEMS_MAX: usize = 500;

/// `/api/v1/tasks/bulk`.
pub(super) fn routes() -> OpenApiRouter<Arc<Tasks>> {
    OpenApiRouter::new().routes(routes!(bulk))
}

/// Some changes.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Bulk {
    /// At most 500, done one after the other.
    #[schema(max_items = 500)]
    items: Vec<Item>,
    /// Do nothing unless all of them can be done (409 `bulk_refused`). Else each that cannot is left out, and says why.
    #[serde(default)]
    atomic: bool,
}

/// One change.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(tag = "op", rename_all = "lowercase")]
enum Item {
    /// As `POST /api/v1/tasks`.
    Create {
        /// The task.
        task: Box<Input>,
    },
    /// As `PATCH /api/v1/tasks/{id}`.
    Update {
        /// What differs (RFC 7396).
        #[schema(value_type = Object)]
        patch: Map<String, Value>,
        #[serde(flatten)]
        target: Target,
    },
    /// As `POST /api/v1/tasks/{id}/move`.
    Move {
        /// Where to.
        to: Destination,
        #[serde(flatten)]
        target: Target,
    },
    /// As `POST /api/v1/tasks/{id}/complete`.
    Complete(Target),
    /// As `POST /api/v1/tasks/{id}/reopen`.
    Reopen(Target),
    /// As `DELETE /api/v1/tasks/{id}`.
    Delete(Target),
    /// As `POST /api/v1/tasks/{id}/restore`.
    Restore(Target),
}

/// Which task, and what follows.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Target {
    /// The task.
    id: Uuid,
    /// The version that is changed, where it matters that it is this one.
    version: Option<i64>,
    /// What becomes of open subtasks when it is done.
    #[serde(default)]
    subtasks: Subtasks,
    /// How far the change of an occurrence reaches.
    series: Option<Reach>,
}

/// What came of one.
#[derive(Debug, Serialize, ToSchema)]
struct Done {
    /// As the single call would answer: 201, 200, or that of the problem.
    status: u16,
    /// The task as it is now.
    #[serde(skip_serializing_if = "Option::is_none")]
    task: Option<Task>,
    /// Why it was left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<PartProblem>,
}

/// What came of all, in their order.
#[derive(Debug, Serialize, ToSchema)]
struct Results {
    results: Vec<Done>,
}

/// Make, change, move, complete, reopen, delete and restore tasks, up to 500 in one transaction, with a result for each.
#[utoipa::path(post, path = "/api/v1/tasks/bulk", tag = "tasks", request_body = Bulk,
    params(("Idempotency-Key" = Option<String>, Header, description = "Makes a retry safe")),
    responses((status = 200, body = Results), (status = 409, body = ProblemBody), (status = 422, body = ProblemBody)))]
async fn bulk(State(tasks): State<Arc<Tasks>>, bearer: Bearer, post: Post<Bulk>) -> Answer<Reply> {
    let actor = bearer.with(Scope::TasksWrite)?;
    let Bulk { items, atomic } = post.body;
    if !(1..=ITEMS_MAX).contains(&items.len()) {
        return Err(Problem::validation().field("/items", "out_of_range", "use 1 to 500 items"));
    }
    Ok(tasks.bulk(&actor, items, atomic, post.key.as_ref()).await?.reply(told))
}

fn told(results: &Results) -> Reply {
    Reply::json(StatusCode::OK, results)
}

impl Tasks {
    async fn bulk(
        &self,
        actor: &Actor,
        items: Vec<Item>,
        atomic: bool,
        key: Option<&Key>,
    ) -> Result<Outcome<Results>, Problem> {
        if let Some(key) = key
            && let Some(replay) = self.seen(actor, key).await?
        {
            return Ok(replay);
        }
        let local = self.local(actor).await?;
        let mut work = Work::begin(self, actor).await?;
        let mut results = Vec::new();
        for (index, item) in items.into_iter().enumerate() {
            let mark = work.mark();
            match one(&mut work, item, local).await.map_err(Problem::into_part) {
                Ok((status, task)) => {
                    // What the next one reads has it.
                    work.write().await?;
                    results.push(Done { status: status.as_u16(), task: Some(task), problem: None });
                }
                Err((status, problem)) if atomic || status.is_server_error() => {
                    work.abandon().await?;
                    let detail = format!("Nothing was done, for items[{index}]: {}", problem.detail);
                    let (status, code) =
                        if atomic { (StatusCode::CONFLICT, "bulk_refused") } else { (status, "unavailable") };
                    let refused = Problem::new(status, code, detail);
                    let at = |error: FieldError| (format!("/items/{index}{}", error.pointer), error.code, error.detail);
                    let errors = problem.errors.into_iter().map(at);
                    return Err(errors.fold(refused, |refused, (at, code, says)| refused.field(at, &code, says)));
                }
                Err((status, problem)) => {
                    work.back(mark);
                    results.push(Done { status: status.as_u16(), task: None, problem: Some(problem) });
                }
            }
        }
        let results = Results { results };
        let reply = key.map(|key| (key, told(&results)));
        if work.commit(reply.as_ref().map(|(key, reply)| (*key, reply))).await? {
            return Ok(Outcome::Done(results));
        }
        match key {
            Some(key) => Ok(self.seen(actor, key).await?.ok_or(Error::NotFound)?),
            None => Err(Error::Conflict.into()),
        }
    }
}

async fn one(work: &mut Work<'_>, item: Item, local: Local) -> Result<(StatusCode, Task), Problem> {
    let (target, edit) = match &item {
        Item::Create { task } => {
            let draft = (**task).clone().parse(local).map_err(Error::Invalid)?;
            work.ask_for_room().await?;
            return Ok((StatusCode::CREATED, work.add(draft).await?));
        }
        Item::Update { patch, target } => {
            let patch: MergePatch<Input> = MergePatch::new(patch.clone())?;
            let merge = move |present| patch.merged(&present).parse(local).map_err(Error::Invalid);
            let follow = Follow { subtasks: target.subtasks, series: target.series };
            return changed(work, target, &Edit::Patch(&merge, follow)).await;
        }
        Item::Move { to, target } => (target, Edit::Move(to.clone())),
        Item::Complete(target) => (target, Edit::Complete(target.subtasks)),
        Item::Reopen(target) => (target, Edit::Reopen),
        Item::Delete(target) => (target, Edit::Delete(target.series)),
        Item::Restore(target) => (target, Edit::Restore),
    };
    changed(work, target, &edit).await
}

async fn changed(work: &mut Work<'_>, target: &Target, edit: &Edit<'_>) -> Result<(StatusCode, Task), Problem> {
    let before = work.find(target.id).await?.ok_or(Error::NotFound)?;
    if target.version.is_some_and(|version| version != before.version) {
        return Err(Error::Stale { current: before.version }.into());
    }
    work.apply(&before, edit).await?;
    Ok((StatusCode::OK, work.after(target.id).cloned().unwrap_or(before)))
}
