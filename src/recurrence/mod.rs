//! Recurrence: `FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1`, which a person reads as "every last workday of the month".
//!
//! **Purpose.** A recurrence rule of RFC 5545 (section 3.3.10) over civil dates: it is read and printed as an RRULE value,
//! gives its dates one after the other, is described in a person's language ([`Rule::describe`]) and is read from what a
//! person writes ([`read_phrase`]).
//!
//! **Rule.** Pure: it imports nothing of the project and knows no clock; the start, the last date and `today` are
//! arguments. A task recurs by the day and has its time of day elsewhere, so what is finer than a day is refused.
//! `parse` and `print` are the RRULE text, `plan` → {`bits`, `civil`} the dates, `form` the rules that have a phrase,
//! `describe` and `phrase` → {`items`, `suffix`, `token`, `words`} the two directions between a form and a phrase.
//!
//! **Invariants.**
//! - What `Display` prints is accepted and parses to the same rule; two rules of the same parts print the same.
//! - The dates are those of RFC 5545: a start that does not match is no occurrence, a day that does not exist
//!   (31 April) is left out and not moved.
//! - [`Rule::next`] costs the same however far the last date is from the start: the phase of INTERVAL is computed.
//! - The Gregorian calendar repeats after 400 years, weekdays included, so a search that found nothing in that many
//!   years (in all phases) ends; nothing is after the year 9999. The bounds below hold for each rule that exists.
//! - What [`Rule::describe`] says of a rule that [`Rule::has_phrase`], [`read_phrase`] reads as that same rule.
//! - No text makes anything here panic.

mod bits;
mod civil;
mod clumsy;
mod describe;
mod error;
mod form;
mod items;
mod parse;
mod parts;
mod phrase;
mod plan;
mod print;
mod suffix;
mod token;
mod words;
mod words_de;
mod words_en;
mod words_es;

use chrono::NaiveDate;

pub use error::Error;
pub use phrase::{Phrase, read_phrase};

use parts::{End, Freq, Parts};
use plan::Plan;

/// The longest RRULE text, in characters.
pub const MAX_CHARACTERS: usize = 500;
/// The greatest INTERVAL; the least is 1.
pub const MAX_INTERVAL: u16 = 1_000;
/// The greatest COUNT; the least is 1.
pub const MAX_COUNT: u32 = 1_000_000_000;
/// The last year that has occurrences; the first is 1.
pub const MAX_YEAR: i32 = 9_999;
/// The most words and signs of a text that [`read_phrase`] looks at.
pub const MAX_PHRASE_TOKENS: usize = 96;

/// The languages that rules are described and read in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// English.
    En,
    /// German.
    De,
    /// Spanish.
    Es,
}

impl Language {
    /// The language of a locale (BCP 47); English where it is none of these.
    pub fn of(locale: &str) -> Self {
        match locale.split(['-', '_']).next().unwrap_or_default().to_ascii_lowercase().as_str() {
            "de" => Self::De,
            "es" => Self::Es,
            _ => Self::En,
        }
    }
}

/// A recurrence rule by the day. `FromStr` reads an RRULE value (with or without `RRULE:`), `Display` prints its
/// canonical form: upper case, the parts in one order, lists sorted and without repetition, WKST only where it matters.
///
/// A date-time in UNTIL is cut to the date that is written there, whatever its zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    freq: Freq,
    interval: u16,
    end: End,
    /// Days from Monday, 0 to 6; 0 where it changes nothing.
    week_start: u8,
    parts: Parts,
}

/// A date of a series.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Occurrence {
    /// The day.
    pub date: NaiveDate,
    /// Which one it is, from 1; COUNT is measured by it.
    pub number: u32,
}

impl Rule {
    /// The first date on or after `start`. What the rule does not say (the weekday of a plain weekly rule, the day of a
    /// monthly one) comes from `start`. `None` if there is none, or if `start` is not in the years 1 to 9999.
    pub fn first(&self, start: NaiveDate) -> Option<Occurrence> {
        self.at(&Plan::new(self, start)?, start, 1)
    }

    /// The date after `last` of the series that began at `start`; `None` when the series has ended.
    ///
    /// `last` need not match the rule: a date that a person moved goes on from where it is.
    pub fn next(&self, start: NaiveDate, last: Occurrence) -> Option<Occurrence> {
        self.at(&Plan::new(self, start)?, last.date.succ_opt()?.max(start), last.number.checked_add(1)?)
    }

    /// The dates from `start` on.
    pub fn occurrences(&self, start: NaiveDate) -> Occurrences<'_> {
        Occurrences { rule: self, plan: Plan::new(self, start), from: Some(start), number: 0 }
    }

    /// The next date of a series that goes on from its completion: the rule starts anew at `done`, and the date is its
    /// first one after that day. COUNT and UNTIL hold; the number goes on from `last`.
    pub fn next_after_completion(&self, done: NaiveDate, last: Occurrence) -> Option<Occurrence> {
        self.at(&Plan::new(self, done)?, done.succ_opt()?, last.number.checked_add(1)?)
    }

    /// The first date after `last` that is on or after `date`. The dates between are left out, and are counted: its
    /// number is the one that it has in the series. They are counted by whole periods, and by the calendar's cycle of 400
    /// years, and not one after the other.
    pub fn skip_to(&self, start: NaiveDate, last: Occurrence, date: NaiveDate) -> Option<Occurrence> {
        let plan = Plan::new(self, start)?;
        let next = last.date.succ_opt()?.max(start);
        let reached = self.at(&plan, next.max(date), 1)?;
        let between = plan.count(next, reached.date);
        let number = last.number.checked_add(between)?.checked_add(1)?;
        self.allows(number).then_some(Occurrence { number, ..reached })
    }

    /// How many occurrences there are at most, where the rule says so.
    pub fn count(&self) -> Option<u32> {
        match self.end {
            End::Count(count) => Some(count),
            End::Never | End::Until(_) => None,
        }
    }

    /// The last day on which there may be an occurrence, where the rule says so.
    pub fn until(&self) -> Option<NaiveDate> {
        match self.end {
            End::Until(date) => Some(date),
            End::Never | End::Count(_) => None,
        }
    }

    /// The same rule that ends on that day (inclusive), and no longer by COUNT. The day is brought into the years 1 to
    /// 9999.
    #[must_use]
    pub fn with_until(&self, date: NaiveDate) -> Self {
        Self { end: End::Until(civil::clamp(date)), ..self.clone() }
    }

    /// Every how many days, weeks, months or years it recurs.
    pub fn interval(&self) -> u16 {
        self.interval
    }

    /// The rule in words. Each rule has a description; one that [`Rule::has_phrase`] not has a clumsy one.
    pub fn describe(&self, language: Language) -> String {
        describe::describe(self, language)
    }

    /// Whether [`read_phrase`] reads the description of the rule as the same rule, in each language.
    pub fn has_phrase(&self) -> bool {
        form::Form::of(self).is_some()
    }

    fn at(&self, plan: &Plan<'_>, from: NaiveDate, number: u32) -> Option<Occurrence> {
        if !self.allows(number) || self.until().is_some_and(|until| from > until) {
            return None;
        }
        let date = plan.after(from)?;
        self.until().is_none_or(|until| date <= until).then_some(Occurrence { date, number })
    }

    fn allows(&self, number: u32) -> bool {
        self.count().is_none_or(|count| number <= count)
    }
}

/// The dates of a rule, as [`Rule::occurrences`] gives them.
#[derive(Clone, Debug)]
pub struct Occurrences<'a> {
    rule: &'a Rule,
    plan: Option<Plan<'a>>,
    from: Option<NaiveDate>,
    number: u32,
}

impl Iterator for Occurrences<'_> {
    type Item = Occurrence;

    fn next(&mut self) -> Option<Occurrence> {
        let from = self.from.take()?;
        let found = self.rule.at(self.plan.as_ref()?, from, self.number.checked_add(1)?)?;
        self.number = found.number;
        self.from = found.date.succ_opt();
        Some(found)
    }
}

#[cfg(test)]
#[path = "sample_tests.rs"]
mod sample;

#[cfg(test)]
#[path = "mod_tests.rs"]
mod tests;
