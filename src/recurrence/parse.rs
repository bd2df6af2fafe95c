//! An RRULE value becomes a [`Rule`]: each part by itself, then what goes together.

use std::str::FromStr;

use chrono::{Datelike, NaiveDate, NaiveTime};

use super::error::{Error, Fault, Kind};
use super::parts::{Day, End, Freq, Parts};
use super::print::WEEKDAYS;
use super::{MAX_CHARACTERS, MAX_COUNT, MAX_INTERVAL, Rule};

const PREFIX: &str = "RRULE:";
const NAMES: [&str; 11] = [
    "FREQ",
    "INTERVAL",
    "COUNT",
    "UNTIL",
    "BYMONTH",
    "BYWEEKNO",
    "BYYEARDAY",
    "BYMONTHDAY",
    "BYDAY",
    "BYSETPOS",
    "WKST",
];
const TIMES: [&str; 3] = ["BYHOUR", "BYMINUTE", "BYSECOND"];
const OR_NEGATIVE: &str = ", or negative from the end";

/// A part as it is written: its name, and its value with the byte where it begins.
#[derive(Clone, Copy)]
struct Part<'a> {
    name: &'static str,
    at: usize,
    value: &'a str,
    value_at: usize,
}

impl FromStr for Rule {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        rule(text).map_err(|fault| Error::new(text, fault))
    }
}

fn rule(text: &str) -> Result<Rule, Fault> {
    if let Some((at, _)) = text.char_indices().nth(MAX_CHARACTERS) {
        return Err(Kind::TooLong.at(at));
    }
    let found = split(text)?;
    let get = |name: &str| found.iter().find(|part| part.name == name).copied();
    let freq = freq(get("FREQ").ok_or_else(|| Kind::NoFreq.at(text.len()))?)?;
    let interval = get("INTERVAL").map_or(Ok(1), |part| {
        whole(part.value, u32::from(MAX_INTERVAL))
            .and_then(|n| u16::try_from(n).ok())
            .ok_or(Kind::BadInterval.at(part.value_at))
    })?;
    let count =
        get("COUNT").map(|part| whole(part.value, MAX_COUNT).ok_or(Kind::BadCount.at(part.value_at))).transpose()?;
    let until = get("UNTIL").map(|part| until(part.value).ok_or(Kind::BadUntil.at(part.value_at))).transpose()?;
    let end = match (count, until) {
        (Some(_), Some(_)) => {
            let later = get("COUNT").into_iter().chain(get("UNTIL")).map(|part| part.at).max();
            return Err(Kind::CountAndUntil.at(later.unwrap_or_default()));
        }
        (Some(count), None) => End::Count(count),
        (None, Some(date)) => End::Until(date),
        (None, None) => End::Never,
    };
    let mut parts = Parts::default();
    for part in &found {
        match part.name {
            "BYMONTH" => {
                parts.months = items(part, |text| signed(text, 12, false), Kind::BadNumber("BYMONTH", 12, ""))?;
            }
            "BYWEEKNO" => parts.weeks = numbers(part, 53)?,
            "BYYEARDAY" => parts.year_days = numbers(part, 366)?,
            "BYMONTHDAY" => parts.month_days = numbers(part, 31)?,
            "BYDAY" => parts.days = items(part, day, Kind::BadDay)?,
            "BYSETPOS" => parts.positions = numbers(part, 366)?,
            _ => {}
        }
    }
    let week_start =
        get("WKST").map_or(Ok(0), |part| weekday(part.value).ok_or(Kind::BadWeekStart.at(part.value_at)))?;
    together(freq, &parts, &found)?;
    Ok(Rule::new(freq, interval, end, week_start, parts))
}

/// The parts in the order in which they are written, each once.
fn split(text: &str) -> Result<Vec<Part<'_>>, Fault> {
    let begin = text.len() - text.trim_start().len();
    let body = text.trim();
    let (begin, body) = match body.get(..PREFIX.len()) {
        Some(prefix) if prefix.eq_ignore_ascii_case(PREFIX) => {
            (begin + PREFIX.len(), body.get(PREFIX.len()..).unwrap_or(""))
        }
        _ => (begin, body),
    };
    if body.is_empty() {
        return Err(Kind::Empty.at(begin));
    }
    let mut found: Vec<Part<'_>> = Vec::new();
    let mut at = begin;
    for piece in body.split(';') {
        if piece.is_empty() {
            return Err(Kind::NoPart.at(at));
        }
        let (name, value) = piece.split_once('=').ok_or(Kind::NoValue.at(at))?;
        if let Some(time) = TIMES.iter().find(|time| time.eq_ignore_ascii_case(name)) {
            return Err(Kind::TimeOfDay(time).at(at));
        }
        let known = NAMES.iter().find(|known| known.eq_ignore_ascii_case(name)).ok_or(Kind::UnknownPart.at(at))?;
        if found.iter().any(|part| part.name == *known) {
            return Err(Kind::Twice(known).at(at));
        }
        found.push(Part { name: known, at, value, value_at: at + name.len() + 1 });
        at += piece.len() + 1;
    }
    Ok(found)
}

/// What RFC 5545 does not allow together.
fn together(freq: Freq, parts: &Parts, found: &[Part<'_>]) -> Result<(), Fault> {
    let at = |name: &str| found.iter().find(|part| part.name == name).map_or(0, |part| part.at);
    if !parts.weeks.is_empty() && freq != Freq::Yearly {
        return Err(Kind::WeeksNotYearly.at(at("BYWEEKNO")));
    }
    if !parts.year_days.is_empty() && freq != Freq::Yearly {
        return Err(Kind::YearDaysNotYearly.at(at("BYYEARDAY")));
    }
    if !parts.month_days.is_empty() && freq == Freq::Weekly {
        return Err(Kind::MonthDaysWeekly.at(at("BYMONTHDAY")));
    }
    if let Some(index) = parts.days.iter().position(|day| day.ordinal != 0) {
        let part = found.iter().find(|part| part.name == "BYDAY");
        let before = part
            .map_or(0, |part| part.value_at + part.value.split(',').take(index).map(|s| s.len() + 1).sum::<usize>());
        if matches!(freq, Freq::Daily | Freq::Weekly) {
            return Err(Kind::Ordinal.at(before));
        }
        if !parts.weeks.is_empty() {
            return Err(Kind::OrdinalWithWeeks.at(before));
        }
    }
    if !parts.positions.is_empty() && parts.no_day() && parts.months.is_empty() {
        return Err(Kind::PositionsAlone.at(at("BYSETPOS")));
    }
    Ok(())
}

fn freq(part: Part<'_>) -> Result<Freq, Fault> {
    match part.value.to_ascii_uppercase().as_str() {
        "DAILY" => Ok(Freq::Daily),
        "WEEKLY" => Ok(Freq::Weekly),
        "MONTHLY" => Ok(Freq::Monthly),
        "YEARLY" => Ok(Freq::Yearly),
        "HOURLY" | "MINUTELY" | "SECONDLY" => Err(Kind::TooFine.at(part.value_at)),
        _ => Err(Kind::BadFreq.at(part.value_at)),
    }
}

/// A number without a sign, from 1.
fn whole(text: &str, most: u32) -> Option<u32> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    text.parse().ok().filter(|n| digits && (1..=most).contains(n))
}

/// A number from 1, or with its sign.
fn signed<T: TryFrom<i16>>(text: &str, most: i16, negative: bool) -> Option<T> {
    let digits = text.strip_prefix('-').filter(|_| negative);
    let plus = if negative { text.strip_prefix('+').unwrap_or(text) } else { text };
    let number = i16::try_from(whole(digits.unwrap_or(plus), most.unsigned_abs().into())?).ok()?;
    T::try_from(if digits.is_some() { -number } else { number }).ok()
}

fn numbers<T: TryFrom<i16>>(part: &Part<'_>, most: i16) -> Result<Vec<T>, Fault> {
    items(part, |text| signed(text, most, true), Kind::BadNumber(part.name, most, OR_NEGATIVE))
}

fn items<T>(part: &Part<'_>, read: impl Fn(&str) -> Option<T>, kind: Kind) -> Result<Vec<T>, Fault> {
    let (mut all, mut at) = (Vec::new(), part.value_at);
    for item in part.value.split(',') {
        let Some(value) = read(item) else { return Err(kind.at(at)) };
        all.push(value);
        at += item.len() + 1;
    }
    Ok(all)
}

fn weekday(text: &str) -> Option<u8> {
    let index = WEEKDAYS.iter().position(|name| name.eq_ignore_ascii_case(text))?;
    u8::try_from(index).ok()
}

fn day(text: &str) -> Option<Day> {
    let split = text.len().checked_sub(2)?;
    let (number, name) = (text.get(..split)?, text.get(split..)?);
    let ordinal = if number.is_empty() { 0 } else { signed(number, 53, true)? };
    Some(Day { weekday: weekday(name)?, ordinal })
}

/// A date, or a date-time that is cut to its date.
fn until(text: &str) -> Option<NaiveDate> {
    let (date, time) = match text.split_once(['T', 't']) {
        Some((date, time)) => (date, Some(time)),
        None => (text, None),
    };
    if let Some(time) = time {
        let time = time.strip_suffix(['Z', 'z']).unwrap_or(time);
        let number = |from: usize| time.get(from..from + 2).and_then(digits);
        // A leap second is a second that there is.
        let whole = time.len() == 6 && number(4)? <= 60;
        NaiveTime::from_hms_opt(number(0)?, number(2)?, 0).filter(|_| whole)?;
    }
    let number = |from: usize, to: usize| date.get(from..to).and_then(digits);
    let year = i32::try_from(number(0, 4)?).ok()?;
    NaiveDate::from_ymd_opt(year, number(4, 6)?, number(6, 8)?).filter(|day| date.len() == 8 && day.year() > 0)
}

fn digits(text: &str) -> Option<u32> {
    text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
#[path = "parse_tests.rs"]
mod tests;
