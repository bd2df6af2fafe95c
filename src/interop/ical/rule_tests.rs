use super::*;

#[test]
fn rules_that_can_stand_in_the_feed() {
    let first = NaiveDate::from_ymd_opt(2026, 12, 1).unwrap();
    for (rule, expected) in [
        ("FREQ=DAILY", Some("FREQ=DAILY")),
        ("RRULE:FREQ=WEEKLY;BYDAY=MO,TU", Some("FREQ=WEEKLY;BYDAY=MO,TU")),
        (" freq=monthly ; bymonthday=-1 ", Some("FREQ=MONTHLY;BYMONTHDAY=-1")),
        ("BYDAY=+1MO;FREQ=MONTHLY;INTERVAL=2;WKST=SU", Some("BYDAY=+1MO;FREQ=MONTHLY;INTERVAL=2;WKST=SU")),
        ("FREQ=DAILY;UNTIL=20270101", Some("FREQ=DAILY;UNTIL=20270101")),
        ("FREQ=DAILY;UNTIL=20270101T120000Z", Some("FREQ=DAILY;UNTIL=20270101")),
        ("FREQ=DAILY;UNTIL=20261201", Some("FREQ=DAILY;UNTIL=20261201")),
        // It ended before.
        ("FREQ=DAILY;UNTIL=20261130", None),
        ("FREQ=DAILY;UNTIL=tomorrow", None),
        ("FREQ=DAILY;COUNT=3", None),
        ("FREQ=HOURLY", None),
        ("FREQ=DAILY;BYHOUR=9", None),
        ("FREQ=DAILY;INTERVAL=0", None),
        ("FREQ=DAILY;INTERVAL=x", None),
        ("FREQ=DAILY;FREQ=WEEKLY", None),
        ("INTERVAL=2", None),
        ("FREQ=DAILY;", None),
        ("FREQ=", None),
        ("every day", None),
        ("", None),
        ("FREQ=DAILY;BYDAY=MO\r\nATTACH:http://x", None),
        ("FREQ=DAILY;WKST=MO:X", None),
        ("FREQ=DAILY;WKST=ÄÄ", None),
        ("FREQ=DAILY;UNTIL=2027010é", None),
    ] {
        assert_eq!(of_days(rule, first).as_deref(), expected, "{rule}");
    }
}

#[test]
fn plain_rules_move_a_date_and_no_more() {
    for (rule, plain) in [
        ("FREQ=DAILY", true),
        ("FREQ=WEEKLY;INTERVAL=2;UNTIL=20270101;WKST=SU", true),
        ("FREQ=WEEKLY;BYDAY=MO", false),
        ("BYMONTH=2;FREQ=YEARLY", false),
    ] {
        assert_eq!(is_plain(rule), plain, "{rule}");
    }
}
