//! Dates, instants and date maths: `2026-12-01`, `now+7d`, `startOfWeek-1w`, `now/M`.

use std::fmt;

use chrono::{DateTime, Datelike as _, NaiveDate, SecondsFormat, Utc};

use super::ast::Field;
use super::error::{Fault, Kind};
use super::{MAX_STEPS, suggest};

/// A start and steps, which are taken one after another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct When {
    pub(super) base: Base,
    pub(super) steps: Vec<Step>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Base {
    Now,
    Today,
    Tomorrow,
    Yesterday,
    StartOfWeek,
    EndOfWeek,
    StartOfMonth,
    EndOfMonth,
    StartOfYear,
    EndOfYear,
    Date(NaiveDate),
    /// In whole microseconds.
    Instant(DateTime<Utc>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// At most six digits.
    Add(i32, Unit),
    /// To the beginning of the unit; not hours or minutes.
    Round(Unit),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    Minute,
    Hour,
    Day,
    Week,
    Month,
    Year,
}

const NAMES: [(&str, Base); 10] = [
    ("now", Base::Now),
    ("today", Base::Today),
    ("tomorrow", Base::Tomorrow),
    ("yesterday", Base::Yesterday),
    ("startOfWeek", Base::StartOfWeek),
    ("endOfWeek", Base::EndOfWeek),
    ("startOfMonth", Base::StartOfMonth),
    ("endOfMonth", Base::EndOfMonth),
    ("startOfYear", Base::StartOfYear),
    ("endOfYear", Base::EndOfYear),
];

const UNITS: [(char, Unit); 6] = [
    ('m', Unit::Minute),
    ('h', Unit::Hour),
    ('d', Unit::Day),
    ('w', Unit::Week),
    ('M', Unit::Month),
    ('y', Unit::Year),
];

impl When {
    /// Reads a word; the place of a fault is in bytes of it. `field` is for the sentence of an error.
    pub(super) fn parse(word: &str, field: Field) -> Result<Self, Fault> {
        let (base, length) = base(word, field)?;
        let mut steps = vec![];
        let mut at = length;
        while let Some(rest) = word.get(at..).filter(|rest| !rest.is_empty()) {
            if steps.len() == MAX_STEPS {
                return Err(Kind::TooManySteps.at(at));
            }
            let (step, length) = step(rest).map_err(|fault| Fault { at: at + fault.at, ..fault })?;
            steps.push(step);
            at += length;
        }
        Ok(Self { base, steps })
    }
}

/// What a word begins with, and its length in bytes.
fn base(word: &str, field: Field) -> Result<(Base, usize), Fault> {
    if word.starts_with(|c: char| c.is_ascii_digit()) {
        return if word.get(4..5) == Some("-") { literal(word) } else { Err(Kind::BadValue(field, None).at(0)) };
    }
    let length = word.find(|c: char| !c.is_alphabetic()).unwrap_or(word.len());
    let name = word.get(..length).unwrap_or_default();
    let known = NAMES.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
    let near = || suggest::near(name, NAMES.iter().map(|(known, _)| *known));
    known.map(|(_, base)| (*base, length)).ok_or_else(|| Kind::BadValue(field, near()).at(0))
}

/// A date, or an instant as RFC 3339 has it.
fn literal(word: &str) -> Result<(Base, usize), Fault> {
    let date = word.get(..10).and_then(date).ok_or(Kind::BadDate.at(0))?;
    let rest = word.get(10..).unwrap_or_default();
    if !rest.starts_with(['T', 't']) {
        return Ok((Base::Date(date), 10));
    }
    // The time, then `Z` or an offset such as +01:00.
    let time = rest.char_indices().skip(1).find(|(_, c)| !(c.is_ascii_digit() || matches!(c, ':' | '.')));
    let (zone_at, zone) = time.map_or((rest.len(), ' '), |(at, c)| (at, c));
    let length = 10 + zone_at + if matches!(zone, '+' | '-') { 6 } else { 1 };
    let instant = word.get(..length).and_then(|text| DateTime::parse_from_rfc3339(text).ok());
    let instant = instant.and_then(|at| DateTime::from_timestamp_micros(at.timestamp_micros()));
    match instant.filter(|at| (1..=9999).contains(&at.year())) {
        Some(at) => Ok((Base::Instant(at), length)),
        None => Err(Kind::BadInstant.at(0)),
    }
}

/// `YYYY-MM-DD`, nothing else.
fn date(text: &str) -> Option<NaiveDate> {
    let number = |from: usize, to: usize| {
        let digits = text.get(from..to)?;
        digits.bytes().all(|b| b.is_ascii_digit()).then(|| digits.parse::<u32>().ok()).flatten()
    };
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    if text.get(4..5) != Some("-") || text.get(7..8) != Some("-") || year == 0 {
        return None;
    }
    NaiveDate::from_ymd_opt(i32::try_from(year).ok()?, month, day)
}

/// The step that a text begins with, and its length in bytes.
fn step(text: &str) -> Result<(Step, usize), Fault> {
    let unit = |at: usize| text.get(at..).and_then(|rest| rest.chars().next()).and_then(Unit::of);
    if text.starts_with('/') {
        return match unit(1) {
            Some(unit @ (Unit::Day | Unit::Week | Unit::Month | Unit::Year)) => Ok((Step::Round(unit), 2)),
            _ => Err(Kind::BadRounding.at(1)),
        };
    }
    let sign = match text.chars().next() {
        Some('+') => 1,
        Some('-') => -1,
        _ => return Err(Kind::BadStep.at(0)),
    };
    let digits = text.bytes().skip(1).take_while(u8::is_ascii_digit).count();
    if digits == 0 {
        return Err(Kind::BadStep.at(0));
    }
    if digits > 6 {
        return Err(Kind::BigStep.at(1));
    }
    let amount: i32 = text.get(1..=digits).and_then(|digits| digits.parse().ok()).ok_or(Kind::BadStep.at(0))?;
    let unit = unit(digits + 1).ok_or(Kind::BadUnit.at(digits + 1))?;
    Ok((Step::Add(sign * amount, unit), digits + 2))
}

impl Unit {
    fn of(letter: char) -> Option<Self> {
        UNITS.iter().find(|(known, _)| *known == letter).map(|(_, unit)| *unit)
    }

    fn letter(self) -> char {
        UNITS.iter().find(|(_, unit)| *unit == self).map_or('d', |(letter, _)| *letter)
    }
}

impl fmt::Display for When {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.base {
            Base::Date(date) => write!(f, "{date}")?,
            Base::Instant(at) => f.write_str(&at.to_rfc3339_opts(SecondsFormat::AutoSi, true))?,
            base => f.write_str(NAMES.iter().find(|(_, known)| *known == base).map_or("", |(name, _)| name))?,
        }
        for step in &self.steps {
            match step {
                Step::Add(amount, unit) => write!(f, "{amount:+}{}", unit.letter())?,
                Step::Round(unit) => write!(f, "/{}", unit.letter())?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
#[path = "moment_tests.rs"]
mod tests;
