//! Leases: which relay may send the events of which users.
//!
//! Users hash to shards; a relay leases shards for a while and renews in time. All times are the database's, but a
//! relay's own deadline is measured on its monotonic clock from *before* it asked, less a margin: however long the
//! answer took, the relay stops before the database would give the shard to another. Each change of hands raises the
//! epoch, and an acknowledgement counts only under the epoch that it was sent under.
//!
//! Each statement is a transaction in itself: a relay that is stopped between two of them (a frozen pod, a lost node)
//! holds no row lock that would keep the others from taking over.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use uuid::Uuid;

use super::{Error, SHARDS};
use crate::storage::Db;
use crate::{sql, statements};

/// Milliseconds since 1970 on the database's clock.
macro_rules! now {
    (postgres) => {
        "CAST(extract(epoch FROM clock_timestamp()) * 1000 AS bigint)"
    };
    (sqlite) => {
        "CAST(unixepoch('subsec') * 1000 AS integer)"
    };
}
pub(super) use now;

statements! {
    BEAT: "lease.beat" = {
        concat!("INSERT INTO relay_members (owner, seen_at, fence_seen) VALUES ($1, ", now!(postgres), ", $2) \
            ON CONFLICT (owner) DO UPDATE SET seen_at = excluded.seen_at, fence_seen = excluded.fence_seen"),
        concat!("INSERT INTO relay_members (owner, seen_at, fence_seen) VALUES ($1, ", now!(sqlite), ", $2) \
            ON CONFLICT (owner) DO UPDATE SET seen_at = excluded.seen_at, fence_seen = excluded.fence_seen")
    };
    BURY: "lease.bury" = {
        concat!("DELETE FROM relay_members WHERE seen_at < ", now!(postgres), " - $1"),
        concat!("DELETE FROM relay_members WHERE seen_at < ", now!(sqlite), " - $1")
    };
    LEAVE: "lease.leave" = "DELETE FROM relay_members WHERE owner = $1";
    MEMBERS: "lease.members" = "SELECT count(*) FROM relay_members";
    RENEW: "lease.renew" = {
        concat!("UPDATE relay_leases SET lease_until = ", now!(postgres), " + $2 WHERE owner = $1 AND lease_until > ",
            now!(postgres), " RETURNING shard, epoch"),
        concat!("UPDATE relay_leases SET lease_until = ", now!(sqlite), " + $2 WHERE owner = $1 AND lease_until > ",
            now!(sqlite), " RETURNING shard, epoch")
    };
    // The condition stands twice: the second is checked again on the row as it is when its lock is had.
    ACQUIRE: "lease.acquire" = {
        concat!("UPDATE relay_leases SET owner = $1, epoch = epoch + 1, lease_until = ", now!(postgres), " + $2 \
            WHERE shard IN (SELECT shard FROM relay_leases WHERE owner IS NULL OR lease_until <= ", now!(postgres),
            " ORDER BY lease_until, shard LIMIT $3) AND (owner IS NULL OR lease_until <= ", now!(postgres), ") \
            RETURNING shard, epoch"),
        concat!("UPDATE relay_leases SET owner = $1, epoch = epoch + 1, lease_until = ", now!(sqlite), " + $2 \
            WHERE shard IN (SELECT shard FROM relay_leases WHERE owner IS NULL OR lease_until <= ", now!(sqlite),
            " ORDER BY lease_until, shard LIMIT $3) AND (owner IS NULL OR lease_until <= ", now!(sqlite), ") \
            RETURNING shard, epoch")
    };
    // The shards come as the bits of a number.
    RELEASE: "lease.release" = "UPDATE relay_leases SET owner = NULL, lease_until = 0 \
        WHERE owner = $1 AND (($2 >> CAST(shard AS integer)) & 1) <> 0";
    HOLDERS: "lease.holders" = "SELECT owner, count(*) FROM relay_leases WHERE owner IS NOT NULL GROUP BY owner ORDER BY owner";
}

/// One shard that is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Lease {
    pub(super) epoch: i64,
    /// Until when this relay may send, on its own monotonic clock.
    pub(super) until: Instant,
}

/// The shards of one relay.
pub(super) struct Leases {
    db: Db,
    pub(super) owner: Uuid,
    ttl: Duration,
    held: Mutex<BTreeMap<i64, Lease>>,
}

impl Leases {
    pub(super) fn new(db: Db, owner: Uuid, ttl: Duration) -> Self {
        Self { db, owner, ttl, held: Mutex::new(BTreeMap::new()) }
    }

    /// The shards that may be sent now.
    pub(super) fn valid(&self) -> BTreeMap<i64, Lease> {
        let now = Instant::now();
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.iter().filter(|(_, lease)| lease.until > now).map(|(shard, lease)| (*shard, *lease)).collect()
    }

    /// Renews, gives back what is more than a fair share, and takes what is free. `busy` says which shards have a
    /// batch under way: those are not given back now. `fence_seen` is the generation of fences up to which all
    /// batches are over. Returns whether there are shards that could not be sent a moment ago.
    pub(super) async fn tick(&self, busy: impl Fn(i64) -> bool, fence_seen: i64) -> Result<bool, Error> {
        let ttl = i64::try_from(self.ttl.as_millis()).unwrap_or(i64::MAX);
        let asked = Instant::now();
        self.beat(ttl, fence_seen).await?;
        let (members,) = {
            let mut exec = self.db.read().await?;
            sql!(fetch_one (i64,) => exec, MEMBERS)?
        };
        let mut exec = self.db.single().await?;
        let held = sql!(fetch_all (i64, i64) => exec, RENEW, self.owner, ttl)?;
        exec.commit().await?;
        let fair = (SHARDS + members - 1) / members.max(1);
        let surplus = usize::try_from(count(&held) - fair).unwrap_or_default();
        let given: BTreeSet<_> =
            held.iter().map(|(shard, _)| *shard).filter(|shard| !busy(*shard)).take(surplus).collect();
        let kept: Vec<_> = held.into_iter().filter(|(shard, _)| !given.contains(shard)).collect();
        if !given.is_empty() {
            self.forget(&given);
            self.give_back(given.iter().fold(0, |bits, shard| bits | 1 << shard)).await?;
        }
        let missing = fair - count(&kept);
        let mut taken = Vec::new();
        if missing > 0 {
            let mut exec = self.db.single().await?;
            taken = sql!(fetch_all (i64, i64) => exec, ACQUIRE, self.owner, ttl, missing)?;
            exec.commit().await?;
        }
        Ok(self.store(asked, kept.into_iter().chain(taken)))
    }

    /// Shows a sign of life, and strikes off who has shown none for three lease times: its leases end on their own.
    async fn beat(&self, ttl: i64, fence_seen: i64) -> Result<(), Error> {
        let mut exec = self.db.single().await?;
        sql!(execute exec, BEAT, self.owner, fence_seen)?;
        sql!(execute exec, BURY, ttl.saturating_mul(3))?;
        Ok(exec.commit().await?)
    }

    async fn give_back(&self, shards: i64) -> Result<(), Error> {
        let mut exec = self.db.single().await?;
        sql!(execute exec, RELEASE, self.owner, shards)?;
        Ok(exec.commit().await?)
    }

    fn forget(&self, shards: &BTreeSet<i64>) {
        self.held.lock().unwrap_or_else(PoisonError::into_inner).retain(|shard, _| !shards.contains(shard));
    }

    /// Returns whether there are shards that could not be sent a moment ago: new ones, and those whose renewal came late.
    fn store(&self, asked: Instant, shards: impl Iterator<Item = (i64, i64)>) -> bool {
        // A quarter of the lease is the margin: what is sent at the last moment has that long to reach the broker.
        let until = asked + self.ttl * 3 / 4;
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let before = std::mem::take(&mut *held);
        *held = shards.map(|(shard, epoch)| (shard, Lease { epoch, until })).collect();
        let now = Instant::now();
        show(held.len());
        held.keys().any(|shard| before.get(shard).is_none_or(|lease| lease.until <= now))
    }

    /// Shows how many are still its own, where they were not renewed.
    pub(super) fn show(&self) {
        show(self.valid().len());
    }

    /// Gives everything back, so that a successor need not wait.
    pub(super) async fn release(&self) -> Result<(), Error> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner).clear();
        self.give_back(-1).await?;
        let mut exec = self.db.single().await?;
        sql!(execute exec, LEAVE, self.owner)?;
        Ok(exec.commit().await?)
    }
}

fn show(held: usize) {
    metrics::gauge!(super::metrics::SHARDS_HELD).set(f64::from(u32::try_from(held).unwrap_or_default()));
}

fn count<T>(shards: &[T]) -> i64 {
    i64::try_from(shards.len()).unwrap_or(i64::MAX)
}

/// Which relays hold how many shards.
pub async fn holders(db: &Db) -> Result<Vec<(Uuid, i64)>, Error> {
    let mut exec = db.read().await?;
    Ok(sql!(fetch_all (Uuid, i64) => exec, HOLDERS)?)
}
