use super::super::portable::tests::{at, day};
use super::super::tests::{check, options};
use super::super::{Due, Note, Portable};
use super::*;

const HEADER: &str = "TYPE,CONTENT,DESCRIPTION,IS_COLLAPSED,PRIORITY,INDENT,AUTHOR,RESPONSIBLE,DATE,DATE_LANG,TIMEZONE,\
                      DURATION,DURATION_UNIT,DEADLINE,DEADLINE_LANG";

fn file(text: &str) -> Portable {
    let portable = crate::interop::read(Format::Todoist, text.as_bytes(), &options()).unwrap();
    check(&portable);
    assert_eq!(crate::interop::read(Format::Todoist, text.as_bytes(), &options()).unwrap(), portable);
    portable
}

/// The task of a file with one row below the newest header.
fn row(row: &str) -> (Task, Vec<Note>) {
    let mut portable = file(&format!("{HEADER}\n{row}\n"));
    (portable.tasks.remove(0), portable.notes)
}

fn texts(notes: &[Note]) -> Vec<(&str, &str)> {
    notes.iter().map(|note| (note.at.as_str(), note.text.as_str())).collect()
}

#[test]
fn a_backup_of_a_project() {
    let portable = file(&format!(
        "\u{feff}{HEADER}\r\n\
         meta,view_style=board,,,,,,,,,,,,,\r\n\
         ,,,,,,,,,,,,,,\r\n\
         task,Water the ferns @plants,Not too much,,2,1,Ada (1),,2026-12-01,en,Europe/Berlin,,,,\r\n\
         task,Fill the can,,,4,2,Ada (1),,,,Europe/Berlin,,,,\r\n\
         note,Rain water is best,,,,,Ada (1),,2026-06-08T07:02:05.000000Z,,,,,,\r\n\
         note,\"From the barrel,\nnot the tap\",,,,,Ada (1),,,,,,,,\r\n\
         task,Find the barrel,,,4,3,Ada (1),,,,,,,,\r\n\
         ,,,,,,,,,,,,,,\r\n\
         section,Winter,,False,,,,,,,,,,,\r\n\
         task,\"Cut, then \"\"cover\"\"\",,,1,1,Ada (1),,every year,en,,,,2027-02-28,en\r\n"
    ));
    assert_eq!(portable.projects.len(), 1);
    let project = Some(portable.projects[0].key.clone());
    assert_eq!((portable.projects[0].name.as_str(), portable.sections[0].name.as_str()), ("Garden", "Winter"));
    assert_eq!(portable.sections[0].project, project);
    let [ferns, cut, can, barrel] = portable.tasks.as_slice() else { panic!("four tasks") };
    assert_eq!(
        (ferns.title.as_str(), ferns.description.as_str(), ferns.priority),
        ("Water the ferns", "Not too much", 3)
    );
    assert_eq!(
        (ferns.tags.as_slice(), ferns.due),
        (&["plants".to_owned()][..], Some(Due { date: day("2026-12-01"), time: None }))
    );
    assert_eq!((&can.parent, can.order), (&Some(ferns.key.clone()), 1));
    assert_eq!(can.description, "Rain water is best\n\nFrom the barrel,\nnot the tap");
    assert_eq!((&barrel.parent, &barrel.project), (&Some(can.key.clone()), &project));
    assert_eq!((cut.title.as_str(), cut.priority, cut.order), ("Cut, then \"cover\"", 4, 3));
    assert_eq!((&cut.section, cut.deadline), (&Some(portable.sections[0].key.clone()), Some(day("2027-02-28"))));
    let repeat = Repeat { rule: None, phrase: Some("every year".to_owned()), from_completion: false };
    assert_eq!((&cut.recurrence, &cut.due, &cut.due_phrase), (&Some(repeat), &None, &None));
    assert_eq!((portable.notes.len(), portable.more_notes), (0, 0));
}

#[test]
fn older_files_have_fewer_columns_in_another_order() {
    for text in [
        "TYPE,CONTENT,PRIORITY,INDENT,AUTHOR,RESPONSIBLE,DATE,DATE_LANG,TIMEZONE\ntask,One @x,1,1,,,2026-12-01,en,\ntask,Two,4,2,,,,,\n",
        "type;content;priority;indent;date\ntask;One @x;1;1;2026-12-01\ntask;Two;4;2;\n",
        "INDENT,DATE,PRIORITY,CONTENT,TYPE\n1,2026-12-01,1,One @x,task\n2,,,Two,task",
        "TYPE,CONTENT,PRIORITY,INDENT,DATE\r\ntask,One @x,1,1,2026-12-01\r\ntask,Two\u{85},4,2\r\n",
    ] {
        let portable = file(text);
        let told: Vec<_> =
            portable.tasks.iter().map(|it| (it.title.as_str(), it.priority, it.parent.is_some())).collect();
        assert_eq!(told, [("One", 4, false), ("Two", 0, true)], "{text}");
        assert_eq!(portable.tasks[0].due.map(|due| due.date), Some(day("2026-12-01")), "{text}");
    }
}

#[test]
fn dates() {
    let berlin = chrono_tz::Europe::Berlin;
    let sydney = chrono_tz::Australia::Sydney;
    let timed = |date: &str, instant: &str, zone| Some(Due { date: day(date), time: Some((at(instant), zone)) });
    for (date, zone, due, due_phrase, phrase) in [
        ("", "", None, None, None),
        ("2026-12-01", "", Some(Due { date: day("2026-12-01"), time: None }), None, None),
        ("2026-12-01T17:00", "", timed("2026-12-01", "2026-12-01T16:00:00Z", berlin), None, None),
        ("2026-12-01 17:00", "Australia/Sydney", timed("2026-12-01", "2026-12-01T06:00:00Z", sydney), None, None),
        ("2026-12-01 at 17:00", "", timed("2026-12-01", "2026-12-01T16:00:00Z", berlin), None, None),
        ("tomorrow", "", None, Some("tomorrow"), None),
        ("5 Oct 2026 9:30", "", None, Some("5 Oct 2026 9:30"), None),
        ("every month", "", None, None, Some("every month")),
        ("every! day at 9", "Australia/Sydney", None, None, Some("every! day at 9")),
        ("2026-02-30", "", None, Some("2026-02-30"), None),
    ] {
        let (task, notes) = row(&format!("task,x,,,4,1,,,{date},en,{zone},,,,"));
        assert_eq!((task.due, task.due_phrase.as_deref()), (due, due_phrase), "{date}");
        assert_eq!(task.recurrence.as_ref().and_then(|repeat| repeat.phrase.as_deref()), phrase, "{date}");
        assert_eq!(task.recurrence.is_some_and(|repeat| repeat.from_completion), date.starts_with("every!"), "{date}");
        let is_phrase = due_phrase.or(phrase).is_some();
        assert_eq!(task.phrase_language.as_deref(), is_phrase.then_some("en"), "{date}");
        assert_eq!(task.phrase_zone, (is_phrase && !zone.is_empty()).then_some(sydney), "{date}");
        assert!(notes.is_empty(), "{date}");
    }
}

#[test]
fn what_is_odd_is_noted() {
    for (rows, expected) in [
        ("task,x,,,9,1,,,,,,,,,", vec![("line 2", "PRIORITY is \"9\", not 1 to 4; it has none")]),
        ("task,x,,,4,zero,,,,,,,,,", vec![("line 2", "INDENT is \"zero\", not 1, 2 and so on; it is read as 1")]),
        ("task,x,,,4,0,,,,,,,,,", vec![("line 2", "INDENT is \"0\", not 1, 2 and so on; it is read as 1")]),
        ("task,x,,,4,3,,,,,,,,,", vec![("line 2", "INDENT is 3 without a task above it; it was brought up")]),
        ("task,x,,,4,1,,Bob (2),,,,,,,", vec![("line 2", "who is responsible was left out: \"Bob (2)\"")]),
        ("task,x,,,4,1,,,,,,30,minute,,", vec![("line 2", "the duration was left out: \"30 minute\"")]),
        ("task,x,,,4,1,,,,,,None,None,,", vec![]),
        (
            "task,x,,,4,1,,,2026-12-01 17:00,en,Mars/Base,,,,",
            vec![("line 2", "TIMEZONE is \"Mars/Base\", which is unknown; yours was taken")],
        ),
        ("task,x,,,4,1,,,2026-12-01,en,Mars/Base,,,,", vec![]),
        (
            "task,x,,,4,1,,,,,,,,soon,en",
            vec![("line 2", "DEADLINE is \"soon\", not a date such as 2026-12-01; left out")],
        ),
        ("task,,,,4,1,,,,,,,,,", vec![("line 2", "it has no title; it is called Untitled")]),
        (
            "section,S,About it,,,,,,,,,,,,\ntask,x,,,4,1,,,,,,,,,",
            vec![("line 2", "the section's description was left out: \"About it\"")],
        ),
        (
            "note,alone,,,,,,,,,,,,,\ntask,x,,,4,1,,,,,,,,,",
            vec![("line 2", "a comment that follows no task was left out: \"alone\"")],
        ),
        (
            "project_note,hello,,,,,,,,,,,,,\ntask,x,,,4,1,,,,,,,,,",
            vec![("line 2", "a comment on the project was left out: \"hello\"")],
        ),
        (
            "photo,hello,,,,,,,,,,,,,\ntask,x,,,4,1,,,,,,,,,",
            vec![("line 2", "a row of the type \"photo\" was left out; task, section and note are known")],
        ),
        (
            "task,x,,,4,1,,,,,,,,,\n\nnote,\"[[file {\"\"file_name\"\":\"\"a.png\"\",\"\"file_url\"\":\"\"http://x\"\"}]]\",,,,,,,,,,,,,",
            vec![("line 4", "an attachment was left out; its name and address are in the description")],
        ),
    ] {
        let portable = file(&format!("{HEADER}\n{rows}\n"));
        assert_eq!(portable.tasks.len(), 1, "{rows}");
        assert_eq!(texts(&portable.notes), expected, "{rows}");
    }
}

#[test]
fn lines_are_counted_as_an_editor_counts_them() {
    for text in ["TYPE,CONTENT\nnote,x\n", "TYPE,CONTENT\r\nnote,x\r\n"] {
        assert_eq!(file(text).notes[0].at, "line 2", "{text:?}");
    }
    for text in ["TYPE,CONTENT\n\n\"a\nb\",\nnote,x", "TYPE,CONTENT\r\n\r\n\"a\r\nb\",\r\nnote,x"] {
        assert_eq!(
            texts(&file(text).notes).iter().map(|note| note.0).collect::<Vec<_>>(),
            ["line 3", "line 5"],
            "{text:?}"
        );
    }
}

#[test]
fn indents_make_parents() {
    for (indents, parents) in [
        (vec![1, 2, 2, 3, 1], vec![None, Some(0), Some(0), Some(2), None]),
        (vec![2, 2, 4, 2], vec![None, Some(0), Some(1), Some(0)]),
        (vec![1, 3, 2], vec![None, Some(0), Some(0)]),
    ] {
        let rows: Vec<String> = indents.iter().enumerate().map(|(at, indent)| format!("task,t{at},{indent}")).collect();
        let portable = file(&format!("TYPE,CONTENT,INDENT\n{}", rows.join("\n")));
        let mut tasks = portable.tasks.clone();
        tasks.sort_by_key(|task| task.order);
        let index = |key: &String| tasks.iter().position(|task| task.key == *key);
        let told: Vec<Option<usize>> = tasks.iter().map(|task| task.parent.as_ref().and_then(index)).collect();
        assert_eq!(told, parents, "{indents:?}");
    }
    // A section begins anew.
    let portable = file("TYPE,CONTENT,INDENT\ntask,a,1\nsection,s,\ntask,b,2\n");
    assert!(portable.tasks.iter().all(|task| task.parent.is_none()));
}

#[test]
fn keys_stay_when_others_are_added() {
    let few = file("TYPE,CONTENT,INDENT\ntask,a,1\ntask,b,2\ntask,a,1\n");
    let more = file("TYPE,CONTENT,INDENT\ntask,new,1\ntask,a,1\ntask,b,2\ntask,a,1\ntask,c,1\n");
    let keys = |portable: &Portable, title: &str| -> Vec<String> {
        portable.tasks.iter().filter(|task| task.title == title).map(|task| task.key.clone()).collect()
    };
    assert_eq!((keys(&few, "a"), keys(&few, "b")), (keys(&more, "a"), keys(&more, "b")));
    // Those with the same text have keys of their own.
    assert!(few.notes.is_empty() && more.notes.is_empty());
    let mut other = options();
    other.project = Some("Kitchen".to_owned());
    let other = crate::interop::read(Format::Todoist, b"TYPE,CONTENT,INDENT\ntask,b,1\n", &other).unwrap();
    assert_ne!(keys(&other, "b"), keys(&few, "b"));
}

#[test]
fn one_is_the_highest_priority() {
    for (text, priority) in [("1", 4), ("2", 3), ("3", 2), ("4", 0), ("", 0)] {
        let (task, notes) = row(&format!("task,x,,,{text},1,,,,,,,,,"));
        assert_eq!((task.priority, notes), (priority, vec![]), "{text}");
    }
}

#[test]
fn the_inbox_is_no_project() {
    for name in [None, Some(""), Some(" "), Some("Inbox"), Some("inbox")] {
        let options = Options { project: name.map(str::to_owned), ..options() };
        let portable = crate::interop::read(Format::Todoist, b"TYPE,CONTENT\ntask,x\n", &options).unwrap();
        assert_eq!((portable.projects.len(), &portable.tasks[0].project), (0, &None), "{name:?}");
    }
}

#[test]
fn too_many_tasks_are_an_error_with_its_line() {
    let text = format!("TYPE,CONTENT\n{}", "task,x\n".repeat(TASKS_MAX + 1));
    let error = crate::interop::read(Format::Todoist, text.as_bytes(), &options()).unwrap_err();
    assert_eq!(
        (error.at(), error.to_string().as_str()),
        ("line 100002", "too many tasks; 100000 are allowed in a file")
    );
}

#[test]
fn the_name_of_a_file_tells_the_project() {
    for (file, project) in [
        ("Garden.csv", "Garden"),
        ("Garden [220474322].csv", "Garden"),
        ("backup/Garten & Hof [6Crg8jQ886Wh4P5g].CSV", "Garten & Hof"),
        ("C:\\Inbox.csv", "Inbox"),
        ("Plan [draft 2].csv", "Plan [draft 2]"),
        ("[220474322].csv", "[220474322]"),
        ("日本.csv", "日本"),
        ("日", "日"),
        ("", ""),
    ] {
        assert_eq!(project_of_file(file), project, "{file}");
    }
}
