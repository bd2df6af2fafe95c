//! Fences: a topic that no relay publishes to for a while. See [`super::expand`].

use super::Error;
use crate::storage::Db;
use crate::{sql, statements};

statements! {
    RAISE: "fence.raise" = "INSERT INTO topic_fences (topic, generation, fenced) VALUES ($1, 1, $2) \
        ON CONFLICT (topic) DO UPDATE SET generation = topic_fences.generation + 1, fenced = excluded.fenced";
    GENERATION: "fence.generation" = "SELECT CAST(coalesce(sum(generation), 0) AS bigint) FROM topic_fences";
    BEHIND: "fence.behind" = "SELECT count(*) FROM relay_members WHERE fence_seen < $1";
    FENCED: "fence.fenced" = "SELECT topic FROM topic_fences WHERE fenced = 1 ORDER BY topic";
}

/// The number of fences and ends of fences so far.
pub(super) async fn generation(db: &Db) -> Result<i64, Error> {
    let mut exec = db.read().await?;
    Ok(sql!(fetch_one (i64,) => exec, GENERATION)?.0)
}

/// Fences a topic, or ends its fence. Returns the generation from which on every look at the outbox knows of it.
pub(super) async fn set(db: &Db, topic: &str, fenced: bool) -> Result<i64, Error> {
    let mut tx = db.begin().await?;
    sql!(execute tx, RAISE, topic, i64::from(fenced))?;
    let (generation,) = sql!(fetch_one (i64,) => tx, GENERATION)?;
    tx.commit().await?;
    Ok(generation)
}

/// How many relays may still have a batch under way from before `generation`. A relay that died counts until its
/// sign of life is three lease times old.
pub(super) async fn behind(db: &Db, generation: i64) -> Result<i64, Error> {
    let mut exec = db.read().await?;
    Ok(sql!(fetch_one (i64,) => exec, BEHIND, generation)?.0)
}

/// The topics that are fenced.
pub async fn fenced(db: &Db) -> Result<Vec<String>, Error> {
    let mut exec = db.read().await?;
    Ok(sql!(fetch_all (String,) => exec, FENCED)?.into_iter().map(|(topic,)| topic).collect())
}
