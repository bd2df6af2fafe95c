//! What a filter says of the due date, for an index: a database cannot see it through the conditions of dates and of times.

use chrono::NaiveDate;

use super::Context;
use super::ast::{Expr, Flag, Order, Test, TimeField};
use super::calendar::{Moment, add, clamp};
use super::moment::Unit;

/// The same instant may be two days later in another zone (UTC-12 and UTC+14).
const ZONES: i32 = 2;

/// A day on or before which everything is due that passes; `None`: there is no such day.
pub(super) fn due_until(expr: &Expr, context: &Context) -> Option<NaiveDate> {
    let day = |moment: Moment| Some(add(moment.day(context.zone), ZONES, Unit::Day));
    match expr {
        Expr::And(parts) => parts.iter().filter_map(|part| due_until(part, context)).min(),
        Expr::Or(parts) => {
            let days: Option<Vec<_>> = parts.iter().map(|part| due_until(part, context)).collect();
            days?.into_iter().max()
        }
        Expr::Test(Test::TimeOrder(TimeField::Due, Order::Lt | Order::Le, when)) => day(when.at(context)),
        Expr::Test(Test::Time(TimeField::Due, set)) if !set.negated => {
            let days: Option<Vec<_>> = set.values.iter().map(|when| day(when.as_ref()?.at(context))).collect();
            days?.into_iter().max()
        }
        Expr::Test(Test::Flag(Flag::Overdue, true)) => day(Moment::Instant(clamp(context.now))),
        Expr::Not(_) | Expr::Test(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::Filter;
    use super::*;

    #[test]
    fn a_day_is_told_only_where_everything_is_due_by_then() {
        let context = Context {
            now: "2026-11-25T12:00:00Z".parse().unwrap(),
            zone: chrono_tz::Europe::Berlin,
            week_start: chrono::Weekday::Mon,
            name_key: str::to_lowercase,
        };
        for (text, day) in [
            ("due < now+7d", Some("2026-12-04")),
            ("due <= 2026-12-01 && tag = home", Some("2026-12-03")),
            ("due <= 2026-12-01 && overdue", Some("2026-11-27")),
            ("due in (today, tomorrow) || due < yesterday", Some("2026-11-28")),
            ("due = 9999-12-31", Some("9999-12-31")),
            ("due < today || tag = home", None),
            ("due in (today, null)", None),
            ("due != today", None),
            ("!(due >= today)", None),
            ("due > today", None),
            ("deadline < today", None),
            ("overdue = false", None),
        ] {
            let filter: Filter = text.parse().unwrap();
            assert_eq!(filter.due_until(&context), day.map(|day| day.parse().unwrap()), "{text}");
        }
    }
}
