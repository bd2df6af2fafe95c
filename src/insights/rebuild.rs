//! Makes the figures again from the log, beside those that readers see.
//!
//! A generation is built from the user's whole log in short transactions, while the consumer goes on with the present
//! one. The last transaction locks the user, applies what the log has meanwhile, and swaps. The consumer may be behind
//! the log: what it applies later is in the new generation already and changes nothing.

use std::collections::BTreeMap;

use uuid::Uuid;

use super::{Error, projector, store};
use crate::events::consumer::{self, Delivery};
use crate::storage::{Db, Tx};

const PAGE: i64 = 500;

/// Rebuilds everybody's figures, one user after the other. Returns how many were rebuilt.
pub async fn rebuild_all(db: &Db) -> Result<u64, Error> {
    let (mut after, mut count) = (Uuid::nil(), 0);
    loop {
        let users = consumer::users(db, after, PAGE).await?;
        let Some(last) = users.last() else { return Ok(count) };
        after = *last;
        for user_id in users {
            count += u64::from(rebuild(db, user_id).await?);
        }
    }
}

/// Rebuilds one user's figures. False: the account is gone, or a later rebuild took over.
pub async fn rebuild(db: &Db, user_id: Uuid) -> Result<bool, Error> {
    let Some(building) = begin(db, user_id).await? else { return Ok(false) };
    let mut seq = 0;
    loop {
        let page = consumer::replay(db, user_id, seq, PAGE).await?;
        let Some(last) = page.last() else { break };
        seq = last.seq;
        let mut tx = db.begin().await?;
        if !apply(&mut tx, user_id, building, &page).await? {
            return Ok(false);
        }
        tx.commit().await?;
    }
    swap(db, user_id, building, seq).await
}

/// `None`: the account is gone.
async fn begin(db: &Db, user_id: Uuid) -> Result<Option<i64>, Error> {
    let mut tx = db.begin().await?;
    let (present, building) = store::begin(&mut tx, user_id).await?;
    let gone = !consumer::erased(&mut tx, &[user_id].into()).await?.is_empty();
    if gone {
        store::forget(&mut tx, user_id).await?;
    } else {
        // What a rebuild that was killed left behind.
        store::forget_others(&mut tx, user_id, present).await?;
    }
    tx.commit().await?;
    Ok((!gone).then_some(building))
}

async fn swap(db: &Db, user_id: Uuid, building: i64, mut seq: i64) -> Result<bool, Error> {
    let mut tx = db.begin().await?;
    // Locked before the rest is read: what the consumer applied by now is in the log that is read now.
    if !store::keep(&mut tx, user_id, building).await? {
        return Ok(false);
    }
    let mut as_of = None;
    loop {
        // The last event once more, for its time: applied again it changes nothing.
        let since = if as_of.is_none() { (seq - 1).max(0) } else { seq };
        let page = consumer::replay(db, user_id, since, PAGE).await?;
        let Some(last) = page.last() else { break };
        (seq, as_of) = (last.seq, Some(last.occurred_at));
        apply(&mut tx, user_id, building, &page).await?;
    }
    store::swap(&mut tx, user_id, building).await?;
    store::lock(&mut tx, &BTreeMap::from([(user_id, as_of)])).await?;
    store::forget_others(&mut tx, user_id, building).await?;
    tx.commit().await?;
    Ok(true)
}

/// Applies events to the generation, if it is still the one that was begun last. (An erasure deletes the row that says
/// so.)
async fn apply(tx: &mut Tx, user_id: Uuid, building: i64, events: &[Delivery]) -> Result<bool, Error> {
    if !store::keep(tx, user_id, building).await? {
        return Ok(false);
    }
    projector::write(tx, &BTreeMap::from([(user_id, building)]), events).await?;
    Ok(true)
}
