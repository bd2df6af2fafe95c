use super::*;

#[test]
fn the_numbers_are_those_of_chrono() {
    let mut day = NaiveDate::from_ymd_opt(1, 1, 1).unwrap();
    let mut checked = 0;
    while day.year() < 2500 {
        let number = day.num_days_from_ce();
        assert_eq!(u32::from(weekday(number)), day.weekday().num_days_from_monday(), "{day}");
        assert_eq!(date(number), Some(day));
        if day.day() == 1 {
            let (start, length) = month_span(month_index(day));
            assert_eq!(start, number, "{day}");
            let next = day.checked_add_months(chrono::Months::new(1)).unwrap();
            assert_eq!(start + length, next.num_days_from_ce(), "{day}");
        }
        if day.ordinal() == 1 {
            assert_eq!(year_start(day.year()), number);
            assert_eq!(
                first_week(day.year(), 0),
                NaiveDate::from_isoywd_opt(day.year(), 1, chrono::Weekday::Mon).unwrap().num_days_from_ce()
            );
        }
        day = day.succ_opt().unwrap();
        checked += 1;
    }
    assert!(checked > 900_000);
}

#[test]
fn time_has_ends() {
    assert_eq!(date(0), None);
    assert_eq!(date(i32::MAX), None);
    assert_eq!(date(year_start(10_000)), None);
    assert_eq!(date(year_start(10_000) - 1), NaiveDate::from_ymd_opt(9999, 12, 31));
    assert_eq!(clamp(NaiveDate::MAX), NaiveDate::from_ymd_opt(9999, 12, 31).unwrap());
    assert_eq!(clamp(NaiveDate::MIN), NaiveDate::from_ymd_opt(1, 1, 1).unwrap());
}
