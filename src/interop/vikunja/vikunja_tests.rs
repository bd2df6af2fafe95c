use super::super::portable::tests::{at, day};
use super::super::tests::{check, options};
use super::super::{Note, Portable};
use super::*;

/// One project with everything, in the shape of version 2; `@…@` are places that rows of tables fill.
const PROJECT: &str = r#"[{
  "id": 5, "title": "Garden", "description": "", "identifier": "", "hex_color": "1973ff", "parent_project_id": 0,
  "owner": {"id": 1, "username": "ada"}, "is_archived": false, "background_information": null, "is_favorite": false,
  "position": 200, "views": @views@, "created": "2026-01-01T10:00:00Z", "updated": "2026-01-01T10:00:00Z",
  "child_projects": null, "tasks": [@tasks@], "buckets": @buckets@, "task_buckets": @task_buckets@,
  "positions": @positions@, "background_file_id": 0
}]"#;

const TASK: &str = r#"{
  "id": @id@, "title": "Water the ferns", "description": "<p>Not <strong>too</strong> much</p>", "done": false,
  "done_at": "0001-01-01T00:00:00Z", "due_date": "0001-01-01T00:00:00Z", "reminders": null, "project_id": 5,
  "repeat_after": 0, "repeat_mode": 0, "priority": 0, "start_date": "0001-01-01T00:00:00Z",
  "end_date": "0001-01-01T00:00:00Z", "assignees": null, "labels": null, "hex_color": "", "percent_done": 0,
  "identifier": "", "index": 1, "related_tasks": {}, "attachments": null, "cover_image_attachment_id": 0,
  "is_favorite": false, "created": "2026-02-03T10:00:00Z", "updated": "2026-02-04T10:00:00.123456789Z", "bucket_id": 0,
  "position": 0, "reactions": null, "created_by": null, "comments": null @more@ }"#;

fn file(text: &str) -> Portable {
    let portable = crate::interop::read(Format::Vikunja, text.as_bytes(), &options()).unwrap();
    check(&portable);
    portable
}

pub(super) fn project(tasks: &[String], arranged: [&str; 4]) -> Portable {
    let [views, buckets, task_buckets, positions] = arranged;
    let text = PROJECT.replace("@tasks@", &tasks.join(",")).replace("@views@", views);
    file(&text.replace("@buckets@", buckets).replace("@task_buckets@", task_buckets).replace("@positions@", positions))
}

pub(super) fn plain(id: u32) -> String {
    TASK.replace("@id@", &id.to_string()).replace("@more@", "")
}

/// The task of a project, with members that stand in place of those of [`TASK`].
fn with(members: &str) -> (super::Task, Vec<Note>) {
    let mut text = plain(1);
    for member in members.split(";; ").filter(|member| !member.is_empty()) {
        let (name, value) = member.split_once('=').unwrap();
        let start = text.find(&format!("\"{name}\":")).unwrap_or_else(|| panic!("{name}"));
        let value_at = start + name.len() + 4;
        let end = value_at + text[value_at..].find([',', '\n']).unwrap();
        text.replace_range(value_at..end, value);
    }
    let mut portable = project(&[text], ["null", "null", "null", "null"]);
    (portable.tasks.remove(0), portable.notes)
}

fn texts(notes: &[Note]) -> Vec<(&str, &str)> {
    notes.iter().map(|note| (note.at.as_str(), note.text.as_str())).collect()
}

#[test]
fn a_project_with_a_task() {
    let portable = project(&[plain(1)], ["null", "null", "null", "null"]);
    assert_eq!(
        portable.projects,
        [Project {
            key: "5".to_owned(),
            name: "Garden".to_owned(),
            color: Some("#1973ff".to_owned()),
            ..Project::default()
        }]
    );
    assert_eq!(
        portable.tasks,
        [super::Task {
            key: "1".to_owned(),
            title: "Water the ferns".to_owned(),
            description: "Not too much".to_owned(),
            project: Some("5".to_owned()),
            created_at: Some(at("2026-02-03T10:00:00Z")),
            ..super::Task::default()
        }]
    );
    assert_eq!(portable.notes, []);
}

#[test]
fn dates_and_priorities() {
    let berlin = chrono_tz::Europe::Berlin;
    let timed = |date: &str, instant: &str| Some(Due { date: day(date), time: Some((at(instant), berlin)) });
    for (value, due) in [
        ("\"0001-01-01T00:00:00Z\"", None),
        ("null", None),
        ("\"\"", None),
        ("\"2026-12-01T16:00:00Z\"", timed("2026-12-01", "2026-12-01T16:00:00Z")),
        ("\"2026-12-01T23:30:00+00:00\"", timed("2026-12-02", "2026-12-01T23:30:00Z")),
        // The first and the last second of a day in Berlin.
        ("\"2026-11-30T23:00:00Z\"", Some(Due { date: day("2026-12-01"), time: None })),
        ("\"2026-07-01T21:59:59Z\"", Some(Due { date: day("2026-07-01"), time: None })),
    ] {
        let (task, notes) = with(&format!("due_date={value}"));
        assert_eq!((task.due, notes), (due, vec![]), "{value}");
    }
    for (value, priority) in
        [("-1", 0), ("0", 0), ("1", 1), ("2", 2), ("3", 3), ("4", 4), ("5", 4), ("99", 4), ("null", 0)]
    {
        assert_eq!(with(&format!("priority={value}")).0.priority, priority, "{value}");
    }
    assert_eq!(with("start_date=\"2026-11-30T23:00:00Z\"").0.start_date, Some(day("2026-12-01")));
    let (task, notes) = with("due_date=\"soon\"");
    assert_eq!(
        (task.due, texts(&notes)),
        (None, vec![("/0/tasks/0/due_date", "\"soon\" is no instant; it was left out")])
    );
}

#[test]
fn a_done_task_says_when_or_when_it_last_changed() {
    for (members, expected) in [
        ("", None),
        ("done=true", Some("2026-02-04T10:00:00.123456Z")),
        ("done=true;; done_at=\"2026-02-05T08:00:00Z\"", Some("2026-02-05T08:00:00Z")),
        ("done=true;; updated=null", Some("2026-11-25T12:00:00Z")),
        ("done=false;; done_at=\"2026-02-05T08:00:00Z\"", None),
    ] {
        assert_eq!(with(members).0.completed_at, expected.map(at), "{members}");
    }
}

#[test]
fn repetitions_that_are_whole_days_weeks_or_months() {
    for (members, rule, from_completion, note) in [
        ("repeat_after=0", None, false, None),
        ("repeat_after=-5", None, false, None),
        ("repeat_after=86400", Some("FREQ=DAILY"), false, None),
        ("repeat_after=259200", Some("FREQ=DAILY;INTERVAL=3"), false, None),
        ("repeat_after=604800", Some("FREQ=WEEKLY"), false, None),
        ("repeat_after=1209600", Some("FREQ=WEEKLY;INTERVAL=2"), false, None),
        ("repeat_after=2592000", Some("FREQ=DAILY;INTERVAL=30"), false, None),
        ("repeat_after=86400;; repeat_mode=2", Some("FREQ=DAILY"), true, None),
        ("repeat_after=0;; repeat_mode=2", None, false, None),
        ("repeat_after=86400;; repeat_mode=1", Some("FREQ=MONTHLY"), false, None),
        ("repeat_mode=1;; due_date=\"2026-01-28T12:00:00Z\"", Some("FREQ=MONTHLY"), false, None),
        (
            "repeat_mode=1;; due_date=\"2026-01-29T12:00:00Z\"",
            Some("FREQ=MONTHLY"),
            false,
            Some((
                "/0/tasks/0/repeat_mode",
                "months that have no such day are left out; Vikunja goes on to the next month",
            )),
        ),
        (
            "repeat_after=3600",
            None,
            false,
            Some((
                "/0/tasks/0/repeat_after",
                "it repeats after 3600 seconds; only up to 1,000 whole days or weeks can be",
            )),
        ),
        (
            "repeat_after=604800000000",
            None,
            false,
            Some((
                "/0/tasks/0/repeat_after",
                "it repeats after 604800000000 seconds; only up to 1,000 whole days or weeks can be",
            )),
        ),
        (
            "repeat_mode=7",
            None,
            false,
            Some(("/0/tasks/0/repeat_mode", "repeat_mode 7 is unknown; it does not repeat")),
        ),
    ] {
        let (task, notes) = with(members);
        let expected = rule.map(|rule| Repeat { rule: Some(rule.to_owned()), phrase: None, from_completion });
        assert_eq!((task.recurrence, texts(&notes)), (expected, note.into_iter().collect()), "{members}");
    }
}

#[test]
fn reminders_before_the_due_date_or_at_an_instant() {
    let before = |minutes| Reminder { at: None, minutes_before: Some(minutes) };
    let instant = Reminder { at: Some(at("2026-12-01T15:00:00Z")), minutes_before: None };
    for (value, expected) in [
        (r#"{"reminder": "2026-12-01T15:00:00Z", "relative_period": 0, "relative_to": ""}"#, vec![instant]),
        (
            r#"{"reminder": "2026-12-01T15:00:00Z", "relative_period": -3600, "relative_to": "due_date"}"#,
            vec![before(60)],
        ),
        (r#"{"reminder": "2026-12-01T15:00:00Z", "relative_period": 0, "relative_to": "due_date"}"#, vec![before(0)]),
        (r#"{"reminder": "2026-12-01T15:00:00Z", "relative_period": 3600, "relative_to": "due_date"}"#, vec![instant]),
        (r#"{"reminder": "2026-12-01T15:00:00Z", "relative_period": -30, "relative_to": "due_date"}"#, vec![instant]),
        (
            r#"{"reminder": "2026-12-01T15:00:00Z", "relative_period": -3600, "relative_to": "start_date"}"#,
            vec![instant],
        ),
        (r#"{"reminder": "0001-01-01T00:00:00Z"}"#, vec![]),
    ] {
        let undue = plain(1).replace("\"reminders\": null", &format!("\"reminders\": [{value}]"));
        let text = undue.replace("\"due_date\": \"0001-01-01T00:00:00Z\"", "\"due_date\": \"2026-12-01T16:00:00Z\"");
        assert_eq!(project(&[text], ["null"; 4]).tasks[0].reminders, expected, "{value}");
        // Without a due date there is nothing to be before.
        let at_instant = if expected.is_empty() { vec![] } else { vec![instant] };
        assert_eq!(project(&[undue], ["null"; 4]).tasks[0].reminders, at_instant, "{value}");
    }
    let old = TASK.replace("@id@", "1").replace("@more@", r#", "reminder_dates": ["2026-12-01T15:00:00Z"]"#);
    assert_eq!(project(&[old], ["null"; 4]).tasks[0].reminders, [instant]);
}

#[test]
fn labels_comments_and_what_has_no_place() {
    let text = plain(1)
        .replace(
            "\"labels\": null",
            r#""labels": [{"id": 1, "title": "Home", "hex_color": "e8e8e8"}, {"id": 2, "title": "x"}]"#,
        )
        .replace(
            "\"comments\": null",
            r#""comments": [{"id": 1, "comment": "<p>One</p>"}, {"id": 2, "comment": "Two"}]"#,
        )
        .replace("\"assignees\": null", r#""assignees": [{"id": 1}, {"id": 2}]"#)
        .replace("\"attachments\": null", r#""attachments": [{"id": 1, "file": {"name": "a.png"}}]"#)
        .replace(
            "\"related_tasks\": {}",
            r#""related_tasks": {"blocking": [{"id": 7}], "related": [{"id": 8}, {"id": 9}], "new": null}"#,
        )
        .replace("\"percent_done\": 0", "\"percent_done\": 0.5")
        .replace("\"end_date\": \"0001-01-01T00:00:00Z\"", "\"end_date\": \"2026-12-24T00:00:00Z\"")
        .replace("\"hex_color\": \"\"", "\"hex_color\": \"ff0000\"")
        .replace("\"is_favorite\": false", "\"is_favorite\": true");
    let portable = project(
        &[text.clone(), text.replace("\"id\": 1, \"title\": \"Water", "\"id\": 2, \"title\": \"Water")],
        ["null"; 4],
    );
    let task = &portable.tasks[0];
    assert_eq!(
        (task.description.as_str(), task.tags.as_slice()),
        ("Not too much\n\nOne\n\nTwo", &["Home".to_owned(), "x".to_owned()][..])
    );
    assert_eq!(portable.tags.len(), 2);
    assert_eq!(portable.tags[0], Tag { name: "Home".to_owned(), color: Some("#e8e8e8".to_owned()) });
    assert_eq!(
        texts(&portable.notes)[..7],
        [
            ("/0/tasks/0/assignees", "the people that it is assigned to were left out: 2"),
            ("/0/tasks/0/attachments", "attachments were left out: 1"),
            ("/0/tasks/0/related_tasks", "relations other than of parts were left out: 3"),
            ("/0/tasks/0/percent_done", "how far it is done was left out: 50 %"),
            ("/0/tasks/0/end_date", "the end was left out: \"2026-12-24T00:00:00Z\""),
            ("/0/tasks/0/hex_color", "its colour was left out"),
            ("/0/tasks/0/is_favorite", "that it is a favourite was left out"),
        ]
    );
}

#[test]
fn parents_are_told_by_either_side() {
    let related =
        |id: u32, related: &str| plain(id).replace("\"related_tasks\": {}", &format!("\"related_tasks\": {related}"));
    for (tasks, expected, notes) in [
        (
            vec![related(1, r#"{"subtask": [{"id": 2, "title": "x", "related_tasks": null}]}"#), plain(2)],
            [None, Some("1")],
            0,
        ),
        (vec![plain(1), related(2, r#"{"parenttask": [{"id": 1}]}"#)], [None, Some("1")], 0),
        (
            vec![related(1, r#"{"subtask": [{"id": 2}]}"#), related(2, r#"{"parenttask": [{"id": 1}]}"#)],
            [None, Some("1")],
            0,
        ),
        (
            vec![related(1, r#"{"subtask": [{"id": 2}]}"#), related(2, r#"{"parenttask": [{"id": 9}]}"#)],
            [None, None],
            2,
        ),
        (
            vec![related(1, r#"{"subtask": [{"id": 2}]}"#), related(2, r#"{"subtask": [{"id": 1}]}"#)],
            [Some("2"), None],
            1,
        ),
        (vec![plain(1), related(2, r#"{"parenttask": [{"id": 1}, {"id": 9}]}"#)], [None, Some("1")], 1),
        (vec![related(1, r#"{"subtask": [{"id": 7}]}"#), plain(2)], [None, None], 0),
    ] {
        let portable = project(&tasks, ["null"; 4]);
        let parent = |key: &str| portable.tasks.iter().find(|task| task.key == key).unwrap().parent.clone();
        assert_eq!([parent("1").as_deref(), parent("2").as_deref()], expected, "{tasks:?}");
        assert_eq!(portable.notes.len(), notes, "{tasks:?} {:?}", portable.notes);
    }
}

#[test]
fn projects_nest_in_their_names_only_where_they_must() {
    let portable = file(
        r#"[{"id": 1, "title": "Home", "position": 2}, {"id": 2, "title": "Work", "is_archived": true, "position": 1},
        {"id": 3, "title": "Ideas", "parent_project_id": 1, "description": "<p>All of them</p>", "position": 3},
        {"id": 4, "title": "ideas", "parent_project_id": 2, "position": 4},
        {"id": 5, "title": "Books", "parent_project_id": 1, "child_projects": [{}, {}], "position": 5},
        {"id": -1, "title": "Favorites", "tasks": [{"id": 1, "title": "twice"}]},
        {"id": 6, "title": "Inbox", "tasks": [{"id": 1, "title": "mine"}], "position": 0}]"#,
    );
    let told: Vec<_> = portable.projects.iter().map(|project| (project.name.as_str(), project.archived)).collect();
    assert_eq!(
        told,
        [("Work", true), ("Home", false), ("Home / Ideas", false), ("Work / ideas", false), ("Books", false)]
    );
    assert_eq!(
        (portable.tasks.len(), portable.tasks[0].title.as_str(), &portable.tasks[0].project),
        (1, "mine", &None)
    );
    assert_eq!(
        texts(&portable.notes),
        [
            ("/2/parent_project_id", "projects do not nest here; it stands beside its parent"),
            ("/2/description", "the project's description was left out: \"All of them\""),
            ("/3/parent_project_id", "projects do not nest here; it stands beside its parent"),
            ("/4/parent_project_id", "projects do not nest here; it stands beside its parent"),
            ("/4/child_projects", "2 projects within it were left out"),
        ]
    );
}

#[test]
fn saved_filters() {
    let portable = file(
        r#"[{"id": 1, "filters": {"sort_by": ["id"], "filter": "done = false && due_date < now", "filter_include_nulls": false},
          "title": "Soon", "description": "", "owner": null, "is_favorite": false},
        {"id": 2, "filters": {"filter_by": ["done"], "filter_value": ["false"]}, "title": "Old"}]"#,
    );
    let filter = SavedFilter {
        key: "1".to_owned(),
        name: "Soon".to_owned(),
        query: "done = false && due_date < now".to_owned(),
        ..SavedFilter::default()
    };
    assert_eq!((portable.filters, portable.projects.len()), (vec![filter], 0));
    assert_eq!(texts(&portable.notes), [("/1/filters", "the filter \"Old\" has no expression; it was left out")]);
}

#[test]
fn errors_have_their_pointer() {
    for (text, at, sentence) in [
        (r#"[{"title": "x"}]"#, "/0", "missing field `id`"),
        (r#"[{"id": 1, "title": 7}]"#, "/0/title", "invalid type: integer `7`, expected a string"),
        (r#"[{"id": 1, "title": "x", "tasks": {}}]"#, "/0/tasks", "expected a list"),
        (
            r#"[{"id": 1, "title": "x", "tasks": [{"id": 1, "title": "y", "done": "no"}]}]"#,
            "/0/tasks/0/done",
            "expected a boolean",
        ),
        (
            r#"[{"id": 1, "title": "x", "tasks": [{"id": 1, "title": "y", "reminders": [{"relative_period": "x"}]}]}]"#,
            "/0/tasks/0/reminders/0/relative_period",
            "expected i64",
        ),
        (r#"[{"id": 1, "title": "x", "buckets": [{"id": 1}]}]"#, "/0/buckets/0", "missing field `title`"),
        (r#"[{"id": 1, "title": "x", "tasks": [}]}]"#, "line 1", "this is no JSON"),
    ] {
        let error = crate::interop::read(Format::Vikunja, text.as_bytes(), &options()).unwrap_err();
        assert_eq!(error.at(), at, "{text}");
        assert!(error.to_string().contains(sentence), "{text}: {error}");
    }
    let tasks = r#"{"id":1,"title":""},"#.repeat(60_000);
    let list = format!(r#"{{"id": 1, "title": "x", "tasks": [{}]}}"#, tasks.trim_end_matches(','));
    let error = crate::interop::read(Format::Vikunja, format!("[{list},{list}]").as_bytes(), &options()).unwrap_err();
    assert_eq!((error.at(), error.to_string().as_str()), ("/1/tasks", "too many tasks; 100000 are allowed in a file"));
}
