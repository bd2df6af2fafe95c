use chrono::{TimeDelta, Timelike as _};
use chrono_tz::Europe::Berlin;
use proptest::prelude::*;

use super::super::calendar::day;
use super::*;

const RELS: [Rel; 5] = [Rel::Eq, Rel::Is(Order::Lt), Rel::Is(Order::Le), Rel::Is(Order::Gt), Rel::Is(Order::Ge)];

#[test]
fn a_day_with_a_changed_clock_has_all_its_hours() {
    for (date, hours) in [("2026-03-29", 23), ("2026-10-25", 25), ("2026-11-25", 24)] {
        let date: NaiveDate = date.parse().unwrap();
        let limits = Limits::of(Rel::Eq, Moment::Day(date), Berlin);
        let noon = date.and_hms_opt(11, 0, 0).unwrap().and_utc();
        let within = (-30..30).filter(|hour| limits.hold_instant(noon + TimeDelta::hours(*hour))).count();
        assert_eq!(within, hours);
    }
}

#[test]
fn a_date_is_compared_with_the_day_of_an_instant() {
    // 00:30 on the 26th in Berlin.
    let at = "2026-11-25T23:30:00Z".parse().unwrap();
    let holds = |rel, date: &str| Limits::of(rel, Moment::Instant(at), Berlin).hold_date(date.parse().unwrap());
    assert!(holds(Rel::Is(Order::Lt), "2026-11-25") && !holds(Rel::Is(Order::Lt), "2026-11-26"));
    assert!(holds(Rel::Eq, "2026-11-26") && holds(Rel::Is(Order::Le), "2026-11-26"));
    assert!(holds(Rel::Is(Order::Gt), "2026-11-27") && !holds(Rel::Is(Order::Gt), "2026-11-26"));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4_000, failure_persistence: None, ..ProptestConfig::default() })]

    /// Against the plain definition: the day that the instant has in the zone is compared. (It differs only where a clock
    /// went back over midnight, which none does in these years: an hour of the evening then counts to the next day.)
    #[test]
    fn to_compare_with_a_day_is_to_compare_days(
        zone in prop::sample::select(chrono_tz::TZ_VARIANTS.to_vec()),
        seconds in 1_500_000_000_i64..2_000_000_000,
        away in -2_i64..3,
        rel in prop::sample::select(RELS.to_vec()),
    ) {
        let some = DateTime::from_timestamp(seconds, 0).unwrap();
        let other = day(some, zone) + TimeDelta::days(away);
        let limits = Limits::of(rel, Moment::Day(other), zone);
        // Some instant, and those about the ends of the day.
        let [start, end] = [start_of_day(other, zone), end_of_day(other, zone)];
        let tick = TimeDelta::microseconds(1);
        for at in [some, start, start - tick, end, end - tick] {
            let own = day(at, zone);
            let plain = match rel {
                Rel::Eq => own == other,
                Rel::Is(order) => order.holds(own, other),
            };
            prop_assert_eq!(limits.hold_instant(at), plain, "{}", at);
        }
    }

    #[test]
    fn the_relations_are_consistent(
        zone in prop::sample::select(chrono_tz::TZ_VARIANTS.to_vec()),
        seconds in -2_000_000_000_i64..2_000_000_000,
        away in -40_i64..40,
        to_day in any::<bool>(),
    ) {
        let at = DateTime::from_timestamp(seconds, 0).unwrap().with_nanosecond(1_000).unwrap();
        let other = at + TimeDelta::hours(away);
        let moment = if to_day { Moment::Day(day(other, zone)) } else { Moment::Instant(other) };
        let [eq, lt, le, gt, ge] = RELS.map(|rel| Limits::of(rel, moment, zone).hold_instant(at));
        prop_assert_eq!([eq, lt, gt].iter().filter(|holds| **holds).count(), 1);
        prop_assert_eq!((le, ge), (lt || eq, gt || eq));
    }
}
