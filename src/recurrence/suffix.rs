//! What may follow the core of a phrase: the months, the end, and "after completion".

use chrono::{Datelike, NaiveDate};

use super::civil::in_range;
use super::form::{Form, What};
use super::parts::{End, Freq};
use super::phrase::Reader;
use super::{Language, MAX_COUNT};

/// A month and day without a year come within so many years (29 February).
const YEARS: i32 = 8;

impl Reader<'_> {
    /// Adds what follows to the form; gives whether the rule goes on from its completion, and where the phrase ends.
    pub(super) fn suffixes(&self, form: &mut Form, mut completion: bool, mut at: usize) -> (bool, usize) {
        loop {
            if !completion && let Some(next) = self.any(at, self.words.completion) {
                (completion, at) = (true, next);
            } else if let Some((months, next)) = self.season(form, at) {
                match (form.freq, &mut form.what) {
                    (Freq::Yearly, what) => *what = What::Months(months),
                    _ => form.season = months,
                }
                at = next;
            } else if form.end == End::Never
                && let Some((end, next)) = self.end(at)
            {
                (form.end, at) = (end, next);
            } else {
                return (completion, at);
            }
        }
    }

    /// `in January and July`, where the form has no months yet.
    fn season(&self, form: &Form, at: usize) -> Option<(Vec<u8>, usize)> {
        let free = if form.freq == Freq::Yearly { form.what == What::Plain } else { form.season.is_empty() };
        let from = self.any(at, self.words.within).filter(|_| free)?;
        self.list(from, |at| self.month(at))
    }

    fn end(&self, at: usize) -> Option<(End, usize)> {
        let from = self.sign(at, ",").unwrap_or(at);
        if let Some(next) = self.any(from, self.words.until) {
            let (date, next) = self.date(next)?;
            return Some((End::Until(date), next));
        }
        let from = self.any(from, self.words.lasting).unwrap_or(from);
        let (count, next) = self.times(from)?;
        // "5 times a day" says how often, and not when it ends.
        let is_end = (1..=MAX_COUNT).contains(&count) && self.any(next, self.words.rate).is_none();
        is_end.then_some((End::Count(count), next))
    }

    /// `10 times`; in German also in one word.
    fn times(&self, at: usize) -> Option<(u32, usize)> {
        if self.language == Language::De
            && let Some(number) = self.text(at)?.strip_suffix("mal")
            && let Ok(count) = number.strip_suffix('-').unwrap_or(number).parse()
        {
            return Some((count, at + 1));
        }
        let (count, next) = self.number(at)?;
        Some((count, self.any(next, self.words.times)?))
    }

    /// A date: `2026-12-31`, `31 dec 2026`, `dec 31`, `31.12.2026` (German), `31/12/2026` (Spanish).
    fn date(&self, at: usize) -> Option<(NaiveDate, usize)> {
        let text = self.text(at)?;
        if let Some((date, next)) = iso(text).or_else(|| self.short(at, text)).map(|date| (date, at + 1)) {
            return Some((date, next)).filter(|_| in_range(date));
        }
        let ((month, day), next) = self.day_and_month(at)?;
        let (month, day) = (u32::from(month), u32::try_from(day).ok()?);
        let year_at = self.sign(next, ",").or_else(|| self.any(next, &["of", "de", "del"])).unwrap_or(next);
        match self.year(year_at) {
            Some(year) => Some((NaiveDate::from_ymd_opt(year, month, day)?, year_at + 1)),
            None => Some((self.coming(month, day)?, next)),
        }
    }

    fn year(&self, at: usize) -> Option<i32> {
        let text = self.text(at)?;
        text.parse().ok().filter(|year| text.len() == 4 && (1_000..=9_999).contains(year))
    }

    /// The day before the month, as German and Spanish write it.
    fn short(&self, at: usize, text: &str) -> Option<NaiveDate> {
        let sign = match self.language {
            Language::En => return None,
            Language::De => '.',
            Language::Es => '/',
        };
        let numbers: Vec<u32> =
            text.split(sign).map(|part| part.parse().ok().filter(|_| !part.starts_with('+'))).collect::<Option<_>>()?;
        match numbers.as_slice() {
            [day, month, year] if text.len() >= 8 && *year >= 1_000 => {
                NaiveDate::from_ymd_opt(i32::try_from(*year).ok()?, *month, *day)
            }
            // With a full stop at its end, so that it is no time and no price.
            [day, month] if self.dot(at) => self.coming(*month, *day),
            _ => None,
        }
    }

    /// The next such day, today among them.
    fn coming(&self, month: u32, day: u32) -> Option<NaiveDate> {
        let year = self.today.year();
        (year..=year.saturating_add(YEARS))
            .filter_map(|year| NaiveDate::from_ymd_opt(year, month, day))
            .find(|date| *date >= self.today && in_range(*date))
    }
}

fn iso(text: &str) -> Option<NaiveDate> {
    let (year, rest) = text.split_once('-')?;
    let (month, day) = rest.split_once('-')?;
    let digits = [year, month, day].iter().all(|part| part.bytes().all(|b| b.is_ascii_digit()));
    if !digits || year.len() != 4 || month.len() > 2 || day.len() > 2 {
        return None;
    }
    NaiveDate::from_ymd_opt(year.parse().ok()?, month.parse().ok()?, day.parse().ok()?)
}

#[cfg(test)]
#[path = "suffix_tests.rs"]
mod tests;
