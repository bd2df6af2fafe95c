//! Days as numbers: 1 is 1 January of the year 1 (a Monday), as `chrono` counts them from the common era.
//!
//! Plain arithmetic of the Gregorian calendar: a search steps through thousands of months, and none of it can fail.

use chrono::{Datelike, NaiveDate};

use super::MAX_YEAR;

/// The year, and the month from 0 to 11, as one number.
pub(super) fn month_index(date: NaiveDate) -> i32 {
    date.year() * 12 + i32::try_from(date.month0()).unwrap_or_default()
}

/// The day of that number; `None` outside of the years 1 to 9999.
pub(super) fn date(number: i32) -> Option<NaiveDate> {
    NaiveDate::from_num_days_from_ce_opt(number).filter(|date| in_range(*date))
}

/// Whether the day is in the years 1 to 9999.
pub(super) fn in_range(date: NaiveDate) -> bool {
    (1..=MAX_YEAR).contains(&date.year())
}

/// The nearest day in the years 1 to 9999.
pub(super) fn clamp(date: NaiveDate) -> NaiveDate {
    let (first, last) = (NaiveDate::from_ymd_opt(1, 1, 1), NaiveDate::from_ymd_opt(MAX_YEAR, 12, 31));
    let date = first.map_or(date, |first| date.max(first));
    last.map_or(date, |last| date.min(last))
}

/// Days from Monday.
pub(super) fn weekday(number: i32) -> u8 {
    u8::try_from((number - 1).rem_euclid(7)).unwrap_or_default()
}

/// The number of the first day of a year.
pub(super) fn year_start(year: i32) -> i32 {
    let before = year - 1;
    365 * before + before.div_euclid(4) - before.div_euclid(100) + before.div_euclid(400) + 1
}

/// Days of a year.
pub(super) fn year_length(year: i32) -> i32 {
    year_start(year + 1) - year_start(year)
}

/// Days before each month of a common year.
const BEFORE: [i32; 13] = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334, 365];

/// Days of a year before a month, which is 0 to 11.
fn before(year: i32, month: i32) -> i32 {
    let leap = i32::from(month > 1 && year_length(year) == 366);
    usize::try_from(month).ok().and_then(|month| BEFORE.get(month)).copied().unwrap_or_default() + leap
}

/// The number of the first day of a month, and its length.
pub(super) fn month_span(index: i32) -> (i32, i32) {
    let (year, month) = (index.div_euclid(12), index.rem_euclid(12));
    let start = before(year, month);
    (year_start(year) + start, before(year, month + 1) - start)
}

/// The number of the first day of the first week of a year: the one that has four of its days.
pub(super) fn first_week(year: i32, week_start: u8) -> i32 {
    let fourth = year_start(year) + 3;
    fourth - (i32::from(weekday(fourth)) - i32::from(week_start)).rem_euclid(7)
}

/// The most days that a month (1 to 12) can have.
pub(super) fn longest(month: u8) -> i8 {
    match month {
        2 => 29,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

#[cfg(test)]
#[path = "civil_tests.rs"]
mod tests;
