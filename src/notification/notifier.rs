//! The consumer: events become notifications.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::TimeDelta;
use futures::future::BoxFuture;
use uuid::Uuid;

use super::hub::Hub;
use super::model::{self, Notice};
use super::{Config, metrics as names, store};
use crate::events::Topic;
use crate::events::consumer::{self, Delivery, Failure, Handler};
use crate::kernel::Clock;
use crate::storage::Tx;

/// Makes the notifications of all users.
pub struct Notifier {
    clock: Clock,
    config: Config,
    hub: Arc<Hub>,
}

impl Notifier {
    /// Tells the streams of this process by `hub`.
    pub(super) fn new(clock: Clock, config: Config, hub: Arc<Hub>) -> Self {
        Self { clock, config, hub }
    }

    /// What these events tell their users, and whose account is gone. What is older than a notification is kept for (a
    /// consumer that is new reads a log from its beginning) tells nothing any more.
    fn read<'a>(&self, events: &'a [Delivery]) -> Result<Told<'a>, Failure> {
        let oldest = self.clock.now() - TimeDelta::days(self.config.days);
        let mut told = Told::default();
        for event in events {
            if event.event_type == "USER_ERASED" {
                told.erased.insert(event.user_id);
            } else if event.occurred_at >= oldest {
                let notice = model::notice(&event.event_type, &event.payload).map_err(Failure::unreadable)?;
                if let Some(notice) = notice {
                    told.notices.entry(event.user_id).or_default().push((event, notice));
                }
            }
        }
        Ok(told)
    }
}

#[derive(Default)]
struct Told<'a> {
    notices: BTreeMap<Uuid, Vec<(&'a Delivery, Notice)>>,
    erased: BTreeSet<Uuid>,
}

impl Handler for Notifier {
    fn name(&self) -> &'static str {
        "todo-notifications"
    }

    fn topics(&self) -> &'static [Topic] {
        &[Topic::User]
    }

    fn apply<'a>(&'a self, tx: &'a mut Tx, events: &'a [Delivery]) -> BoxFuture<'a, Result<(), Failure>> {
        Box::pin(async move {
            let Told { notices, mut erased } = self.read(events)?;
            let users: BTreeSet<_> = notices.keys().chain(&erased).copied().collect();
            if users.is_empty() {
                return Ok(());
            }
            // In the order of the users, so that no two batches wait for each other. The lock comes first: an erasure
            // that was before it is seen after it.
            let mut numbers = BTreeMap::new();
            for user_id in &users {
                let count = notices.get(user_id).map_or(0, Vec::len);
                numbers.insert(*user_id, store::take_numbers(tx, *user_id, count).await?);
            }
            // Events of other topics may come after that of the erasure.
            erased.extend(consumer::erased(tx, &users).await?);
            for user_id in &erased {
                store::forget(tx, *user_id).await?;
            }
            for (user_id, notices) in notices.iter().filter(|(user_id, _)| !erased.contains(user_id)) {
                let first = numbers.get(user_id).copied().unwrap_or_default();
                for (number, (event, notice)) in (first..).zip(notices) {
                    if store::insert(tx, number, event, notice).await? {
                        metrics::counter!(names::CREATED, "kind" => notice.kind.as_str()).increment(1);
                    }
                }
                store::cut(tx, *user_id, self.config.per_user).await?;
            }
            Ok(())
        })
    }

    fn applied(&self, events: &[Delivery]) {
        for event in events {
            if matches!(model::notice(&event.event_type, &event.payload), Ok(Some(_))) {
                self.hub.wake(event.user_id);
            }
        }
    }
}
