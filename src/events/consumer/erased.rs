//! What consumers keep of accounts that were erased.
//!
//! **Rule.** It goes when nothing of the account is under way: every event was published (the log is empty then) and
//! has come to the consumer, none waits to be tried again, and no letter waits for a decision. What waits in
//! `consumer_retries` is under way by definition: it leaves as an effect or as a letter.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::events::Error;
use crate::storage::Db;
use crate::{sql, statements};

statements! {
    ACCOUNTS: "erased.accounts" = "SELECT user_id FROM user_logs WHERE erased_at IS NOT NULL AND erased_at < $1 AND user_id > $2 \
        ORDER BY user_id LIMIT $3";
    // The number of an account's last event is that of its erasure, in user-events.
    INBOX: "erased.inbox" = "DELETE FROM inbox WHERE user_id = $1 AND waiting = 0 \
        AND (topic <> 'user-events' OR last_seq >= (SELECT log.last_seq FROM user_logs AS log WHERE log.user_id = $1)) \
        AND NOT EXISTS (SELECT 1 FROM events WHERE events.user_id = $1) \
        AND NOT EXISTS (SELECT 1 FROM dead_letters AS letter WHERE letter.user_id = $1 AND letter.state = 'dead')";
    LETTERS: "erased.letters" = "DELETE FROM dead_letters WHERE user_id = $1 AND state <> 'dead' AND published_at IS NOT NULL \
        AND NOT EXISTS (SELECT 1 FROM inbox WHERE inbox.user_id = $1)";
}

/// Forgets erased accounts, some at a time. It goes through all of them and begins again at the end.
pub struct Forgetter {
    batch: i64,
    after: Uuid,
}

impl Forgetter {
    /// Looks at so many accounts in one go.
    pub fn new(batch: i64) -> Self {
        Self { batch, after: Uuid::nil() }
    }

    /// One batch of accounts that were erased before `before`: a broker may deliver their events again until then, and
    /// without its inbox row a consumer would apply them once more. Returns the rows deleted: of the inbox, of dead
    /// letters.
    pub async fn step(&mut self, db: &Db, before: DateTime<Utc>) -> Result<(u64, u64), Error> {
        let mut exec = db.read().await?;
        let accounts = sql!(fetch_all (Uuid,) => exec, ACCOUNTS, before, self.after, self.batch)?;
        drop(exec);
        let full = i64::try_from(accounts.len()).unwrap_or(i64::MAX) >= self.batch;
        self.after = accounts.last().filter(|_| full).map_or(Uuid::nil(), |(user_id,)| *user_id);
        let (mut inbox, mut letters) = (0, 0);
        if accounts.is_empty() {
            return Ok((inbox, letters));
        }
        let mut tx = db.begin().await?;
        for (user_id,) in accounts {
            inbox += sql!(execute tx, INBOX, user_id)?;
            letters += sql!(execute tx, LETTERS, user_id)?;
        }
        tx.commit().await?;
        Ok((inbox, letters))
    }
}
