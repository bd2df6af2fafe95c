//! The rules that have a phrase. [`Form::of`] takes a rule apart, [`Form::rule`] puts it together: a description is made
//! of a form and a phrase is read as one, so the two directions agree on what there is.

use super::civil::longest;
use super::parts::{Day, End, Freq, Parts, WORKDAYS};
use super::{MAX_INTERVAL, Rule};

/// A rule that can be said in a phrase.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Form {
    pub(super) freq: Freq,
    pub(super) interval: u16,
    pub(super) what: What,
    /// Only in these months; empty in a yearly rule, where the months are part of [`What`].
    pub(super) season: Vec<u8>,
    pub(super) end: End,
}

/// Which days of the period.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum What {
    /// The one that the start has.
    Plain,
    /// Of a week, from Monday.
    Weekdays(Vec<u8>),
    /// Of a month.
    MonthDays(Vec<i8>),
    /// The first Monday, the last Friday: of a month.
    NthDays(Vec<Day>),
    /// The nth day of a month that is one of Monday to Friday.
    Workday(i16),
    /// Each of the days in each of the months.
    Dates(Vec<u8>, Vec<i8>),
    NthDaysOf(Vec<Day>, Vec<u8>),
    WorkdayOf(i16, u8),
    /// A month, on the day that the start has.
    Months(Vec<u8>),
}

/// The most dates that a phrase lists.
const MAX_DATES: usize = 24;

impl Form {
    pub(super) fn plain(freq: Freq, interval: u16, what: What) -> Self {
        Self { freq, interval, what, season: Vec::new(), end: End::Never }
    }

    /// `None` if the rule can only be described clumsily.
    pub(super) fn of(rule: &Rule) -> Option<Self> {
        let parts = &rule.parts;
        if rule.week_start != 0 || !parts.weeks.is_empty() || !parts.year_days.is_empty() {
            return None;
        }
        let what = match rule.freq {
            Freq::Daily => what(parts, [true, false, false])?,
            Freq::Weekly => what(parts, [true, true, false])?,
            Freq::Monthly => what(parts, [true, false, true])?,
            Freq::Yearly => yearly(parts)?,
        };
        let season = if rule.freq == Freq::Yearly { Vec::new() } else { parts.months.clone() };
        Some(Self { freq: rule.freq, interval: rule.interval, what, season, end: rule.end })
    }

    /// `None` if it is none that exists, such as one on 30 February or every 5000 days.
    pub(super) fn rule(self) -> Option<Rule> {
        let mut parts = Parts { months: self.season, ..Parts::default() };
        let workdays = || WORKDAYS.map(Day::each).to_vec();
        match self.what {
            What::Plain => {}
            What::Weekdays(days) => parts.days = days.into_iter().map(Day::each).collect(),
            What::MonthDays(days) => parts.month_days = days,
            What::NthDays(days) => parts.days = days,
            What::Workday(position) => (parts.days, parts.positions) = (workdays(), vec![position]),
            What::Dates(months, days) => (parts.months, parts.month_days) = (months, days),
            What::NthDaysOf(days, months) => (parts.days, parts.months) = (days, months),
            What::WorkdayOf(position, month) => {
                (parts.days, parts.positions, parts.months) = (workdays(), vec![position], vec![month]);
            }
            What::Months(months) => parts.months = months,
        }
        if !(1..=MAX_INTERVAL).contains(&self.interval) {
            return None;
        }
        let rule = Rule::new(self.freq, self.interval, self.end, 0, parts);
        // What a phrase says must be what has a form: the checks are there.
        Self::of(&rule).map(|_| rule)
    }
}

/// A rule that is not yearly; which of plain, weekdays and days of the month its frequency takes.
fn what(parts: &Parts, [plain, weekdays, of_month]: [bool; 3]) -> Option<What> {
    let (days, dates, positions) = (&parts.days, &parts.month_days, &parts.positions);
    match (days.is_empty(), dates.is_empty(), positions.is_empty()) {
        (true, true, true) if plain => Some(What::Plain),
        (false, true, true) if weekdays => Some(What::Weekdays(days.iter().map(|day| day.weekday).collect())),
        (true, false, true) if of_month => {
            dates.iter().all(|day| possible(&parts.months, *day)).then(|| What::MonthDays(dates.clone()))
        }
        (false, true, true) if of_month => days.iter().copied().all(nth).then(|| What::NthDays(days.clone())),
        (false, true, false) if of_month => workday(parts).map(What::Workday),
        _ => None,
    }
}

fn yearly(parts: &Parts) -> Option<What> {
    let (months, days, dates) = (&parts.months, &parts.days, &parts.month_days);
    match (months.is_empty(), days.is_empty(), dates.is_empty(), parts.positions.is_empty()) {
        (true, true, true, true) => Some(What::Plain),
        (false, true, true, true) => Some(What::Months(months.clone())),
        (false, true, false, true) => {
            let each = months.iter().all(|month| dates.iter().all(|day| possible(&[*month], *day)));
            (each && months.len() * dates.len() <= MAX_DATES).then(|| What::Dates(months.clone(), dates.clone()))
        }
        (false, false, true, true) => {
            days.iter().copied().all(nth).then(|| What::NthDaysOf(days.clone(), months.clone()))
        }
        (false, false, true, false) => match months.as_slice() {
            [month] => Some(What::WorkdayOf(workday(parts)?, *month)),
            _ => None,
        },
        _ => None,
    }
}

/// Whether a phrase can say the day, and one of the months (any if there are none) has it.
fn possible(months: &[u8], day: i8) -> bool {
    let longest = months.iter().map(|month| longest(*month)).max().unwrap_or(31);
    matches!(day, -3..=-1 | 1..) && day <= longest
}

fn nth(day: Day) -> bool {
    matches!(day.ordinal, -3..=-1 | 1..=5)
}

fn workday(parts: &Parts) -> Option<i16> {
    let workdays = parts.days.iter().map(|day| (day.weekday, day.ordinal)).eq(WORKDAYS.map(|day| (day, 0)));
    // 31 days have at most 23 workdays, 30 have 22 and 29 have 21.
    let most = |month: &u8| i16::from(longest(*month)) - 8;
    let most = parts.months.iter().map(most).max().unwrap_or(23);
    match parts.positions.as_slice() {
        [position] if workdays && matches!(position, -3..=-1 | 1..) && *position <= most => Some(*position),
        _ => None,
    }
}

#[cfg(test)]
#[path = "form_tests.rs"]
mod tests;
