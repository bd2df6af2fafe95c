use super::super::portable::Reminder;
use super::super::portable::tests::{at, day};
use super::super::tests::check;
use super::super::{NOTES_MAX, Note};
use super::*;

fn task(key: &str) -> Task {
    Task { key: key.to_owned(), title: key.to_owned(), ..Task::default() }
}

fn settled(tasks: Vec<Task>, projects: &[&str], sections: &[(&str, &str)]) -> Portable {
    let draft = Draft {
        projects: projects
            .iter()
            .map(|key| (At::File, Project { key: (*key).to_owned(), name: (*key).to_owned(), ..Project::default() }))
            .collect(),
        sections: sections
            .iter()
            .map(|(key, project)| {
                let (key, project) = ((*key).to_owned(), Some((*project).to_owned()));
                (At::In("sections", 0), Section { name: key.clone(), key, project, ..Section::default() })
            })
            .collect(),
        tasks: tasks.into_iter().enumerate().map(|(index, task)| (At::In("tasks", index), task)).collect(),
        ..Draft::default()
    };
    let portable = settle(draft).unwrap();
    check(&portable);
    portable
}

fn note(at: &str, text: &str) -> Note {
    Note { at: at.to_owned(), text: text.to_owned() }
}

#[test]
fn texts_are_brought_within_their_bounds() {
    let long = format!("{} end", "ä".repeat(TITLE_MAX));
    for (title, description, expected_title, expected_description, expected_note) in [
        (" plain ", "text", "plain".to_owned(), "text".to_owned(), None),
        ("two\nlines\u{7f}", "a\0b\nc", "two lines".to_owned(), "ab\nc".to_owned(), None),
        (
            "",
            "",
            "Untitled".to_owned(),
            String::new(),
            Some(("/tasks/0/title", "it has no title; it is called Untitled")),
        ),
        (
            "\n\t",
            "",
            "Untitled".to_owned(),
            String::new(),
            Some(("/tasks/0/title", "it has no title; it is called Untitled")),
        ),
        (
            &long,
            "text",
            "ä".repeat(TITLE_MAX),
            format!("{long}\n\ntext"),
            Some((
                "/tasks/0/title",
                "the title is longer than 500 characters; it was cut, and the whole is in the description",
            )),
        ),
        (
            "x",
            &"é".repeat(DESCRIPTION_MAX + 1),
            "x".to_owned(),
            "é".repeat(DESCRIPTION_MAX),
            Some(("/tasks/0/description", "it is longer than 10000 characters; it was cut")),
        ),
        (
            &"x".repeat(TITLE_MAX),
            &"y".repeat(DESCRIPTION_MAX),
            "x".repeat(TITLE_MAX),
            "y".repeat(DESCRIPTION_MAX),
            None,
        ),
    ] {
        let portable =
            settled(vec![Task { title: title.to_owned(), description: description.to_owned(), ..task("a") }], &[], &[]);
        let task = &portable.tasks[0];
        assert_eq!((&task.title, &task.description), (&expected_title, &expected_description));
        assert_eq!(portable.notes, expected_note.map(|(at, text)| note(at, text)).into_iter().collect::<Vec<_>>());
    }
}

#[test]
fn tags_and_reminders_are_bounded() {
    let tags = |count: usize| (0..count).map(|number| format!("t{number}")).collect::<Vec<_>>();
    for (given, expected, notes) in [
        (
            vec![" Home ".to_owned(), "home".to_owned(), "HÖHE".to_owned(), "höhe".to_owned(), " ".to_owned()],
            vec!["Home".to_owned(), "HÖHE".to_owned()],
            vec![],
        ),
        (tags(TAGS_MAX), tags(TAGS_MAX), vec![]),
        (tags(TAGS_MAX + 3), tags(TAGS_MAX), vec![note("/tasks/0/tags", "it has more than 50 tags; 3 were left out")]),
        (
            vec!["x".repeat(NAME_MAX + 1)],
            vec!["x".repeat(NAME_MAX)],
            vec![note("/tasks/0/tags", "a tag is longer than 100 characters; it was cut")],
        ),
    ] {
        let portable = settled(vec![Task { tags: given, ..task("a") }], &[], &[]);
        assert_eq!((&portable.tasks[0].tags, &portable.notes), (&expected, &notes));
    }
    let minutes = |minutes| Reminder { at: None, minutes_before: Some(minutes) };
    let both = Reminder { at: Some(at("2026-12-01T00:00:00Z")), minutes_before: Some(1) };
    let mut reminders = vec![both, Reminder::default()];
    reminders.extend((0..30).map(minutes));
    let portable = settled(vec![Task { reminders, ..task("a") }], &[], &[]);
    assert_eq!(portable.tasks[0].reminders, (0..20).map(minutes).collect::<Vec<_>>());
    assert_eq!(portable.notes, [note("/tasks/0/reminders", "it has more than 20 reminders; 10 were left out")]);
}

#[test]
fn references_lead_somewhere_or_nowhere() {
    let placed = |project: Option<&str>, section: Option<&str>| Task {
        project: project.map(str::to_owned),
        section: section.map(str::to_owned),
        ..task("a")
    };
    for (given, project, section, notes) in [
        (placed(Some("p"), Some("s")), Some("p"), Some("s"), vec![]),
        (
            placed(Some("x"), None),
            None,
            None,
            vec![note("/tasks/0/projectId", "there is no project \"x\"; it is in the inbox")],
        ),
        (
            placed(Some("q"), Some("s")),
            Some("q"),
            None,
            vec![note("/tasks/0/sectionId", "its project has no such section; it is in none")],
        ),
        (
            placed(None, Some("s")),
            None,
            None,
            vec![note("/tasks/0/sectionId", "its project has no such section; it is in none")],
        ),
        (
            placed(Some("p"), Some("x")),
            Some("p"),
            None,
            vec![note("/tasks/0/sectionId", "its project has no such section; it is in none")],
        ),
    ] {
        let portable = settled(vec![given], &["p", "q"], &[("s", "p")]);
        let task = &portable.tasks[0];
        assert_eq!((task.project.as_deref(), task.section.as_deref()), (project, section));
        assert_eq!(portable.notes, notes);
    }
    let portable = settled(vec![], &["p"], &[("s", "x")]);
    assert_eq!(portable.sections[0].project, None);
    assert_eq!(portable.notes, [note("/sections/0/projectId", "there is no project \"x\"; it is in the inbox")]);
}

#[test]
fn parents_come_first_and_take_their_parts_along() {
    let part = |key: &str, parent: &str, project: Option<&str>| Task {
        parent: Some(parent.to_owned()),
        project: project.map(str::to_owned),
        ..task(key)
    };
    let tasks = vec![
        part("c", "b", Some("q")),
        part("b", "a", Some("p")),
        Task { project: Some("p".to_owned()), section: Some("s".to_owned()), ..task("a") },
        part("lost", "nowhere", None),
        part("x", "y", None),
        part("y", "x", None),
    ];
    let portable = settled(tasks, &["p", "q"], &[("s", "p")]);
    let told: Vec<_> = portable
        .tasks
        .iter()
        .map(|it| (it.key.as_str(), it.order, it.parent.as_deref(), it.section.as_deref()))
        .collect();
    assert_eq!(
        told,
        [
            ("a", 2, None, Some("s")),
            ("lost", 3, None, None),
            ("y", 5, None, None),
            ("b", 1, Some("a"), Some("s")),
            ("x", 4, Some("y"), None),
            ("c", 0, Some("b"), Some("s")),
        ]
    );
    assert_eq!(
        portable.notes,
        [
            note("/tasks/3/parentId", "there is no task \"nowhere\"; it is part of none"),
            note("/tasks/5/parentId", "it is a part of itself through others; it is part of none"),
            note("/tasks/0/projectId", "it is part of a task of another project; it goes there"),
        ]
    );
}

#[test]
fn a_task_too_deep_stands_beside_its_parent() {
    let chain = (0..DEPTH_MAX + 2).map(|level| Task {
        parent: level.checked_sub(1).map(|above| format!("t{above}")),
        ..task(&format!("t{level}"))
    });
    let portable = settled(chain.collect(), &[], &[]);
    let parent = |key: &str| portable.tasks.iter().find(|it| it.key == key).unwrap().parent.clone().unwrap();
    assert_eq!((parent("t7"), parent("t8"), parent("t9")), ("t6".to_owned(), "t6".to_owned(), "t6".to_owned()));
    assert_eq!(portable.notes.len(), 2);
    assert_eq!(
        portable.notes[0],
        note("/tasks/8/parentId", "it is nested deeper than 8 levels; it stands beside its parent")
    );
}

#[test]
fn keys_that_are_there_twice_get_a_number_that_is_free() {
    let portable = settled(
        vec![
            task("a"),
            task("a"),
            task("a#2"),
            task("a"),
            task(""),
            Task { parent: Some("a".to_owned()), ..task("b") },
        ],
        &[],
        &[],
    );
    let keys: Vec<&str> = portable.tasks.iter().map(|it| it.key.as_str()).collect();
    assert_eq!(keys, ["a", "a#3", "a#2", "a#4", "#5", "b"]);
    assert_eq!(portable.tasks[5].parent.as_deref(), Some("a"));
    // Of the one without a key also the title is empty.
    assert_eq!(portable.notes.len(), 4);
    assert_eq!(portable.notes[0], note("/tasks/1/id", "the key \"a\" is empty or there twice; this is another one"));
}

#[test]
fn a_hundred_thousand_equal_keys_take_no_time() {
    let tasks = (0..TASKS_MAX)
        .map(|number| task(if number % 2 == 0 { "a".to_owned() } else { format!("a#{}", number / 2 + 2) }.as_str()));
    let started = std::time::Instant::now();
    settled(tasks.collect(), &[], &[]);
    assert!(started.elapsed().as_secs() < 20);
}

#[test]
fn notes_are_bounded_and_counted() {
    let portable = settled(
        (0..NOTES_MAX + 5).map(|_| Task { title: String::new(), key: "a".to_owned(), ..task("") }).collect(),
        &[],
        &[],
    );
    // Each has no title, and all but the first no key of its own.
    assert_eq!((portable.notes.len(), portable.more_notes), (NOTES_MAX, NOTES_MAX + 9));
}

#[test]
fn too_much_is_an_error() {
    let projects = (0..=OTHERS_MAX).map(|_| (At::File, Project::default())).collect();
    let error = settle(Draft { projects, ..Draft::default() }).unwrap_err();
    assert_eq!(error.to_string(), "too many projects; 10000 are allowed in a file");
    let tasks = (0..=TASKS_MAX).map(|_| (At::File, Task::default())).collect();
    let error = settle(Draft { tasks, ..Draft::default() }).unwrap_err();
    assert_eq!(error.to_string(), "too many tasks; 100000 are allowed in a file");
}

#[test]
fn colours_and_names() {
    for (given, expected) in [
        (Some("#D1453B"), Some("#d1453b")),
        (Some("d1453b"), Some("#d1453b")),
        (Some(""), None),
        (Some("red"), None),
        (Some("#12345"), None),
        (Some("#gggggg"), None),
        (None, None),
    ] {
        let mut given = given.map(str::to_owned);
        color(&mut given);
        assert_eq!(given.as_deref(), expected);
    }
    let mut notes = Notes::default();
    let mut long = "n".repeat(NAME_MAX + 1);
    name(&mut long, At::In("projects", 3), &mut notes);
    let mut none = " \n ".to_owned();
    name(&mut none, At::Top(2), &mut notes);
    assert_eq!((long.len(), none.as_str()), (NAME_MAX, "Untitled"));
    assert_eq!(
        notes.list,
        [
            note("/projects/3/name", "the name is longer than 100 characters; it was cut"),
            note("/2/title", "it has no name; it is called Untitled"),
        ]
    );
}

#[test]
fn dates_phrases_and_rules() {
    let due = Due { date: day("2026-12-01"), time: Some((at("2026-12-01T23:30:00Z"), chrono_tz::Europe::Berlin)) };
    let long = "x".repeat(PHRASE_MAX + 1);
    let portable = settled(
        vec![
            Task { due: Some(due), due_phrase: Some("tomorrow".to_owned()), priority: 9, ..task("a") },
            Task {
                due_phrase: Some(long.clone()),
                recurrence: Some(Repeat { phrase: Some(long), ..Repeat::default() }),
                ..task("b")
            },
            Task { recurrence: Some(Repeat { from_completion: true, ..Repeat::default() }), ..task("c") },
        ],
        &[],
        &[],
    );
    let [a, b, c] = portable.tasks.as_slice() else { panic!("three") };
    assert_eq!((a.due.unwrap().date, &a.due_phrase, a.priority), (day("2026-12-02"), &None, 4));
    assert_eq!((&b.due_phrase, &b.recurrence, &c.recurrence), (&None, &None, &None));
    assert_eq!(portable.notes.len(), 2);
}
