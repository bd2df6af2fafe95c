//! What a date or an instant is for a person: days, weeks and months are those of their zone.
//!
//! **Gaps and overlaps** (RFC 5545 section 3.3.5). A time that a clock skips is read with the offset before the gap; one
//! that comes twice is the first of the two. A day begins at the first instant that has its date or a later one.
//!
//! **Bounds.** Results stay in the years 1 to 9999: what would be outside is the first or the last of them.

use chrono::{
    DateTime, Datelike as _, Days, Months, NaiveDate, NaiveDateTime, NaiveTime, Offset as _, TimeDelta, TimeZone as _,
    Utc, Weekday,
};
use chrono_tz::Tz;

use super::Context;
use super::moment::{Base, Step, Unit, When};

/// A date or an instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Moment {
    /// A whole day of the person.
    Day(NaiveDate),
    /// In whole microseconds.
    Instant(DateTime<Utc>),
}

impl When {
    /// What it is in a context.
    pub(super) fn at(&self, context: &Context) -> Moment {
        let now = clamp(context.now);
        let today = day(now, context.zone);
        let week = start_of(today, Unit::Week, context.week_start);
        let month = start_of(today, Unit::Month, context.week_start);
        let year = start_of(today, Unit::Year, context.week_start);
        let base = match self.base {
            Base::Now => Moment::Instant(now),
            Base::Today => Moment::Day(today),
            Base::Tomorrow => Moment::Day(add(today, 1, Unit::Day)),
            Base::Yesterday => Moment::Day(add(today, -1, Unit::Day)),
            Base::StartOfWeek => Moment::Day(week),
            Base::EndOfWeek => Moment::Day(add(week, 6, Unit::Day)),
            Base::StartOfMonth => Moment::Day(month),
            Base::EndOfMonth => Moment::Day(add(add(month, 1, Unit::Month), -1, Unit::Day)),
            Base::StartOfYear => Moment::Day(year),
            Base::EndOfYear => Moment::Day(add(add(year, 1, Unit::Year), -1, Unit::Day)),
            Base::Date(date) => Moment::Day(date),
            Base::Instant(at) => Moment::Instant(at),
        };
        self.steps.iter().fold(base, |moment, step| take(moment, *step, context))
    }
}

fn take(moment: Moment, step: Step, context: &Context) -> Moment {
    match (step, moment) {
        (Step::Round(unit), _) => Moment::Day(start_of(moment.day(context.zone), unit, context.week_start)),
        // Hours and minutes pass; from a day they count from its beginning.
        (Step::Add(amount, Unit::Hour), _) => elapse(moment, i64::from(amount) * 60, context.zone),
        (Step::Add(amount, Unit::Minute), _) => elapse(moment, i64::from(amount), context.zone),
        (Step::Add(amount, unit), Moment::Day(date)) => Moment::Day(add(date, amount, unit)),
        // Days and longer keep the time of the clock on the wall.
        (Step::Add(amount, unit), Moment::Instant(at)) => {
            let civil = at.with_timezone(&context.zone).naive_local();
            let moved = add(civil.date(), amount, unit).and_time(civil.time());
            Moment::Instant(instant(moved, context.zone))
        }
    }
}

impl Moment {
    /// Its day in a zone.
    pub(super) fn day(self, zone: Tz) -> NaiveDate {
        match self {
            Self::Day(date) => date,
            Self::Instant(at) => day(at, zone),
        }
    }
}

fn elapse(moment: Moment, minutes: i64, zone: Tz) -> Moment {
    let from = match moment {
        Moment::Day(date) => start_of_day(date, zone),
        Moment::Instant(at) => at,
    };
    let end = if minutes < 0 { DateTime::<Utc>::MIN_UTC } else { DateTime::<Utc>::MAX_UTC };
    Moment::Instant(clamp(from.checked_add_signed(TimeDelta::minutes(minutes)).unwrap_or(end)))
}

/// A date some days or longer away. The 31st of a shorter month is its last day.
pub(super) fn add(date: NaiveDate, amount: i32, unit: Unit) -> NaiveDate {
    let count = u64::from(amount.unsigned_abs());
    let moved = match unit {
        Unit::Month | Unit::Year => {
            let months = u32::try_from(if unit == Unit::Year { count * 12 } else { count }).map(Months::new);
            months.ok().and_then(|m| if amount < 0 { date.checked_sub_months(m) } else { date.checked_add_months(m) })
        }
        Unit::Minute | Unit::Hour | Unit::Day | Unit::Week => {
            let days = Days::new(if unit == Unit::Week { count * 7 } else { count });
            if amount < 0 { date.checked_sub_days(days) } else { date.checked_add_days(days) }
        }
    };
    clamp_date(moved.unwrap_or(if amount < 0 { NaiveDate::MIN } else { NaiveDate::MAX }))
}

/// The first day of the week, month or year of a date.
fn start_of(date: NaiveDate, unit: Unit, week_start: Weekday) -> NaiveDate {
    let start = match unit {
        Unit::Minute | Unit::Hour | Unit::Day => Some(date),
        Unit::Week => date.checked_sub_days(Days::new(u64::from(date.weekday().days_since(week_start)))),
        Unit::Month => date.with_day(1),
        Unit::Year => NaiveDate::from_ymd_opt(date.year(), 1, 1),
    };
    clamp_date(start.unwrap_or(date))
}

/// The day of an instant.
pub(super) fn day(at: DateTime<Utc>, zone: Tz) -> NaiveDate {
    clamp_date(at.with_timezone(&zone).naive_local().date())
}

/// The first instant of a day; where its beginning was skipped, the first one after the gap.
pub(super) fn start_of_day(date: NaiveDate, zone: Tz) -> DateTime<Utc> {
    let midnight = date.and_time(NaiveTime::MIN);
    if let Some(at) = zone.from_local_datetime(&midnight).earliest() {
        return clamp(at.to_utc());
    }
    // In a gap. It is at most a day long, and offsets are less than a day: the end of it is found by halving.
    let seconds = midnight.and_utc().timestamp();
    let (mut before, mut after) = (seconds - 2 * 86_400, seconds + 2 * 86_400);
    while after - before > 1 {
        let middle = before + (after - before) / 2;
        let civil = DateTime::from_timestamp(middle, 0).map(|at| at.with_timezone(&zone).naive_local());
        if civil.is_some_and(|civil| civil >= midnight) {
            after = middle;
        } else {
            before = middle;
        }
    }
    clamp(DateTime::from_timestamp(after, 0).unwrap_or(midnight.and_utc()))
}

/// The first instant of the day after.
pub(super) fn end_of_day(date: NaiveDate, zone: Tz) -> DateTime<Utc> {
    date.succ_opt().map_or(DateTime::<Utc>::MAX_UTC, |next| start_of_day(next, zone))
}

/// The instant of a time of the clock on the wall.
fn instant(civil: NaiveDateTime, zone: Tz) -> DateTime<Utc> {
    if let Some(at) = zone.from_local_datetime(&civil).earliest() {
        return clamp(at.to_utc());
    }
    // In a gap: no zone ever skipped more than a day, so a day earlier has the offset before it.
    let before = zone.offset_from_utc_datetime(&civil.checked_sub_days(Days::new(1)).unwrap_or(civil));
    clamp(civil.checked_sub_offset(before.fix()).unwrap_or(civil).and_utc())
}

fn clamp_date(date: NaiveDate) -> NaiveDate {
    let [first, last] = bounds();
    date.clamp(first, last)
}

/// In whole microseconds, in the years 1 to 9999 (UTC).
pub(super) fn clamp(at: DateTime<Utc>) -> DateTime<Utc> {
    let [first, last] = bounds();
    let (first, last) = (first.and_time(NaiveTime::MIN).and_utc(), last.and_time(NaiveTime::MIN).and_utc());
    DateTime::from_timestamp_micros(at.clamp(first, last).timestamp_micros()).unwrap_or(first)
}

fn bounds() -> [NaiveDate; 2] {
    [(1, 1, 1), (9999, 12, 31)].map(|(year, month, day)| NaiveDate::from_ymd_opt(year, month, day).unwrap_or_default())
}

#[cfg(test)]
#[path = "calendar_tests.rs"]
mod tests;
