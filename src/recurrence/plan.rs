//! The dates of a rule that began on a day.
//!
//! Time is cut into periods: a week, a month or a year by the frequency, and a month for a daily rule, whose days are
//! those in phase. The days of a period are a set that is made at once, so BYSETPOS is simple, a search goes from
//! period to period, and days are counted without a visit to each. Which periods are in phase is arithmetic.
//!
//! Where RFC 5545 leaves a choice, python-dateutil is followed: the period of a yearly rule is the calendar year, also
//! with BYWEEKNO (so 30 December may be in week 1); BYWEEKNO without a weekday is each day of that week.

use chrono::{Datelike, NaiveDate};

use super::bits::Bits;
use super::civil::{date, first_week, in_range, longest, month_index, month_span, weekday, year_length, year_start};
use super::parts::Freq;
use super::{MAX_YEAR, Rule};

/// After so many days the calendar and its weekdays repeat; they are 4800 months, 20871 weeks.
const CYCLE: i32 = 146_097;

/// A rule with its start, prepared for the search.
#[derive(Clone, Debug)]
pub(super) struct Plan<'a> {
    rule: &'a Rule,
    /// The number of the first day.
    start: i32,
    /// The index of its period; a month's for a daily rule.
    first: i32,
    /// A bit for each month that may have days, 0 to 11.
    months: u16,
    /// A bit for each day of the month, 1 to 31, from its beginning and from its end; both empty for all.
    month_days: (u32, u32),
    /// A bit for each weekday, from Monday.
    weekdays: u8,
    /// BYDAY has ordinals, which count in the year and not in the month.
    of_year: bool,
    has_days: bool,
    /// It is plain that there is no date, so none is searched.
    never: bool,
}

struct Period {
    /// The number of its first day.
    start: i32,
    days: Bits,
}

impl<'a> Plan<'a> {
    /// `None` if the start is not in the years 1 to 9999.
    pub(super) fn new(rule: &'a Rule, start: NaiveDate) -> Option<Self> {
        if !in_range(start) {
            return None;
        }
        let parts = &rule.parts;
        let mut plan = Self {
            rule,
            start: start.num_days_from_ce(),
            first: 0,
            months: parts.months.iter().fold(0, |all, month| all | (1 << (month - 1))),
            month_days: parts.month_days.iter().fold((0, 0), |(plus, minus), day| {
                let bit = 1 << day.unsigned_abs();
                if *day > 0 { (plus | bit, minus) } else { (plus, minus | bit) }
            }),
            weekdays: parts.days.iter().filter(|day| day.ordinal == 0).fold(0, |all, day| all | (1 << day.weekday)),
            of_year: rule.freq == Freq::Yearly && parts.months.is_empty() && parts.days.iter().any(|d| d.ordinal != 0),
            has_days: !parts.days.is_empty(),
            never: false,
        };
        if parts.no_day() {
            match rule.freq {
                Freq::Daily => {}
                Freq::Weekly => (plan.weekdays, plan.has_days) = (1 << weekday(plan.start), true),
                Freq::Monthly | Freq::Yearly => plan.month_days.0 = 1 << start.day(),
            }
            if rule.freq == Freq::Yearly && plan.months == 0 {
                plan.months = 1 << start.month0();
            }
        }
        if plan.months == 0 {
            plan.months = 0xfff;
        }
        plan.first = plan.index(start);
        plan.never = plan.never_matches();
        Some(plan)
    }

    /// The first date on or after `from`, which is not before the start.
    pub(super) fn after(&self, from: NaiveDate) -> Option<NaiveDate> {
        if !in_range(from) || self.never {
            return None;
        }
        let number = from.num_days_from_ce();
        let mut index = self.index(from);
        // One more than the cycle: `from` cuts off the beginning of the first.
        for _ in 0..=self.cycle() {
            index = self.in_phase(index)?;
            let period = self.period(index);
            let place = u32::try_from(number - period.start).unwrap_or(0);
            if let Some(place) = period.days.first_from(place) {
                return date(period.start.checked_add(i32::try_from(place).ok()?)?);
            }
            index += 1;
        }
        None
    }

    /// How many dates there are from `from` (which is not before the start) on, before `to`.
    pub(super) fn count(&self, from: NaiveDate, to: NaiveDate) -> u32 {
        if from >= to || self.never || !in_range(from) {
            return 0;
        }
        let (from, to) = (from.num_days_from_ce(), to.num_days_from_ce());
        // The dates repeat after this many days, so those of one repetition are counted, and the rest.
        let repeats = CYCLE * (self.interval() / divisor(self.interval(), self.units()));
        let whole = (to - from) / repeats;
        let rest = self.count_each(from + whole * repeats, to);
        let one = if whole > 0 { self.count_each(from, from + repeats) } else { 0 };
        one.saturating_mul(whole.unsigned_abs()).saturating_add(rest)
    }

    fn count_each(&self, from: i32, to: i32) -> u32 {
        let Some(first) = date(from) else { return 0 };
        let (mut index, mut total) = (self.index(first), 0u32);
        while let Some(next) = self.in_phase(index) {
            let period = self.period(next);
            if period.start >= to {
                break;
            }
            let place = |day: i32| u32::try_from(day - period.start).unwrap_or(0);
            total = total.saturating_add(period.days.count(place(from), place(to)));
            index = next + 1;
        }
        total
    }

    /// The searches that would be the longest: of a daily rule in vain.
    fn never_matches(&self) -> bool {
        let (plus, minus) = self.month_days;
        let possible = |month: u8| (plus | minus) & (u32::MAX >> (31 - longest(month).unsigned_abs())) != 0;
        let has_date =
            plus | minus == 0 || (1..=12).any(|month| self.months & (1 << (month - 1)) != 0 && possible(month));
        if self.rule.freq != Freq::Daily {
            return !has_date;
        }
        let positions = &self.rule.parts.positions;
        // A day alone is its period: it has only the first position, which is the last as well.
        let chosen = positions.is_empty() || positions.iter().any(|n| matches!(n, 1 | -1));
        let one_weekday = self.has_days && self.interval() % 7 == 0;
        let has_day = !one_weekday || self.weekdays & (1 << weekday(self.start)) != 0;
        !(has_date && chosen && has_day)
    }

    fn interval(&self) -> i32 {
        i32::from(self.rule.interval)
    }

    /// How many of what INTERVAL counts are in the cycle of the calendar.
    fn units(&self) -> i32 {
        match self.rule.freq {
            Freq::Daily => CYCLE,
            Freq::Weekly => CYCLE / 7,
            Freq::Monthly => 4_800,
            Freq::Yearly => 400,
        }
    }

    /// After so many periods in phase come the same ones again.
    fn cycle(&self) -> i32 {
        // The periods of a daily rule are months, which are not what INTERVAL counts.
        let months = || 4_800 * self.interval() / divisor(self.interval(), CYCLE);
        if self.rule.freq == Freq::Daily { months() } else { self.units() }
    }

    /// The period that a day is in.
    fn index(&self, day: NaiveDate) -> i32 {
        match self.rule.freq {
            Freq::Daily | Freq::Monthly => month_index(day),
            Freq::Weekly => (day.num_days_from_ce() - 1 - i32::from(self.rule.week_start)).div_euclid(7),
            Freq::Yearly => day.year(),
        }
    }

    /// The first period from `index` on that is in phase; `None` after the end of time.
    fn in_phase(&self, index: i32) -> Option<i32> {
        let index = if self.rule.freq == Freq::Daily {
            let mut index = index;
            while self.months & (1 << index.rem_euclid(12)) == 0 {
                index += 1;
            }
            let (start, length) = month_span(index);
            let wait = (self.start - start).rem_euclid(self.interval());
            if wait < length { index } else { month_index(date(start + wait)?) }
        } else {
            index + (self.first - index).rem_euclid(self.interval())
        };
        let last = match self.rule.freq {
            Freq::Daily | Freq::Monthly => MAX_YEAR * 12 + 11,
            Freq::Weekly => year_start(MAX_YEAR + 1) / 7,
            Freq::Yearly => MAX_YEAR,
        };
        (index <= last).then_some(index)
    }

    fn period(&self, index: i32) -> Period {
        let mut days = Bits::default();
        let start = match self.rule.freq {
            Freq::Daily => {
                let (start, length) = month_span(index);
                days.put(0, self.month(index, start, length) & self.daily(start));
                return Period { start, days };
            }
            Freq::Weekly => {
                let start = index * 7 + 1 + i32::from(self.rule.week_start);
                days.put(0, self.week(start));
                start
            }
            Freq::Monthly => {
                let (start, length) = month_span(index);
                days.put(0, self.month(index, start, length));
                start
            }
            Freq::Yearly => {
                self.year(index, &mut days);
                year_start(index)
            }
        };
        let positions = &self.rule.parts.positions;
        Period { start, days: if positions.is_empty() { days } else { days.select(positions) } }
    }

    /// The days of the month that begins at `start` that are in phase.
    fn daily(&self, start: i32) -> u32 {
        let interval = self.rule.interval;
        if interval == 1 {
            return u32::MAX;
        }
        let wait = (self.start - start).rem_euclid(i32::from(interval));
        (wait..32)
            .step_by(usize::from(interval))
            .fold(0, |all, place| all | 1u32.checked_shl(place.unsigned_abs()).unwrap_or(0))
    }

    /// The days of a week.
    fn week(&self, start: i32) -> u32 {
        let days = self.each_weekday(start) & 0x7f;
        if self.months == 0xfff || days == 0 {
            return days;
        }
        // It lies in two months at most.
        let Some(first) = date(start) else { return days };
        let index = month_index(first);
        let (month, length) = month_span(index);
        let rest = length - (start - month);
        let before = u32::MAX >> (32 - rest.clamp(1, 7));
        let has = |index: i32| if self.months & (1 << index.rem_euclid(12)) == 0 { 0 } else { u32::MAX };
        days & (before & has(index) | !before & has(index + 1))
    }

    /// The days of a month, from place 0 on.
    fn month(&self, index: i32, start: i32, length: i32) -> u32 {
        if self.months & (1 << index.rem_euclid(12)) == 0 {
            return 0;
        }
        let mut days = u32::MAX >> (32 - length);
        let (plus, minus) = self.month_days;
        if plus | minus != 0 {
            // The day -1 is at length - 1; a day from the end that is before the first falls off.
            days &= (plus >> 1) | (minus.reverse_bits() >> (31 - length));
        }
        if days != 0 && self.has_days && !self.of_year {
            let mut allowed = self.each_weekday(start);
            for (ordinal, weekday) in self.ordinals() {
                if let Some(place) = nth(start, length, ordinal, weekday) {
                    allowed |= 1 << place;
                }
            }
            days &= allowed;
        }
        days
    }

    /// The plain weekdays of 32 days from `start` on.
    fn each_weekday(&self, start: i32) -> u32 {
        let (week, first) = (u32::from(self.weekdays), weekday(start));
        let week = ((week >> first) | (week << (7 - first))) & 0x7f;
        [0, 7, 14, 21, 28].iter().fold(0, |all, shift| all | (week << shift))
    }

    fn ordinals(&self) -> impl Iterator<Item = (i8, u8)> {
        self.rule.parts.days.iter().filter(|day| day.ordinal != 0).map(|day| (day.ordinal, day.weekday))
    }

    fn year(&self, year: i32, days: &mut Bits) {
        let start = year_start(year);
        for index in year * 12..year * 12 + 12 {
            let (month, length) = month_span(index);
            days.put((month - start).unsigned_abs(), self.month(index, month, length));
        }
        let length = year_length(year);
        if self.of_year {
            let mut allowed = Bits::default();
            for week in (0..length).step_by(28) {
                allowed.put(week.unsigned_abs(), self.each_weekday(start + week));
            }
            for (ordinal, weekday) in self.ordinals() {
                allowed.set(nth(start, length, ordinal, weekday).unwrap_or(-1));
            }
            days.and(&allowed);
        }
        if !self.rule.parts.year_days.is_empty() {
            let mut allowed = Bits::default();
            for day in &self.rule.parts.year_days {
                allowed.set(if *day > 0 { i32::from(*day) - 1 } else { length + i32::from(*day) });
            }
            days.and(&allowed);
        }
        if !self.rule.parts.weeks.is_empty() {
            days.and(&self.weeks(year, start));
        }
    }

    /// The days of the weeks of BYWEEKNO that are in a year, whichever year counts the week.
    fn weeks(&self, year: i32, start: i32) -> Bits {
        let first = |year| first_week(year, self.rule.week_start);
        let mut allowed = Bits::default();
        for counting in [year - 1, year, year + 1] {
            let (begin, total) = (first(counting), (first(counting + 1) - first(counting)) / 7);
            for number in &self.rule.parts.weeks {
                let number = i32::from(*number);
                let week = if number > 0 { number } else { total + 1 + number };
                if (1..=total).contains(&week) {
                    let place = begin + (week - 1) * 7 - start;
                    (place..place + 7).for_each(|place| allowed.set(place));
                }
            }
        }
        allowed
    }
}

/// The place of the nth weekday of a span of days; from its end if negative.
fn nth(start: i32, length: i32, ordinal: i8, day: u8) -> Option<i32> {
    let ordinal = i32::from(ordinal);
    let place = if ordinal > 0 {
        (i32::from(day) - i32::from(weekday(start))).rem_euclid(7) + (ordinal - 1) * 7
    } else {
        let last = start + length - 1;
        length - 1 - (i32::from(weekday(last)) - i32::from(day)).rem_euclid(7) + (ordinal + 1) * 7
    };
    (0..length).contains(&place).then_some(place)
}

/// The greatest common divisor.
fn divisor(a: i32, b: i32) -> i32 {
    if b == 0 { a } else { divisor(b, a % b) }
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;
