use chrono::DateTime;

use super::*;

fn rules() -> Rules {
    let event_types = ["TASK_CREATED", "TASK_DELETED"].map(str::to_owned).into();
    Rules { reach: Reach::Public, event_types }
}

fn input() -> Input {
    Input { url: Some("https://example.com/hook".to_owned()), ..Input::default() }
}

fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_790_000_000 + seconds, 0).unwrap()
}

fn webhook() -> Webhook {
    Webhook::create(Uuid::nil(), Uuid::nil(), input().parse(&rules()).unwrap(), at(0))
}

#[test]
fn every_mistake_is_told_at_once() {
    let bad = Input {
        url: None,
        event_types: Some(vec!["TASK_EATEN".to_owned()]),
        description: Some("a\nb".to_owned()),
        enabled: None,
    };
    let wrong: Vec<_> =
        bad.parse(&rules()).unwrap_err().into_iter().map(|(pointer, code, _)| (pointer, code)).collect();
    assert_eq!(wrong, [("/url", "required"), ("/description", "control_character"), ("/eventTypes", "unknown")]);
    let none = Input { event_types: Some(Vec::new()), description: Some("x".repeat(501)), ..input() };
    let wrong: Vec<_> =
        none.parse(&rules()).unwrap_err().into_iter().map(|(pointer, code, _)| (pointer, code)).collect();
    assert_eq!(wrong, [("/description", "too_long"), ("/eventTypes", "required")]);
}

#[test]
fn types_are_kept_once_and_in_order() {
    let named = ["TASK_DELETED", "TASK_CREATED", "TASK_DELETED"].map(str::to_owned).to_vec();
    let draft = Input { event_types: Some(named), ..input() }.parse(&rules()).unwrap();
    assert_eq!(draft.event_types.unwrap(), ["TASK_CREATED", "TASK_DELETED"]);
    assert_eq!(webhook().event_types, None);
}

#[test]
fn an_edit_that_changes_nothing_is_none() {
    let before = webhook();
    assert_eq!(before.edit(before.as_input().parse(&rules()).unwrap(), at(5)), None);
    let after = before.edit(Input { description: Some("mine".to_owned()), ..input() }.parse(&rules()).unwrap(), at(5));
    let after = after.unwrap();
    assert_eq!((after.version, after.updated_at, after.created_at), (2, at(5), at(0)));
}

#[test]
fn it_is_switched_off_and_on() {
    let off = webhook().disable(DisabledReason::Failing, at(1)).unwrap();
    assert_eq!(
        (off.enabled, off.disabled_reason, off.disabled_at),
        (false, Some(DisabledReason::Failing), Some(at(1)))
    );
    assert_eq!(off.disable(DisabledReason::Gone, at(2)), None);
    // Its owner's edit of something else leaves the reason as it is.
    let draft = Input { description: Some("x".to_owned()), enabled: Some(false), ..input() }.parse(&rules()).unwrap();
    assert_eq!(off.edit(draft, at(2)).unwrap().disabled_reason, Some(DisabledReason::Failing));
    let on = off.edit(input().parse(&rules()).unwrap(), at(3)).unwrap();
    assert_eq!((on.enabled, on.disabled_reason, on.disabled_at, on.version), (true, None, None, 3));
}

#[test]
fn the_secret_before_signs_for_a_day() {
    let rotated = webhook().rotate(at(0));
    assert_eq!((rotated.secret_version, rotated.version), (2, 2));
    let day = 24 * 3600;
    for (seconds, signing_now) in [(0, vec![2, 1]), (day - 1, vec![2, 1]), (day, vec![2])] {
        assert_eq!(signing(2, rotated.secret_rotated_at, at(seconds)), signing_now);
    }
    assert_eq!(signing(1, None, at(0)), [1]);
}

#[test]
fn five_tries_with_four_waits() {
    let ladder = [5_000, 30_000, 300_000, 1_800_000];
    for failed in [Ok(500), Ok(404), Ok(302), Ok(100), Err("no answer".to_owned())] {
        for (attempts, wait) in (1..).zip(ladder) {
            let wait = i64::try_from(wait).unwrap();
            assert_eq!(judge(&failed, attempts, &ladder, 0), Verdict::Again(TimeDelta::milliseconds(wait)));
            let most = Verdict::Again(TimeDelta::milliseconds(wait + wait / 5));
            assert_eq!(judge(&failed, attempts, &ladder, 255), most);
        }
        assert_eq!(judge(&failed, 5, &ladder, 0), Verdict::Failed);
        assert_eq!(judge(&failed, 1, &[], 0), Verdict::Failed);
    }
    assert_eq!(judge(&Ok(204), 1, &ladder, 0), Verdict::Delivered);
    assert_eq!(judge(&Ok(410), 1, &ladder, 0), Verdict::Gone);
}

#[test]
fn names_read_back() {
    for reason in [DisabledReason::User, DisabledReason::Gone, DisabledReason::Failing] {
        assert_eq!(DisabledReason::of(reason.as_str()), reason);
    }
    for state in [State::Pending, State::Delivered, State::Failed, State::Cancelled] {
        assert_eq!(State::of(state.as_str()), state);
    }
}
