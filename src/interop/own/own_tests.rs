use proptest::prelude::*;

use super::super::portable::tests::{at, day, portable};
use super::super::tests::{check, options};
use super::super::{Note, Portable};
use super::*;

fn file(text: &str) -> Portable {
    let portable = crate::interop::read(Format::Own, text.as_bytes(), &options()).unwrap();
    check(&portable);
    portable
}

fn task(members: &str) -> (Task, Vec<Note>) {
    let comma = if members.is_empty() { "" } else { "," };
    let mut portable = file(&format!(
        r#"{{"format": "todo-export", "version": 1, "tasks": [{{"id": "t", "title": "x"{comma}{members}}}]}}"#
    ));
    (portable.tasks.remove(0), portable.notes)
}

#[test]
fn an_export_with_everything() {
    let portable = file(
        r##"{"format": "todo-export", "version": 1, "exportedAt": "2026-11-25T12:00:00Z", "inboxId": "me",
        "projects": [{"id": "p2", "name": "Second", "color": null, "position": "b", "archivedAt": "2026-01-01T00:00:00Z", "version": 3},
                     {"id": "p1", "kind": "project", "name": "First", "color": "#D1453B", "position": "a", "archivedAt": null}],
        "sections": [{"id": "s", "projectId": "p1", "name": "Section", "position": "a"}],
        "filters": [{"id": "f", "name": "Soon", "query": "due < now+7d", "position": "a"}],
        "tags": [{"name": "home", "color": "#00ff00"}],
        "tasks": [
          {"id": "b", "title": "Part", "description": "", "priority": "none", "projectId": "p1", "sectionId": "s", "parentId": "a",
           "position": "0a", "tags": [], "completed": true, "completedAt": "2026-11-24T10:00:00.123456Z"},
          {"id": "a", "title": "Whole", "description": "text", "priority": "urgent", "projectId": "p1", "sectionId": "s",
           "parentId": null, "position": "00", "tags": ["home", "work"], "dueDate": "2026-12-01", "dueAt": "2026-12-01T16:00:00Z",
           "dueZone": "Europe/Berlin", "startDate": "2026-11-30", "deadline": "2026-12-24", "completed": false,
           "completedAt": null, "deletedAt": null, "version": 7, "createdAt": "2026-01-02T03:04:05Z",
           "updatedAt": "2026-01-02T03:04:05Z", "recurrence": {"rule": "FREQ=DAILY", "fromCompletion": true, "new": [1]},
           "reminders": [{"minutesBefore": 30}, {"at": "2026-12-01T08:00:00Z", "new": 1}], "somethingNew": {"x": [1, 2]}},
          {"id": "c", "title": "Inbox", "projectId": "me"}
        ], "newList": [1, 2, 3]}"##,
    );
    assert_eq!(
        portable.projects.iter().map(|it| (it.name.as_str(), it.archived)).collect::<Vec<_>>(),
        [("First", false), ("Second", true)]
    );
    assert_eq!(portable.projects[0].color.as_deref(), Some("#d1453b"));
    assert_eq!(portable.sections[0].project.as_deref(), Some("p1"));
    assert_eq!(portable.filters[0].query, "due < now+7d");
    assert_eq!(portable.tags, [Tag { name: "home".to_owned(), color: Some("#00ff00".to_owned()) }]);
    let [a, c, b] = portable.tasks.as_slice() else { panic!("three tasks") };
    assert_eq!(
        *a,
        Task {
            key: "a".to_owned(),
            title: "Whole".to_owned(),
            description: "text".to_owned(),
            priority: 4,
            project: Some("p1".to_owned()),
            section: Some("s".to_owned()),
            tags: vec!["home".to_owned(), "work".to_owned()],
            due: Some(Due {
                date: day("2026-12-01"),
                time: Some((at("2026-12-01T16:00:00Z"), chrono_tz::Europe::Berlin))
            }),
            start_date: Some(day("2026-11-30")),
            deadline: Some(day("2026-12-24")),
            created_at: Some(at("2026-01-02T03:04:05Z")),
            recurrence: Some(Repeat { rule: Some("FREQ=DAILY".to_owned()), phrase: None, from_completion: true }),
            reminders: vec![
                Reminder { at: None, minutes_before: Some(30) },
                Reminder { at: Some(at("2026-12-01T08:00:00Z")), minutes_before: None },
            ],
            ..Task::default()
        }
    );
    assert_eq!((b.parent.as_deref(), b.completed_at, b.order), (Some("a"), Some(at("2026-11-24T10:00:00.123456Z")), 1));
    assert_eq!((&c.project, c.order), (&None, 2));
    assert_eq!(portable.notes, []);
}

#[test]
fn the_export_of_an_account() {
    let portable = file(
        r#"{"account": {"id": "me", "email": "ada@example.com"}, "sessions": [], "apiTokens": [],
        "tasks": [{"id": "1", "title": "In", "projectId": "me"}, {"id": "2", "title": "Trash", "projectId": "p", "deletedAt": "2026-01-01T00:00:00Z"},
                  {"id": "3", "title": "Out", "projectId": "p", "sectionId": "s"}],
        "collections": [{"id": "me", "kind": "project", "name": "Inbox", "position": "a"}, {"id": "p", "kind": "project", "name": "P", "position": "c"},
          {"id": "q", "kind": "project", "name": "Q", "position": "b"}, {"id": "s", "kind": "section", "projectId": "p", "name": "S", "position": "a"},
          {"id": "i", "kind": "section", "projectId": "me", "name": "I", "position": "b"}, {"id": "f", "kind": "filter", "name": "F", "query": "done = true"},
          {"id": "x", "kind": "board", "name": "New"}],
        "notifications": [], "webhooks": [], "changes": [{"seq": 1}]}"#,
    );
    assert_eq!(portable.projects.iter().map(|it| it.name.as_str()).collect::<Vec<_>>(), ["Q", "P"]);
    let sections: Vec<_> = portable.sections.iter().map(|it| (it.name.as_str(), it.project.as_deref())).collect();
    assert_eq!((sections, portable.filters.len()), (vec![("S", Some("p")), ("I", None)], 1));
    let tasks: Vec<_> =
        portable.tasks.iter().map(|it| (it.title.as_str(), it.project.as_deref(), it.section.as_deref())).collect();
    assert_eq!(tasks, [("In", None, None), ("Out", Some("p"), Some("s"))]);
    let notes: Vec<_> = portable.notes.iter().map(|note| (note.at.as_str(), note.text.as_str())).collect();
    assert_eq!(
        notes,
        [
            ("/collections/6/kind", "\"board\" is no project, section or filter; it was left out"),
            ("/tasks/1/deletedAt", "it is in the trash; it was left out"),
        ]
    );
}

#[test]
fn members_that_may_be_missing_or_of_a_newer_version() {
    let rule = |rule: &str| Some(Repeat { rule: Some(rule.to_owned()), phrase: None, from_completion: false });
    assert_eq!(task("").0, Task { key: "t".to_owned(), title: "x".to_owned(), ..Task::default() });
    assert_eq!(task(r#""recurrence": "FREQ=DAILY""#).0.recurrence, rule("FREQ=DAILY"));
    assert_eq!(task(r#""recurrence": null"#).0.recurrence, None);
    assert_eq!(task(r#""recurrence": {}"#).0.recurrence, None);
    assert_eq!(task(r#""tags": null, "reminders": null"#).0.tags, [""; 0]);
    assert_eq!(task(r#""dueAt": "2026-12-01T16:00:00Z""#).0.due.unwrap().time.unwrap().1, chrono_tz::Europe::Berlin);
    // The instant says the day, whatever else is said.
    assert_eq!(
        task(r#""dueAt": "2026-12-01T23:30:00Z", "dueDate": "2020-01-01""#).0.due.unwrap().date,
        day("2026-12-02")
    );
    for (members, expected) in [
        (r#""completed": true"#, Some("2026-11-25T12:00:00Z")),
        (r#""completed": true, "updatedAt": "2026-01-01T00:00:00Z""#, Some("2026-01-01T00:00:00Z")),
        (r#""completedAt": "2026-01-02T00:00:00Z""#, Some("2026-01-02T00:00:00Z")),
        (r#""completed": false, "completedAt": "2026-01-02T00:00:00Z""#, None),
    ] {
        assert_eq!(task(members).0.completed_at, expected.map(at), "{members}");
    }
    let (it, notes) = task(r#""priority": "someday""#);
    assert_eq!((it.priority, notes[0].text.as_str()), (0, "the priority \"someday\" is unknown; it has none"));
    let newer = file(r#"{"format": "todo-export", "version": 2, "tasks": []}"#);
    assert_eq!(newer.notes[0].text, "a newer version wrote this; what this one does not know was left out");
}

#[test]
fn a_wrong_type_is_an_error_with_its_pointer() {
    for (members, at, sentence) in [
        (r#""title2": 1, "description": 1"#, "/tasks/0/description", "expected a string"),
        (r#""priority": 1"#, "/tasks/0/priority", "expected a string"),
        (r#""tags": ["a", 1]"#, "/tasks/0/tags/1", "expected a string"),
        (r#""tags": "a""#, "/tasks/0/tags", "expected a list"),
        (
            r#""dueDate": "2026-02-30""#,
            "/tasks/0/dueDate",
            "invalid value: string \"2026-02-30\", expected a date such as 2026-12-01",
        ),
        (r#""dueDate": 20261201"#, "/tasks/0/dueDate", "expected a date such as 2026-12-01"),
        (r#""dueAt": "2026-12-01T16:00:00""#, "/tasks/0/dueAt", "expected an instant such as 2026-12-01T17:00:00Z"),
        (r#""dueZone": "Mars""#, "/tasks/0/dueZone", "expected an IANA time zone such as Europe/Berlin"),
        (r#""completed": "yes""#, "/tasks/0/completed", "expected a boolean"),
        (r#""recurrence": 7"#, "/tasks/0/recurrence", "expected a rule such as FREQ=DAILY, or an object"),
        (r#""recurrence": {"rule": 7}"#, "/tasks/0/recurrence/rule", "expected a string"),
        (r#""reminders": [{"minutesBefore": -1}]"#, "/tasks/0/reminders/0/minutesBefore", "expected u32"),
    ] {
        let text = format!(r#"{{"format": "todo-export", "tasks": [{{"id": "t", "title": "x", {members}}}]}}"#);
        let error = crate::interop::read(Format::Own, text.as_bytes(), &options()).unwrap_err();
        assert_eq!(error.at(), at, "{members}");
        assert!(error.to_string().contains(sentence), "{members}: {error}");
    }
    let error =
        crate::interop::read(Format::Own, b"{\"format\": \"todo-export\", \"tasks\": [{\"id\": \"a\"}]}", &options())
            .unwrap_err();
    assert_eq!((error.at(), error.to_string().contains("missing field `title`")), ("/tasks/0", true));
}

#[test]
fn too_many_tasks_are_an_error() {
    let tasks = r#"{"id":"","title":""},"#.repeat(TASKS + 1);
    let text = format!(r#"{{"format": "todo-export", "tasks": [{}]}}"#, tasks.trim_end_matches(','));
    let error = crate::interop::read(Format::Own, text.as_bytes(), &options()).unwrap_err();
    assert_eq!((error.at(), error.to_string().as_str()), ("/tasks", "too many tasks; 100000 are allowed in a file"));
}

const TASKS: usize = crate::interop::TASKS_MAX;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn what_is_written_is_read_again(portable in portable()) {
        let text = write(&portable, options().now);
        let again = crate::interop::read(Format::Own, text.as_bytes(), &options()).unwrap();
        prop_assert_eq!(again, portable);
    }
}
