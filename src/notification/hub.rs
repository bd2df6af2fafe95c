//! What the streams of notifications tell.

use uuid::Uuid;

use super::model::Notification;
use super::store;
use crate::http;
use crate::storage::{Db, Error};

/// The notifications of a database.
pub(super) struct Told(pub(super) Db);

/// Wakes the streams of this process.
pub(super) type Hub = http::Hub<Told>;

impl http::Source for Told {
    const NAME: &'static str = "notification";
    type Item = Notification;

    async fn last_numbers(&self, users: &[Uuid]) -> Result<Vec<(Uuid, i64)>, Error> {
        store::last_numbers(&self.0, users).await
    }

    async fn after(&self, user_id: Uuid, after: i64, limit: i64) -> Result<Vec<(i64, Notification)>, Error> {
        let page = store::after(&self.0, user_id, after, limit).await?;
        Ok(page.into_iter().map(|one| (one.number, one)).collect())
    }
}
