//! What it means to compare with a date, for instants and for dates: once, for `matches` and for `sql`.
//!
//! | compared with | a field that is an instant | a field that is a date |
//! |---|---|---|
//! | a day D | D is from its first instant to that of the next day: `<` before it, `=` in it, `<=` before or in it | dates |
//! | an instant I | as instants | with the day of I in the person's zone |

use chrono::{DateTime, NaiveDate, Utc};
use chrono_tz::Tz;

use super::ast::Order;
use super::calendar::{Moment, end_of_day, start_of_day};

/// Bounds that hold together.
#[derive(Debug)]
pub(super) struct Limits {
    /// For instants.
    pub(super) instants: Vec<(Rel, DateTime<Utc>)>,
    /// For dates.
    pub(super) date: (Rel, NaiveDate),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rel {
    Eq,
    Is(Order),
}

impl Rel {
    pub(super) fn text(self) -> &'static str {
        match self {
            Self::Eq => "=",
            Self::Is(order) => order.text(),
        }
    }

    fn holds<T: Ord + Copy>(self, left: T, right: T) -> bool {
        match self {
            Self::Eq => left == right,
            Self::Is(order) => order.holds(left, right),
        }
    }
}

impl Limits {
    /// `… = moment`, or `… < moment` and the like.
    pub(super) fn of(rel: Rel, moment: Moment, zone: Tz) -> Self {
        let instants = match moment {
            Moment::Instant(at) => vec![(rel, at)],
            Moment::Day(day) => {
                let (start, end) = (start_of_day(day, zone), end_of_day(day, zone));
                match rel {
                    Rel::Eq => vec![(Rel::Is(Order::Ge), start), (Rel::Is(Order::Lt), end)],
                    Rel::Is(Order::Lt) => vec![(Rel::Is(Order::Lt), start)],
                    Rel::Is(Order::Le) => vec![(Rel::Is(Order::Lt), end)],
                    Rel::Is(Order::Gt) => vec![(Rel::Is(Order::Ge), end)],
                    Rel::Is(Order::Ge) => vec![(Rel::Is(Order::Ge), start)],
                }
            }
        };
        Self { instants, date: (rel, moment.day(zone)) }
    }

    pub(super) fn hold_instant(&self, at: DateTime<Utc>) -> bool {
        self.instants.iter().all(|(rel, bound)| rel.holds(at, *bound))
    }

    pub(super) fn hold_date(&self, date: NaiveDate) -> bool {
        self.date.0.holds(date, self.date.1)
    }
}

#[cfg(test)]
#[path = "limits_tests.rs"]
mod tests;
