//! Walks the line once and fills the slots of a task; what is taken first stays.

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, Offset, TimeZone, Timelike, Utc};
use chrono_tz::Tz;

use super::clock::Clock;
use super::date::Sense;
use super::lex::{Form, Glue, Token};
use super::marks::{Names, Place};
use super::moment::Moment;
use super::reader::Reader;
use super::words::{Class, Part, Unit};
use super::{Context, Kind, MAX_REMINDERS, MAX_REPEAT_LOOKUPS, MAX_REPEAT_WORDS, Repeat};
use crate::recurrence::{Language, read_phrase};

/// The most dates of a list that are passed over together.
const MAX_LISTED: usize = 10;

/// How many words of a phrase of repetition come at most before the one that makes it such:
/// `the first monday and third friday of every month`.
const MAX_REPEAT_LEAD: usize = 12;

/// A part of the line that was understood, in bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Taken {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) kind: Kind,
}

/// A reminder whose day may depend on when the task is due.
#[derive(Clone, Copy, Debug)]
pub(super) enum Pending {
    Before(u32),
    Exact(NaiveDateTime),
    At { day: Option<NaiveDate>, time: NaiveTime },
}

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Slots {
    pub(super) day: Option<NaiveDate>,
    pub(super) exact: Option<NaiveDateTime>,
    pub(super) clock: Option<Clock>,
    pub(super) part: Option<Part>,
    pub(super) start: Option<NaiveDate>,
    pub(super) deadline: Option<NaiveDate>,
    pub(super) repeat: Option<Repeat>,
    pub(super) priority: Option<u8>,
    pub(super) place: Option<Place>,
    pub(super) tags: Vec<String>,
    /// Each with the first byte of what it took.
    pub(super) reminders: Vec<(Pending, usize)>,
    pub(super) taken: Vec<Taken>,
}

impl Slots {
    pub(super) fn take(&mut self, start: usize, end: usize, kind: Kind) {
        self.taken.push(Taken { start, end, kind });
    }

    fn takes_date(&mut self, moment: &Moment) -> bool {
        let dated = self.day.is_some() || self.exact.is_some();
        let timed = self.clock.is_some() || self.exact.is_some();
        match moment.sense {
            Some(Sense::Nonsense) => return false,
            Some(_) if dated => return false,
            Some(Sense::Exact(_)) if timed => return false,
            _ if moment.clock.is_some() && timed => return false,
            Some(Sense::Exact(time)) => self.exact = Some(time),
            Some(Sense::Day(day)) => self.day = Some(day),
            None => {}
        }
        self.clock = self.clock.or(moment.clock);
        self.part = self.part.or(moment.part);
        true
    }
}

/// The civil time of an instant in a zone, to the minute; nothing at the ends of time.
pub(super) fn civil(instant: DateTime<Utc>, zone: Tz) -> Option<NaiveDateTime> {
    let naive = instant.naive_utc();
    naive.checked_add_offset(zone.offset_from_utc_datetime(&naive).fix()).map(minute)
}

/// A time cut to its minute.
pub(super) fn minute(time: NaiveDateTime) -> NaiveDateTime {
    time.with_second(0).and_then(|time| time.with_nanosecond(0)).unwrap_or(time)
}

/// Finds all that a line says.
pub(super) fn scan(text: &str, tokens: &[Token], context: &Context) -> Slots {
    let now = now(context);
    let reader = Reader { text, tokens, context, now, origin: 0 };
    let mut scan =
        Scan { reader, slots: Slots::default(), names: Names::new(context.projects), taken_to: 0, repeats: 0 };
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        let before = scan.slots.taken.len();
        let next = match &token.form {
            Form::Literal(_) => None,
            Form::Mark => scan.mark(at),
            Form::Word => scan.phrase(at, token),
        };
        at = next.unwrap_or(0).max(at + 1);
        if scan.slots.taken.len() > before {
            scan.taken_to = at;
        }
    }
    scan.slots
}

/// The present in the person's zone.
pub(super) fn now(context: &Context) -> NaiveDateTime {
    civil(context.now, context.zone).unwrap_or_else(|| minute(context.now.naive_utc()))
}

struct Scan<'a> {
    reader: Reader<'a>,
    slots: Slots,
    names: Names<'a>,
    /// The place after the last phrase or mark that was taken.
    taken_to: usize,
    /// How often a phrase of repetition was looked for.
    repeats: usize,
}

impl Scan<'_> {
    fn mark(&mut self, at: usize) -> Option<usize> {
        super::marks::mark(&self.reader.from(at), at, &mut self.names, &mut self.slots)
    }

    /// What begins with a word: the place after it, whether it was taken or stays in the title as a whole.
    fn phrase(&mut self, at: usize, token: &Token) -> Option<usize> {
        let digit = token.fold.strip_prefix('p').unwrap_or_default();
        if super::marks::priority(digit, token.start, token.core, &mut self.slots).is_some() {
            return Some(at + 1);
        }
        let reader = self.reader.from(at);
        if let Some(next) = reader.has(at, Class::Remind).and_then(|next| self.reminder(at, next)) {
            return Some(next);
        }
        if let Some(next) = self.repeat(at, token) {
            return Some(next);
        }
        if let Some(next) = self.part_of_series(at).or_else(|| self.until(at)) {
            return Some(next);
        }
        if let Some(next) = reader.has(at, Class::Deadline).and_then(|next| self.deadline(at, next)) {
            return Some(next);
        }
        if self.blocked(at, token) {
            return reader.moment(at).map(|moment| self.passed(moment.next));
        }
        if let Some(next) = reader.has(at, Class::Start).and_then(|next| self.start(at, next)) {
            return Some(next);
        }
        let moment = reader.moment(at)?;
        if self.slots.takes_date(&moment) {
            self.take(at, moment.next, Kind::Due);
        }
        Some(moment.next)
    }

    fn take(&mut self, at: usize, next: usize, kind: Kind) {
        let tokens = self.reader.tokens;
        if let (Some(first), Some(last)) = (tokens.get(at), next.checked_sub(1).and_then(|last| tokens.get(last))) {
            self.slots.take(first.start, last.core, kind);
        }
    }

    /// The word before says that a date or a time here is not meant; so does an ordinal (`the 2nd friday`), and a unit
    /// before `from` and the like (`a week from monday`).
    fn blocked(&self, at: usize, token: &Token) -> bool {
        let Some(last) = at.checked_sub(1).filter(|_| at != self.taken_to && token.glue == Glue::Space) else {
            return false;
        };
        // `every single friday`, which is no phrase of repetition.
        let weekday = token.classes.iter().any(|class| matches!(class, Class::Day(_)));
        let every = last.checked_sub(1).and_then(|at| self.reader.tokens.get(at));
        if weekday && every.is_some_and(|e| [Class::Repeat, Class::Block].iter().all(|c| e.classes.contains(c))) {
            return true;
        }
        let start = token.classes.contains(&Class::Start);
        let before = self.reader.tokens.get(last).map_or(&[][..], |token| token.classes);
        before.iter().any(|class| match class {
            Class::Block => true,
            Class::Unit(unit) => start || *unit == Unit::Week,
            _ => false,
        }) || self.reader.from(last).ordinal(last).is_some()
    }

    /// The place after what is not taken and all that is listed with it (`between monday and friday`).
    fn passed(&self, mut next: usize) -> usize {
        let reader = self.reader;
        for _ in 0..MAX_LISTED {
            let reader = reader.from(next);
            let Some(link) = reader.has(next, Class::Link).or_else(|| reader.has(next, Class::To)) else { break };
            let Some(moment) = reader.moment(link) else { break };
            next = moment.next;
        }
        next
    }

    /// `every 2 weeks`, as the room `recurrence` reads it.
    fn repeat(&mut self, at: usize, token: &Token) -> Option<usize> {
        let reader = self.reader;
        let following = reader.tokens.get(at..)?.iter().take(MAX_REPEAT_WORDS);
        let last = following.take_while(|token| token.form == Form::Word).last()?;
        let words = reader.text.get(token.start..last.end)?;
        let mut first = reader.tokens.get(at..)?.iter().take(MAX_REPEAT_LEAD);
        let likely = first.any(|token| token.classes.contains(&Class::Repeat));
        self.repeats += usize::from(likely);
        if !likely || self.repeats > MAX_REPEAT_LOOKUPS {
            return None;
        }
        let phrase = read_phrase(words, reader.context.language, reader.today())?;
        let mut end = token.start + phrase.len;
        let next = at + reader.tokens.get(at..)?.iter().take_while(|token| token.start < end).count();
        let last = reader.tokens.get(next.checked_sub(1)?)?;
        if reader.text.get(end..last.core) == Some(".") {
            end = last.core;
        }
        // A phrase ends with a word. A single one with a capital within an English line is a name (`Daily Mail`).
        let name = next == at + 1 && at > 0 && reader.context.language == Language::En;
        let capital = reader.text.get(token.start..end)?.starts_with(char::is_uppercase);
        if next <= at || end < last.core || end > last.end || name && capital {
            return None;
        }
        // `the 15th of every month` is not every month from today.
        let of = at != self.taken_to
            && at.checked_sub(1).is_some_and(|last| reader.from(last).has(last, Class::Of).is_some());
        if of {
            return Some(next);
        }
        if self.slots.repeat.is_none() {
            self.slots.repeat = Some(Repeat { rule: phrase.rule, from_completion: phrase.from_completion });
            self.slots.take(token.start, end, Kind::Repeat);
        }
        Some(next)
    }

    /// `evening` directly after `every friday`.
    fn part_of_series(&mut self, at: usize) -> Option<usize> {
        let follows = at == self.taken_to && self.slots.taken.last().is_some_and(|taken| taken.kind == Kind::Repeat);
        if !follows || self.slots.part.is_some() {
            return None;
        }
        let (part, next) = self.reader.from(at).part(at)?;
        // In Spanish `cada lunes mañana` is of tomorrow; of the morning it would be `por la mañana`.
        if next == at + 1 && self.reader.context.language == Language::Es {
            return None;
        }
        self.slots.part = Some(part);
        self.take(at, next, Kind::Due);
        Some(next)
    }

    /// `until friday`, where the line has a repetition without an end.
    fn until(&mut self, at: usize) -> Option<usize> {
        let reader = self.reader.from(at);
        let found = reader.date(reader.has(at, Class::Until)?)?;
        let repeat = self.slots.repeat.as_mut()?;
        if let Sense::Day(day) = found.sense
            && repeat.rule.count().is_none()
            && repeat.rule.until().is_none()
        {
            repeat.rule = repeat.rule.with_until(day);
            self.take(at, found.next, Kind::Repeat);
        }
        Some(found.next)
    }

    /// `deadline friday`. It has no time: with one, all of it stays in the title.
    fn deadline(&mut self, at: usize, next: usize) -> Option<usize> {
        let reader = self.reader.from(at);
        let colon = reader
            .tokens
            .get(next.checked_sub(1)?)
            .is_some_and(|word| reader.text.get(word.core..word.end) == Some(":"));
        let moment = if colon { reader.from(next) } else { reader }.moment(next)?;
        let alone = moment.clock.is_none() && moment.part.is_none();
        if let Some(Sense::Day(day)) = moment.sense
            && alone
            && self.slots.deadline.is_none()
        {
            self.slots.deadline = Some(day);
            self.take(at, moment.next, Kind::Deadline);
        }
        Some(moment.next)
    }

    /// `starting monday`. A time after it is that of the task.
    fn start(&mut self, at: usize, next: usize) -> Option<usize> {
        let found = self.reader.from(at).date(next)?;
        if let (Sense::Day(day), None) = (found.sense, self.slots.start) {
            self.slots.start = Some(day);
            self.take(at, found.next, Kind::Start);
        }
        Some(found.next)
    }

    /// `remind me 1h before`, `remind me tomorrow at 4pm`.
    fn reminder(&mut self, at: usize, next: usize) -> Option<usize> {
        let reader = self.reader.from(at);
        let language = reader.context.language;
        let next = reader.skip(next, Class::Me);
        if let Some((count, unit, next)) = before(&reader, next) {
            self.remind(at, next, Pending::Before(minutes(count, unit)?));
            return Some(next);
        }
        let moment = reader.moment(next)?;
        let pending = match (moment.sense, moment.clock) {
            (Some(Sense::Exact(time)), None) => Pending::Exact(time),
            (Some(Sense::Day(day)), Some(clock)) => {
                Pending::At { day: Some(day), time: clock.time(moment.part, language) }
            }
            (None, Some(clock)) => Pending::At { day: None, time: clock.time(moment.part, language) },
            (Some(Sense::Nonsense), _) => return Some(moment.next),
            // `remind me tomorrow to …` is about the task.
            _ => return None,
        };
        // `Remind me at 4pm to call`: the title is `call`.
        let to = at == 0 && language == Language::En && reader.fold(moment.next) == "to";
        let next = moment.next + usize::from(to);
        self.remind(at, next, pending);
        Some(next)
    }

    fn remind(&mut self, at: usize, next: usize, pending: Pending) {
        if self.slots.reminders.len() < MAX_REMINDERS {
            let start = self.reader.tokens.get(at).map_or(0, |token| token.start);
            self.slots.reminders.push((pending, start));
            self.take(at, next, Kind::Reminder);
        }
    }
}

/// `1 hour before`.
fn before(reader: &Reader, at: usize) -> Option<(u32, Unit, usize)> {
    let (count, unit, next, _) = reader.amount(at)?;
    let next = reader.has(next, Class::Before)?;
    reader.ends(next).then_some((count, unit, next))
}

/// The minutes of a span of time; months and years have no fixed number of them.
pub(super) fn minutes(count: u32, unit: Unit) -> Option<u32> {
    let each = match unit {
        Unit::Minute => 1,
        Unit::Hour => 60,
        Unit::Day => 24 * 60,
        Unit::Week => 7 * 24 * 60,
        Unit::Month | Unit::Year => return None,
    };
    count.checked_mul(each)
}
