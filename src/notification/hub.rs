//! Who waits for new notifications in this process, what wakes them, and what they are told.
//!
//! **Rule.** Only the database says what there is. A stream reads on after the number that it told last, whenever it is
//! woken: by the consumer, where that runs in this process, and else by one look a second at the numbers of all users who
//! have a stream open here. A wake that is lost or comes for nothing costs a look, never a notification.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::response::sse::Event;
use futures::{Stream, StreamExt as _, stream};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::store;
use crate::http;
use crate::storage::{self, Db};

/// Notifications that a stream reads at once.
const PAGE: i64 = 100;
/// Users whose numbers are looked at in one statement.
const LOOK: usize = 1000;
/// How long a stream waits after the database failed.
const PATIENCE: Duration = Duration::from_secs(1);

/// Wakes the streams of this process.
#[derive(Default)]
pub(super) struct Hub(Mutex<HashMap<Uuid, Waiting>>);

struct Waiting {
    wake: watch::Sender<()>,
    /// The highest number that they were woken for.
    last_number: i64,
}

impl Hub {
    fn waiting<T>(&self, with: impl FnOnce(&mut HashMap<Uuid, Waiting>) -> T) -> T {
        with(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Wakes the streams of a user, if there are any here.
    pub(super) fn wake(&self, user_id: Uuid) {
        self.waiting(|users| {
            if let Some(waiting) = users.get(&user_id) {
                waiting.wake.send_replace(());
            }
        });
    }

    fn watch(self: &Arc<Self>, user_id: Uuid) -> Watcher {
        let wake = self.waiting(|users| {
            let new = || Waiting { wake: watch::channel(()).0, last_number: 0 };
            users.entry(user_id).or_insert_with(new).wake.subscribe()
        });
        Watcher { hub: Arc::clone(self), user_id, wake }
    }

    /// Looks for new notifications until told to stop.
    pub(super) async fn run(&self, db: &Db, period: Duration, stop: CancellationToken) {
        let mut tick = tokio::time::interval(period);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = tick.tick() => {}
            }
            if let Err(error) = self.look(db).await {
                tracing::warn!(%error, "new notifications could not be looked for: the next round will");
            }
        }
    }

    async fn look(&self, db: &Db) -> Result<(), storage::Error> {
        let users: Vec<_> = self.waiting(|users| users.keys().copied().collect());
        for some in users.chunks(LOOK) {
            let numbers = store::last_numbers(db, some).await?;
            self.waiting(|users| {
                for (user_id, number) in numbers {
                    if let Some(waiting) = users.get_mut(&user_id).filter(|waiting| waiting.last_number < number) {
                        waiting.last_number = number;
                        waiting.wake.send_replace(());
                    }
                }
            });
        }
        Ok(())
    }

    /// The user's notifications after `after`, and all that come, as events of a stream.
    pub(super) fn follow(
        self: &Arc<Self>,
        db: Db,
        user_id: Uuid,
        after: i64,
    ) -> impl Stream<Item = Event> + Send + use<> {
        // It waits from now on, and reads then: nothing falls in between.
        let reader = Reader { db, after, watcher: self.watch(user_id) };
        stream::unfold(reader, |mut reader| async move { Some((reader.next().await, reader)) }).flat_map(stream::iter)
    }
}

/// One who waits; the user's last one takes the entry away.
struct Watcher {
    hub: Arc<Hub>,
    user_id: Uuid,
    wake: watch::Receiver<()>,
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.hub.waiting(|users| {
            if users.get(&self.user_id).is_some_and(|waiting| waiting.wake.receiver_count() <= 1) {
                users.remove(&self.user_id);
            }
        });
    }
}

struct Reader {
    db: Db,
    after: i64,
    watcher: Watcher,
}

impl Reader {
    /// What came, as soon as something did.
    async fn next(&mut self) -> Vec<Event> {
        loop {
            match store::after(&self.db, self.watcher.user_id, self.after, PAGE).await {
                Ok(page) => {
                    if let Some(last) = page.last() {
                        self.after = last.number;
                        return page.iter().map(|one| http::event(one.number, "notification", one)).collect();
                    }
                    // The sender lives as long as its watchers.
                    let _ = self.watcher.wake.changed().await;
                }
                Err(error) => {
                    tracing::warn!(%error, "a stream could not read its notifications: it tries again");
                    tokio::time::sleep(PATIENCE).await;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_waits_is_woken_and_whoever_leaves_leaves_nothing() {
        let (hub, ann, bob) = (Arc::new(Hub::default()), Uuid::from_u128(1), Uuid::from_u128(2));
        let (mut one, mut two, other) = (hub.watch(ann), hub.watch(ann), hub.watch(bob));
        hub.wake(ann);
        one.wake.changed().await.unwrap();
        two.wake.changed().await.unwrap();
        assert!(!other.wake.has_changed().unwrap());
        drop(one);
        hub.wake(ann);
        two.wake.changed().await.unwrap();
        drop(two);
        hub.wake(ann);
        assert_eq!(hub.waiting(|users| users.keys().copied().collect::<Vec<_>>()), [bob]);
        drop(other);
        assert!(hub.waiting(|users| users.is_empty()));
    }
}
