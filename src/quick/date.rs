//! Days: `tomorrow`, `next friday`, `in 3 days`, `5 jan`, `the 15th`, `by march`. Those in digits are in `digits`.

use chrono::{Datelike, Days, Months, NaiveDate, NaiveDateTime, TimeDelta, Weekday};

use super::lex::Glue;
use super::reader::Reader;
use super::words::{Class, Part, Unit};
use crate::recurrence::Language;

/// A year-less 29 February is at most 8 years ahead.
const YEARS_AHEAD: i32 = 8;
/// A day 31 is at most two months ahead.
const MONTHS_AHEAD: u32 = 3;
/// The days of all results are in years of four digits.
pub(super) const LAST_YEAR: i32 = 9999;

/// What a phrase of a date says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sense {
    Day(NaiveDate),
    /// A time of a day, as `in 2 hours` says it.
    Exact(NaiveDateTime),
    /// It has the form of a date but is none, or none that is ahead: it stays in the title as a whole.
    Nonsense,
}

/// A phrase of a date: what it says, the part of the day that belongs to it, and the place after it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Found {
    pub(super) sense: Sense,
    pub(super) part: Option<Part>,
    pub(super) next: usize,
}

/// The word before a date.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lead {
    None,
    /// `for`, `due`
    Weak,
    By,
    On,
    /// The name of its weekday.
    Weekday,
}

impl Lead {
    /// It makes a date of a word that is also another one.
    pub(super) fn strong(self) -> bool {
        matches!(self, Self::By | Self::On | Self::Weekday)
    }
}

impl Found {
    /// A day, or nonsense where it is not one or over.
    pub(super) fn day(day: Option<NaiveDate>, today: NaiveDate, next: usize) -> Self {
        let day = day.filter(|day| *day >= today && day.year() <= LAST_YEAR);
        Self { sense: day.map_or(Sense::Nonsense, Sense::Day), part: None, next }
    }
}

impl Reader<'_> {
    /// The longest phrase of a date at a place.
    pub(super) fn date(&self, at: usize) -> Option<Found> {
        let mut lead = Lead::None;
        let mut start = at;
        for _ in 0..2 {
            let found = self.find(start, |class| match class {
                Class::On => Some(Lead::On),
                Class::By => Some(Lead::By),
                Class::For => Some(Lead::Weak),
                _ => None,
            });
            if let Some((found, next)) = found {
                (lead, start) = (found, next);
            }
        }
        self.in_digits(start, lead)
            .or_else(|| self.relative(start, lead))
            .or_else(|| self.weekday(start, lead))
            .or_else(|| self.near(start, lead))
            .or_else(|| self.within(start).filter(|_| lead == Lead::None))
            .or_else(|| self.calendar(start, lead))
            .or_else(|| self.day_alone(start, lead))
            .or_else(|| self.month_alone(start, lead))
    }

    fn ahead(&self, days: u64, part: Option<Part>, next: usize) -> Found {
        let day = self.today().checked_add_days(Days::new(days));
        Found { part, ..Found::day(day, self.today(), next) }
    }

    /// `today`, `tomorrow`, `tonight`, `the weekend`.
    fn near(&self, at: usize, lead: Lead) -> Option<Found> {
        if let Some(next) = self.has(at, Class::Tonight) {
            return Some(self.ahead(0, Some(Part::Evening), next));
        }
        if lead != Lead::On
            && let Some((days, next)) = self.find(at, |class| if let Class::Days(n) = class { Some(n) } else { None })
        {
            return Some(self.ahead(days, None, next));
        }
        if let Some((days, next)) = self.find(at, |class| if let Class::Short(n) = class { Some(n) } else { None }) {
            let token = self.word(at)?;
            let small = self.text.get(token.start..token.core)? == token.fold;
            let time = self.clock(next).is_some();
            return (at > 0 && small && (time || self.stops(next))).then(|| self.ahead(days, None, next));
        }
        let next = self.has(self.skip(at, Class::The), Class::Weekend).filter(|_| lead.strong())?;
        Some(Found::day(self.weekend(), self.today(), next))
    }

    /// The Saturday of this week's end; today where it is a day of it.
    fn weekend(&self) -> Option<NaiveDate> {
        let today = self.today();
        if today.weekday() == Weekday::Sun { Some(today) } else { coming(today, Weekday::Sat) }
    }

    fn week(&self) -> Option<NaiveDate> {
        coming(self.today().checked_add_days(Days::new(1))?, self.context.week_start)
    }

    /// What begins with `next`, `this` and `coming`, or is followed by a word of that meaning.
    fn relative(&self, at: usize, lead: Lead) -> Option<Found> {
        let today = self.today();
        let spanish = self.context.language == Language::Es;
        let start = self.skip(at, Class::The);
        let (kind, noun) = self
            .find(start, |class| matches!(class, Class::Next | Class::This | Class::Coming).then_some(class))
            .or_else(|| {
                // `la semana que viene`
                let (_, next) = self.unit(start).or_else(|| Some((Unit::Day, self.has(start, Class::Weekend)?)))?;
                self.has(next, Class::Following).map(|_| (Class::Next, start))
            })?;
        let after = |next: usize| self.skip(next, Class::Following);
        if let Some((weekday, next)) = self.any_weekday(noun) {
            let monday = if kind == Class::Next && !spanish {
                self.week().and_then(|week| coming(week, weekday))
            } else {
                coming(today.checked_add_days(Days::new(1))?, weekday)
            };
            return Some(self.confirmed(monday, weekday, after(next)));
        }
        if let Some(next) = self.has(noun, Class::Weekend) {
            let further = kind == Class::Next && !spanish;
            let day = self.weekend().and_then(|day| {
                let saturday = if day.weekday() == Weekday::Sun { day.pred_opt()? } else { day };
                if further { saturday.checked_add_days(Days::new(7)) } else { Some(day) }
            });
            return Some(Found::day(day, today, after(next)));
        }
        if kind == Class::This
            && lead == Lead::None
            && let Some((part, next)) = self.part(noun)
        {
            return Some(self.ahead(0, Some(part), next));
        }
        if let Some((month, next)) = self.month(noun) {
            // `next jan 5`
            return Some(self.calendar(noun, Lead::On).unwrap_or_else(|| self.first_of(month, next)));
        }
        let (unit, next) = self.unit(noun).filter(|_| kind != Class::This)?;
        let next = after(next);
        match unit {
            Unit::Week => {
                let day = self.week();
                match self.any_weekday(self.skip(next, Class::On)) {
                    Some((weekday, next)) => {
                        Some(self.confirmed(day.and_then(|day| coming(day, weekday)), weekday, next))
                    }
                    None => Some(Found::day(day, today, next)),
                }
            }
            Unit::Month => Some(Found::day(today.with_day(1)?.checked_add_months(Months::new(1)), today, next)),
            Unit::Year => Some(Found::day(NaiveDate::from_ymd_opt(today.year() + 1, 1, 1), today, next)),
            Unit::Minute | Unit::Hour | Unit::Day => None,
        }
    }

    /// A weekday where the words before it leave no doubt that it is one.
    fn any_weekday(&self, at: usize) -> Option<(Weekday, usize)> {
        self.find(at, |class| if let Class::Day(day) | Class::DayAlso(day) = class { Some(day) } else { None })
    }

    fn weekday(&self, at: usize, lead: Lead) -> Option<Found> {
        let (weekday, next) = self.any_weekday(at)?;
        let sure = self.find(at, |class| matches!(class, Class::Day(_)).then_some(())).is_some();
        // `sat 5pm`; in German, where `so` and `do` are other words, with its capital.
        let capital = self.text.get(self.word(at)?.start..)?.starts_with(char::is_uppercase);
        let named = capital || self.context.language != Language::De;
        let timed = || named && self.clock(next).is_some();
        if !sure && !lead.strong() && !timed() {
            return None;
        }
        if let Some((_, end)) = self.has(next, Class::To).and_then(|to| self.any_weekday(to)) {
            return Some(Found { sense: Sense::Nonsense, part: None, next: end });
        }
        // `friday last week`, `friday week`, `monday after next`: none of them is the coming one.
        let week = |at: usize| self.unit(at).filter(|(unit, _)| *unit == Unit::Week).map(|(_, next)| next);
        let second = (self.fold(next) == "after").then(|| self.has(next + 1, Class::Next)).flatten();
        if let Some(next) = self.has(next, Class::Past).or_else(|| week(next)).or(second) {
            return Some(Found { sense: Sense::Nonsense, part: None, next });
        }
        // `friday next week`, `friday of next week`
        let of = self.has(next, Class::Of);
        if let Some(next) = self.has(of.unwrap_or(next), Class::Next).and_then(week) {
            let day = self.week().and_then(|week| coming(week, weekday));
            return Some(self.confirmed(day, weekday, next));
        }
        if let Some(next) = of.filter(|_| self.context.language == Language::En) {
            return Some(Found { sense: Sense::Nonsense, part: None, next });
        }
        let next = self.skip(next, Class::Following);
        let day = self.today().checked_add_days(Days::new(1)).and_then(|tomorrow| coming(tomorrow, weekday));
        Some(self.confirmed(day, weekday, next))
    }

    /// A day of the week; where the date follows (`Friday, 4 December`) it is that, and must be such a day.
    fn confirmed(&self, day: Option<NaiveDate>, weekday: Weekday, next: usize) -> Found {
        let comma = self.tokens.get(next).is_some_and(|token| token.glue == Glue::Comma);
        let reader = if comma { self.from(next) } else { *self };
        let start = reader.skip(next, Class::On);
        let dated = reader
            .in_digits(start, Lead::Weekday)
            .or_else(|| reader.calendar(start, Lead::Weekday))
            .or_else(|| reader.day_alone(start, Lead::Weekday));
        match dated {
            Some(found) => match found.sense {
                Sense::Day(date) if date.weekday() == weekday => found,
                _ => Found { sense: Sense::Nonsense, ..found },
            },
            None => Found::day(day, self.today(), next),
        }
    }

    /// `in 3 days`, `in an hour`.
    pub(super) fn within(&self, at: usize) -> Option<Found> {
        let (count, unit, next, compact) = self.amount(self.has(at, Class::In)?)?;
        if compact && !self.ends(next) {
            return None;
        }
        let today = self.today();
        let day = match unit {
            Unit::Minute | Unit::Hour => {
                let minutes = i64::from(count) * if unit == Unit::Hour { 60 } else { 1 };
                let instant = self.context.now.checked_add_signed(TimeDelta::minutes(minutes));
                let civil = instant.and_then(|instant| super::scan::civil(instant, self.context.zone));
                let sense = civil.filter(|civil| civil.year() <= LAST_YEAR).map_or(Sense::Nonsense, Sense::Exact);
                return Some(Found { sense, part: None, next });
            }
            Unit::Day => today.checked_add_days(Days::new(u64::from(count))),
            Unit::Week => today.checked_add_days(Days::new(u64::from(count) * 7)),
            Unit::Month => today.checked_add_months(Months::new(count)),
            Unit::Year => today.checked_add_months(Months::new(count * 12)),
        };
        Some(Found::day(day, today, next))
    }

    fn month(&self, at: usize) -> Option<(u32, usize)> {
        self.find(at, |class| if let Class::Month(n) | Class::MonthAlso(n) = class { Some(n) } else { None })
    }

    /// `5 jan`, `jan 5th`, `5th of january 2027`, `5 de enero de 2027`.
    pub(super) fn calendar(&self, at: usize, lead: Lead) -> Option<Found> {
        let start = self.skip(at, Class::The);
        let (day, month, ordinal, next, doubt) = if let Some((day, ordinal, next)) = self.day_number(start) {
            let (month, next) = self.month(self.skip(next, Class::Of))?;
            (day, month, ordinal, next, next - 1)
        } else {
            let (month, next) = self.month(start)?;
            let (day, ordinal, next) = self.day_number(self.skip(next, Class::The))?;
            (day, month, ordinal, next, start)
        };
        let comma = self.tokens.get(next).is_some_and(|token| token.glue == Glue::Comma) && doubt == start;
        let reader = if comma { self.from(next) } else { *self };
        let year = reader.digits(reader.skip(next, Class::Of)).filter(|(year, _)| (1900..=9999).contains(year));
        let doubtful = self.find(doubt, |class| matches!(class, Class::MonthAlso(_)).then_some(())).is_some();
        if let Some((year, next)) = year {
            return Some(self.day_of(i32::try_from(year).ok(), month, day, next));
        }
        (ordinal || !doubtful || lead.strong() || self.ends(next)).then(|| self.day_of(None, month, day, next))
    }

    /// A number that can be a day, and whether it is an ordinal.
    fn day_number(&self, at: usize) -> Option<(u32, bool, usize)> {
        let (day, ordinal, next) = match self.ordinal(at) {
            Some((day, next)) => (day, true, next),
            None => self.digits(at).map(|(day, next)| (day, false, next))?,
        };
        (1..=31).contains(&day).then_some((day, ordinal, next))
    }

    /// A day of a month; without a year the next one.
    pub(super) fn day_of(&self, year: Option<i32>, month: u32, day: u32, next: usize) -> Found {
        let today = self.today();
        let date = match year {
            Some(year) => NaiveDate::from_ymd_opt(year, month, day),
            None => (today.year()..=today.year().saturating_add(YEARS_AHEAD))
                .filter_map(|year| NaiveDate::from_ymd_opt(year, month, day))
                .find(|date| *date >= today),
        };
        Found::day(date, today, next)
    }

    /// `the 15th`, `am 15.`, `el día 15`: a day of this month or the next that has it.
    fn day_alone(&self, at: usize, lead: Lead) -> Option<Found> {
        let spanish = self.context.language == Language::Es;
        let the = self.has(at, Class::The);
        let noun = if spanish { self.has(at, Class::Unit(Unit::Day)) } else { None };
        if the.is_none() && noun.is_none() && !lead.strong() {
            return None;
        }
        let start = noun.or(the).unwrap_or(at);
        let (day, ordinal, next) = self.day_number(start)?;
        // `the 2nd friday`
        if let Some((_, next)) = self.any_weekday(next).filter(|_| ordinal) {
            return Some(Found { sense: Sense::Nonsense, part: None, next });
        }
        let numbered = ordinal || spanish && lead != Lead::By;
        if !numbered || lead != Lead::Weekday && !self.ends(next) {
            return None;
        }
        let today = self.today();
        let first = today.with_day(1)?;
        let date = (0..=MONTHS_AHEAD)
            .filter_map(|months| first.checked_add_months(Months::new(months))?.with_day(day))
            .find(|date| *date >= today);
        Some(Found::day(date, today, next))
    }

    /// `by march`: its first day.
    fn month_alone(&self, at: usize, lead: Lead) -> Option<Found> {
        let (month, next) = self.month(at).filter(|_| lead.strong())?;
        Some(self.first_of(month, next))
    }

    /// The first day of a month; nonsense in that month itself, where nobody knows which year is meant.
    fn first_of(&self, month: u32, next: usize) -> Found {
        let year = self.digits(next).filter(|(year, _)| (1900..=9999).contains(year));
        if let Some((year, next)) = year {
            return self.day_of(i32::try_from(year).ok(), month, 1, next);
        }
        if self.today().month() == month {
            return Found { sense: Sense::Nonsense, part: None, next };
        }
        self.day_of(None, month, 1, next)
    }
}

/// The first such weekday on or after a day.
fn coming(day: NaiveDate, weekday: Weekday) -> Option<NaiveDate> {
    day.checked_add_days(Days::new(u64::from(weekday.days_since(day.weekday()))))
}
