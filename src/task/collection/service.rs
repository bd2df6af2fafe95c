//! The use cases of collections: a function each, a transaction each.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::event;
use super::model::{Checked, Collection, Fields, Kind};
use super::store;
use crate::filter::Filter;
use crate::http::idempotency::{Key, Outcome, Reply};
use crate::kernel::Actor;
use crate::task::Error;
use crate::task::change::Work;
use crate::task::input::Invalid;
use crate::task::model::Place;
use crate::task::service::{Expect, Tasks};

/// What becomes of the tasks of a project or a section that is deleted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Contents {
    /// Nothing is deleted yet: the caller is told that there are some, and says what shall be.
    #[default]
    Ask,
    /// They go to the trash.
    Trash,
    /// They stay: those of a project go to the inbox, those of a section stay in its project.
    Keep,
}

/// How a reply is made and kept for an Idempotency-Key.
pub type Keyed<'a> = Option<(&'a Key, fn(&Collection) -> Reply)>;

impl Tasks {
    /// All of a kind, in their order; sections are those of `project`.
    pub async fn collections(
        &self,
        actor: &Actor,
        kind: Kind,
        project: Option<Uuid>,
    ) -> Result<Vec<Collection>, Error> {
        let mut exec = self.db.read().await?;
        let user_id = actor.user_id;
        if let Some(project) = project.filter(|project| *project != user_id) {
            find(&mut exec, user_id, Kind::Project, project).await?;
        }
        let mut all = store::list(&mut exec, user_id, kind, project.unwrap_or(user_id)).await?;
        if kind == Kind::Project {
            all.insert(0, Collection::inbox(user_id));
        }
        Ok(all)
    }

    /// Everything of a user, for an export.
    pub async fn export_collections(&self, actor: &Actor) -> Result<Vec<Collection>, Error> {
        let mut exec = self.db.read().await?;
        Ok(store::all(&mut exec, actor.user_id).await?)
    }

    /// One of a kind.
    pub async fn collection(&self, actor: &Actor, kind: Kind, id: Uuid) -> Result<Collection, Error> {
        let mut exec = self.db.read().await?;
        find(&mut exec, actor.user_id, kind, id).await
    }

    /// The expression of a saved filter.
    pub async fn saved_filter(&self, actor: &Actor, id: Uuid) -> Result<Filter, Error> {
        let saved = self.collection(actor, Kind::Filter, id).await?;
        saved.query.unwrap_or_default().parse().map_err(Error::Filter)
    }

    /// Makes one; a section is one of `project`.
    pub async fn create_collection(
        &self,
        actor: &Actor,
        kind: Kind,
        project: Option<Uuid>,
        fields: Fields,
        once: Keyed<'_>,
    ) -> Result<Outcome<Collection>, Error> {
        if let Some((key, _)) = once
            && let Some(replay) = self.seen(actor, key).await?
        {
            return Ok(replay);
        }
        let checked = fields.parse(kind).map_err(Error::Invalid)?;
        let mut work = Work::begin(self, actor).await?;
        let user_id = actor.user_id;
        if let Some(project) = project.filter(|project| *project != user_id) {
            find(work.tx(), user_id, Kind::Project, project).await?;
        }
        let others = store::list(work.tx(), user_id, kind, project.unwrap_or(user_id)).await?;
        let (what, limit) = kind.limit();
        if others.len() >= limit {
            return Err(Error::Full { what, limit });
        }
        let new = Collection::create(work.fresh(), user_id, kind, project, checked, work.now());
        free(&mut work, &new).await?;
        store::insert(work.tx(), &new).await?;
        work.note(&event::created(&new, work.change()))?;
        self.finish_collection(actor, work, new, once).await
    }

    /// Changes one: `edit` gets what a client would say of it, and says what shall be.
    pub async fn edit_collection<E>(
        &self,
        actor: &Actor,
        kind: Kind,
        id: Uuid,
        expect: &Expect,
        edit: E,
    ) -> Result<Collection, Error>
    where
        E: FnOnce(Fields) -> Fields + Send,
    {
        let mut work = Work::begin(self, actor).await?;
        let before = find(work.tx(), actor.user_id, kind, id).await?;
        expected(&before, expect)?;
        inbox_stays(&before)?;
        let checked: Checked = edit(before.fields()).parse(kind).map_err(Error::Invalid)?;
        let Some(after) = before.replace(checked, work.now()) else {
            work.abandon().await?;
            return Ok(before);
        };
        free(&mut work, &after).await?;
        store::update(work.tx(), &after).await?;
        work.note(&event::updated(&before, &after, work.change()))?;
        work.commit(None).await?;
        Ok(after)
    }

    /// Deletes one, and what `contents` says with its tasks.
    pub async fn delete_collection(
        &self,
        actor: &Actor,
        kind: Kind,
        id: Uuid,
        expect: &Expect,
        contents: Contents,
    ) -> Result<(), Error> {
        let mut work = Work::begin(self, actor).await?;
        let before = find(work.tx(), actor.user_id, kind, id).await?;
        expected(&before, expect)?;
        inbox_stays(&before)?;
        if kind != Kind::Filter {
            clear(&mut work, &before, contents).await?;
        }
        if kind == Kind::Project {
            for section in store::list(work.tx(), actor.user_id, Kind::Section, id).await? {
                work.note(&event::deleted(&section, work.change()))?;
            }
        }
        store::delete(work.tx(), actor.user_id, id).await?;
        work.note(&event::deleted(&before, work.change()))?;
        work.commit(None).await.map(drop)
    }

    async fn finish_collection(
        &self,
        actor: &Actor,
        work: Work<'_>,
        new: Collection,
        once: Keyed<'_>,
    ) -> Result<Outcome<Collection>, Error> {
        let reply = once.map(|(key, reply)| (key, reply(&new)));
        if work.commit(reply.as_ref().map(|(key, reply)| (*key, reply))).await? {
            return Ok(Outcome::Done(new));
        }
        match once {
            Some((key, _)) => self.seen(actor, key).await?.ok_or(Error::NotFound),
            None => Err(Error::Conflict),
        }
    }
}

async fn find(on: &mut crate::storage::Exec, user_id: Uuid, kind: Kind, id: Uuid) -> Result<Collection, Error> {
    if kind == Kind::Project && id == user_id {
        return Ok(Collection::inbox(user_id));
    }
    store::get(on, user_id, id).await?.filter(|found| found.kind == kind).ok_or(Error::NotFound)
}

fn expected(before: &Collection, expect: &Expect) -> Result<(), Error> {
    match expect {
        Expect::OneOf(versions) if !versions.contains(&before.version) => Err(Error::Stale { current: before.version }),
        _ => Ok(()),
    }
}

fn inbox_stays(before: &Collection) -> Result<(), Error> {
    if before.id == before.user_id { Err(Error::Inbox) } else { Ok(()) }
}

/// Refuses a name that another one of its kind has.
pub(super) async fn free(work: &mut Work<'_>, new: &Collection) -> Result<(), Error> {
    let scope = new.project_id.unwrap_or(new.user_id);
    let other = store::named(work.tx(), new.user_id, new.kind, scope, &new.name).await?;
    let is_inbox = new.kind == Kind::Project && crate::task::input::name_key(&new.name) == "inbox";
    if is_inbox || other.is_some_and(|other| other.id != new.id) {
        return Err(Error::Invalid(Invalid::one("/name", "taken", "use another name: there is one with this")));
    }
    Ok(())
}

/// Moves the tasks out of what is deleted.
async fn clear(work: &mut Work<'_>, of: &Collection, contents: Contents) -> Result<(), Error> {
    let user_id = work.user_id();
    let inside = work.inside(of).await?;
    let now = work.now();
    let project = of.project_id.unwrap_or(user_id);
    for task in &inside {
        let step = match contents {
            Contents::Ask => return Err(Error::HasTasks { count: inside.len() }),
            Contents::Trash => {
                work.trash(task).await?;
                continue;
            }
            Contents::Keep => {
                let place = Place { project, section: None, parent: task.parent_id };
                task.shift(place, task.position.clone(), now)
            }
        };
        work.step(task, step)?;
    }
    Ok(())
}
