//! An import: what it is, and its use cases for the person.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::store;
use crate::interop::{self, Format, Options};
use crate::kernel::Actor;
use crate::storage;
use crate::task::input::Invalid;
use crate::task::{Error, Tasks};

/// Imports that are kept of one user.
const IMPORTS_MAX: i64 = 20;
/// How long an import is kept.
const KEPT: TimeDelta = TimeDelta::days(30);
/// Notes that are told.
const NOTES_MAX: usize = 200;

/// Where an import is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// The file was read: nothing is made yet.
    Ready,
    /// A worker is at it.
    Running,
    /// All is made.
    Done,
}

/// An import, as it is told and as it is kept.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Import {
    /// UUID version 7.
    pub id: Uuid,
    /// `todoist`, `vikunja` or `own`.
    pub format: String,
    /// Where it is.
    #[schema(inline)]
    pub phase: Phase,
    /// Projects of the file.
    pub projects: usize,
    /// Sections of the file.
    pub sections: usize,
    /// Saved filters of the file.
    pub filters: usize,
    /// Tasks of the file.
    pub tasks: usize,
    /// Tasks that were looked at so far.
    pub looked_at: usize,
    /// Tasks that were made.
    pub made: usize,
    /// Tasks that were there already, and stay as they are.
    pub present: usize,
    /// What was, or will be, left out or changed, and where in the file it is: at most 200.
    pub notes: Vec<ImportNote>,
    /// How many more there are.
    pub more_notes: usize,
    /// When the file came.
    pub created_at: DateTime<Utc>,
    /// What projects and sections of the file became: not told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(ignore)]
    pub(super) places: Option<Places>,
    /// The project of a file that names none: not told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(ignore)]
    pub(super) project: Option<String>,
}

/// A note on a part of the file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ImportNote {
    /// `line 12`, or a JSON pointer.
    pub at: String,
    /// One sentence.
    pub text: String,
}

/// What projects and sections of a file became.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Places {
    pub(super) projects: BTreeMap<String, Uuid>,
    pub(super) sections: BTreeMap<String, Uuid>,
}

/// The name of a format.
pub(super) fn name(format: Format) -> &'static str {
    match format {
        Format::Todoist => "todoist",
        Format::Vikunja => "vikunja",
        Format::Own => "own",
    }
}

/// The format of a name.
pub(super) fn format(text: &str) -> Option<Format> {
    [Format::Todoist, Format::Vikunja, Format::Own].into_iter().find(|format| name(*format) == text)
}

impl Import {
    /// What a client is told.
    pub(super) fn told(self) -> Self {
        Self { places: None, project: None, ..self }
    }

    /// Notes something, while there is room.
    pub(super) fn note(&mut self, at: &str, text: String) {
        if self.notes.len() < NOTES_MAX {
            self.notes.push(ImportNote { at: at.to_owned(), text });
        } else {
            self.more_notes += 1;
        }
    }
}

impl Tasks {
    /// Reads a file and keeps it: nothing is made. `format` is guessed where it is `None`.
    pub async fn try_import(
        &self,
        actor: &Actor,
        content: &[u8],
        format: Option<Format>,
        project: Option<String>,
    ) -> Result<Import, Error> {
        let says = "say which one: format=todoist, vikunja or own";
        let format = format.or_else(|| Format::guess(content));
        let format = format.ok_or_else(|| Error::Invalid(Invalid::one("format", "unknown", says)))?;
        let zone = self.home(actor).await?.zone;
        let now = self.clock.now();
        let options = Options { project: project.clone(), zone, now };
        let read = interop::read(format, content, &options).map_err(|error| {
            let at = if error.at().is_empty() { String::new() } else { format!("{}: ", error.at()) };
            Error::Invalid(Invalid::one("", "not_importable", format!("{at}{error}")))
        })?;
        let mut import = Import {
            id: self.ids.uuid(),
            format: name(format).to_owned(),
            phase: Phase::Ready,
            projects: read.projects.len(),
            sections: read.sections.len(),
            filters: read.filters.len(),
            tasks: read.tasks.len(),
            looked_at: 0,
            made: 0,
            present: 0,
            notes: Vec::new(),
            more_notes: read.more_notes,
            created_at: now,
            places: None,
            project,
        };
        for note in read.notes {
            import.note(&note.at, note.text);
        }
        let mut tx = self.db.begin().await?;
        if store::count(&mut tx, actor.user_id).await? >= IMPORTS_MAX {
            return Err(Error::Full { what: "imports", limit: usize::try_from(IMPORTS_MAX).unwrap_or_default() });
        }
        store::insert(&mut tx, actor.user_id, &import, content).await?;
        tx.commit().await?;
        Ok(import.told())
    }

    /// Has an import made by a worker. Once more changes nothing.
    pub async fn start_import(&self, actor: &Actor, id: Uuid) -> Result<Import, Error> {
        let mut tx = self.db.begin().await?;
        let import = store::get(&mut tx, actor.user_id, id).await?.ok_or(Error::NotFound)?;
        if import.phase != Phase::Ready {
            tx.rollback().await?;
            return Ok(import.told());
        }
        let import = Import { phase: Phase::Running, ..import };
        store::start(&mut tx, actor.user_id, &import, self.clock.now()).await?;
        tx.commit().await?;
        Ok(import.told())
    }

    /// One import.
    pub async fn import(&self, actor: &Actor, id: Uuid) -> Result<Import, Error> {
        let mut exec = self.db.read().await?;
        Ok(store::get(&mut exec, actor.user_id, id).await?.ok_or(Error::NotFound)?.told())
    }

    /// The imports of a user, newest first.
    pub async fn imports(&self, actor: &Actor) -> Result<Vec<Import>, Error> {
        Ok(store::list(&self.db, actor.user_id).await?.into_iter().map(Import::told).collect())
    }

    /// Forgets an import; one that is running stops. What was made stays.
    pub async fn forget_import(&self, actor: &Actor, id: Uuid) -> Result<(), Error> {
        let mut tx = self.db.begin().await?;
        store::delete(&mut tx, actor.user_id, id).await?;
        Ok(tx.commit().await?)
    }

    /// Deletes at most `limit` imports that are older than 30 days.
    pub async fn purge_imports(&self, limit: i64) -> Result<u64, storage::Error> {
        store::purge(&self.db, self.clock.now() - KEPT, limit).await
    }
}
