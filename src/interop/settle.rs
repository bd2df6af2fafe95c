//! The rules that all formats share: bounds, names, references, the tree of tasks, their order.
//!
//! **Rule.** It repairs and notes; only too much of something is an error. It gives the same result for the same draft.

use std::collections::{HashMap, HashSet};

use super::error::{Error, Kind};
use super::notes::{At, Notes, quote};
use super::portable::{Due, Portable, Project, Repeat, SavedFilter, Section, Tag, Task};
use super::tree::{self, Change};
use super::{
    DEPTH_MAX, DESCRIPTION_MAX, NAME_MAX, OTHERS_MAX, PHRASE_MAX, REMINDERS_MAX, TAGS_MAX, TASKS_MAX, TITLE_MAX,
};
use super::{Draft, date};

/// What has no name is called this.
const UNTITLED: &str = "Untitled";

pub(super) fn settle(draft: Draft) -> Result<Portable, Error> {
    let Draft { projects, sections, filters, tags, tasks, mut notes } = draft;
    within(projects.len(), OTHERS_MAX, "projects")?;
    within(sections.len(), OTHERS_MAX, "sections")?;
    within(filters.len(), OTHERS_MAX, "saved filters")?;
    within(tags.len(), OTHERS_MAX, "tags")?;
    within(tasks.len(), TASKS_MAX, "tasks")?;

    let projects = settle_projects(projects, &mut notes);
    let sections = settle_sections(sections, &projects, &mut notes);
    let filters = settle_filters(filters, &mut notes);
    let tags = settle_tags(tags, &mut notes);
    let tasks = settle_tasks(tasks, &projects, &sections, &mut notes);
    Ok(Portable { projects, sections, filters, tags, tasks, notes: notes.list, more_notes: notes.more })
}

fn within(count: usize, most: usize, what: &'static str) -> Result<(), Error> {
    if count > most { Err(Error::new("", Kind::TooMany(what, most))) } else { Ok(()) }
}

/// The keys of the file, and whether each is taken.
struct Keys {
    taken: HashMap<String, bool>,
    /// The number of the next key that is made.
    next: usize,
}

impl Keys {
    fn of<'a>(keys: impl Iterator<Item = &'a String>) -> Self {
        Self { taken: keys.map(|key| (key.clone(), false)).collect(), next: 2 }
    }

    /// Takes a key. One that is empty or taken gets a number; references to it lead to the first that has it.
    fn take(&mut self, key: &mut String, at: At, notes: &mut Notes) {
        if !key.is_empty()
            && let Some(taken @ false) = self.taken.get_mut(key)
        {
            *taken = true;
            return;
        }
        let mut fresh = || {
            self.next += 1;
            format!("{key}#{}", self.next - 1)
        };
        // The number rises with each try, so this is no longer than the list of keys, for all of them together.
        let mut made = fresh();
        while self.taken.contains_key(&made) {
            made = fresh();
        }
        notes.add(at, "id", || format!("the key {} is empty or there twice; this is another one", quote(key)));
        *key = made;
    }
}

fn settle_projects(projects: Vec<(At, Project)>, notes: &mut Notes) -> Vec<Project> {
    let mut keys = Keys::of(projects.iter().map(|(_, project)| &project.key));
    let in_order = in_order(projects, |project| project.order);
    let each = in_order.into_iter().enumerate().map(|(order, (at, mut project))| {
        keys.take(&mut project.key, at, notes);
        name(&mut project.name, at, notes);
        color(&mut project.color);
        Project { order, ..project }
    });
    each.collect()
}

fn settle_sections(sections: Vec<(At, Section)>, projects: &[Project], notes: &mut Notes) -> Vec<Section> {
    let mut keys = Keys::of(sections.iter().map(|(_, section)| &section.key));
    let known: HashSet<&str> = projects.iter().map(|project| project.key.as_str()).collect();
    let in_order = in_order(sections, |section| section.order);
    let each = in_order.into_iter().enumerate().map(|(order, (at, mut section))| {
        keys.take(&mut section.key, at, notes);
        name(&mut section.name, at, notes);
        color(&mut section.color);
        if let Some(project) = section.project.take_if(|project| !known.contains(project.as_str())) {
            notes.add(at, "projectId", || format!("there is no project {}; it is in the inbox", quote(&project)));
        }
        Section { order, ..section }
    });
    each.collect()
}

fn settle_filters(filters: Vec<(At, SavedFilter)>, notes: &mut Notes) -> Vec<SavedFilter> {
    let mut keys = Keys::of(filters.iter().map(|(_, filter)| &filter.key));
    let in_order = in_order(filters, |filter| filter.order);
    let each = in_order.into_iter().enumerate().map(|(order, (at, mut filter))| {
        keys.take(&mut filter.key, at, notes);
        name(&mut filter.name, at, notes);
        color(&mut filter.color);
        SavedFilter { order, ..filter }
    });
    each.collect()
}

fn settle_tags(tags: Vec<(At, Tag)>, notes: &mut Notes) -> Vec<Tag> {
    let mut seen = HashSet::new();
    let each = tags.into_iter().filter_map(|(at, mut tag)| {
        name(&mut tag.name, at, notes);
        color(&mut tag.color);
        seen.insert(tag.name.to_lowercase()).then_some(tag)
    });
    each.collect()
}

fn settle_tasks(tasks: Vec<(At, Task)>, projects: &[Project], sections: &[Section], notes: &mut Notes) -> Vec<Task> {
    let mut keys = Keys::of(tasks.iter().map(|(_, task)| &task.key));
    let projects: HashSet<&str> = projects.iter().map(|project| project.key.as_str()).collect();
    let sections: HashMap<&str, Option<&str>> =
        sections.iter().map(|section| (section.key.as_str(), section.project.as_deref())).collect();
    let mut tasks = in_order(tasks, |task| task.order);
    for (order, (at, task)) in tasks.iter_mut().enumerate() {
        task.order = order;
        keys.take(&mut task.key, *at, notes);
        texts(task, *at, notes);
        settle_tags_of(task, *at, notes);
        times(task, *at, notes);
        if let Some(project) = task.project.take_if(|project| !projects.contains(project.as_str())) {
            notes.add(*at, "projectId", || format!("there is no project {}; it is in the inbox", quote(&project)));
        }
        let belongs = |section: &str| sections.get(section).is_some_and(|project| *project == task.project.as_deref());
        if task.section.as_deref().is_some_and(|section| !belongs(section)) {
            task.section = None;
            notes.add(*at, "sectionId", || "its project has no such section; it is in none".to_owned());
        }
    }
    let depth = link(&mut tasks, notes);
    let mut tasks: Vec<(usize, Task)> = tasks.into_iter().zip(depth).map(|((_, task), depth)| (depth, task)).collect();
    tasks.sort_by_key(|(depth, task)| (*depth, task.order));
    tasks.into_iter().map(|(_, task)| task).collect()
}

/// Parents: known, without cycles, not too deep, and their project and section are those of what is part of them. Gives
/// the depth of each.
fn link(tasks: &mut [(At, Task)], notes: &mut Notes) -> Vec<usize> {
    let index: HashMap<&str, usize> = tasks.iter().enumerate().map(|(at, (_, task))| (task.key.as_str(), at)).collect();
    let find = |(_, task): &(At, Task)| task.parent.as_deref().and_then(|parent| index.get(parent).copied());
    let mut parents: Vec<Option<usize>> = tasks.iter().map(find).collect();
    for ((at, task), parent) in tasks.iter().zip(&parents) {
        if let (Some(missing), None) = (&task.parent, parent) {
            notes.add(*at, "parentId", || format!("there is no task {}; it is part of none", quote(missing)));
        }
    }
    let (depth, changes) = tree::straighten(&mut parents);
    for (task, change) in changes {
        let text = match change {
            Change::Cut => "it is a part of itself through others; it is part of none".to_owned(),
            Change::Lifted => format!("it is nested deeper than {DEPTH_MAX} levels; it stands beside its parent"),
        };
        notes.add(tasks[task].0, "parentId", || text);
    }
    // Parents first, so that a whole branch follows its root.
    let mut by_depth: Vec<usize> = (0..tasks.len()).collect();
    by_depth.sort_by_key(|task| depth[*task]);
    for here in by_depth {
        let place = parents[here].map(|parent| {
            let parent = &tasks[parent].1;
            (parent.key.clone(), parent.project.clone(), parent.section.clone())
        });
        let (at, task) = &mut tasks[here];
        let Some((key, project, section)) = place else {
            task.parent = None;
            continue;
        };
        if task.project != project {
            notes.add(*at, "projectId", || "it is part of a task of another project; it goes there".to_owned());
        } else if task.section.is_some() && task.section != section {
            notes.add(*at, "sectionId", || "it is part of a task of another section; it goes there".to_owned());
        }
        (task.parent, task.project, task.section) = (Some(key), project, section);
    }
    depth
}

/// In the order that the file gives, and where that is the same, as they stand in the file.
fn in_order<T>(mut list: Vec<(At, T)>, order: impl Fn(&T) -> usize) -> Vec<(At, T)> {
    list.sort_by_key(|(_, item)| order(item));
    list
}

/// A name: trimmed, on one line, within its bound.
fn name(name: &mut String, at: At, notes: &mut Notes) {
    line(name);
    if name.is_empty() {
        UNTITLED.clone_into(name);
        notes.add(at, "name", || format!("it has no name; it is called {UNTITLED}"));
    }
    if cut(name, NAME_MAX) {
        notes.add(at, "name", || format!("the name is longer than {NAME_MAX} characters; it was cut"));
    }
}

/// `#rrggbb`, also where the `#` is missing; what is no colour is none.
fn color(color: &mut Option<String>) {
    *color = color.take().and_then(|text| {
        let digits = text.trim().trim_start_matches('#');
        let is_color = digits.len() == 6 && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
        is_color.then(|| format!("#{}", digits.to_ascii_lowercase()))
    });
}

fn texts(task: &mut Task, at: At, notes: &mut Notes) {
    let whole = (task.title.chars().nth(TITLE_MAX).is_some()).then(|| task.title.trim().to_owned());
    line(&mut task.title);
    if task.title.is_empty() {
        UNTITLED.clone_into(&mut task.title);
        notes.add(at, "title", || format!("it has no title; it is called {UNTITLED}"));
    }
    if cut(&mut task.title, TITLE_MAX) {
        notes.add(at, "title", || {
            format!("the title is longer than {TITLE_MAX} characters; it was cut, and the whole is in the description")
        });
        let whole = whole.unwrap_or_default();
        let between = if task.description.is_empty() { "" } else { "\n\n" };
        task.description = format!("{whole}{between}{}", task.description);
    }
    // PostgreSQL's text cannot hold it.
    if task.description.contains('\0') {
        task.description.retain(|c| c != '\0');
    }
    if cut(&mut task.description, DESCRIPTION_MAX) {
        notes.add(at, "description", || format!("it is longer than {DESCRIPTION_MAX} characters; it was cut"));
    }
}

/// Its tags: trimmed, on one line, within their bound, each once.
fn settle_tags_of(task: &mut Task, at: At, notes: &mut Notes) {
    let mut seen = HashSet::new();
    task.tags.retain_mut(|tag| {
        line(tag);
        if cut(tag, NAME_MAX) {
            notes.add(at, "tags", || format!("a tag is longer than {NAME_MAX} characters; it was cut"));
        }
        !tag.is_empty() && seen.insert(tag.to_lowercase())
    });
    if task.tags.len() > TAGS_MAX {
        let more = task.tags.len() - TAGS_MAX;
        notes.add(at, "tags", || format!("it has more than {TAGS_MAX} tags; {more} were left out"));
        task.tags.truncate(TAGS_MAX);
    }
}

/// Its dates within the range that is kept, its phrases and reminders within their bounds.
fn times(task: &mut Task, at: At, notes: &mut Notes) {
    task.priority = task.priority.min(4);
    if let Some(Due { time: Some((instant, zone)), .. }) = task.due {
        task.due = date::at_instant(instant, zone);
    }
    task.completed_at = task.completed_at.and_then(date::within);
    task.created_at = task.created_at.and_then(date::within);
    if task.due.is_some() {
        task.due_phrase = None;
    }
    let long = |text: &Option<String>| text.as_ref().is_some_and(|text| text.chars().nth(PHRASE_MAX).is_some());
    if long(&task.due_phrase) {
        task.due_phrase = None;
        notes.add(at, "dueDate", || format!("the date is longer than {PHRASE_MAX} characters; it was left out"));
    }
    let is_long = |repeat: &Repeat| long(&repeat.rule) || long(&repeat.phrase);
    if task.recurrence.take_if(|repeat| is_long(repeat)).is_some() {
        notes.add(at, "recurrence", || format!("it is longer than {PHRASE_MAX} characters; it was left out"));
    }
    task.recurrence.take_if(|repeat| repeat.rule.is_none() && repeat.phrase.is_none());
    task.reminders.retain(|reminder| reminder.at.is_some() != reminder.minutes_before.is_some());
    if task.reminders.len() > REMINDERS_MAX {
        let more = task.reminders.len() - REMINDERS_MAX;
        notes.add(at, "reminders", || format!("it has more than {REMINDERS_MAX} reminders; {more} were left out"));
        task.reminders.truncate(REMINDERS_MAX);
    }
}

/// On one line: control characters become blanks, and those at the ends go.
fn line(text: &mut String) {
    if text.chars().any(char::is_control) {
        *text = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    }
    let trimmed = text.trim();
    if trimmed.len() != text.len() {
        *text = trimmed.to_owned();
    }
}

/// Cuts a text to so many characters. Whether there was anything to cut.
fn cut(text: &mut String, most: usize) -> bool {
    // Most texts are short, and then the bytes say so.
    if text.len() <= most {
        return false;
    }
    let Some((end, _)) = text.char_indices().nth(most) else { return false };
    text.truncate(end);
    text.truncate(text.trim_end().len());
    true
}

#[cfg(test)]
#[path = "settle_tests.rs"]
mod tests;
