//! Times of day: `5pm`, `17:30`, `at 5`, `17 Uhr`, `a las 5 de la tarde`, `noon`.

use chrono::{NaiveTime, Timelike};

use super::reader::{Reader, number};
use super::words::{Class, Part};
use super::{AFTERNOON, EVENING, MORNING};
use crate::recurrence::Language;

/// A time of day as written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    time: NaiveTime,
    /// Nothing says which half of the day is meant.
    vague: bool,
    /// Only a number: in English, an early one is of the afternoon.
    bare: bool,
}

impl Clock {
    fn sure(hour: u32, minute: u32) -> Option<Self> {
        Some(Self { time: NaiveTime::from_hms_opt(hour, minute, 0)?, vague: false, bare: false })
    }

    fn vague(hour: u32, minute: u32, bare: bool) -> Option<Self> {
        let time = NaiveTime::from_hms_opt(hour, minute, 0)?;
        Some(Self { time, vague: (1..=12).contains(&hour), bare })
    }

    /// The time, given the part of the day that the line speaks of.
    pub(super) fn time(&self, part: Option<Part>, language: Language) -> NaiveTime {
        let later = match part {
            _ if !self.vague => false,
            Some(Part::Afternoon | Part::Evening) => self.time.hour() < 12,
            Some(Part::Noon) => self.time.hour() < 6,
            Some(Part::Morning) => false,
            None => self.bare && language == Language::En && self.time.hour() <= 6,
        };
        let hour = self.time.hour() + if later { 12 } else { 0 };
        self.time.with_hour(hour).unwrap_or(self.time)
    }
}

impl Part {
    /// The time that the part means where no other is given.
    pub(super) fn time(self) -> NaiveTime {
        match self {
            Self::Morning => MORNING,
            Self::Noon => NaiveTime::MIN.with_hour(12).unwrap_or(MORNING),
            Self::Afternoon => AFTERNOON,
            Self::Evening => EVENING,
        }
    }
}

impl Reader<'_> {
    /// A time, the part of the day said with it, and the place after both.
    pub(super) fn clock(&self, at: usize) -> Option<(Clock, Option<Part>, usize)> {
        let led = self.has(at, Class::At);
        let start = led.or_else(|| self.has(at, Class::By)).or_else(|| self.has(at, Class::For)).unwrap_or(at);
        let (clock, next) = self
            .named(start, start > at)
            .or_else(|| self.spelled(start, led.is_some()))
            .or_else(|| self.bare(start, led.is_some()))?;
        // Without a word between, the part belongs to what follows: `5:30 morning run`; German has `abends`.
        let direct = self.context.language == Language::De;
        match self.part(next).filter(|(_, after)| direct || *after > next + 1) {
            // `12 at night` is of this day or of the next.
            Some((Part::Evening | Part::Morning, _)) if clock.time.hour() == 12 => None,
            Some((part, next)) => Some((clock, Some(part), next)),
            None => Some((clock, None, next)),
        }
    }

    /// `in the morning`, `de la tarde`, `abends`.
    pub(super) fn part(&self, at: usize) -> Option<(Part, usize)> {
        let part = |class| if let Class::Part(part) = class { Some(part) } else { None };
        self.find(at, part).or_else(|| self.find(self.has(at, Class::PartLead)?, part))
    }

    /// Noon and midnight, where it is no `midnight snack`. In English a capital within the line makes it a name
    /// (`High Noon`).
    fn named(&self, at: usize, led: bool) -> Option<(Clock, usize)> {
        let (clock, next) = self.find(at, |class| match class {
            Class::Noon => Clock::sure(12, 0),
            Class::Midnight => Clock::sure(23, 59),
            _ => None,
        })?;
        let capital = self.text.get(self.word(at)?.start..)?.starts_with(char::is_uppercase);
        let name = capital && at > 0 && self.context.language == Language::En;
        // After a date the place is not the first of the phrase.
        (led || at > self.origin || !name && self.ends(next)).then_some((clock, next))
    }

    /// A time that shows it is one: by a colon, by `pm`, by `Uhr`.
    fn spelled(&self, at: usize, led: bool) -> Option<(Clock, usize)> {
        let word = self.fold(at);
        if !word.starts_with(|c: char| c.is_ascii_digit()) {
            return None;
        }
        let digits = word.find(|c: char| !c.is_ascii_digit() && c != ':' && c != '.').unwrap_or(word.len());
        let (figures, suffix) = word.split_at(digits);
        let half = match (suffix, self.context.language) {
            ("am" | "a.m" | "a.m.", Language::En | Language::Es) => Some((false, at + 1)),
            ("pm" | "p.m" | "p.m.", Language::En | Language::Es) => Some((true, at + 1)),
            ("", _) => self.find(at + 1, |class| match class {
                Class::Am => Some(false),
                Class::Pm => Some(true),
                _ => None,
            }),
            _ => None,
        };
        if let Some((later, next)) = half {
            let (hour, minute) = figures_of(figures, true)?;
            let hour = (1..=12).contains(&hour).then_some(hour % 12 + if later { 12 } else { 0 })?;
            return Some((Clock::sure(hour, minute)?, next));
        }
        if suffix.is_empty()
            && let Some(next) = self.oclock(at + 1, led)
        {
            let (hour, minute) = figures_of(figures, true)?;
            // `17 Uhr 30`
            if let Some((more, after)) = self.digits(next)
                && self.context.language == Language::De
                && self.fold(next).len() == 2
                && minute == 0
                && more < 60
            {
                return Some((Clock::vague(hour, more, false)?, after));
            }
            return Some((Clock::vague(hour, minute, self.context.language == Language::En)?, next));
        }
        let plain = suffix.is_empty() && figures.contains(':');
        let marked = suffix == "h" && (led || figures.contains(':'));
        if !plain && !marked {
            return None;
        }
        let (hour, minute) = figures_of(figures, false).or_else(|| Some((number(figures)?, 0)).filter(|_| marked))?;
        Some((Clock::vague(hour, minute, false)?, at + 1))
    }

    fn oclock(&self, at: usize, led: bool) -> Option<usize> {
        self.has(at, Class::OClock).or_else(|| self.has(at, Class::Hours).filter(|_| led))
    }

    /// A number after `at`, where nothing follows that it could count or number.
    fn bare(&self, at: usize, led: bool) -> Option<(Clock, usize)> {
        let word = self.fold(at);
        let word = if self.context.language == Language::De { word.trim_end_matches('.') } else { word };
        let hour = (led && word.len() <= 2).then(|| number(word))??;
        self.ends(at + 1).then_some((Clock::vague(hour, 0, word.len() == 1)?, at + 1))
    }
}

/// The hour and the minute of `17:30` or, where a dot is no doubt, of `17.30`; of `17` where minutes may be left out.
fn figures_of(figures: &str, short: bool) -> Option<(u32, u32)> {
    let two = |part: &str| (1..=2).contains(&part.len()).then(|| number(part)).flatten();
    match figures.split_once([':', '.']) {
        Some((hour, minute)) if minute.len() == 2 && (short || figures.contains(':')) => {
            Some((two(hour)?, two(minute).filter(|minute| *minute < 60)?))
        }
        None if short => Some((two(figures)?, 0)),
        _ => None,
    }
}
