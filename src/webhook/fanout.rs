//! The consumer: an event becomes a delivery for each webhook that wants it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures::future::BoxFuture;
use uuid::Uuid;

use super::queue::{self, New};
use super::store::{self, Enabled};
use crate::events::consumer::{Delivery, Failure, Handler};
use crate::events::{Error, Topic};
use crate::kernel::{Clock, Ids};
use crate::storage::rows::json;
use crate::storage::{Db, Tx};

/// Makes the deliveries.
pub struct Fanout {
    clock: Clock,
    ids: Ids,
}

impl Fanout {
    /// A consumer at this time.
    pub fn new(clock: Clock, ids: Ids) -> Self {
        Self { clock, ids }
    }

    fn deliveries<'a>(&self, webhooks: &[Enabled], events: &'a [Delivery]) -> Vec<New<'a>> {
        let mut of: BTreeMap<Uuid, Vec<&Enabled>> = BTreeMap::new();
        for webhook in webhooks {
            of.entry(webhook.user_id).or_default().push(webhook);
        }
        let mut made = Vec::new();
        for event in events {
            let webhooks = of.get(&event.user_id).into_iter().flatten();
            made.extend(webhooks.filter(|webhook| webhook.wants(&event.event_type, event.seq)).map(|webhook| New {
                id: self.ids.uuid(),
                webhook_id: webhook.id,
                user_id: event.user_id,
                seq: Some(event.seq),
                event_id: event.event_id,
                event_type: &event.event_type,
                body: &event.value,
                traceparent: event.traceparent.as_deref(),
            }));
        }
        made
    }
}

impl Handler for Fanout {
    fn name(&self) -> &'static str {
        "todo-webhooks"
    }

    fn topics(&self) -> &'static [Topic] {
        &Topic::ALL
    }

    /// A delivery takes a receiver's answer, which is longer than that.
    fn patience(&self) -> Option<Duration> {
        Some(Duration::from_millis(25))
    }

    /// Most users have no webhook: for them this one look is all. A webhook that comes later gets no event of before.
    fn concerned<'a>(
        &'a self,
        db: &'a Db,
        users: &'a BTreeSet<Uuid>,
    ) -> BoxFuture<'a, Result<Option<BTreeSet<Uuid>>, Error>> {
        Box::pin(async move { Ok(Some(store::owners(db, &json(users)).await?)) })
    }

    fn apply<'a>(&'a self, tx: &'a mut Tx, events: &'a [Delivery]) -> BoxFuture<'a, Result<(), Failure>> {
        Box::pin(async move {
            let users: BTreeSet<_> = events.iter().map(|event| event.user_id).collect();
            let webhooks = store::enabled(tx, &json(&users)).await?;
            let deliveries = self.deliveries(&webhooks, events);
            if !deliveries.is_empty() {
                queue::add(tx, &deliveries, self.clock.now()).await?;
            }
            Ok(())
        })
    }
}
