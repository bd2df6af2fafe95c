//! Who waits for something new in this process, what wakes them, and what they are told.
//!
//! **Rule.** Only the database says what there is. A stream reads on after the number that it told last, whenever it is
//! woken: by whoever writes in this process, and else by one look at the numbers of all users who have a stream open here.
//! A wake that is lost or comes for nothing costs a look, never an event.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::response::sse::Event;
use futures::{Stream, StreamExt as _, stream};
use serde::Serialize;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::event;
use crate::kernel::Rounds;
use crate::storage;

/// What a stream reads at once.
const PAGE: i64 = 100;
/// Users whose numbers are looked at in one statement.
const LOOK: usize = 1000;
/// How long a stream waits after the database failed.
const PATIENCE: Duration = Duration::from_secs(1);

/// What streams tell: each user has a list of things whose numbers only rise.
pub trait Source: Send + Sync + 'static {
    /// The name of its events.
    const NAME: &'static str;
    /// One thing.
    type Item: Serialize + Send;

    /// The last numbers of some users, those left out that have none.
    fn last_numbers(&self, users: &[Uuid]) -> impl Future<Output = Result<Vec<(Uuid, i64)>, storage::Error>> + Send;

    /// At most `limit` of a user's things after a number, with their numbers, in order.
    fn after(
        &self,
        user_id: Uuid,
        after: i64,
        limit: i64,
    ) -> impl Future<Output = Result<Vec<(i64, Self::Item)>, storage::Error>> + Send;
}

/// Wakes the streams of this process.
pub struct Hub<S> {
    source: S,
    waiting: Mutex<HashMap<Uuid, Waiting>>,
}

struct Waiting {
    wake: watch::Sender<()>,
    /// The highest number that they were woken for.
    last_number: i64,
}

impl<S: Source> Hub<S> {
    /// Nobody waits yet.
    pub fn new(source: S) -> Arc<Self> {
        Arc::new(Self { source, waiting: Mutex::default() })
    }

    fn waiting<T>(&self, with: impl FnOnce(&mut HashMap<Uuid, Waiting>) -> T) -> T {
        with(&mut self.waiting.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Wakes the streams of a user, if there are any here.
    pub fn wake(&self, user_id: Uuid) {
        self.waiting(|users| {
            if let Some(waiting) = users.get(&user_id) {
                waiting.wake.send_replace(());
            }
        });
    }

    fn watch(self: &Arc<Self>, user_id: Uuid) -> Watcher<S> {
        let wake = self.waiting(|users| {
            let new = || Waiting { wake: watch::channel(()).0, last_number: 0 };
            users.entry(user_id).or_insert_with(new).wake.subscribe()
        });
        Watcher { hub: Arc::clone(self), user_id, wake }
    }

    /// Looks for what is new, until told to stop.
    pub async fn run(self: Arc<Self>, period: Duration, stop: CancellationToken) {
        let mut rounds = Rounds::new(period, stop);
        while rounds.next().await {
            if let Err(error) = self.look().await {
                tracing::warn!(%error, what = S::NAME, "streams: what is new could not be looked for: the next round will");
            }
        }
    }

    async fn look(&self) -> Result<(), storage::Error> {
        let users: Vec<_> = self.waiting(|users| users.keys().copied().collect());
        for some in users.chunks(LOOK) {
            let numbers = self.source.last_numbers(some).await?;
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

    /// What a user has after a number, and all that comes, as events of a stream.
    pub fn follow(self: &Arc<Self>, user_id: Uuid, after: i64) -> impl Stream<Item = Event> + Send + use<S> {
        // It waits from now on, and reads then: nothing falls in between.
        let reader = Reader { after, watcher: self.watch(user_id) };
        stream::unfold(reader, |mut reader| async move { Some((reader.next().await, reader)) }).flat_map(stream::iter)
    }
}

/// One who waits; the user's last one takes the entry away.
struct Watcher<S: Source> {
    hub: Arc<Hub<S>>,
    user_id: Uuid,
    wake: watch::Receiver<()>,
}

impl<S: Source> Drop for Watcher<S> {
    fn drop(&mut self) {
        self.hub.waiting(|users| {
            if users.get(&self.user_id).is_some_and(|waiting| waiting.wake.receiver_count() <= 1) {
                users.remove(&self.user_id);
            }
        });
    }
}

struct Reader<S: Source> {
    after: i64,
    watcher: Watcher<S>,
}

impl<S: Source> Reader<S> {
    /// What came, as soon as something did.
    async fn next(&mut self) -> Vec<Event> {
        loop {
            // On the heap while it lasts: a stream that waits shall not carry the room that a read needs.
            let page = Box::pin(self.watcher.hub.source.after(self.watcher.user_id, self.after, PAGE)).await;
            match page {
                Ok(page) => {
                    if let Some((last, _)) = page.last() {
                        self.after = *last;
                        return page.iter().map(|(number, one)| event(*number, S::NAME, one)).collect();
                    }
                    // The sender lives as long as its watchers.
                    let _ = self.watcher.wake.changed().await;
                }
                Err(error) => {
                    tracing::warn!(%error, what = S::NAME, "a stream could not read on: it tries again");
                    tokio::time::sleep(PATIENCE).await;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Nothing;

    impl Source for Nothing {
        const NAME: &'static str = "nothing";
        type Item = ();

        async fn last_numbers(&self, _: &[Uuid]) -> Result<Vec<(Uuid, i64)>, storage::Error> {
            Ok(Vec::new())
        }

        async fn after(&self, _: Uuid, _: i64, _: i64) -> Result<Vec<(i64, ())>, storage::Error> {
            Ok(Vec::new())
        }
    }

    #[tokio::test]
    async fn who_waits_is_woken_and_whoever_leaves_leaves_nothing() {
        let (hub, ann, bob) = (Hub::new(Nothing), Uuid::from_u128(1), Uuid::from_u128(2));
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
