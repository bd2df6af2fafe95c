//! Marks: `#project/section`, `!1` and `p1`, `!30m`, `*tag` and `@tag`, `{deadline}`; the same in all languages.

use std::collections::HashMap;

use super::date::Sense;
use super::lex::{self, fold, nfc};
use super::reader::{Reader, compact};
use super::scan::{Pending, Slots, minutes};
use super::{Kind, MAX_LOOKUPS, MAX_NAME_WORDS, MAX_REMINDERS, MAX_TAGS, Project};

/// The longest content of `{…}`, in bytes; no date is longer.
const MAX_BRACES: usize = 60;
/// The most `/` of a word at which a name may end.
const MAX_SLASHES: usize = 4;
/// What may stand within a tag besides letters, digits and what is not ASCII.
const IN_TAG: [char; 7] = ['_', '-', '+', '&', '/', '.', '\''];

/// Where a task belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) project: usize,
    pub(super) section: Option<usize>,
}

/// The names of the projects, made ready when the first mark asks.
pub(super) struct Names<'a> {
    projects: &'a [Project<'a>],
    index: Option<Index>,
    lookups: usize,
}

/// Names as they are compared.
struct Index {
    names: HashMap<String, usize>,
    words: usize,
}

impl Index {
    /// Of names that are the same, the first counts.
    fn new<'n>(all: impl Iterator<Item = &'n str>) -> Self {
        let mut names = HashMap::new();
        let mut words = 0;
        for (at, name) in all.enumerate() {
            let key = joined(&fold(name));
            words = words.max(key.split(' ').count());
            if !key.is_empty() {
                names.entry(key).or_insert(at);
            }
        }
        Self { names, words: words.min(MAX_NAME_WORDS) }
    }
}

impl<'a> Names<'a> {
    pub(super) fn new(projects: &'a [Project<'a>]) -> Self {
        Self { projects, index: None, lookups: 0 }
    }

    fn index(&mut self) -> Option<&Index> {
        self.lookups += 1;
        let projects = self.projects;
        (self.lookups <= MAX_LOOKUPS)
            .then(|| &*self.index.get_or_insert_with(|| Index::new(projects.iter().map(|project| project.name))))
    }
}

/// Blanks joined, none at the ends.
pub(super) fn joined(text: &str) -> String {
    let mut joined = String::with_capacity(text.len());
    for word in text.split_whitespace() {
        if !joined.is_empty() {
            joined.push(' ');
        }
        joined.push_str(word);
    }
    joined
}

/// Reads the mark at a token: the place after it, if it was taken.
pub(super) fn mark(reader: &Reader, at: usize, names: &mut Names, slots: &mut Slots) -> Option<usize> {
    let token = reader.tokens.get(at)?;
    let whole = reader.text.get(token.start..token.end)?;
    let end = match whole.chars().next()? {
        '#' => place(reader, at, names, slots)?,
        '!' => shout(bare(whole), token.start, slots)?,
        '*' | '@' => tag(whole, token.start, slots)?,
        '{' => braces(reader, token.start, slots)?,
        _ => return None,
    };
    let rest = reader.tokens.get(at..)?;
    Some(at + rest.iter().take_while(|token| token.start < end).count())
}

/// Without the punctuation at its end.
fn bare(text: &str) -> &str {
    text.trim_end_matches(lex::PUNCTUATION)
}

/// Whether what was read ends there: at a blank, or at punctuation with a blank after it.
fn ends(text: &str, at: usize) -> bool {
    let rest = text.get(at..).unwrap_or_default();
    bare(rest.get(..rest.find(char::is_whitespace).unwrap_or(rest.len())).unwrap_or_default()).is_empty()
}

/// `1` to `4`, after `!` or `p`.
pub(super) fn priority(digit: &str, start: usize, end: usize, slots: &mut Slots) -> Option<()> {
    let value = match digit {
        "1" => 1,
        "2" => 2,
        "3" => 3,
        "4" => 4,
        _ => return None,
    };
    if slots.priority.is_none() {
        slots.priority = Some(value);
        slots.take(start, end, Kind::Priority);
    }
    Some(())
}

/// `!1` and `!30m`.
fn shout(mark: &str, start: usize, slots: &mut Slots) -> Option<usize> {
    let value = mark.get(1..)?;
    let end = start + mark.len();
    if priority(value, start, end, slots).is_some() {
        return Some(end);
    }
    let (count, unit) = compact(&fold(value))?;
    let minutes = minutes(count, unit)?;
    if slots.reminders.len() < MAX_REMINDERS {
        slots.reminders.push((Pending::Before(minutes), start));
        slots.take(start, end, Kind::Reminder);
    }
    Some(end)
}

/// `*errands`, `@errands`, `*"two words"`. Without quotes it begins with a letter: `@5pm` and `*2` are none.
fn tag(mark: &str, start: usize, slots: &mut Slots) -> Option<usize> {
    let value = mark.get(1..)?;
    let (name, length) = if let Some(quoted) = value.strip_prefix('"') {
        let close = quoted.find('"')?;
        let length = close + 3;
        (joined(quoted.get(..close)?), ends(mark, length).then_some(length)?)
    } else {
        let name = bare(value);
        let first = name.chars().next().is_some_and(|c| c.is_alphabetic() || c == '_' || !c.is_ascii());
        let rest = name.chars().all(|c| c.is_alphanumeric() || !c.is_ascii() || IN_TAG.contains(&c));
        ((first && rest).then(|| name.to_owned())?, name.len() + 1)
    };
    let name = nfc(&name).into_owned();
    if name.is_empty() || slots.tags.len() >= MAX_TAGS {
        return None;
    }
    let key = fold(&name);
    if slots.tags.iter().all(|known| fold(known) != key) {
        slots.tags.push(name);
    }
    slots.take(start, start + length, Kind::Tag);
    Some(start + length)
}

/// `{friday}`: a date and nothing else.
fn braces(reader: &Reader, start: usize, slots: &mut Slots) -> Option<usize> {
    let inner = reader.text.get(start + 1..)?;
    let close = inner.bytes().take(MAX_BRACES).position(|b| b == b'}')?;
    let end = start + close + 2;
    let text = inner.get(..close)?;
    let tokens = lex::tokens(text, reader.context.language);
    let moment = Reader { text, tokens: &tokens, origin: 0, ..*reader }.moment(0)?;
    let all = moment.next == tokens.len() && tokens.last().is_some_and(|last| !last.closed());
    if !all || !ends(reader.text, end) || slots.deadline.is_some() {
        return None;
    }
    let Some(Sense::Day(day)) = moment.sense.filter(|_| moment.clock.is_none() && moment.part.is_none()) else {
        return None;
    };
    slots.deadline = Some(day);
    slots.take(start, end, Kind::Deadline);
    Some(end)
}

/// `#home`, `#"Home office"`, `#home/garden`, `#home /garden`.
fn place(reader: &Reader, at: usize, names: &mut Names, slots: &mut Slots) -> Option<usize> {
    let token = reader.tokens.get(at)?;
    if slots.place.is_some() {
        return None;
    }
    let projects = names.projects;
    let (project, end) = longest(reader, at, token.start + 1, names.index()?)?;
    slots.take(token.start, end, Kind::Project);
    slots.place = Some(Place { project, section: None });
    let last = at + reader.tokens.get(at..)?.iter().take_while(|token| token.start < end).count();
    let direct = reader.text.get(end..).is_some_and(|rest| rest.starts_with('/'));
    let follows = reader.tokens.get(last).is_some_and(|next| reader.text.get(end..next.end).is_some_and(slash_next));
    let (place, start) = match (direct, follows) {
        (true, _) => (last.checked_sub(1)?, end),
        (false, true) => (last, reader.tokens.get(last)?.start),
        (false, false) => return Some(end),
    };
    let index = Index::new(projects.get(project)?.sections.iter().copied());
    if let Some((section, end)) = longest(reader, place, start + 1, &index) {
        slots.take(start, end, Kind::Section);
        slots.place = Some(Place { project, section: Some(section) });
        return Some(end);
    }
    Some(end)
}

/// Nothing but blanks, and then a `/`.
fn slash_next(text: &str) -> bool {
    text.trim_start().starts_with('/')
}

/// The longest known name that begins at a byte of a token, and where it ends.
fn longest(reader: &Reader, at: usize, from: usize, index: &Index) -> Option<(usize, usize)> {
    let text = reader.text;
    let ended = |end: usize| ends(text, end) || text.get(end..).is_some_and(|rest| rest.starts_with('/'));
    if let Some(quoted) = text.get(from..)?.strip_prefix('"') {
        let close = quoted.find('"')?;
        let end = from + close + 2;
        let found = index.names.get(&joined(&fold(quoted.get(..close)?)))?;
        return ended(end).then_some((*found, end));
    }
    let mut best = None;
    let mut before = String::new();
    for (place, token) in reader.tokens.iter().enumerate().skip(at).take(index.words) {
        let start = if place == at { from } else { token.start };
        let word = text.get(start..token.end)?;
        let slashes = word.char_indices().filter(|(_, c)| *c == '/').map(|(at, _)| at).take(MAX_SLASHES);
        let mut ends: Vec<usize> = slashes.chain([bare(word).len(), word.len()]).collect();
        ends.sort_unstable();
        ends.dedup();
        let found = ends.iter().rev().find_map(|end| {
            let name = format!("{before}{}", fold(word.get(..*end)?));
            Some((*index.names.get(&name)?, start + end))
        });
        best = found.or(best);
        before.push_str(&fold(word));
        before.push(' ');
    }
    best
}
