use super::*;
use crate::task::input::Input;
use crate::task::model::Place;

fn date(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

fn local() -> Local {
    Local { zone: chrono_tz::Europe::Berlin, language: crate::recurrence::Language::En, today: date("2026-11-25") }
}

fn task(input: Input) -> Task {
    let draft = input.parse(local()).unwrap();
    let place = Place { project: Uuid::nil(), section: None, parent: None };
    Task::create(Uuid::from_u128(7), Uuid::nil(), draft, place, "2026-11-25T10:00:00Z".parse().unwrap())
}

fn input(rule: &str, due: &str, with: fn(&mut RecurrenceInput)) -> Input {
    let mut recurrence = RecurrenceInput { rule: rule.to_owned(), ..RecurrenceInput::default() };
    with(&mut recurrence);
    let title = Some("x".to_owned());
    Input { title, due_date: Some(due.to_owned()), recurrence: Some(recurrence), ..Input::default() }
}

fn series(rule: &str, due: &str, with: fn(&mut RecurrenceInput)) -> Series {
    Series::of(Uuid::from_u128(9), &task(input(rule, due, with)), chrono_tz::Europe::Berlin).unwrap()
}

fn following(series: &Series, today: &str) -> Option<(String, u32)> {
    series.following(date(today)).map(|next| (next.date.to_string(), next.number))
}

#[test]
fn what_waits_leaves_out_the_dates_that_came_meanwhile() {
    let daily = series("FREQ=DAILY", "2026-11-25", |_| ());
    assert!(daily.waits() && daily.next_at().is_none());
    // In time, early, and four days late.
    assert_eq!(following(&daily, "2026-11-25"), Some(("2026-11-26".to_owned(), 2)));
    assert_eq!(following(&daily, "2026-11-20"), Some(("2026-11-26".to_owned(), 2)));
    assert_eq!(following(&daily, "2026-11-29"), Some(("2026-11-30".to_owned(), 6)));
    let counted = series("FREQ=DAILY;COUNT=3", "2026-11-25", |_| ());
    assert_eq!(following(&counted, "2026-11-26"), Some(("2026-11-27".to_owned(), 3)));
    assert_eq!(following(&counted, "2026-11-27"), None, "all three came");
}

#[test]
fn from_completion_it_counts_from_the_day_it_was_done() {
    let plants = series("FREQ=DAILY;INTERVAL=3", "2026-11-25", |said| said.from = Some("completion".to_owned()));
    assert_eq!(following(&plants, "2026-11-30"), Some(("2026-12-03".to_owned(), 2)));
    assert!(plants.waits());
}

#[test]
fn exceptions_are_left_out() {
    let christmas = |said: &mut RecurrenceInput| said.except = vec!["2026-12-25".to_owned(), "2026-12-26".to_owned()];
    let daily = series("FREQ=DAILY", "2026-12-24", christmas);
    assert_eq!(following(&daily, "2026-12-24"), Some(("2026-12-27".to_owned(), 4)));
    assert_eq!(daily.coming(2), [date("2026-12-27"), date("2026-12-28")]);
}

#[test]
fn what_does_not_wait_is_made_when_the_day_before_it_comes() {
    let rent = series("FREQ=MONTHLY", "2026-12-01", |said| said.skip_while_open = Some(false));
    assert_eq!(rent.next_at().unwrap().to_rfc3339(), "2026-11-30T23:00:00+00:00");
    assert_eq!(rent.scheduled(date("2026-12-01")).unwrap().date, date("2027-01-01"));
    // Of what was missed for years, the last month is made up for.
    let daily = series("FREQ=DAILY", "2020-01-01", |said| said.skip_while_open = Some(false));
    assert_eq!(daily.scheduled(date("2026-11-25")).unwrap().date, date("2026-10-25"));
}

#[test]
fn the_first_day_need_not_be_one_of_the_rule() {
    let mondays = series("FREQ=WEEKLY;BYDAY=MO;COUNT=2", "2026-11-25", |_| ());
    assert_eq!(mondays.last_number, 0);
    assert_eq!(following(&mondays, "2026-11-25"), Some(("2026-11-30".to_owned(), 1)));
}

#[test]
fn a_due_time_keeps_its_time_of_the_clock_across_the_seasons() {
    let mut five = input("FREQ=MONTHLY", "2026-10-20", |_| ());
    five.due_date = None;
    five.due_at = Some("2026-10-20T17:00".to_owned());
    five.start_date = Some("2026-10-18".to_owned());
    five.reminders = Some(vec![crate::task::ReminderInput { at: None, minutes_before: Some(30) }]);
    let series = Series::of(Uuid::nil(), &task(five), chrono_tz::Tz::UTC).unwrap();
    let next = series.following(date("2026-10-20")).unwrap();
    let task = series.at(next, "2026-10-20T16:00:00Z".parse().unwrap()).template;
    assert_eq!(task.due_at.unwrap().to_rfc3339(), "2026-11-20T16:00:00+00:00", "it was 15:00 in summer");
    assert_eq!((task.due_date, task.start_date), (Some(date("2026-11-20")), Some(date("2026-11-18"))));
    assert_eq!(task.reminders[0].at.to_rfc3339(), "2026-11-20T15:30:00+00:00");
}

#[test]
fn what_cannot_be_is_named() {
    let wrong = |input: Input| input.parse(local()).unwrap_err().0[0].clone();
    let no_day = Input { due_date: None, ..input("FREQ=DAILY", "2026-11-25", |_| ()) };
    assert_eq!(wrong(no_day).1, "needs_due");
    let odd = wrong(input("every cloud", "2026-11-25", |_| ()));
    assert_eq!((odd.0, odd.1), ("/recurrence/rule", "not_a_rule"));
    let each_second = wrong(input("FREQ=SECONDLY;COUNT=1000000000", "2026-11-25", |_| ()));
    assert_eq!(each_second.1, "not_a_rule");
    assert_eq!(wrong(input("FREQ=DAILY", "2026-11-25", |said| said.from = Some("now".to_owned()))).1, "unknown");
    assert_eq!(wrong(input("FREQ=DAILY", "2026-11-25", |said| said.except = vec!["x".to_owned()])).1, "not_a_date");
    let many = |said: &mut RecurrenceInput| said.except = vec!["2026-12-25".to_owned(); 101];
    assert_eq!(wrong(input("FREQ=DAILY", "2026-11-25", many)).1, "too_many");
}

#[test]
fn what_is_told_is_read_as_the_same() {
    let first = task(input("FREQ=WEEKLY;BYDAY=MO,WE", "2026-11-25", |said| said.skip_while_open = Some(false)));
    let place = first.place();
    let again = first.replace(first.as_input().parse(local()).unwrap(), place, first.updated_at).unwrap();
    assert_eq!(again, None);
    let series = Series::of(Uuid::nil(), &first, chrono_tz::Tz::UTC).unwrap();
    let text = serde_json::to_string(&series).unwrap();
    assert_eq!(serde_json::to_string(&serde_json::from_str::<Series>(&text).unwrap()).unwrap(), text);
}
