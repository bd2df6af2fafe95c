//! The use cases of insights.

use uuid::Uuid;

use super::model::{self, Report, Span};
use super::{Error, store};
use crate::kernel::{Actor, Clock};
use crate::storage::{self, Db, Tx};

/// How many days are looked at at once for the streak.
const PAGE: i64 = 366;

/// The insights slice. Clones share everything.
#[derive(Clone)]
pub struct Insights {
    pub(super) db: Db,
    clock: Clock,
}

impl Insights {
    /// Over `db`.
    pub fn new(db: Db, clock: Clock) -> Self {
        Self { db, clock }
    }

    /// The caller's figures for the days from `from` to `to`.
    pub(super) async fn report(&self, actor: &Actor, from: Option<&str>, to: Option<&str>) -> Result<Report, Error> {
        let user_id = actor.user_id;
        let (as_of, zone) = store::head(&self.db, user_id).await?;
        let zone = model::zone(zone.as_deref().unwrap_or("UTC"));
        let today = model::day(self.clock.now(), zone);
        let span = Span::parse(from, to, today).map_err(Error::Invalid)?;
        let tallies = store::days(&self.db, user_id, span).await?;
        let overdue = store::overdue(&self.db, user_id, span).await?;
        let days = model::days(span, &tallies, &overdue);
        let mut active = Vec::new();
        loop {
            let until = active.last().copied().and_then(|day: chrono::NaiveDate| day.pred_opt()).unwrap_or(today);
            let page = store::active(&self.db, user_id, until, PAGE).await?;
            let full = page.len() == usize::try_from(PAGE).unwrap_or_default();
            active.extend(page);
            let streak = model::streak(today, &active);
            if !full || streak < active.len() {
                let totals = model::totals(&days);
                let time_zone = zone.name().to_owned();
                return Ok(Report { from: span.from, to: span.to, time_zone, days, totals, streak, as_of });
            }
        }
    }

    /// Deletes everything of a user, in the transaction that erases the account. (The account's last event does it once
    /// more, after those that were under way.)
    pub async fn erase(tx: &mut Tx, user_id: Uuid) -> Result<(), storage::Error> {
        store::forget(tx, user_id).await
    }
}
