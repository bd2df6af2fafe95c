//! The pieces of a phrase: numbers, weekdays, months, days, and lists of them. Each takes the place of a token and gives
//! what it read and the place behind it.

use super::civil::longest;
use super::parts::Day;
use super::phrase::Reader;
use super::words::{List, Table};

/// What was read, and the token after it.
pub(super) type Read<T> = Option<(T, usize)>;

/// A short form such as `sun` or `so`, which may be another word.
const SHORT: usize = 4;

/// A day of a month.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Item {
    /// The nth weekday; and whether its number is in digits.
    Nth(Day, bool),
    /// The nth day; and whether the word "day" says so, and not a number alone.
    Day(i8, bool),
    /// The nth workday.
    Workday(i16),
}

impl Reader<'_> {
    pub(super) fn text(&self, at: usize) -> Option<&str> {
        self.tokens.get(at).map(|token| token.text.as_str())
    }

    pub(super) fn dot(&self, at: usize) -> bool {
        self.tokens.get(at).is_some_and(|token| token.dot)
    }

    pub(super) fn sign(&self, at: usize, sign: &str) -> Option<usize> {
        (self.text(at)? == sign).then_some(at + 1)
    }

    fn fits(&self, at: usize, words: &str) -> Option<usize> {
        let mut next = at;
        for word in words.split(' ') {
            next = self.sign(next, word)?;
        }
        Some(next)
    }

    /// The longest of some texts.
    pub(super) fn any(&self, at: usize, texts: List) -> Option<usize> {
        texts.iter().filter_map(|text| self.fits(at, text)).max()
    }

    /// What the longest of some texts means.
    pub(super) fn lookup<T: Copy>(&self, at: usize, table: Table<T>) -> Read<T> {
        table.iter().filter_map(|(text, value)| Some((*value, self.fits(at, text)?))).max_by_key(|(_, next)| *next)
    }

    /// Items with a comma or "and" between them; where what follows is none, the list has ended before.
    pub(super) fn list<T>(&self, at: usize, item: impl Fn(usize) -> Read<T>) -> Read<Vec<T>> {
        let (first, mut at) = item(at)?;
        let mut all = vec![first];
        while let Some((next, behind)) = self.separator(at).and_then(&item) {
            all.push(next);
            at = behind;
        }
        Some((all, at))
    }

    pub(super) fn separator(&self, at: usize) -> Option<usize> {
        let after = self.sign(at, ",");
        self.any(after.unwrap_or(at), self.words.and).or(after)
    }

    /// A cardinal number.
    pub(super) fn number(&self, at: usize) -> Read<u32> {
        let text = self.text(at)?;
        if text.bytes().all(|b| b.is_ascii_digit()) && !self.dot(at) {
            return Some((text.parse().ok()?, at + 1));
        }
        self.lookup(at, self.words.numbers)
    }

    /// `15th`, `15.`, `15º`.
    fn numeric(&self, at: usize) -> Read<i16> {
        let text = self.text(at)?;
        let digits = match self.words.endings {
            [] => Some(text).filter(|_| self.dot(at)),
            endings => endings.iter().filter_map(|ending| text.strip_suffix(ending)).min_by_key(|digits| digits.len()),
        }?;
        let plain = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
        Some((digits.parse().ok().filter(|n| plain && *n > 0)?, at + 1))
    }

    /// An ordinal, negative from the end; and whether it is in digits.
    pub(super) fn ordinal(&self, at: usize) -> Read<(i16, bool)> {
        let word = self.lookup(at, self.words.ordinals).map(|(n, next)| ((i16::from(n), false), next));
        let digits = self.numeric(at).map(|(n, next)| ((n, true), next));
        word.or(digits)
    }

    /// Skips the full stop of an abbreviation.
    fn stop(&self, at: usize) -> usize {
        let short = at.checked_sub(1).and_then(|before| self.tokens.get(before)).filter(|t| t.text.len() <= SHORT);
        match (short, self.tokens.get(at)) {
            (Some(before), Some(stop)) if stop.text == "." && stop.start == before.end => at + 1,
            _ => at,
        }
    }

    pub(super) fn month(&self, at: usize) -> Read<u8> {
        let (month, next) = self.lookup(at, self.words.months)?;
        Some((month, self.stop(next)))
    }

    /// The weekday, or those from one to the other (`mon-fri`), and whether it is in its short form.
    fn weekday(&self, at: usize) -> Read<(Vec<u8>, bool)> {
        let name = |text: &str| self.words.weekdays.iter().find(|(name, _)| *name == text).map(|(_, day)| *day);
        let text = self.text(at)?;
        let span = |from: u8, to: u8| (0..=(to + 7 - from) % 7).map(|step| (from + step) % 7).collect();
        if let Some(day) = name(text) {
            let (short, next) = (text.len() <= SHORT, self.stop(at + 1));
            let last = self.any(next, self.words.span).and_then(|at| Some((name(self.text(at)?)?, at + 1)));
            return Some(match last {
                Some((last, next)) => ((span(day, last), short), self.stop(next)),
                None => ((vec![day], short), next),
            });
        }
        let (from, to) = text.split_once('-')?;
        Some(((span(name(from)?, name(to)?), true), at + 1))
    }

    /// Weekdays. After one in full comes no short form behind a comma: "every Friday, sun cream".
    pub(super) fn weekdays(&self, at: usize) -> Read<Vec<u8>> {
        let ((mut all, short), mut at) = self.weekday(at)?;
        loop {
            let (next, comma) = match self.separator(at) {
                Some(next) => (next, self.words.second_is_other || next == at + 1 && self.text(at) == Some(",")),
                // "mon wed fri": all of one style.
                None => (at, true),
            };
            let alone = next == at;
            let ended = alone && at.checked_sub(1).and_then(|at| self.text(at)) == Some(".");
            let next = [self.words.every, self.words.on].iter().fold(next, |at, skip| self.any(at, skip).unwrap_or(at));
            match self.weekday(next).filter(|_| !ended && (!alone || next == at)) {
                Some(((days, brief), behind)) if !(alone && brief != short || brief && !short && comma) => {
                    all.extend(days);
                    at = behind;
                }
                _ => break,
            }
        }
        Some((all, at))
    }

    /// A day of a month in digits.
    fn day_number(&self, at: usize) -> Read<i8> {
        let number = self.number(at).filter(|_| self.text(at).is_some_and(|text| text.len() <= 2));
        let number = number.and_then(|(n, next)| Some((i16::try_from(n).ok()?, next)));
        let (n, next) = self.numeric(at).or(number)?;
        Some((i8::try_from(n).ok().filter(|_| self.any(next, self.words.times).is_none())?, next))
    }

    /// A month and the days of it, which it can have: `24 december`, `24th and 26th of december`, `december 24`; in
    /// German also `24.12.`.
    fn days_and_month(&self, at: usize) -> Read<(u8, Vec<i8>)> {
        let at = self.any(at, self.words.on).unwrap_or(at);
        let (month, days, next) = if let Some((days, next)) = self.list(at, |at| self.day_number(at)) {
            let (month, next) = self.month(self.any(next, self.words.of).unwrap_or(next))?;
            (month, days, next)
        } else if let Some((day, month)) = self.text(at).and_then(|text| text.split_once('.')).filter(|_| self.dot(at))
        {
            (month.parse().ok().filter(|month| (1..=12).contains(month))?, vec![day.parse().ok()?], at + 1)
        } else {
            let (month, next) = self.month(at).filter(|_| self.words.month_first)?;
            let (first, after) = self.day_number(next)?;
            // Further days only if they count nothing else: "dec 24 and 3 more".
            let sure = |at| {
                if at == next { self.day_number(at) } else { self.day_number(at).filter(|(_, to)| self.ends(*to)) }
            };
            let (days, next) = self.list(next, sure).unwrap_or((vec![first], after));
            (month, days, next)
        };
        days.iter().all(|day| (1..=longest(month)).contains(day)).then_some(((month, days), next))
    }

    /// A single one.
    pub(super) fn day_and_month(&self, at: usize) -> Read<(u8, i8)> {
        match self.days_and_month(at)? {
            ((month, days), next) if days.len() == 1 => Some(((month, *days.first()?), next)),
            _ => {
                // "until dec 24, 2 times"
                let (month, next) = self.month(self.any(at, self.words.on).unwrap_or(at))?;
                let (day, next) = self.day_number(next)?;
                Some(((month, day), next))
            }
        }
    }

    /// The same, or `last day of february`.
    pub(super) fn date_item(&self, at: usize) -> Read<(u8, Vec<i8>)> {
        self.days_and_month(at).or_else(|| {
            let at = self.any(at, self.words.on).unwrap_or(at);
            let ((day, _), next) = self.ordinal(at)?;
            let next = self.any(self.any(next, self.words.day)?, self.words.of)?;
            let (month, next) = self.month(next)?;
            Some(((month, vec![i8::try_from(day).ok().filter(|day| *day <= longest(month))?]), next))
        })
    }

    /// Days of a month: `the first and third monday`, `the 1st, 15th and last day`, `el día 1 y 15`.
    pub(super) fn items(&self, at: usize) -> Read<Vec<Item>> {
        let (mut all, mut at, mut from) = (Vec::new(), at, at);
        // A plain number is a day behind "día", or behind an article if it can count nothing else.
        let (mut marked, mut sure) = (false, false);
        loop {
            let start = self.any(from, self.words.on).unwrap_or(from);
            let mark = self.any(start, self.words.day_mark);
            sure |= mark.is_some();
            marked |= sure || all.is_empty() && self.any(from, self.words.number_mark).is_some();
            let plain = || {
                let (n, next) = self.number(mark.unwrap_or(start)).filter(|(n, _)| (1..=31).contains(n))?;
                // "el día 1, 10 veces": the number of times is none of the days.
                let times = self.any(next, self.words.times).is_some();
                (self.of_a_month(next) || marked && !times && (sure || self.ends(next))).then_some((n, next))
            };
            if let Some((nouns, next)) = self.nouns(start) {
                all.extend(nouns);
                at = next;
            } else if let Some((n, next)) = self.numeric(start) {
                all.push(Item::Day(i8::try_from(n).ok()?, false));
                at = next;
            } else if let Some((n, next)) = plain() {
                all.push(Item::Day(i8::try_from(n).ok()?, false));
                at = next;
            } else {
                break;
            }
            match self.separator(at) {
                Some(next) => from = self.any(next, self.words.every).unwrap_or(next),
                None => break,
            }
        }
        (!all.is_empty()).then_some((all, at))
    }

    fn of_a_month(&self, at: usize) -> bool {
        [self.words.of_month, self.words.each_month].iter().any(|of| self.any(at, of).is_some())
    }

    /// Ordinals with what they count.
    fn nouns(&self, at: usize) -> Read<Vec<Item>> {
        let skip = |at| self.any(at, self.words.on).unwrap_or(at);
        let (ordinals, next) = self.list(at, |at| self.ordinal(skip(at)))?;
        if let Some(next) = self.any(next, self.words.workday) {
            return Some((ordinals.iter().map(|(n, _)| Item::Workday(*n)).collect(), next));
        }
        // "the first day"; "the first of the month"
        let day = self.any(next, self.words.day).or(Some(next).filter(|next| self.of_a_month(*next)));
        if let Some(next) = day {
            let days = ordinals.iter().map(|(n, _)| Some(Item::Day(i8::try_from(*n).ok()?, true)));
            return Some((days.collect::<Option<_>>()?, next));
        }
        let ((days, _), next) = self.weekday(next)?;
        let (weekday, []) = (*days.first()?, days.get(1..)?) else { return None };
        let nth =
            |(n, digits): &(i16, bool)| Some(Item::Nth(Day { weekday, ordinal: i8::try_from(*n).ok()? }, *digits));
        Some((ordinals.iter().map(nth).collect::<Option<_>>()?, next))
    }

    /// Whether the phrase can end here, and the number before it counts no other thing: "every 15th customer".
    pub(super) fn ends(&self, at: usize) -> bool {
        let Some(text) = self.text(at) else { return true };
        let word = text.chars().any(char::is_alphabetic) && !text.contains(|c: char| c.is_ascii_digit());
        !(word || text.is_empty()) || self.any(at, self.words.follows).is_some()
    }
}
