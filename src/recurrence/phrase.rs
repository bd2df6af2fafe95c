//! What a person writes becomes a rule: `every other friday until dec 31`, `jeden letzten Werktag im Monat`.
//!
//! One grammar for all languages, over the tables of [`super::words`]. Where several readings are possible, the one that
//! takes most of the text is it. What is ambiguous is not read: it is better to leave a text as it is than to make a rule
//! that was not meant. Decided: the weekend is Saturday and Sunday; a workday is Monday to Friday; `every second tuesday`
//! alone is not read in English (every other one, or the second of the month?), `every 2nd tuesday` is of the month;
//! `jeden zweiten Freitag` is every other one; `every january` is the day of the start, as in `FREQ=YEARLY;BYMONTH=1`.

use std::collections::BTreeSet;

use chrono::NaiveDate;

use super::form::{Form, What};
use super::items::{Item, Read};
use super::parts::{Day, Freq, WORKDAYS};
use super::token::{Token, tokens};
use super::words::Words;
use super::{Language, Rule};

/// A phrase that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Phrase {
    /// What it says.
    pub rule: Rule,
    /// It goes on from its completion ([`Rule::next_after_completion`]) and not from its last date.
    pub from_completion: bool,
    /// How much of the text it is, in bytes.
    pub len: usize,
}

/// The longest phrase of recurrence that `text` begins with, in whole words; what follows is ignored, and a time of day
/// is no part of it. `None` if there is none or if it is ambiguous. A date in it without a year is the next one on or
/// after `today`.
pub fn read_phrase(text: &str, language: Language, today: NaiveDate) -> Option<Phrase> {
    let reader = Reader { tokens: tokens(text, language), words: Words::of(language), language, today };
    let (rule, from_completion, end) = reader.phrase()?;
    let len = reader.tokens.get(end.checked_sub(1)?)?.end;
    Some(Phrase { rule, from_completion, len })
}

pub(super) struct Reader<'a> {
    pub(super) tokens: Vec<Token>,
    pub(super) words: &'a Words,
    pub(super) language: Language,
    pub(super) today: NaiveDate,
}

const COMPLETION: bool = true;
/// The interval of what no rule can say; [`Form::rule`] refuses it.
const NONE: u16 = 0;

/// Which days, of which unit of time.
type Core = (Form, usize);

impl Reader<'_> {
    fn phrase(&self) -> Option<(Rule, bool, usize)> {
        let before = self.any(0, self.words.completion);
        let at = before.map_or(0, |next| self.sign(next, ",").unwrap_or(next));
        let cores = [self.every(at), self.adverb(at), self.of_each(at), self.interval_after(at)];
        // The first of those that reach as far.
        let (completion, (mut form, at)) = cores.into_iter().flatten().rev().max_by_key(|(_, (_, end))| *end)?;
        let (completion, at) = self.suffixes(&mut form, completion || before.is_some(), at);
        if self.any(self.sign(at, ",").unwrap_or(at), self.words.except).is_some() {
            return None;
        }
        Some((form.rule()?, completion, at))
    }

    /// What begins with "every", or "every!" for from completion.
    fn every(&self, at: usize) -> Option<(bool, Core)> {
        let next = self.any(at, self.words.every)?;
        let bang = self.sign(next, "!").filter(|_| {
            let edge = |at: usize| self.tokens.get(at);
            edge(next - 1).zip(edge(next)).is_some_and(|(word, bang)| word.end == bang.start)
        });
        let at = bang.unwrap_or(next);
        let cores = [self.units(at), self.days(at), self.nth(at), self.dates(at), self.months(at)];
        let core = cores.into_iter().flatten().rev().max_by_key(|(_, end)| *end)?;
        Some((bang.is_some(), core))
    }

    /// `daily`, `weekly on monday`, `werktags`.
    fn adverb(&self, at: usize) -> Option<(bool, Core)> {
        let weekly = |days| Form::plain(Freq::Weekly, 1, What::Weekdays(days));
        if let Some(next) = self.any(at, self.words.workdays) {
            return Some((!COMPLETION, (weekly(WORKDAYS.to_vec()), next)));
        }
        if let Some((days, next)) = self.list(at, |at| self.lookup(at, self.words.habits)) {
            return Some((!COMPLETION, (weekly(days), next)));
        }
        let ((freq, interval), next) = self.lookup(at, self.words.adverbs)?;
        Some((!COMPLETION, self.clause(freq, interval, next)))
    }

    /// `the 15th of every month`.
    fn of_each(&self, at: usize) -> Option<(bool, Core)> {
        let monthly = || {
            let (items, next) = self.items(at)?;
            let next = self.any(next, self.words.each_month)?;
            Some((Form::plain(Freq::Monthly, 1, monthly(&items)?), next))
        };
        let yearly = || {
            let (form, next) = self.dates(at)?;
            Some((form, self.any(next, self.words.each_year)?))
        };
        Some((!COMPLETION, monthly().or_else(yearly)?))
    }

    /// `3 days after completion`.
    fn interval_after(&self, at: usize) -> Option<(bool, Core)> {
        let (number, next) = self.number(at)?;
        let ((freq, times), next) = self.lookup(next, self.words.units)?;
        let next = self.any(next, self.words.completion)?;
        Some((COMPLETION, (Form::plain(freq, product(number, times)?, What::Plain), next)))
    }

    /// How many of what follows: `other`, `3`, `third`.
    fn amount(&self, at: usize) -> (u32, usize) {
        if let Some(next) = self.any(at, self.words.other) {
            return (2, next);
        }
        if let Some(read) = self.number(at) {
            return read;
        }
        let ordinal =
            self.ordinal(at).and_then(|((n, _), next)| Some((u32::try_from(n).ok().filter(|n| *n > 1)?, next)));
        ordinal.unwrap_or((1, at))
    }

    /// `3 days`, `other week on friday`, `month on the 15th`.
    fn units(&self, at: usize) -> Option<Core> {
        let (amount, next) = self.amount(at);
        let ((freq, times), next) = self.lookup(next, self.words.units)?;
        Some(self.clause(freq, product(amount, times)?, next))
    }

    /// Adds the days that follow a unit, if they do.
    fn clause(&self, freq: Freq, interval: u16, at: usize) -> Core {
        let on = self.any(at, self.words.on);
        let from = on.unwrap_or(at);
        // "every day from monday to friday"
        let days = self.any(at, &["from", "von", "de"]).unwrap_or(from);
        if freq == Freq::Daily
            && interval == 1
            && let Some((days, next)) = self.weekdays(days).filter(|(days, _)| *days == WORKDAYS)
        {
            return (Form::plain(Freq::Weekly, 1, What::Weekdays(days)), next);
        }
        // "on the first"
        let bare = || {
            let (days, next) = self
                .list(from, |at| self.ordinal(at))
                .filter(|(_, next)| on.is_some() && self.ends(*next) && self.separator(*next).is_none())?;
            let days = days.iter().map(|(day, _)| i8::try_from(*day).ok());
            Some((What::MonthDays(days.collect::<Option<_>>()?), next))
        };
        let what = match freq {
            Freq::Daily => None,
            Freq::Weekly => self.week(from),
            Freq::Monthly => self
                .items(at)
                .and_then(|(items, next)| {
                    let behind = self.any(next, self.words.of_month);
                    let number = matches!(items.as_slice(), [Item::Day(_, false)]);
                    let meant = !number || behind.is_some() || on.is_some();
                    Some((monthly(&items)?, behind.unwrap_or(next))).filter(|_| meant)
                })
                .or_else(bare),
            Freq::Yearly => {
                let core = self.dates(from).or_else(|| self.nth_of(at));
                if let Some((form, next)) = core.as_ref().filter(|(form, _)| form.interval == NONE) {
                    return (form.clone(), *next);
                }
                core.map(|(form, next)| (form.what, next))
            }
        };
        let (what, next) = what.unwrap_or((What::Plain, at));
        (Form::plain(freq, interval, what), next)
    }

    fn week(&self, at: usize) -> Read<What> {
        let (days, next) = if let Some(next) = self.any(at, self.words.workday) {
            (WORKDAYS.to_vec(), next)
        } else if let Some(next) = self.any(at, self.words.weekend) {
            (vec![5, 6], next)
        } else {
            self.weekdays(at)?
        };
        Some((What::Weekdays(days), next))
    }

    /// `monday and friday`, `workday`, `other friday`.
    fn days(&self, at: usize) -> Option<Core> {
        let (amount, next) = match self.ordinal(at) {
            Some(((2, _), next)) if self.words.second_is_other => (2, next),
            Some(_) => return None,
            None => self.amount(at),
        };
        let interval = product(amount, 1)?;
        let (what, next) = self.week(next)?;
        let What::Weekdays(days) = &what else { return None };
        // "Every 2 mondays" is clear; every other workday is no rule of whole weeks.
        let workdays = interval > 1 && self.any(next - 1, self.words.workday) == Some(next);
        let several = self.number(at).is_some() && days.len() > 1;
        (!workdays && !several).then(|| (Form::plain(Freq::Weekly, interval, what), next))
    }

    /// `first monday of the month`, `15th`, `last workday of december`.
    fn nth(&self, at: usize) -> Option<Core> {
        let (items, next) = self.items(at)?;
        if let Some(next) = self.any(next, self.words.of_month) {
            return Some((Form::plain(Freq::Monthly, 1, monthly(&items)?), next));
        }
        let core = self.nth_of(at);
        if core.is_some() {
            return core;
        }
        let clear = match items.as_slice() {
            [Item::Day(_, false)] => self.ends(next),
            items => items.iter().all(|item| match item {
                Item::Nth(day, digits) => matches!(day.ordinal, 1 | -1) || *digits && !self.words.second_is_other,
                Item::Day(_, noun) => !noun,
                Item::Workday(_) => false,
            }),
        };
        Some((Form::plain(Freq::Monthly, 1, monthly(&items).filter(|_| clear)?), next))
    }

    /// `first monday of september and october`: of a year.
    fn nth_of(&self, at: usize) -> Option<Core> {
        let (items, next) = self.items(at)?;
        let (months, next) = self.list(self.any(next, self.words.of)?, |at| self.month(at))?;
        let what = match (monthly(&items)?, months.as_slice()) {
            (What::MonthDays(days), _) => What::Dates(months, days),
            (What::NthDays(days), _) => What::NthDaysOf(days, months),
            (What::Workday(position), [month]) => What::WorkdayOf(position, *month),
            _ => return None,
        };
        Some((Form::plain(Freq::Yearly, 1, what), next))
    }

    /// `24 december`, `dec 24 and dec 26`.
    fn dates(&self, at: usize) -> Option<Core> {
        let (dates, next) = self.list(at, |at| self.date_item(at))?;
        let each = |(month, days): (u8, Vec<i8>)| days.into_iter().map(move |day| (month, day));
        let all: BTreeSet<(u8, i8)> = dates.into_iter().flat_map(each).collect();
        let months: BTreeSet<u8> = all.iter().map(|(month, _)| *month).collect();
        let days: BTreeSet<i8> = all.iter().map(|(_, day)| *day).collect();
        // A rule has each of the days in each of the months. Another list is none, and not what a part of it would be.
        let interval = if months.len() * days.len() == all.len() { 1 } else { NONE };
        let what = What::Dates(months.into_iter().collect(), days.into_iter().collect());
        Some((Form::plain(Freq::Yearly, interval, what), next))
    }

    /// `january and july`.
    fn months(&self, at: usize) -> Option<Core> {
        let (months, next) = self.list(at, |at| self.month(at))?;
        let doubtful = months.len() == 1 && self.any(at, self.words.doubtful).is_some() && !self.ends(at + 1);
        (!doubtful).then(|| (Form::plain(Freq::Yearly, 1, What::Months(months)), next))
    }
}

/// Days of a month that one rule can say: all of a kind.
fn monthly(items: &[Item]) -> Option<What> {
    let nth = |item: &Item| if let Item::Nth(day, _) = item { Some(*day) } else { None };
    let day = |item: &Item| if let Item::Day(day, _) = item { Some(*day) } else { None };
    match items {
        [Item::Workday(position)] => Some(What::Workday(*position)),
        [Item::Nth(..), ..] => items.iter().map(nth).collect::<Option<Vec<Day>>>().map(What::NthDays),
        _ => items.iter().map(day).collect::<Option<Vec<i8>>>().map(What::MonthDays),
    }
}

fn product(amount: u32, times: u16) -> Option<u16> {
    u16::try_from(amount.checked_mul(u32::from(times))?).ok().filter(|interval| *interval > 0)
}

#[cfg(test)]
#[path = "phrase_tests.rs"]
mod tests;
