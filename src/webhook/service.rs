//! The use cases of webhooks: a function each, a transaction each.

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde_json::Value;
use tokio::sync::Semaphore;
use uuid::Uuid;

use super::client::Client;
use super::config::Config;
use super::model::{self, Draft, Input, Rules, Webhook};
use super::signature::Secret;
use super::target::Reach;
use super::{Error, event, queue, store};
use crate::auth::KeyRing;
use crate::events::{EventLog, Topic};
use crate::http::idempotency::{self, Key, Outcome, Reply, Seen};
use crate::kernel::{Actor, Clock, Ids, Page};
use crate::storage::{self, Db, Tx};

/// The webhook slice. Clones share everything.
#[derive(Clone)]
pub struct Webhooks {
    pub(super) db: Db,
    pub(super) log: EventLog,
    pub(super) clock: Clock,
    pub(super) ids: Ids,
    ring: Arc<KeyRing>,
    pub(super) config: Arc<Config>,
    rules: Arc<Rules>,
    pub(super) client: Client,
    /// Tests that may be under way at once: each holds a request for as long as a receiver likes.
    pub(super) tests: Arc<Semaphore>,
}

/// An Idempotency-Key with how its reply is made. A reply that is stored has no secret.
pub(super) type Keyed<'a, T> = Option<(&'a Key, fn(&T) -> Reply)>;

/// The versions that a caller means to change; `None` stands for any.
pub(super) type Expect<'a> = Option<&'a [i64]>;

impl Webhooks {
    /// A slice over `db`. Nothing is connected to.
    pub fn new(
        db: Db,
        log: EventLog,
        clock: Clock,
        ids: Ids,
        ring: Arc<KeyRing>,
        config: &Config,
    ) -> Result<Self, String> {
        let reach = if config.allow_private { Reach::Anywhere } else { Reach::Public };
        let client = Client::new(reach, config.timeout())?;
        let rules = Arc::new(Rules { reach, event_types: event_types() });
        let tests = Arc::new(Semaphore::new(config.concurrency));
        Ok(Self { db, log, clock, ids, ring, config: Arc::new(config.clone()), rules, client, tests })
    }

    /// Checks what a client says.
    pub(super) fn parse(&self, input: Input) -> Result<Draft, Error> {
        input.parse(&self.rules).map_err(Error::Invalid)
    }

    /// The secret of this number.
    pub(super) fn secret(&self, webhook: Uuid, version: i64) -> Secret {
        Secret::new(self.ring.webhook(&webhook.to_string(), version))
    }

    /// The signatures of a message, one for each secret that signs now.
    pub(super) fn signatures(
        &self,
        (webhook, version, rotated_at): (Uuid, i64, Option<DateTime<Utc>>),
        (id, timestamp, body): (Uuid, DateTime<Utc>, &str),
    ) -> String {
        let sign = |version| self.secret(webhook, version).sign(&id.to_string(), timestamp.timestamp(), body);
        model::signing(version, rotated_at, timestamp).into_iter().map(sign).collect::<Vec<_>>().join(" ")
    }

    /// Makes a webhook. It gets the events from that of its making on.
    pub(super) async fn create(
        &self,
        actor: &Actor,
        draft: Draft,
        key: Keyed<'_, Webhook>,
    ) -> Result<Outcome<Webhook>, Error> {
        if let Some(reply) = self.seen(actor, key.map(|(key, _)| key)).await? {
            return Ok(Outcome::Replay(reply));
        }
        let now = self.clock.now();
        let webhook = Webhook::create(self.ids.uuid(), actor.user_id, draft, now);
        let event = self.log.prepare(actor, &event::created(&webhook))?;
        let mut tx = self.db.begin().await?;
        // The user's lock: two requests at once do not both find room.
        let seq = self.log.append(&mut tx, &event).await?;
        if !keep(&mut tx, actor, key, &webhook, now).await? {
            tx.rollback().await?;
            return self.seen(actor, key.map(|(key, _)| key)).await?.map(Outcome::Replay).ok_or(Error::NotFound);
        }
        if store::count(&mut tx, actor.user_id).await? >= self.config.max_per_user {
            tx.rollback().await?;
            return Err(Error::TooMany(self.config.max_per_user));
        }
        store::insert(&mut tx, &webhook, seq).await?;
        tx.commit().await?;
        self.log.committed(actor.user_id);
        Ok(Outcome::Done(webhook))
    }

    /// One webhook.
    pub(super) async fn get(&self, actor: &Actor, id: Uuid) -> Result<Webhook, Error> {
        store::get(&self.db, actor.user_id, id).await?.ok_or(Error::NotFound)
    }

    /// One page of webhooks, oldest first.
    pub(super) async fn list(&self, actor: &Actor, cursor: Option<&str>, limit: usize) -> Result<Page<Webhook>, Error> {
        store::list(&self.db, actor.user_id, cursor, limit).await
    }

    /// Merges a patch into the present one: `merge` gets it as an input and gives the new one.
    pub(super) async fn patch<M>(&self, actor: &Actor, id: Uuid, expect: Expect<'_>, merge: M) -> Result<Webhook, Error>
    where
        M: Fn(Input) -> Input + Send + Sync,
    {
        let now = self.clock.now();
        let edit = |before: &Webhook| Ok(before.edit(self.parse(merge(before.as_input()))?, now));
        match self.change(actor, id, expect, None, edit).await? {
            Outcome::Done(webhook) => Ok(webhook),
            Outcome::Replay(_) => Err(Error::NotFound),
        }
    }

    /// Gives it a new secret.
    pub(super) async fn rotate(
        &self,
        actor: &Actor,
        id: Uuid,
        expect: Expect<'_>,
        key: Keyed<'_, Webhook>,
    ) -> Result<Outcome<Webhook>, Error> {
        let now = self.clock.now();
        self.change(actor, id, expect, key, |before| Ok(Some(before.rotate(now)))).await
    }

    /// Deletes it and its deliveries.
    pub(super) async fn delete(&self, actor: &Actor, id: Uuid, expect: Expect<'_>) -> Result<(), Error> {
        loop {
            let before = self.expected(actor, id, expect).await?;
            let event = self.log.prepare(actor, &event::deleted(&before))?;
            let mut tx = self.db.begin().await?;
            self.log.append(&mut tx, &event).await?;
            if store::delete(&mut tx, &before).await? {
                // After the webhook: a consumer that adds to it has its row locked, and is done then.
                queue::forget(&mut tx, id).await?;
                tx.commit().await?;
                self.log.committed(actor.user_id);
                return Ok(());
            }
            tx.rollback().await?;
        }
    }

    /// Reads the webhook, asks the model, and writes webhook and event together. The write holds only if the version is
    /// still the one that was read; else it starts again, and an If-Match then tells the caller.
    pub(super) async fn change<F>(
        &self,
        actor: &Actor,
        id: Uuid,
        expect: Expect<'_>,
        key: Keyed<'_, Webhook>,
        transition: F,
    ) -> Result<Outcome<Webhook>, Error>
    where
        F: Fn(&Webhook) -> Result<Option<Webhook>, Error> + Send + Sync,
    {
        if let Some(reply) = self.seen(actor, key.map(|(key, _)| key)).await? {
            return Ok(Outcome::Replay(reply));
        }
        loop {
            let before = self.expected(actor, id, expect).await?;
            let Some(after) = transition(&before)? else { return Ok(Outcome::Done(before)) };
            let event = self.log.prepare(actor, &event::step(&before, &after))?;
            let mut tx = self.db.begin().await?;
            let seq = self.log.append(&mut tx, &event).await?;
            if !keep(&mut tx, actor, key, &after, after.updated_at).await? {
                tx.rollback().await?;
                return self.seen(actor, key.map(|(key, _)| key)).await?.map(Outcome::Replay).ok_or(Error::NotFound);
            }
            let since = (after.enabled && !before.enabled).then_some(seq);
            if store::update(&mut tx, &after, since).await? {
                tx.commit().await?;
                self.log.committed(actor.user_id);
                return Ok(Outcome::Done(after));
            }
            tx.rollback().await?;
        }
    }

    async fn expected(&self, actor: &Actor, id: Uuid, expect: Expect<'_>) -> Result<Webhook, Error> {
        let before = self.get(actor, id).await?;
        if expect.is_some_and(|versions| !versions.contains(&before.version)) {
            return Err(Error::Stale { current: before.version });
        }
        Ok(before)
    }

    pub(super) async fn seen(&self, actor: &Actor, key: Option<&Key>) -> Result<Option<Reply>, Error> {
        let Some(key) = key else { return Ok(None) };
        match idempotency::find(&self.db, actor.user_id, key).await? {
            Seen::Never => Ok(None),
            Seen::Same(reply) => Ok(Some(reply)),
            Seen::Other => Err(Error::KeyReused),
        }
    }

    /// All of the user's webhooks, for an export.
    pub async fn export(&self, actor: &Actor) -> Result<Value, Error> {
        let mut all = Vec::new();
        let mut cursor = None;
        loop {
            let page = self.list(actor, cursor.as_deref(), 200).await?;
            all.extend(page.results);
            cursor = page.next;
            if cursor.is_none() {
                return Ok(serde_json::json!(all));
            }
        }
    }

    /// Deletes everything of a user, in the transaction that erases the account: the webhooks first, which whoever adds
    /// a delivery has locked.
    pub async fn erase(tx: &mut Tx, user_id: Uuid) -> Result<(), storage::Error> {
        store::erase(tx, user_id).await?;
        queue::erase(tx, user_id).await
    }

    /// Deletes at most `limit` deliveries that were finished before `before`. Returns how many.
    pub async fn purge(db: &Db, before: DateTime<Utc>, limit: i64) -> Result<u64, storage::Error> {
        queue::purge(db, before, limit).await
    }
}

/// Stores the reply, where there is a key. `false`: the key was taken meanwhile.
async fn keep(
    tx: &mut Tx,
    actor: &Actor,
    key: Keyed<'_, Webhook>,
    webhook: &Webhook,
    now: DateTime<Utc>,
) -> Result<bool, Error> {
    match key {
        Some((key, reply)) => Ok(idempotency::store(tx, actor.user_id, key, &reply(webhook), now).await?),
        None => Ok(true),
    }
}

/// The types of all events, as the topics' schemas name them.
fn event_types() -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    for topic in Topic::ALL {
        let schema: Value = serde_json::from_str(topic.schema()).unwrap_or_default();
        let names = schema["properties"]["eventType"]["enum"].as_array().into_iter().flatten();
        all.extend(names.filter_map(Value::as_str).map(str::to_owned));
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_of_event_may_be_asked_for() {
        let types = event_types();
        assert!(
            ["TASK_CREATED", "MESSAGE_SENT", "USER_ERASED", "WEBHOOK_DISABLED"]
                .iter()
                .all(|name| types.contains(*name))
        );
    }
}
