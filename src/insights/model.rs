//! On which days things are counted, and what is told of them: pure.

use std::collections::BTreeMap;

use chrono::{DateTime, Datelike as _, Days, NaiveDate, Utc};
use chrono_tz::Tz;
use serde::Serialize;
use utoipa::ToSchema;

/// The longest report, in days.
pub const DAYS_MAX: i64 = 366;
/// How many days a report has when nobody says.
const DAYS_DEFAULT: u64 = 30;

/// The time zones that a user had, by the instant since which and the number of the event that says so.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Zones(BTreeMap<(DateTime<Utc>, i64), Tz>);

/// A zone by its name. One that this version does not know is UTC.
pub fn zone(name: &str) -> Tz {
    name.parse().unwrap_or(Tz::UTC)
}

impl Zones {
    /// From `since` on it is `zone`.
    pub fn set(&mut self, since: DateTime<Utc>, seq: i64, zone: Tz) {
        self.0.insert((since, seq), zone);
    }

    /// Since when the first one is known.
    pub fn first(&self) -> Option<DateTime<Utc>> {
        self.0.first_key_value().map(|((since, _), _)| *since)
    }

    /// The day of an instant in the zone that the user had then. Before the first it is the first; UTC where there is
    /// none.
    pub fn day(&self, at: DateTime<Utc>) -> NaiveDate {
        let then = self.0.range(..=(at, i64::MAX)).next_back().or_else(|| self.0.first_key_value());
        day(at, then.map_or(Tz::UTC, |(_, zone)| *zone))
    }
}

/// The day of an instant in a zone.
pub fn day(at: DateTime<Utc>, zone: Tz) -> NaiveDate {
    at.with_timezone(&zone).date_naive()
}

/// What an event says of a task. The one with the greatest number holds, in whatever order they come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// The event's number.
    pub seq: i64,
    /// When the task was made.
    pub created_at: DateTime<Utc>,
    /// Its due date.
    pub due_date: Option<NaiveDate>,
    /// When it was done.
    pub completed_at: Option<DateTime<Utc>>,
    /// When it went to the trash.
    pub deleted_at: Option<DateTime<Utc>>,
}

/// The days on which a task is counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counted {
    /// As created.
    pub created_on: NaiveDate,
    /// As completed.
    pub completed_on: Option<NaiveDate>,
    /// As overdue: the first day, and the first one after it at whose end it is not overdue any more.
    pub overdue: Option<(NaiveDate, Option<NaiveDate>)>,
}

impl Facts {
    /// The days on which this task is counted.
    pub fn counted(&self, zones: &Zones) -> Counted {
        let created_on = zones.day(self.created_at);
        let completed_on = self.completed_at.map(|at| zones.day(at));
        let deleted_on = self.deleted_at.map(|at| zones.day(at));
        let until = completed_on.into_iter().chain(deleted_on).min();
        // The last day of all years of four digits has no day after it.
        let due = self.due_date.and_then(|due| due.succ_opt()).filter(|from| from.year() <= 9999);
        let from = due.map(|due| due.max(created_on)).filter(|from| until.is_none_or(|until| *from < until));
        Counted { created_on, completed_on, overdue: from.map(|from| (from, until)) }
    }
}

/// What is counted on one day.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Tasks that were made.
    pub created: i64,
    /// Tasks that were done.
    pub completed: i64,
}

impl Counted {
    /// Adds what this task counts to the days, or with −1 takes it back.
    pub fn add_to(&self, days: &mut BTreeMap<NaiveDate, Tally>, sign: i64) {
        days.entry(self.created_on).or_default().created += sign;
        if let Some(day) = self.completed_on {
            days.entry(day).or_default().completed += sign;
        }
    }
}

/// What is wrong with a request: the parameter, a stable code, and a sentence that says what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invalid(pub Vec<(&'static str, &'static str, &'static str)>);

/// The days of a report, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// The first day.
    pub from: NaiveDate,
    /// The last day.
    pub to: NaiveDate,
}

impl Span {
    /// Checks everything and reports every mistake at once. What is missing is the last 30 days up to today.
    pub fn parse(from: Option<&str>, to: Option<&str>, today: NaiveDate) -> Result<Self, Invalid> {
        const SAYS: &str = "use a date such as 2026-12-01";
        let mut wrong = Vec::new();
        let mut date = |name, text: Option<&str>| {
            let date = text.map(parse_date).transpose();
            date.unwrap_or_else(|()| {
                wrong.push((name, "not_a_date", SAYS));
                None
            })
        };
        let (from, to) = (date("from", from), date("to", to));
        if !wrong.is_empty() {
            return Err(Invalid(wrong));
        }
        let to = to.unwrap_or(today);
        let from = from.or_else(|| to.checked_sub_days(Days::new(DAYS_DEFAULT - 1))).unwrap_or(to);
        match (to - from).num_days() + 1 {
            ..=0 => Err(Invalid(vec![("from", "out_of_range", "use a day that is not after the last one")])),
            1..=DAYS_MAX => Ok(Self { from, to }),
            _ => Err(Invalid(vec![("from", "out_of_range", "use at most 366 days")])),
        }
    }

    /// Its days in order.
    pub fn days(self) -> impl Iterator<Item = NaiveDate> {
        self.from.iter_days().take_while(move |day| *day <= self.to)
    }
}

/// A four-digit year keeps the text of a date in order in every database.
fn parse_date(text: &str) -> Result<NaiveDate, ()> {
    let date: NaiveDate = text.parse().map_err(drop)?;
    // The library reads more than RFC 3339's form of a date; the year 0 is no year of PostgreSQL's.
    if date.year() < 1 || date.to_string() != text { Err(()) } else { Ok(date) }
}

/// One day of a report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Day {
    /// The day, in the user's time zone.
    pub date: NaiveDate,
    /// Tasks that were made on it.
    pub created: i64,
    /// Tasks that were done on it, and are done.
    pub completed: i64,
    /// Tasks that were open at its end and due on an earlier day. A day that has not ended counts as it is now.
    pub overdue: i64,
}

/// The sums over a report's days.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct Totals {
    /// Tasks that were made.
    pub created: i64,
    /// Tasks that were done.
    pub completed: i64,
}

/// What came of a person's days.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// The first day.
    pub from: NaiveDate,
    /// The last day.
    pub to: NaiveDate,
    /// The time zone in which it is today now. Each thing is counted in the zone that was the user's when it happened.
    pub time_zone: String,
    /// Each day, in order.
    pub days: Vec<Day>,
    /// The sums.
    pub totals: Totals,
    /// How many days in a row, up to today or yesterday, have a completed task.
    pub streak: usize,
    /// The time of the last event that is in these figures; null before the first.
    pub as_of: Option<DateTime<Utc>>,
}

/// So many tasks that are overdue from a day until another one.
pub type Overdue = (NaiveDate, Option<NaiveDate>, i64);

/// Each day of a report, from the days that have a tally.
pub fn days(span: Span, tallies: &BTreeMap<NaiveDate, Tally>, overdue: &[Overdue]) -> Vec<Day> {
    let mut steps: BTreeMap<NaiveDate, i64> = BTreeMap::new();
    for (from, until, count) in overdue {
        *steps.entry((*from).max(span.from)).or_default() += count;
        if let Some(until) = until {
            *steps.entry((*until).max(span.from)).or_default() -= count;
        }
    }
    let mut open = 0;
    let day = |date| {
        open += steps.get(&date).copied().unwrap_or_default();
        let Tally { created, completed } = tallies.get(&date).copied().unwrap_or_default();
        Day { date, created, completed, overdue: open }
    };
    span.days().map(day).collect()
}

/// The sums of some days.
pub fn totals(days: &[Day]) -> Totals {
    days.iter().fold(Totals::default(), |sum, day| Totals {
        created: sum.created + day.created,
        completed: sum.completed + day.completed,
    })
}

/// How many days in a row, up to today or yesterday, are in `days`, which come latest first and not after today.
pub fn streak(today: NaiveDate, days: &[NaiveDate]) -> usize {
    let Some(last) = days.first().filter(|last| (today - **last).num_days() <= 1) else { return 0 };
    let row = std::iter::successors(Some(*last), NaiveDate::pred_opt);
    row.zip(days).take_while(|(wanted, day)| wanted == *day).count()
}

#[cfg(test)]
#[path = "model_tests.rs"]
mod tests;
