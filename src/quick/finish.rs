//! Makes the result of the slots: the due date from its parts, the reminders, the spans and the title.

use chrono::{Datelike, Days, NaiveDate, NaiveDateTime, NaiveTime};

use super::date::LAST_YEAR;
use super::lex::{Form, PUNCTUATION, Token, nfc};
use super::marks::joined;
use super::scan::{Pending, Slots, Taken, now};
use super::{Context, Error, Kind, Reminder, Span, Understood, When};
use crate::recurrence::Rule;

/// How far ahead the first day of a series is looked for: in any year, each day of a year comes.
const MAX_FIRST_DAYS: usize = 366;

/// The result for a line.
pub(super) fn understood(
    text: &str,
    tokens: &[Token],
    mut slots: Slots,
    context: &Context,
) -> Result<Understood, Error> {
    let now = now(context);
    let mut due = due(&slots, context, now);
    if due.is_none() && slots.repeat.is_some() {
        // A rule that never comes is none.
        slots.repeat = None;
        slots.taken.retain(|taken| taken.kind != Kind::Repeat);
        due = self::due(&slots, context, now);
    }
    if due.is_none() {
        // A time that would be past the last year.
        slots.taken.retain(|taken| taken.kind != Kind::Due);
    }
    if slots.start.is_some_and(|start| due.is_some_and(|due| start > due.day())) {
        slots.start = None;
        slots.taken.retain(|taken| taken.kind != Kind::Start);
    }
    let reminders = reminders(&mut slots, due, now);
    slots.taken.sort_unstable_by_key(|taken| taken.start);
    let title = title(text, tokens, &slots.taken);
    if title.is_empty() {
        return Err(Error::NoTitle);
    }
    Ok(Understood {
        title,
        due,
        start: slots.start,
        deadline: slots.deadline,
        repeat: slots.repeat,
        priority: slots.priority,
        project: slots.place.map(|place| place.project),
        section: slots.place.and_then(|place| place.section),
        tags: slots.tags,
        reminders,
        spans: spans(text, &slots.taken),
    })
}

fn due(slots: &Slots, context: &Context, now: NaiveDateTime) -> Option<When> {
    when(slots, context, now).filter(|due| due.day().year() <= LAST_YEAR)
}

fn when(slots: &Slots, context: &Context, now: NaiveDateTime) -> Option<When> {
    if let Some(exact) = slots.exact {
        return Some(When::Time(exact));
    }
    let clock = slots.clock.map(|clock| clock.time(slots.part, context.language));
    let over = |day: NaiveDate, time: NaiveTime| day.and_time(time) <= now;
    let at =
        |day: NaiveDate, time: Option<NaiveTime>| time.map_or(When::Day(day), |time| When::Time(day.and_time(time)));
    if let Some(day) = slots.day {
        let part = slots.part.map(super::words::Part::time).filter(|time| !over(day, *time));
        return Some(at(day, clock.or(part)));
    }
    let base = slots.start.map_or(now.date(), |start| start.max(now.date()));
    if let Some(repeat) = &slots.repeat {
        let time = clock.or(slots.part.map(super::words::Part::time));
        let first = first(&repeat.rule, base)?;
        let late = time.is_some_and(|time| over(first, time));
        let later = first.succ_opt().filter(|_| late).and_then(|next| self::first(&repeat.rule, next));
        return Some(at(later.unwrap_or(first), time));
    }
    let time = clock?;
    let day = if over(base, time) { base.checked_add_days(Days::new(1))? } else { base };
    Some(at(day, clock))
}

/// The first day on or after another on which a series of the rule can begin: `every 2 weeks on tuesday` begins on the
/// next Tuesday, and `every january` on its first day, whatever the day of writing.
fn first(rule: &Rule, from: NaiveDate) -> Option<NaiveDate> {
    // From its first day on the rule counts its weeks or years, so that the interval does not matter for that day.
    let each: Vec<_> =
        rule.to_string().split(';').filter(|part| !part.starts_with("INTERVAL=")).map(str::to_owned).collect();
    let each: Rule = each.join(";").parse().ok()?;
    let bound = each.first(from)?.date;
    let mut days = from.iter_days().take(MAX_FIRST_DAYS).take_while(|day| *day < bound);
    let first = days.find(|day| each.first(*day).is_some_and(|first| first.date == *day)).unwrap_or(bound);
    rule.first(first).map(|first| first.date)
}

/// The reminders that make sense; the others go back to the title.
fn reminders(slots: &mut Slots, due: Option<When>, now: NaiveDateTime) -> Vec<Reminder> {
    let mut reminders = Vec::new();
    for (pending, start) in std::mem::take(&mut slots.reminders) {
        match reminder(pending, due, now) {
            Some(reminder) if reminders.contains(&reminder) => {}
            Some(reminder) => reminders.push(reminder),
            None => slots.taken.retain(|taken| taken.start != start),
        }
    }
    reminders
}

fn reminder(pending: Pending, due: Option<When>, now: NaiveDateTime) -> Option<Reminder> {
    let at = match pending {
        Pending::Before(minutes) => return due.map(|_| Reminder::Before(minutes)),
        Pending::Exact(time) => time,
        Pending::At { day: Some(day), time } => day.and_time(time),
        Pending::At { day: None, time } => match due {
            Some(due) => due.day().and_time(time),
            None if now.date().and_time(time) <= now => now.date().checked_add_days(Days::new(1))?.and_time(time),
            None => now.date().and_time(time),
        },
    };
    let late = matches!(due, Some(When::Time(due)) if at > due);
    (at > now && at.year() <= LAST_YEAR && !late).then_some(Reminder::At(at))
}

/// What is not taken, without what protected it.
fn title(text: &str, tokens: &[Token], taken: &[Taken]) -> String {
    let mut title = String::with_capacity(text.len());
    let mut taken = taken.iter().peekable();
    for token in tokens {
        while taken.next_if(|taken| taken.end <= token.start).is_some() {}
        // A part that was taken begins with a token; what it leaves of its last token is at the end of that.
        let mut left = token.start;
        while let Some(part) = taken.next_if(|part| part.start <= left && part.end <= token.end) {
            left = part.end;
        }
        if let Some(part) = taken.peek()
            && part.start <= left
        {
            continue;
        }
        let rest = match &token.form {
            Form::Literal(inner) => inner,
            _ => text.get(left..token.end).unwrap_or_default(),
        };
        // Punctuation after what was taken goes to the word before, and goes away where there is none.
        if rest.is_empty() {
            continue;
        }
        let loose = left > token.start && rest.starts_with(PUNCTUATION);
        if loose && title.is_empty() {
            continue;
        }
        if !loose && !title.is_empty() {
            title.push(' ');
        }
        title.push_str(rest);
    }
    nfc(&joined(&title)).into_owned()
}

fn spans(text: &str, taken: &[Taken]) -> Vec<Span> {
    let mut spans = Vec::with_capacity(taken.len());
    let (mut byte, mut character) = (0, 0);
    for part in taken {
        let slice = text.get(part.start..part.end).unwrap_or_default();
        character += text.get(byte..part.start).unwrap_or_default().chars().count();
        let length = slice.chars().count();
        spans.push(Span { start: character, end: character + length, kind: part.kind, text: slice.to_owned() });
        character += length;
        byte = part.end;
    }
    spans
}
