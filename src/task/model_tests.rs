use chrono::TimeDelta;
use proptest::prelude::*;

use super::*;

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_780_000_000, 0).unwrap()
}

fn input(title: &str) -> Input {
    Input { title: Some(title.to_owned()), ..Input::default() }
}

fn task(title: &str) -> Task {
    Task::create(Uuid::nil(), Uuid::nil(), input(title).parse().unwrap(), now())
}

#[test]
fn every_mistake_is_reported_at_once() {
    let wrong = Input {
        title: Some("   ".to_owned()),
        description: Some("x".repeat(DESCRIPTION_MAX + 1)),
        priority: Some("P1".to_owned()),
        due_date: Some("2026-02-30".to_owned()),
        completed: None,
    };
    let pointers: Vec<_> = wrong.parse().unwrap_err().0.into_iter().map(|(pointer, ..)| pointer).collect();
    assert_eq!(pointers, ["/title", "/description", "/priority", "/dueDate"]);
}

#[test]
fn titles_are_counted_in_characters_and_trimmed() {
    assert_eq!(task("  Pay rent ").title, "Pay rent");
    assert!(input(&"ü".repeat(TITLE_MAX)).parse().is_ok());
    assert_eq!(input(&"ü".repeat(TITLE_MAX + 1)).parse().unwrap_err().0[0].1, "too_long");
    assert_eq!(input("a\nb").parse().unwrap_err().0[0].1, "control_character");
}

#[test]
fn dates_are_four_digit_iso_dates() {
    for bad in ["tomorrow", "2026-1-1", "+12026-01-01", "0000-01-01", "2026-13-01", ""] {
        let wrong = Input { due_date: Some(bad.to_owned()), ..input("x") };
        assert_eq!(wrong.parse().unwrap_err().0[0].0, "/dueDate", "{bad}");
    }
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
    assert_eq!(gone.replace(input("y").parse().unwrap(), now()), Err(InTrash));
    assert_eq!(gone.delete(now()), None);
    let (back, _) = gone.restore(now()).unwrap();
    assert_eq!((back.deleted_at, back.version), (None, 3));
    assert_eq!(back.restore(now()), None);
}

#[test]
fn replacing_with_completed_is_a_completion() {
    let draft = Input { completed: Some(true), ..input("x") }.parse().unwrap();
    assert_eq!(task("x").replace(draft, now()).unwrap().unwrap().1, Happening::Completed);
}

#[test]
fn stored_priorities_read_back() {
    for (priority, _) in Priority::ALL {
        assert_eq!(Priority::of_rank(priority.rank()), priority);
    }
}

proptest! {
    #[test]
    fn any_input_is_checked_or_refused(title in ".*", date in ".*", priority in ".*") {
        let input = Input { title: Some(title), due_date: Some(date), priority: Some(priority), ..Input::default() };
        let _ = input.parse();
    }

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
                3 => task.restore(at),
                _ => task.replace(input("y").parse().unwrap(), at).ok().flatten(),
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
