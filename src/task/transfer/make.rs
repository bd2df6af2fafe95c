//! What the things of a file become.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, NaiveDate, Utc};
use uuid::Uuid;

use super::import::{Import, Places};
use super::store;
use crate::filter::Filter;
use crate::interop::{self, Portable, Repeat};
use crate::quick::{self, When};
use crate::recurrence::{Language, Rule, read_phrase};
use crate::task::Error;
use crate::task::change::Work;
use crate::task::collection::{self, Collection, Fields, Kind};
use crate::task::input::{Local, TAGS_MAX, name_key};
use crate::task::model::{Due, Priority, Task};
use crate::task::position::Position;
use crate::task::reminder::{REMINDERS_MAX, Reminder};
use crate::task::series::{From, Recurrence};

/// The id of what is made of a key.
fn id_of(user_id: Uuid, format: &str, kind: &str, key: &str) -> Uuid {
    Uuid::new_v5(&user_id, format!("{format}\n{kind}\n{key}").as_bytes())
}

/// A place after what was there, in the order of the file.
fn position(import: &Import, order: usize) -> Position {
    let begun = import.id.simple().to_string();
    Position::parse(&format!("{}{order:08x}i", &begun[..12])).unwrap_or_else(|| Position::of(import.id))
}

/// The projects, sections, saved filters and coloured tags: what has the name of one that is there is that one.
pub(super) async fn places(
    work: &mut Work<'_>,
    import: &mut Import,
    file: &Portable,
    places: &mut Places,
) -> Result<(), Error> {
    for project in &file.projects {
        let fields = Fields {
            name: Some(project.name.clone()),
            color: project.color.clone(),
            archived: Some(project.archived),
            ..Fields::default()
        };
        let at = position(import, project.order);
        if let Some(id) = one(work, import, Kind::Project, None, fields, &project.key, at).await? {
            places.projects.insert(project.key.clone(), id);
        }
    }
    for section in &file.sections {
        let inbox = work.user_id();
        let of = section.project.as_ref().map_or(Some(inbox), |key| places.projects.get(key).copied());
        let fields = Fields { name: Some(section.name.clone()), color: section.color.clone(), ..Fields::default() };
        let at = position(import, section.order);
        if let Some(of) = of
            && let Some(id) = one(work, import, Kind::Section, Some(of), fields, &section.key, at).await?
        {
            places.sections.insert(section.key.clone(), id);
        }
    }
    for filter in &file.filters {
        if let Err(error) = filter.query.parse::<Filter>() {
            import.note("", format!("the saved filter `{}` is left out: {error}", filter.name));
            continue;
        }
        let fields = Fields {
            name: Some(filter.name.clone()),
            color: filter.color.clone(),
            query: Some(filter.query.clone()),
            ..Fields::default()
        };
        let at = position(import, filter.order);
        one(work, import, Kind::Filter, None, fields, &filter.key, at).await?;
    }
    for tag in file.tags.iter().filter(|tag| tag.color.is_some()) {
        let fields = Fields { name: Some(tag.name.clone()), color: tag.color.clone(), ..Fields::default() };
        one(work, import, Kind::Tag, None, fields, &tag.name, position(import, 0)).await?;
    }
    Ok(())
}

/// The one of that name, made where there is none; `None`, with a note, where it cannot be.
async fn one(
    work: &mut Work<'_>,
    import: &mut Import,
    kind: Kind,
    project: Option<Uuid>,
    fields: Fields,
    key: &str,
    at: Position,
) -> Result<Option<Uuid>, Error> {
    let user_id = work.user_id();
    let name = fields.name.clone().unwrap_or_default();
    if kind == Kind::Project && name_key(&name) == "inbox" {
        return Ok(Some(user_id));
    }
    let scope = project.unwrap_or(user_id);
    if let Some(there) = collection::store::named(work.tx(), user_id, kind, scope, &name).await? {
        return Ok(Some(there.id));
    }
    let (what, limit) = kind.limit();
    let position = Some(at.as_str().to_owned());
    let checked = match (Fields { position, ..fields }).parse(kind) {
        Ok(checked) => checked,
        Err(wrong) => {
            let says = wrong.0.first().map(|(.., says)| says.clone()).unwrap_or_default();
            import.note("", format!("`{name}` is left out: {says}"));
            return Ok(None);
        }
    };
    if collection::store::list(work.tx(), user_id, kind, scope).await?.len() >= limit {
        import.note("", format!("`{name}` is left out: there is room for {limit} {what}"));
        return Ok(None);
    }
    let id = id_of(user_id, &import.format, kind.as_str(), key);
    let id = match collection::present(work, id).await? {
        // It was made by an earlier import, and has another name by now.
        Some(_) => return Ok(Some(id)),
        None => id,
    };
    let new = Collection::create(id, user_id, kind, project, checked, work.now());
    collection::add(work, &new).await?;
    Ok(Some(id))
}

/// Makes tasks of the file that are not there yet. Parents come before their parts, in the file too.
pub(super) async fn tasks(
    work: &mut Work<'_>,
    import: &mut Import,
    batch: &[interop::Task],
    from: usize,
    local: Local,
) -> Result<(), Error> {
    if batch.is_empty() {
        return Ok(());
    }
    work.ask_for_room().await?;
    let (user_id, format) = (work.user_id(), import.format.clone());
    let own = |key: &str| (format == "own").then(|| key.parse::<Uuid>().ok()).flatten();
    let made = |key: &str| id_of(user_id, &format, "task", key);
    let keys: BTreeSet<&str> =
        batch.iter().flat_map(|task| [Some(task.key.as_str()), task.parent.as_deref()]).flatten().collect();
    let candidates: Vec<Uuid> = keys.iter().flat_map(|key| [Some(made(key)), own(key)]).flatten().collect();
    let present: BTreeSet<_> = store::present(work.tx(), user_id, &candidates).await?.into_iter().collect();
    let there = |key: &str| own(key).into_iter().chain([made(key)]).find(|id| present.contains(id));
    for (index, task) in batch.iter().enumerate() {
        if there(&task.key).is_some() {
            import.present += 1;
            continue;
        }
        let parent = match task.parent.as_deref() {
            Some(key) => match there(key) {
                Some(id) => work.find(id).await?,
                None => work.find(made(key)).await?,
            },
            None => None,
        };
        let new = build(work, import, task, made(&task.key), parent.as_ref(), from + index, local);
        let new = if new.recurrence.is_some() { work.recur(None, new, local.zone, None).await? } else { new };
        work.create(new)?;
        import.made += 1;
    }
    Ok(())
}

fn build(
    work: &Work<'_>,
    import: &mut Import,
    task: &interop::Task,
    id: Uuid,
    parent: Option<&Task>,
    order: usize,
    local: Local,
) -> Task {
    let (user_id, now) = (work.user_id(), work.now());
    let places = import.places.as_ref();
    let project = task.project.as_ref().and_then(|key| places?.projects.get(key)).copied().unwrap_or(user_id);
    let section = task.section.as_ref().and_then(|key| places?.sections.get(key)).copied();
    let words = words(task, local);
    let due = task.due.map(|due| Due { date: due.date, time: due.time }).or(words.due);
    let recurs = task.completed_at.is_none().then(|| recurrence(task, words.repeat, due, local)).flatten();
    if recurs.is_none() && task.recurrence.is_some() && task.completed_at.is_none() {
        import.note(&task.title, "it recurs no more: how it does is not understood".to_owned());
    }
    let due = due.or_else(|| {
        let first = recurs.as_ref().and_then(|recurs| recurs.rule.first(local.today));
        first.map(|first| Due::on(first.date))
    });
    let mut tags: BTreeMap<_, _> = BTreeMap::new();
    for tag in &task.tags {
        tags.entry(name_key(tag)).or_insert_with(|| tag.clone());
    }
    if tags.len() > TAGS_MAX {
        import.note(&task.title, format!("{} of its tags are left out: a task has at most 20", tags.len() - TAGS_MAX));
    }
    let time = due.and_then(|due| due.time);
    Task {
        id,
        user_id,
        title: task.title.clone(),
        description: task.description.clone(),
        priority: Priority::of_rank(i64::from(task.priority)),
        project_id: parent.map_or(project, |parent| parent.project_id),
        section_id: parent.map_or(section, |parent| parent.section_id),
        parent_id: parent.map(|parent| parent.id),
        position: position(import, order),
        tags: tags.into_values().take(TAGS_MAX).collect(),
        due_date: due.map(|due| due.date),
        due_at: time.map(|(at, _)| at),
        due_zone: time.map(|(_, zone)| zone),
        start_date: task.start_date,
        deadline: task.deadline,
        reminders: reminders(task, due.as_ref(), local),
        recurrence: recurs,
        series_id: None,
        occurrence: None,
        completed: task.completed_at.is_some(),
        completed_at: task.completed_at,
        deleted_at: None,
        version: 1,
        created_at: task.created_at.unwrap_or(now).min(now),
        updated_at: now,
    }
}

fn reminders(task: &interop::Task, due: Option<&Due>, local: Local) -> Vec<Reminder> {
    let remind = |reminder: &interop::Reminder| match (reminder.at, reminder.minutes_before) {
        (Some(at), _) => Some(Reminder { at, minutes_before: None }),
        (None, Some(minutes)) => Reminder::before(minutes, due?, local.zone),
        (None, None) => None,
    };
    let mut reminders: Vec<_> = task.reminders.iter().filter_map(remind).collect();
    reminders.sort_by_key(|reminder| reminder.at);
    reminders.dedup_by_key(|reminder| reminder.at);
    reminders.truncate(REMINDERS_MAX);
    reminders
}

/// What the words of a file say of when a task is due.
#[derive(Default)]
struct Words {
    due: Option<Due>,
    repeat: Option<(Rule, bool)>,
}

fn words(task: &interop::Task, local: Local) -> Words {
    let Some(phrase) = &task.due_phrase else { return Words::default() };
    let zone = task.phrase_zone.unwrap_or(local.zone);
    let now: DateTime<Utc> = crate::kernel::zone::start_of_day(local.today, zone);
    let context = quick::Context {
        now,
        zone,
        week_start: chrono::Weekday::Mon,
        day_first: true,
        language: task.phrase_language.as_deref().map_or(local.language, Language::of),
        projects: &[],
    };
    // All of it must be a date: a title of one letter is what is left of it.
    let Ok(read) = quick::read(&format!("x {phrase}"), &context) else { return Words::default() };
    if read.title != "x" {
        return Words::default();
    }
    let due = read.due.and_then(|when| match when {
        When::Day(date) => Some(Due::on(date)),
        When::Time(time) => Due::at(crate::kernel::zone::instant(time, zone), zone),
    });
    Words { due, repeat: read.repeat.map(|repeat| (repeat.rule, repeat.from_completion)) }
}

fn recurrence(task: &interop::Task, words: Option<(Rule, bool)>, due: Option<Due>, local: Local) -> Option<Recurrence> {
    let told = task.recurrence.as_ref().and_then(|repeat| rule(repeat, task, due.map(|due| due.date), local));
    let (rule, from_completion) = told.or(words)?;
    let text = rule.describe(local.language);
    let from = if from_completion { From::Completion } else { From::Due };
    Some(Recurrence { rule, text, from, skip_while_open: true, except: Vec::new() })
}

fn rule(repeat: &Repeat, task: &interop::Task, due: Option<NaiveDate>, local: Local) -> Option<(Rule, bool)> {
    if let Some(rule) = repeat.rule.as_deref().and_then(|text| text.parse().ok()) {
        return Some((rule, repeat.from_completion));
    }
    let phrase = repeat.phrase.as_deref()?;
    let language = task.phrase_language.as_deref().map_or(local.language, Language::of);
    let read = read_phrase(phrase, language, due.unwrap_or(local.today))?;
    (read.len == phrase.trim_end().len()).then_some((read.rule, read.from_completion || repeat.from_completion))
}
