use chrono_tz::{America, Europe};
use proptest::prelude::*;

use super::*;

fn input(title: &str) -> Input {
    Input { title: Some(title.to_owned()), ..Input::default() }
}

fn parse(input: Input) -> Result<Draft, Vec<(&'static str, &'static str)>> {
    let short = |wrong: Invalid| wrong.0.into_iter().map(|(pointer, code, _)| (pointer, code)).collect();
    input.parse(Local { zone: Europe::Berlin, ..Local::NOWHERE }).map_err(short)
}

#[test]
fn every_mistake_is_reported_at_once() {
    let wrong = Input {
        title: Some("   ".to_owned()),
        description: Some("x".repeat(DESCRIPTION_MAX + 1)),
        priority: Some("P1".to_owned()),
        position: Some("a0".to_owned()),
        tags: Some(vec!["  ".to_owned()]),
        due_date: Some("2026-02-30".to_owned()),
        start_date: Some("soon".to_owned()),
        deadline: Some("2026".to_owned()),
        ..Input::default()
    };
    let pointers: Vec<_> = parse(wrong).unwrap_err().into_iter().map(|(pointer, _)| pointer).collect();
    assert_eq!(
        pointers,
        ["/title", "/description", "/priority", "/position", "/tags", "/dueDate", "/startDate", "/deadline"]
    );
}

#[test]
fn titles_are_counted_in_characters_and_trimmed() {
    assert_eq!(parse(input("  Pay rent ")).unwrap().title, "Pay rent");
    assert!(parse(input(&"ü".repeat(TITLE_MAX))).is_ok());
    assert_eq!(parse(input(&"ü".repeat(TITLE_MAX + 1))), Err(vec![("/title", "too_long")]));
    assert_eq!(parse(input("a\nb")), Err(vec![("/title", "control_character")]));
}

#[test]
fn dates_are_four_digit_iso_dates() {
    for bad in ["tomorrow", "2026-1-1", "+12026-01-01", "0000-01-01", "2026-13-01", ""] {
        let wrong = Input { due_date: Some(bad.to_owned()), ..input("x") };
        assert_eq!(parse(wrong), Err(vec![("/dueDate", "not_a_date")]), "{bad}");
    }
}

#[test]
fn a_time_is_an_instant_with_the_zone_it_is_meant_in() {
    let due = |at: &str, zone: Option<&str>| {
        let input = Input { due_at: Some(at.to_owned()), due_zone: zone.map(str::to_owned), ..input("x") };
        parse(input).map(|draft| draft.due.unwrap())
    };
    let at = |text: &str| DateTime::parse_from_rfc3339(text).unwrap().to_utc();
    // The same instant is another day in another zone.
    let late = "2026-12-01T23:30:00+01:00";
    assert_eq!(due(late, None).unwrap(), Due::at(at(late), Europe::Berlin).unwrap());
    assert_eq!(due(late, None).unwrap().date.to_string(), "2026-12-01");
    assert_eq!(due("2026-12-02T04:30:00Z", Some("America/New_York")).unwrap().date.to_string(), "2026-12-01");
    assert_eq!(due("2026-12-02T04:30:00Z", None).unwrap().date.to_string(), "2026-12-02");
    // A time without an offset is one of the zone.
    let five = due("2026-12-01T17:00", Some("America/New_York")).unwrap();
    assert_eq!(five.time, Some((at("2026-12-01T22:00:00Z"), America::New_York)));
    // In a gap and in an overlap.
    assert_eq!(due("2026-03-29T02:30", None).unwrap().time.unwrap().0, at("2026-03-29T01:30:00Z"));
    assert_eq!(due("2026-10-25T02:30:00", None).unwrap().time.unwrap().0, at("2026-10-25T00:30:00Z"));
    // Cut to what both databases keep.
    assert_eq!(due("2026-12-01T17:00:00.1234567Z", None).unwrap().time.unwrap().0, at("2026-12-01T17:00:00.123456Z"));
}

#[test]
fn what_is_no_time_is_refused() {
    for (at, zone, says) in [
        ("5pm", None, ("/dueAt", "not_an_instant")),
        ("2026-12-01", None, ("/dueAt", "not_an_instant")),
        ("2026-12-01 17:00", None, ("/dueAt", "not_an_instant")),
        ("9999-12-31T23:59:59-01:00", None, ("/dueAt", "not_an_instant")),
        ("0001-01-01T00:00:00+01:00", None, ("/dueAt", "not_an_instant")),
        ("2026-12-01T17:00", Some("Mars/Olympus"), ("/dueZone", "unknown")),
    ] {
        let input = Input { due_at: Some(at.to_owned()), due_zone: zone.map(str::to_owned), ..input("x") };
        assert_eq!(parse(input), Err(vec![says]), "{at}");
    }
}

#[test]
fn the_day_of_a_time_is_its_own() {
    let due = |date: &str| Input {
        due_date: Some(date.to_owned()),
        due_at: Some("2026-12-01T23:30:00+01:00".to_owned()),
        ..input("x")
    };
    assert!(parse(due("2026-12-01")).is_ok());
    assert_eq!(parse(due("2026-12-02")), Err(vec![("/dueDate", "contradiction")]));
    // A zone without a time says nothing: a patch that takes the time away need not take the zone away.
    assert!(parse(Input { due_zone: Some("Europe/Berlin".to_owned()), ..input("x") }).is_ok());
}

#[test]
fn tags_are_each_once_in_the_order_of_their_names() {
    let tags =
        |names: &[&str]| Input { tags: Some(names.iter().map(|name| (*name).to_owned()).collect()), ..input("x") };
    assert_eq!(parse(tags(&["work", " Home ", "home", "ＨＯＭＥ"])).unwrap().tags, ["Home", "work"]);
    let many: Vec<_> = (0..=TAGS_MAX).map(|n| n.to_string()).collect();
    let many: Vec<_> = many.iter().map(String::as_str).collect();
    assert_eq!(parse(tags(&many)), Err(vec![("/tags", "too_many")]));
    assert_eq!(parse(tags(&["a\tb"])), Err(vec![("/tags", "control_character")]));
    assert_eq!(parse(tags(&[&"x".repeat(NAME_MAX + 1)])), Err(vec![("/tags", "too_long")]));
}

proptest! {
    #[test]
    fn any_input_is_checked_or_refused(
        title in ".*", date in ".*", at in ".*", near in "20[0-9-]{8}T[0-9:.Z+-]{0,12}", priority in ".*", tag in ".*"
    ) {
        let input = Input {
            title: Some(title),
            due_date: Some(date),
            priority: Some(priority),
            tags: Some(vec![tag]),
            ..Input::default()
        };
        for at in [at, near] {
            let _ = Input { due_at: Some(at), ..input.clone() }.parse(Local { zone: Europe::Berlin, ..Local::NOWHERE });
        }
    }
}
