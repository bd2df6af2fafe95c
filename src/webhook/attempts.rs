//! Tries: how a delivery is taken, sent and recorded; and what its owner may do with it.

use std::time::Instant;

use chrono::{DateTime, SecondsFormat, Utc};
use serde::Serialize;
use serde_json::json;
use tracing::{Instrument as _, Span};
use utoipa::ToSchema;
use uuid::Uuid;

use super::client::Message;
use super::model::{Answer, DisabledReason, State, Verdict, judge};
use super::queue::{self, Delivery, Job, New};
use super::service::{Keyed, Webhooks};
use super::{Error, metrics as names, store};
use crate::events;
use crate::http::idempotency::{self, Key, Outcome};
use crate::kernel::{Actor, Channel, Page, Scopes};
use crate::telemetry::propagation;

/// What a test shows.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Tested {
    /// Whether the answer was a 2xx.
    pub(super) delivered: bool,
    /// How long it took, in milliseconds.
    duration_ms: u64,
    /// The test as it is in the list of deliveries.
    delivery: Delivery,
}

/// A receiver's answer, and how long it took.
pub(super) struct Try {
    pub(super) answer: Answer,
    pub(super) duration_ms: u64,
}

impl Webhooks {
    /// Sends a delivery once.
    pub(super) async fn send(&self, job: &Job) -> Try {
        let now = self.clock.now();
        let secret = (job.webhook_id, job.secret_version, job.rotated_at);
        let signatures = self.signatures(secret, (job.id, now, &job.body));
        let message = Message { id: job.id, timestamp: now.timestamp(), signatures, body: &job.body };
        let (span, started) = (span(job), Instant::now());
        let answer = self.client.send(&job.url, &message).instrument(span.clone()).await;
        let took = started.elapsed();
        if let Ok(status) = &answer {
            span.record("http.response.status_code", *status);
        }
        if !matches!(answer, Ok(200..=299)) {
            span.record("otel.status_code", "ERROR");
        }
        metrics::histogram!(names::DURATION).record(took.as_secs_f64());
        Try { answer, duration_ms: u64::try_from(took.as_millis()).unwrap_or(u64::MAX) }
    }

    /// Writes what came of a try, and what follows for the webhook.
    pub(super) async fn record(&self, job: &Job, claim: Uuid, answer: Answer) -> Result<(), Error> {
        let jitter = self.ids.noise::<1>()[0];
        let attempts = job.attempts + 1;
        // A test is tried once.
        let ladder = if job.seq.is_some() { self.config.retry_ladder_ms.as_slice() } else { &[] };
        let verdict = judge(&answer, attempts, ladder, jitter);
        let outcome = self.outcome(&verdict, attempts, answer);
        let mut tx = self.db.begin().await?;
        if !queue::record(&mut tx, job.id, claim, &outcome).await? {
            tx.rollback().await?;
            count("lost");
            return Ok(());
        }
        let failures = match (&verdict, job.seq) {
            (Verdict::Delivered, _) => store::worked(&mut tx, job.webhook_id).await.map(|()| None),
            (Verdict::Failed, Some(_)) => store::failed(&mut tx, job.webhook_id).await,
            _ => Ok(None),
        }?;
        tx.commit().await?;
        count(match verdict {
            Verdict::Delivered => "delivered",
            Verdict::Again(_) => "retried",
            Verdict::Gone | Verdict::Failed => "failed",
        });
        let reason = match (verdict, job.seq) {
            (Verdict::Gone, Some(_)) => DisabledReason::Gone,
            _ if failures.is_some_and(|failures| failures >= self.config.disable_after) => DisabledReason::Failing,
            _ => return Ok(()),
        };
        self.switch_off(job, reason).await
    }

    fn outcome(&self, verdict: &Verdict, attempts: i64, answer: Answer) -> queue::Outcome {
        let now = self.clock.now();
        let (state, due_at) = match verdict {
            Verdict::Delivered => (State::Delivered, None),
            Verdict::Again(wait) => (State::Pending, Some(now + *wait)),
            Verdict::Gone | Verdict::Failed => (State::Failed, None),
        };
        let (response_status, error) = match answer {
            Ok(status) if state == State::Delivered => (Some(status), None),
            Ok(status) => (Some(status), Some(format!("the answer was {status}"))),
            Err(says) => (None, Some(says)),
        };
        let finished_at = due_at.is_none().then_some(now);
        queue::Outcome { state, attempts, response_status, error, due_at, finished_at }
    }

    /// Writes that a delivery is not made, because its webhook is disabled.
    pub(super) async fn cancel(&self, job: &Job, claim: Uuid) -> Result<(), Error> {
        let outcome = queue::Outcome {
            state: State::Cancelled,
            attempts: job.attempts,
            response_status: None,
            error: Some("the webhook is disabled".to_owned()),
            due_at: None,
            finished_at: Some(self.clock.now()),
        };
        let mut tx = self.db.begin().await?;
        queue::record(&mut tx, job.id, claim, &outcome).await?;
        tx.commit().await?;
        count("cancelled");
        Ok(())
    }

    /// The service switches a webhook off. Where it dies before, the next delivery that fails does it.
    async fn switch_off(&self, job: &Job, reason: DisabledReason) -> Result<(), Error> {
        let actor = Actor { user_id: job.user_id, session_id: None, channel: Channel::Scheduler, scopes: Scopes::NONE };
        let now = self.clock.now();
        let off = self.change(&actor, job.webhook_id, None, None, |before| Ok(before.disable(reason, now)));
        match off.await {
            // Deleted, or erased with the account, meanwhile.
            Ok(Outcome::Replay(_)) | Err(Error::NotFound | Error::Events(events::Error::NoLog)) => Ok(()),
            Ok(Outcome::Done(after)) => {
                // Several tries may find it at once; one of them wrote it.
                if after.disabled_at == Some(now) {
                    metrics::counter!(names::DISABLED, "reason" => reason.as_str()).increment(1);
                    tracing::warn!(webhook = %job.webhook_id, reason = reason.as_str(), "a webhook was switched off");
                }
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    /// Sends a test at once, whether the webhook is enabled or not.
    pub(super) async fn test(&self, actor: &Actor, id: Uuid, key: Keyed<'_, Tested>) -> Result<Outcome<Tested>, Error> {
        if let Some(reply) = self.seen(actor, key.map(|(key, _)| key)).await? {
            return Ok(Outcome::Replay(reply));
        }
        let _turn = self.tests.try_acquire().map_err(|_| Error::Busy)?;
        let claim = self.ids.uuid();
        let job = self.begin_test(actor, id, claim).await?;
        let Try { answer, duration_ms } = self.send(&job).await;
        self.record(&job, claim, answer).await?;
        let mut tx = self.db.begin().await?;
        let delivery = queue::get(&mut tx, actor.user_id, id, job.id).await?.ok_or(Error::NotFound)?;
        let tested = Tested { delivered: delivery.state == State::Delivered, duration_ms, delivery };
        if let Some((key, reply)) = key {
            // Of two at once the first reply stays; both were sent.
            idempotency::store(&mut tx, actor.user_id, key, &reply(&tested), self.clock.now()).await?;
        }
        tx.commit().await?;
        Ok(Outcome::Done(tested))
    }

    /// Adds a test, in the hands of this process. If it dies, a sender makes the one try.
    async fn begin_test(&self, actor: &Actor, id: Uuid, claim: Uuid) -> Result<Job, Error> {
        let webhook = self.get(actor, id).await?;
        let (delivery, event_id, now) = (self.ids.uuid(), self.ids.uuid(), self.clock.now());
        let event_type = "WEBHOOK_TEST";
        let body = json!({
            "eventId": event_id, "eventType": event_type, "timestamp": now.to_rfc3339_opts(SecondsFormat::Micros, true),
            "userId": actor.user_id, "payload": { "webhookId": webhook.id },
        });
        let body = body.to_string();
        let traceparent = propagation::current_traceparent();
        let (user_id, webhook_id) = (actor.user_id, webhook.id);
        let traceparent = traceparent.as_deref();
        let new = New { id: delivery, webhook_id, user_id, seq: None, event_id, event_type, body: &body, traceparent };
        let mut tx = self.db.begin().await?;
        if !store::lock(&mut tx, user_id, webhook_id).await? {
            tx.rollback().await?;
            return Err(Error::NotFound);
        }
        queue::add(&mut tx, &[new], now).await?;
        let jobs = queue::claim(&mut tx, &[delivery], claim, now + self.config.lease()).await?;
        let job = jobs.into_iter().next().ok_or(Error::NotFound)?;
        tx.commit().await?;
        Ok(job)
    }

    /// One page of a webhook's deliveries, latest first.
    pub(super) async fn deliveries(
        &self,
        actor: &Actor,
        id: Uuid,
        cursor: Option<&str>,
        limit: usize,
    ) -> Result<Page<Delivery>, Error> {
        self.get(actor, id).await?;
        queue::list(&self.db, actor.user_id, id, cursor, limit).await
    }

    /// Lets a finished delivery begin again, with the same id. One that is to be tried anyway stays as it is.
    pub(super) async fn redeliver(
        &self,
        actor: &Actor,
        (webhook, id): (Uuid, Uuid),
        key: Keyed<'_, Delivery>,
    ) -> Result<Outcome<Delivery>, Error> {
        let only: Option<&Key> = key.map(|(key, _)| key);
        if let Some(reply) = self.seen(actor, only).await? {
            return Ok(Outcome::Replay(reply));
        }
        if !self.get(actor, webhook).await?.enabled {
            return Err(Error::Disabled);
        }
        let now: DateTime<Utc> = self.clock.now();
        let mut tx = self.db.begin().await?;
        queue::again(&mut tx, actor.user_id, webhook, id, now).await?;
        let delivery = queue::get(&mut tx, actor.user_id, webhook, id).await?.ok_or(Error::NotFound)?;
        if let Some((key, reply)) = key
            && !idempotency::store(&mut tx, actor.user_id, key, &reply(&delivery), now).await?
        {
            tx.rollback().await?;
            return self.seen(actor, only).await?.map(Outcome::Replay).ok_or(Error::NotFound);
        }
        tx.commit().await?;
        Ok(Outcome::Done(delivery))
    }
}

fn count(outcome: &'static str) {
    metrics::counter!(names::DELIVERIES, "outcome" => outcome).increment(1);
}

/// A span of its own for each try of an event whose request is traced.
fn span(job: &Job) -> Span {
    let Some(traceparent) = job.traceparent.as_deref().filter(|text| propagation::is_sampled(text)) else {
        return Span::none();
    };
    let span = tracing::info_span!(
        "webhook", otel.name = "webhook delivery", otel.kind = "client", webhook.id = %job.webhook_id,
        webhook.delivery = %job.id, webhook.event_type = job.event_type, webhook.attempt = job.attempts + 1,
        http.request.method = "POST", http.response.status_code = tracing::field::Empty,
        otel.status_code = tracing::field::Empty,
    );
    propagation::set_parent(&span, propagation::parent_from_traceparent(traceparent));
    span
}
