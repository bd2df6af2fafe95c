use chrono_tz::Europe::Berlin;

use super::*;

fn due(at: &str) -> Due {
    Due::at(at.parse().unwrap(), Berlin).unwrap()
}

fn day(date: &str) -> Due {
    Due::on(date.parse().unwrap())
}

fn said(at: Option<&str>, minutes_before: Option<i64>) -> ReminderInput {
    ReminderInput { at: at.map(str::to_owned), minutes_before }
}

fn read(inputs: Vec<ReminderInput>, due: Option<&Due>) -> Result<Vec<String>, &'static str> {
    let read = parse(inputs, due, Berlin).map_err(|(_, code, _)| code)?;
    Ok(read.iter().map(|reminder| reminder.at.to_rfc3339_opts(SecondsFormat::Secs, true)).collect())
}

#[test]
fn an_instant_is_reckoned_from_when_the_task_is_due() {
    let five = due("2026-12-01T16:00:00Z");
    assert_eq!(read(vec![said(None, Some(30))], Some(&five)).unwrap(), ["2026-12-01T15:30:00Z"]);
    assert_eq!(read(vec![said(None, Some(0))], Some(&five)).unwrap(), ["2026-12-01T16:00:00Z"]);
    // A day begins to remind at 09:00 in Berlin: an hour earlier in UTC in winter, two in summer.
    assert_eq!(read(vec![said(None, Some(0))], Some(&day("2026-12-01"))).unwrap(), ["2026-12-01T08:00:00Z"]);
    assert_eq!(read(vec![said(None, Some(1440))], Some(&day("2026-07-01"))).unwrap(), ["2026-06-30T07:00:00Z"]);
}

#[test]
fn they_are_in_order_and_one_an_instant() {
    let five = due("2026-12-01T16:00:00Z");
    let inputs = vec![
        said(Some("2026-12-02T00:00:00+01:00"), None),
        said(None, Some(60)),
        said(Some("2026-12-01T15:00:00Z"), None),
        said(None, Some(30)),
    ];
    assert_eq!(
        read(inputs, Some(&five)).unwrap(),
        ["2026-12-01T15:00:00Z", "2026-12-01T15:30:00Z", "2026-12-01T23:00:00Z"]
    );
}

#[test]
fn what_cannot_be_is_named() {
    let five = due("2026-12-01T16:00:00Z");
    for (input, due, code) in [
        (said(None, None), Some(&five), "not_an_instant"),
        (said(Some("tomorrow"), None), Some(&five), "not_an_instant"),
        (said(Some("0000-01-01T00:00:00Z"), None), Some(&five), "not_an_instant"),
        (said(Some("+12000-01-01T00:00:00Z"), None), Some(&five), "not_an_instant"),
        (said(None, Some(-1)), Some(&five), "out_of_range"),
        (said(None, Some(86_401)), Some(&five), "out_of_range"),
        (said(None, Some(i64::MAX)), Some(&five), "out_of_range"),
        (said(None, Some(5)), None, "needs_due"),
    ] {
        assert_eq!(read(vec![input.clone()], due), Err(code), "{input:?}");
    }
    assert_eq!(read(vec![said(None, Some(5)); 11], Some(&five)), Err("too_many"));
}

#[test]
fn what_is_told_is_read_as_the_same() {
    let five = due("2026-12-01T16:00:00Z");
    let reminders = parse(vec![said(None, Some(30)), said(Some("2026-12-01T15:00:00.5Z"), None)], Some(&five), Berlin);
    let reminders = reminders.unwrap();
    let again = parse(reminders.iter().map(ReminderInput::from).collect(), Some(&five), Berlin).unwrap();
    assert_eq!(again, reminders);
}
