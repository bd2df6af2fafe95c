//! The inverse changes of collections: steps of an undo.

use serde_json::{Map, Value};
use uuid::Uuid;

use super::model::{Collection, Kind};
use super::service::free;
use super::{event, store};
use crate::task::Error;
use crate::task::change::Work;
use crate::task::undo::Refusal;

/// What it is now.
pub async fn present(work: &mut Work<'_>, id: Uuid) -> Result<Option<Collection>, Error> {
    let user_id = work.user_id();
    Ok(store::get(work.tx(), user_id, id).await?)
}

/// Deletes what was made, if nothing is in it.
pub async fn remove_again(work: &mut Work<'_>, id: Uuid) -> Result<(), Error> {
    let user_id = work.user_id();
    let made = present(work, id).await?.ok_or(Refusal::Gone)?;
    let sections = match made.kind {
        Kind::Project => !store::list(work.tx(), user_id, Kind::Section, id).await?.is_empty(),
        _ => false,
    };
    if sections || matches!(made.kind, Kind::Project | Kind::Section) && !work.inside(&made).await?.is_empty() {
        return Err(Refusal::InUse.into());
    }
    store::delete(work.tx(), user_id, id).await?;
    work.note(&event::deleted(&made, work.change()))
}

/// Makes what was deleted again, as its last event tells.
pub async fn make_again(
    work: &mut Work<'_>,
    id: Uuid,
    event_type: &str,
    payload: &Map<String, Value>,
) -> Result<Collection, Error> {
    if present(work, id).await?.is_some() {
        return Err(Refusal::Nothing.into());
    }
    let mut fields = payload.clone();
    let kind = event_type.split('_').next().unwrap_or_default().to_lowercase();
    fields.insert("kind".to_owned(), kind.into());
    fields.insert("id".to_owned(), id.to_string().into());
    fields.insert("name".to_owned(), payload.get("title").cloned().unwrap_or_default());
    let was: Collection = serde_json::from_value(Value::Object(fields)).map_err(|_| Refusal::Gone)?;
    let again = Collection { user_id: work.user_id(), version: was.version + 1, updated_at: work.now(), ..was };
    if let Some(project) = again.project_id.filter(|project| *project != work.user_id())
        && present(work, project).await?.is_none()
    {
        return Err(Refusal::NoPlace.into());
    }
    free(work, &again).await?;
    store::insert(work.tx(), &again).await?;
    work.note(&event::created(&again, work.change()))?;
    Ok(again)
}

/// Makes a new one.
pub async fn add(work: &mut Work<'_>, new: &Collection) -> Result<(), Error> {
    store::insert(work.tx(), new).await?;
    work.note(&event::created(new, work.change()))
}

/// Makes it what it was.
pub async fn become_again(work: &mut Work<'_>, before: &Collection, after: Collection) -> Result<Collection, Error> {
    let after = Collection { version: before.version + 1, updated_at: work.now().max(before.updated_at), ..after };
    free(work, &after).await?;
    store::update(work.tx(), &after).await?;
    work.note(&event::updated(before, &after, work.change()))?;
    Ok(after)
}
