use chrono::TimeDelta;
use proptest::prelude::*;

use super::super::input::{Input, Local};
use super::*;

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_780_000_000, 0).unwrap()
}

fn input(title: &str) -> Input {
    Input { title: Some(title.to_owned()), ..Input::default() }
}

fn draft(title: &str) -> Draft {
    input(title).parse(Local::NOWHERE).unwrap()
}

const INBOX: Place = Place { project: Uuid::nil(), section: None, parent: None };

fn task(title: &str) -> Task {
    Task::create(Uuid::nil(), Uuid::nil(), draft(title), INBOX, now())
}

#[test]
fn completing_twice_changes_nothing_the_second_time() {
    let (done, happening) = task("x").complete(now()).unwrap().unwrap();
    assert_eq!((done.completed, done.completed_at, done.version), (true, Some(now()), 2));
    assert_eq!(happening, Happening::Completed);
    assert_eq!(done.complete(now() + TimeDelta::hours(1)).unwrap(), None);
}

#[test]
fn a_task_in_the_trash_can_only_be_restored() {
    let (gone, happening) = task("x").delete(now()).unwrap();
    assert_eq!(happening, Happening::Deleted);
    assert_eq!(gone.complete(now()), Err(InTrash));
    assert_eq!(gone.replace(draft("y"), INBOX, now()), Err(InTrash));
    assert_eq!(gone.delete(now()), None);
    let (back, _) = gone.restore(INBOX, now()).unwrap();
    assert_eq!((back.deleted_at, back.version), (None, 3));
    assert_eq!(back.restore(INBOX, now()), None);
}

#[test]
fn replacing_with_completed_is_a_completion() {
    let draft = Input { completed: Some(true), ..input("x") }.parse(Local::NOWHERE).unwrap();
    assert_eq!(task("x").replace(draft, INBOX, now()).unwrap().unwrap().1, Happening::Completed);
}

#[test]
fn what_a_client_would_send_makes_the_same_task() {
    let input = Input {
        description: Some("d".to_owned()),
        priority: Some("high".to_owned()),
        tags: Some(vec!["b".to_owned(), "A".to_owned()]),
        due_at: Some("2026-10-25T02:30:00+01:00".to_owned()),
        due_zone: Some("Europe/Berlin".to_owned()),
        start_date: Some("2026-10-01".to_owned()),
        deadline: Some("2026-11-01".to_owned()),
        ..input("x")
    };
    let task = Task::create(Uuid::nil(), Uuid::nil(), input.parse(Local::NOWHERE).unwrap(), INBOX, now());
    // Also in the hour that comes twice, and whatever the zone of the account is meanwhile.
    let again = task.as_input().parse(Local { zone: chrono_tz::Asia::Tokyo, ..Local::NOWHERE }).unwrap();
    assert_eq!(task.replace(again, INBOX, now()).unwrap(), None);
}

#[test]
fn stored_priorities_read_back() {
    for (priority, _) in Priority::ALL {
        assert_eq!(Priority::of_rank(priority.rank()), priority);
    }
}

proptest! {
    /// Whatever is done in whatever order: versions rise by one with each change, and times do not go back.
    #[test]
    fn versions_are_dense_and_times_rise(steps in prop::collection::vec((0_u8..5, -60_i64..60), 0..40)) {
        let mut task = task("x");
        for (what, seconds) in steps {
            let at = now() + TimeDelta::seconds(seconds);
            let step = match what {
                0 => task.complete(at).ok().flatten(),
                1 => task.reopen(at).ok().flatten(),
                2 => task.delete(at),
                3 => task.restore(INBOX, at),
                _ => task.replace(draft("y"), INBOX, at).ok().flatten(),
            };
            if let Some((after, _)) = step {
                prop_assert_eq!(after.version, task.version + 1);
                prop_assert!(after.updated_at >= task.updated_at);
                prop_assert_eq!(after.completed, after.completed_at.is_some());
                task = after;
            }
        }
    }
}
