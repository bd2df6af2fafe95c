//! The worker: makes what imports say, a batch in a transaction. Any number of processes share the work.

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::import::{Import, Phase, Places, format};
use super::{make, store};
use crate::events;
use crate::interop::{self, Options, Portable};
use crate::kernel::{Actor, Channel, Scopes};
use crate::task::change::Work;
use crate::task::input::Local;
use crate::task::rounds::drain;
use crate::task::{Error, Tasks};

/// How often an import that waits is looked for.
const LOOK: Duration = Duration::from_millis(500);
/// How long a claim is good for; each batch takes it for as long again.
const LEASE: TimeDelta = TimeDelta::seconds(30);
/// Tasks that are made in one transaction.
const BATCH: usize = 500;

/// A worker that makes imports.
pub struct Imports(Arc<Tasks>);

impl Imports {
    /// A worker over this slice.
    pub fn new(tasks: Arc<Tasks>) -> Self {
        Self(tasks)
    }

    /// Runs until told to stop: then the batch under way is its last.
    pub async fn run(self, stop: CancellationToken) {
        drain(LOOK, stop.clone(), "imports", || self.0.import_next(&stop)).await;
    }
}

/// An import under way.
struct Running {
    actor: Actor,
    import: Import,
    file: Portable,
    local: Local,
    claim: Uuid,
}

impl Tasks {
    /// Makes an import that waits, if there is one. Returns whether there was.
    pub async fn import_next(&self, stop: &CancellationToken) -> Result<bool, Error> {
        let (now, claim) = (self.clock.now(), self.ids.uuid());
        let Some((user_id, import, content)) = store::claim(&self.db, now, claim, now + LEASE).await? else {
            return Ok(false);
        };
        let actor = Actor { user_id, session_id: None, channel: Channel::Import, scopes: Scopes::NONE };
        let local = self.local(&actor).await?;
        let options = Options { project: import.project.clone(), zone: local.zone, now: import.created_at };
        let read = format(&import.format).map(|format| interop::read(format, &content, &options));
        let Some(Ok(file)) = read else {
            // It was read when it came; only another version of the product reads it otherwise.
            let mut import = Import { phase: Phase::Done, ..import };
            import.note("", "the file cannot be read any more: send it again".to_owned());
            let mut tx = self.db.begin().await?;
            store::end(&mut tx, &import, claim).await?;
            tx.commit().await?;
            return Ok(true);
        };
        let mut running = Running { actor, import, file, local, claim };
        while !stop.is_cancelled() && self.import_batch(&mut running).await? {}
        Ok(true)
    }

    /// The next batch, with its progress. False: it was the last one, or the import is somebody else's by now.
    async fn import_batch(&self, running: &mut Running) -> Result<bool, Error> {
        let mut work = match Work::begin(self, &running.actor).await {
            // The account is erased: so is the import.
            Err(Error::Events(events::Error::NoLog)) => return Ok(false),
            begun => begun?,
        };
        let mut import = running.import.clone();
        if import.places.is_none() {
            let mut places = Places::default();
            make::places(&mut work, &mut import, &running.file, &mut places).await?;
            import.places = Some(places);
        }
        let from = import.looked_at;
        let batch = &running.file.tasks[from.min(running.file.tasks.len())..];
        let batch = &batch[..batch.len().min(BATCH)];
        make::tasks(&mut work, &mut import, batch, from, running.local).await?;
        import.looked_at = from + batch.len();
        let last = import.looked_at >= running.file.tasks.len();
        let user_id = running.actor.user_id;
        let until = self.clock.now() + LEASE;
        if !store::progress(work.tx(), user_id, &import, running.claim, until).await? {
            work.abandon().await?;
            return Ok(false);
        }
        if last {
            import.phase = Phase::Done;
            import.places = None;
            store::end(work.tx(), &import, running.claim).await?;
        }
        work.commit(None).await?;
        running.import = import;
        Ok(!last)
    }
}
