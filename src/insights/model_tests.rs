use super::*;

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn on(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

fn zones(list: &[(&str, &str)]) -> Zones {
    let mut zones = Zones::default();
    for (index, (since, name)) in list.iter().enumerate() {
        zones.set(at(since), i64::try_from(index).unwrap(), zone(name));
    }
    zones
}

#[test]
fn a_day_is_that_of_the_zone() {
    let none = Zones::default();
    assert_eq!(none.day(at("2026-11-24T23:59:59.999999Z")), on("2026-11-24"));
    let apia = zones(&[("2026-01-01T00:00:00Z", "Pacific/Apia")]);
    assert_eq!(apia.day(at("2026-11-24T10:59:59.999999Z")), on("2026-11-24"));
    assert_eq!(apia.day(at("2026-11-24T11:00:00Z")), on("2026-11-25"));
    // The days on which clocks change have 23 and 25 hours.
    let berlin = zones(&[("2026-01-01T00:00:00Z", "Europe/Berlin")]);
    for (instant, day) in [
        ("2026-03-28T22:59:59Z", "2026-03-28"),
        ("2026-03-28T23:00:00Z", "2026-03-29"),
        ("2026-03-29T21:59:59Z", "2026-03-29"),
        ("2026-03-29T22:00:00Z", "2026-03-30"),
        ("2026-10-24T22:00:00Z", "2026-10-25"),
        ("2026-10-25T22:59:59Z", "2026-10-25"),
        ("2026-10-25T23:00:00Z", "2026-10-26"),
    ] {
        assert_eq!(berlin.day(at(instant)), on(day), "{instant}");
    }
    assert_eq!(zone("Mars/Olympus"), Tz::UTC);
}

#[test]
fn a_zone_holds_from_its_instant_on_and_the_first_one_also_before() {
    let moved = zones(&[("2026-06-01T00:00:00Z", "America/New_York"), ("2026-07-01T12:00:00Z", "Asia/Tokyo")]);
    assert_eq!(moved.day(at("2026-05-02T03:00:00Z")), on("2026-05-01"));
    assert_eq!(moved.day(at("2026-07-01T11:59:59Z")), on("2026-07-01"));
    assert_eq!(moved.day(at("2026-07-01T16:00:00Z")), on("2026-07-02"));
    // Of two at the same instant the later event holds.
    let twice = zones(&[("2026-06-01T00:00:00Z", "Asia/Tokyo"), ("2026-06-01T00:00:00Z", "UTC")]);
    assert_eq!(twice.day(at("2026-06-01T16:00:00Z")), on("2026-06-01"));
}

fn facts(due: Option<&str>, completed: Option<&str>, deleted: Option<&str>) -> Facts {
    Facts {
        seq: 1,
        created_at: at("2026-11-10T12:00:00Z"),
        due_date: due.map(on),
        completed_at: completed.map(at),
        deleted_at: deleted.map(at),
    }
}

#[test]
fn a_task_is_overdue_from_the_day_after_it_was_due_until_it_is_done_or_deleted() {
    let counted = |facts: &Facts| facts.counted(&Zones::default());
    let (noon, later) = (Some("2026-11-20T12:00:00Z"), Some("2026-11-22T12:00:00Z"));
    for (due, completed, deleted, overdue) in [
        (None, None, None, None),
        (Some("2026-11-15"), None, None, Some(("2026-11-16", None))),
        (Some("2026-11-15"), noon, None, Some(("2026-11-16", Some("2026-11-20")))),
        (Some("2026-11-15"), None, noon, Some(("2026-11-16", Some("2026-11-20")))),
        (Some("2026-11-15"), noon, later, Some(("2026-11-16", Some("2026-11-20")))),
        // Done on the day it was due, or the day after: at no day's end was it overdue.
        (Some("2026-11-20"), noon, None, None),
        (Some("2026-11-19"), noon, None, None),
        (Some("2026-11-18"), noon, None, Some(("2026-11-19", Some("2026-11-20")))),
        // Due before it was made.
        (Some("2026-11-01"), None, None, Some(("2026-11-10", None))),
        (Some("9999-12-31"), None, None, None),
    ] {
        let wanted = overdue.map(|(from, until)| (on(from), until.map(on)));
        assert_eq!(counted(&facts(due, completed, deleted)).overdue, wanted, "{due:?} {completed:?} {deleted:?}");
    }
    let done = counted(&facts(None, noon, later));
    assert_eq!((done.created_on, done.completed_on), (on("2026-11-10"), Some(on("2026-11-20"))));
}

#[test]
fn a_span_is_checked() {
    let today = on("2026-11-25");
    let parse = |from, to| Span::parse(from, to, today);
    let span = |from, to| Ok(Span { from: on(from), to: on(to) });
    assert_eq!(parse(None, None), span("2026-10-27", "2026-11-25"));
    assert_eq!(parse(None, None).unwrap().days().count(), 30);
    assert_eq!(parse(None, Some("2026-03-30")), span("2026-03-01", "2026-03-30"));
    assert_eq!(parse(Some("2026-11-25"), None), span("2026-11-25", "2026-11-25"));
    assert_eq!(parse(Some("2024-01-01"), Some("2024-12-31")).unwrap().days().count(), 366);
    assert_eq!(parse(Some("0001-01-01"), Some("0001-01-02")).unwrap().days().count(), 2);
    assert_eq!(parse(None, Some("9999-12-31")).unwrap().days().count(), 30);
    let codes = |from, to| {
        let Invalid(wrong) = parse(from, to).unwrap_err();
        wrong.into_iter().map(|(name, code, _)| (name, code)).collect::<Vec<_>>()
    };
    assert_eq!(codes(Some("2026-02-30"), Some("x")), [("from", "not_a_date"), ("to", "not_a_date")]);
    for text in ["", "2026-1-1", "0000-01-01", "+2026-01-1", "2026-11-25T", "-0026-01-1", "+2026-01-01", "99999-01-01"]
    {
        assert_eq!(codes(Some(text), None), [("from", "not_a_date")], "{text}");
    }
    assert_eq!(codes(Some("2026-11-26"), None), [("from", "out_of_range")]);
    assert_eq!(codes(Some("2025-01-01"), Some("2026-01-02")), [("from", "out_of_range")]);
}

#[test]
fn a_report_has_every_day() {
    let span = Span { from: on("2026-11-20"), to: on("2026-11-23") };
    let tallies = BTreeMap::from([(on("2026-11-21"), Tally { created: 2, completed: 1 })]);
    let overdue = [
        // Since long ago, and still.
        (on("2026-01-01"), None, 1),
        (on("2026-11-21"), Some(on("2026-11-23")), 2),
        (on("2026-11-01"), Some(on("2026-11-21")), 4),
    ];
    let days = days(span, &tallies, &overdue);
    let told: Vec<_> = days.iter().map(|day| (day.date, day.created, day.completed, day.overdue)).collect();
    let wanted = [
        (on("2026-11-20"), 0, 0, 5),
        (on("2026-11-21"), 2, 1, 3),
        (on("2026-11-22"), 0, 0, 3),
        (on("2026-11-23"), 0, 0, 1),
    ];
    assert_eq!(told, wanted);
    assert_eq!(totals(&days), Totals { created: 2, completed: 1 });
}

#[test]
fn a_streak_ends_today_or_yesterday() {
    let today = on("2026-03-02");
    let streak = |days: &[&str]| streak(today, &days.iter().map(|day| on(day)).collect::<Vec<_>>());
    assert_eq!(streak(&[]), 0);
    assert_eq!(streak(&["2026-03-02"]), 1);
    assert_eq!(streak(&["2026-03-01", "2026-02-28", "2026-02-26"]), 2);
    assert_eq!(streak(&["2026-03-02", "2026-02-28"]), 1);
    assert_eq!(streak(&["2026-02-28", "2026-02-27"]), 0);
}
