//! Where a task may be: its project, its section and its parent exist, the parent is none of its own parts, and a tree
//! is at most eight deep.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::Error;
use super::change::Work;
use super::input::{Draft, Invalid};
use super::model::{Place, Task};
use super::position::Position;
use super::store;
use super::undo::Refusal;
use crate::storage::{self, Tx};
use crate::{sql, statements};

/// How deep a tree of tasks may be.
pub const DEPTH_MAX: usize = 8;
/// Subtasks of one task, those in the trash included.
pub const SUBTASKS_MAX: usize = 500;

/// The place of the nearest open sibling on one side of a position (all are between `''` and `~`).
macro_rules! neighbour {
    ($of:literal, $position:literal, $side:literal) => {
        concat!(
            "SELECT ",
            $of,
            "(",
            $position,
            ") FROM tasks AS t WHERE user_id = $1 AND coalesce(project_id, user_id) = $2 AND ",
            "section_id IS NOT DISTINCT FROM $3 AND parent_id IS NOT DISTINCT FROM $4 AND id <> $6 AND ",
            $position,
            $side,
            "$5 AND completed_at IS NULL AND deleted_at IS NULL"
        )
    };
}

statements! {
    PROJECT: "task.place_project" = "SELECT id FROM collections WHERE user_id = $1 AND id = $2 AND kind = 'project' AND archived_at IS NULL";
    SECTION: "task.place_section" = "SELECT project_id FROM collections WHERE user_id = $1 AND id = $2 AND kind = 'section'";
    NEXT: "task.place_next" = {
        neighbour!("min", "coalesce(position, replace(CAST(id AS text), '-', '') || 'i')", " > "),
        neighbour!("min", "coalesce(position, lower(hex(id)) || 'i')", " > ")
    };
    PREVIOUS: "task.place_previous" = {
        neighbour!("max", "coalesce(position, replace(CAST(id AS text), '-', '') || 'i')", " < "),
        neighbour!("max", "coalesce(position, lower(hex(id)) || 'i')", " < ")
    };
}

/// Where a task is moved to: what is missing stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Destination {
    /// The project. The task leaves its section and its parent, unless they are given.
    pub project_id: Option<Uuid>,
    /// A section. The task leaves its parent.
    pub section_id: Option<Uuid>,
    /// The task that it becomes a part of.
    pub parent_id: Option<Uuid>,
    /// The sibling before which it is put.
    pub before: Option<Uuid>,
    /// The sibling after which it is put.
    pub after: Option<Uuid>,
    /// Which end of its siblings it is put at: the end when nothing is said.
    #[schema(inline)]
    pub to: Option<End>,
}

/// An end of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum End {
    /// Before all others.
    Start,
    /// After all others.
    End,
}

fn refuse(pointer: &'static str, code: &'static str, sentence: &str) -> Error {
    Error::Invalid(Invalid::one(pointer, code, sentence))
}

/// Where a draft puts a task. Of a present one only what differs is meant: a patch says one of them, and the others
/// follow.
pub(super) async fn of_draft(work: &mut Work<'_>, before: Option<&Task>, draft: &Draft) -> Result<Place, Error> {
    let inbox = work.user_id();
    let now = before.map(Task::place);
    let project = draft.project_id.unwrap_or(inbox);
    let wanted = Place { project, section: draft.section_id, parent: draft.parent_id };
    if now == Some(wanted) {
        return Ok(wanted);
    }
    let moved = |differs: fn(&Place, &Place) -> bool| now.is_none_or(|now| differs(&now, &wanted));
    if let Some(parent) = wanted.parent {
        let place = under(work, before, parent).await?;
        let stays = !moved(|now, wanted| now.parent != wanted.parent);
        let sentence = "a subtask is where its parent is: leave this out, move the parent, or set parentId to null";
        if draft.project_id.is_some_and(|project| project != place.project) && (stays || now.is_none()) {
            return Err(refuse("/projectId", "contradiction", sentence));
        }
        if draft.section_id.is_some_and(|section| Some(section) != place.section) && (stays || now.is_none()) {
            return Err(refuse("/sectionId", "contradiction", sentence));
        }
        return Ok(place);
    }
    let other_project = moved(|now, wanted| now.project != wanted.project);
    let other_section = moved(|now, wanted| now.section != wanted.section);
    if let Some(section) = wanted.section.filter(|_| other_section || !other_project) {
        let place = in_section(work, section).await?;
        if place.project != wanted.project && draft.project_id.is_some() && other_project {
            return Err(refuse(
                "/sectionId",
                "contradiction",
                "use a section of this project, or leave one of them out",
            ));
        }
        return Ok(place);
    }
    if other_project {
        return in_project(work, wanted.project).await;
    }
    Ok(Place { section: None, ..wanted })
}

/// Where a destination puts a task, and its place among its siblings there.
pub(super) async fn of_move(work: &mut Work<'_>, task: &Task, to: &Destination) -> Result<(Place, Position), Error> {
    let says = "use one of before, after and to";
    if [to.before.is_some(), to.after.is_some(), to.to.is_some()].into_iter().filter(|said| *said).count() > 1 {
        return Err(refuse("/to", "contradiction", says));
    }
    let sibling = match to.before.or(to.after) {
        Some(id) if id == task.id => {
            return Err(refuse("/before", "unknown", "name another task than the one that moves"));
        }
        Some(id) => Some(
            work.find(id)
                .await?
                .ok_or_else(|| refuse("/before", "unknown", "name a sibling that is a task of yours"))?,
        ),
        None => None,
    };
    let place = match (to.parent_id, to.section_id, to.project_id, &sibling) {
        (Some(parent), ..) => under(work, Some(task), parent).await?,
        (None, Some(section), ..) => in_section(work, section).await?,
        (None, None, Some(project), _) => in_project(work, project).await?,
        (None, None, None, Some(sibling)) => match sibling.parent_id {
            Some(parent) => under(work, Some(task), parent).await?,
            None => sibling.place(),
        },
        (None, None, None, None) => task.place(),
    };
    if sibling.as_ref().is_some_and(|sibling| sibling.place() != place) {
        return Err(refuse(
            "/before",
            "contradiction",
            "before and after name a task of the place that it is moved to",
        ));
    }
    let position = beside(work, task, place, sibling.as_ref(), to).await?;
    Ok((place, position))
}

async fn beside(
    work: &mut Work<'_>,
    task: &Task,
    place: Place,
    sibling: Option<&Task>,
    to: &Destination,
) -> Result<Position, Error> {
    let fresh = work.fresh();
    let between = |before: Option<&Position>, after: Option<&Position>| {
        Position::between(before, after, fresh).map_err(|error| refuse("/before", "crowded", &error.to_string()))
    };
    match sibling {
        Some(next) if to.before.is_some() => {
            let before = neighbour(work.tx(), task, place, next.position.as_str(), &PREVIOUS).await?;
            between(before.as_ref(), Some(&next.position))
        }
        Some(previous) => {
            let after = neighbour(work.tx(), task, place, previous.position.as_str(), &NEXT).await?;
            between(Some(&previous.position), after.as_ref())
        }
        None if to.to == Some(End::Start) => {
            let first = neighbour(work.tx(), task, place, "", &NEXT).await?;
            between(None, first.as_ref())
        }
        None => {
            let last = neighbour(work.tx(), task, place, "~", &PREVIOUS).await?;
            between(last.as_ref(), None)
        }
    }
}

async fn neighbour(
    tx: &mut Tx,
    task: &Task,
    place: Place,
    position: &str,
    side: &storage::Sql,
) -> Result<Option<Position>, storage::Error> {
    let row = sql!(fetch_one (Option<String>,) => tx, side, task.user_id, place.project, place.section, place.parent,
        position, task.id)?;
    Ok(row.0.and_then(|text| Position::parse(&text)))
}

/// As a part of `parent`.
async fn under(work: &mut Work<'_>, task: Option<&Task>, parent: Uuid) -> Result<Place, Error> {
    let unknown = || refuse("/parentId", "unknown", "use the id of a task of yours that is not in the trash");
    let found = work.find(parent).await?.filter(|found| found.deleted_at.is_none()).ok_or_else(unknown)?;
    let place = Place { parent: Some(parent), ..found.place() };
    let mut depth = 1;
    let mut above = Some(found);
    while let Some(ancestor) = above {
        if task.is_some_and(|task| task.id == ancestor.id) {
            return Err(refuse("/parentId", "cycle", "a task cannot be a part of itself or of its own subtasks"));
        }
        depth += 1;
        above = match ancestor.parent_id {
            Some(id) => work.find(id).await?,
            None => None,
        };
    }
    let below = match task {
        Some(task) => work.descendants(task.id).await?.1,
        None => 0,
    };
    if depth + below > DEPTH_MAX {
        return Err(refuse("/parentId", "too_deep", "subtasks go at most 8 levels deep, the uppermost task included"));
    }
    let limit = i64::try_from(SUBTASKS_MAX).unwrap_or(i64::MAX);
    let user_id = work.user_id();
    let siblings = store::children(work.tx(), user_id, &[parent], limit).await?;
    if siblings.len() >= SUBTASKS_MAX && !siblings.iter().any(|sibling| task.is_some_and(|task| task.id == sibling.id))
    {
        return Err(refuse("/parentId", "too_many", "a task has at most 500 subtasks"));
    }
    Ok(place)
}

async fn in_section(work: &mut Work<'_>, section_id: Uuid) -> Result<Place, Error> {
    let user_id = work.user_id();
    let tx = work.tx();
    let found = sql!(fetch_optional (Uuid,) => tx, SECTION, user_id, section_id)?;
    let unknown = || refuse("/sectionId", "unknown", "use the id of a section of yours");
    let (project_id,) = found.ok_or_else(unknown)?;
    Ok(Place { section: Some(section_id), ..in_project(work, project_id).await? })
}

async fn in_project(work: &mut Work<'_>, project_id: Uuid) -> Result<Place, Error> {
    let user_id = work.user_id();
    if project_id != user_id {
        let tx = work.tx();
        let found = sql!(fetch_optional (Uuid,) => tx, PROJECT, user_id, project_id)?;
        let unknown = || refuse("/projectId", "unknown", "use the id of a project of yours that is not archived");
        found.ok_or_else(unknown)?;
    }
    Ok(Place { project: project_id, section: None, parent: None })
}

/// Refuses to put a task back to where it was if that is gone, or is below the task by now.
pub(super) async fn exists(work: &mut Work<'_>, after: &Task) -> Result<(), Error> {
    let gone = |_| Error::from(Refusal::NoPlace);
    let place = match (after.parent_id, after.section_id) {
        (Some(parent), _) => under(work, Some(after), parent).await.map_err(gone)?,
        (None, Some(section)) => in_section(work, section).await.map_err(gone)?,
        (None, None) => in_project(work, after.project_id).await.map_err(gone)?,
    };
    if place == after.place() { Ok(()) } else { Err(Refusal::NoPlace.into()) }
}

/// Where a task is restored to: what is gone meanwhile is left out.
pub(super) async fn of_restored(work: &mut Work<'_>, task: &Task) -> Result<Place, Error> {
    if let Some(parent) = task.parent_id
        && work.find(parent).await?.is_some_and(|parent| parent.deleted_at.is_none())
    {
        return Ok(task.place());
    }
    let mut place = Place { parent: None, ..task.place() };
    let user_id = work.user_id();
    let tx = work.tx();
    if let Some(section) = place.section
        && sql!(fetch_optional (Uuid,) => tx, SECTION, user_id, section)?.is_none()
    {
        place.section = None;
    }
    if place.project != user_id && sql!(fetch_optional (Uuid,) => tx, PROJECT, user_id, place.project)?.is_none() {
        place = Place { project: user_id, section: None, parent: None };
    }
    Ok(place)
}
