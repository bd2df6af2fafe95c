//! Days in digits: `2026-12-31`, `2026-12-31T17:00`, `31/12/2026`, `12/31`, `31.12.2026`, and the German `31.12.`.

use chrono::{NaiveDate, NaiveTime};

use super::date::{Found, Lead, Sense};
use super::reader::{Reader, number};
use crate::recurrence::Language;

/// What is written like a day and a month but rarely is: parts of a whole, and around the clock.
const NO_DATES: [&str; 12] = ["1/2", "1/3", "2/3", "1/4", "3/4", "1/5", "2/5", "3/5", "4/5", "1/8", "1/10", "24/7"];

impl Reader<'_> {
    pub(super) fn in_digits(&self, at: usize, lead: Lead) -> Option<Found> {
        let word = self.fold(at);
        if !word.starts_with(|c: char| c.is_ascii_digit()) {
            return None;
        }
        if word.contains('-') {
            self.iso(word, at + 1)
        } else if word.contains('/') {
            self.slashed(word, lead, at + 1)
        } else if word.contains('.') {
            self.dotted(word, at + 1)
        } else {
            None
        }
    }

    fn iso(&self, word: &str, next: usize) -> Option<Found> {
        let (date, time) = word.split_once('t').map_or((word, None), |(date, time)| (date, Some(time)));
        let [year, month, day] = parts(date, '-')?;
        if [year, month, day].map(str::len) != [4, 2, 2] {
            return None;
        }
        let found = self.day_of(i32::try_from(number(year)?).ok(), number(month)?, number(day)?, next);
        match (time, found.sense) {
            (None, _) | (Some(_), Sense::Nonsense) => Some(found),
            (Some(time), Sense::Day(day)) => {
                let time =
                    NaiveTime::parse_from_str(time, "%H:%M").or_else(|_| NaiveTime::parse_from_str(time, "%H:%M:%S"));
                // An offset or `Z` is a time of another zone than the person's.
                let sense = time.map_or(Sense::Nonsense, |time| Sense::Exact(super::scan::minute(day.and_time(time))));
                Some(Found { sense, ..found })
            }
            (Some(_), Sense::Exact(_)) => None,
        }
    }

    fn slashed(&self, word: &str, lead: Lead, next: usize) -> Option<Found> {
        if let Some([first, second, third]) = parts(word, '/') {
            if first.len() == 4 {
                return Some(self.day_of(i32::try_from(number(first)?).ok(), number(second)?, number(third)?, next));
            }
            let (day, month, _) = self.order(number(first)?, number(second)?)?;
            let year = (third.len() == 4).then(|| number(third))??;
            return Some(self.day_of(i32::try_from(year).ok(), month, day, next));
        }
        let (first, second) = word.split_once('/')?;
        if first.len() > 2 || second.len() > 2 {
            return None;
        }
        let (day, month, sure) = self.order(number(first)?, number(second)?)?;
        if lead.strong() || !NO_DATES.contains(&word) && (sure || self.ends(next)) {
            // A day that no year has is no date, as a ratio is not.
            return Some(self.day_of(None, month, day, next)).filter(|found| found.sense != Sense::Nonsense);
        }
        None
    }

    /// Which number is the day and which the month, and whether the numbers themselves say so.
    fn order(&self, first: u32, second: u32) -> Option<(u32, u32, bool)> {
        let month = |n: u32| (1..=12).contains(&n);
        match (month(first), month(second)) {
            (true, true) if self.context.day_first => Some((first, second, first == second)),
            (true, true) => Some((second, first, first == second)),
            (true, false) => Some((second, first, true)),
            (false, true) => Some((first, second, true)),
            (false, false) => None,
        }
    }

    fn dotted(&self, word: &str, next: usize) -> Option<Found> {
        let german = self.context.language == Language::De;
        if german && let Some((day, month)) = word.strip_suffix('.').and_then(|word| word.split_once('.')) {
            let found = self.day_of(None, number(month)?, number(day)?, next);
            return Some(found).filter(|found| found.sense != Sense::Nonsense);
        }
        let [day, month, year] = parts(word, '.')?;
        let year = match year.len() {
            4 => number(year)?,
            2 if german => 2000 + number(year)?,
            _ => return None,
        };
        // Four digits at the end make it a date; a version such as 1.13.2026 is none.
        let (day, month) = (number(day)?, number(month)?);
        NaiveDate::from_ymd_opt(2000, month, 1)?;
        (day <= 31).then(|| self.day_of(i32::try_from(year).ok(), month, day, next))
    }
}

fn parts(word: &str, separator: char) -> Option<[&str; 3]> {
    let mut parts = word.split(separator);
    let found = [parts.next()?, parts.next()?, parts.next()?];
    (parts.next().is_none() && found.iter().all(|part| number(part).is_some())).then_some(found)
}
