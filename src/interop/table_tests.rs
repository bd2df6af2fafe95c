use proptest::prelude::*;

use super::super::portable::tests::{at, day, portable};
use super::super::{Due, Project, Repeat, Section};
use super::*;

#[test]
fn one_line_is_a_task() {
    let task = Task {
        key: "t".to_owned(),
        title: "Say \"hi\", then go".to_owned(),
        description: "two\nlines".to_owned(),
        priority: 3,
        project: Some("p".to_owned()),
        section: Some("s".to_owned()),
        parent: Some("a".to_owned()),
        tags: vec!["home".to_owned(), "work".to_owned()],
        due: Some(Due { date: day("2026-12-01"), time: Some((at("2026-12-01T16:00:00Z"), chrono_tz::Europe::Berlin)) }),
        start_date: Some(day("2026-11-30")),
        deadline: Some(day("2026-12-24")),
        completed_at: Some(at("2026-11-25T12:00:00Z")),
        created_at: Some(at("2026-01-02T03:04:05Z")),
        recurrence: Some(Repeat { rule: Some("FREQ=DAILY".to_owned()), phrase: None, from_completion: true }),
        reminders: vec![
            Reminder { at: None, minutes_before: Some(30) },
            Reminder { at: Some(at("2026-12-01T08:00:00Z")), minutes_before: None },
        ],
        order: 7,
        ..Task::default()
    };
    let portable = Portable {
        projects: vec![Project { key: "p".to_owned(), name: "=Garden".to_owned(), ..Project::default() }],
        sections: vec![Section { key: "s".to_owned(), name: "Winter".to_owned(), ..Section::default() }],
        tasks: vec![task, Task { key: "u".to_owned(), title: "Ü".to_owned(), ..Task::default() }],
        ..Portable::default()
    };
    assert_eq!(
        csv_of(&portable),
        "\u{feff}id,title,description,priority,project,section,parent,tags,due_date,due_at,due_zone,due_phrase,\
         start_date,deadline,completed_at,created_at,recurrence,from_completion,reminders,order\r\n\
         t,\"Say \"\"hi\"\", then go\",\"two\nlines\",high,'=Garden,Winter,a,\"home, work\",2026-12-01,\
         2026-12-01T16:00:00Z,Europe/Berlin,,2026-11-30,2026-12-24,2026-11-25T12:00:00Z,2026-01-02T03:04:05Z,FREQ=DAILY,\
         true,\"30 min before, 2026-12-01T08:00:00Z\",7\r\n\
         u,Ü,,none,,,,,,,,,,,,,,,,0\r\n"
    );
}

#[test]
fn no_cell_is_a_formula() {
    for (text, cell) in [
        ("=1+1", "'=1+1"),
        ("+49 30", "'+49 30"),
        ("-x", "'-x"),
        ("@home", "'@home"),
        ("\t=1", "'\t=1"),
        ("\r=1", "'\r=1"),
        ("\n=1", "'\n=1"),
        ("1=1", "1=1"),
        ("'=1", "'=1"),
        ("", ""),
    ] {
        assert_eq!(neutral(text.to_owned()), cell);
    }
}

proptest! {
    #[test]
    fn it_is_read_back_cell_by_cell(portable in portable()) {
        let text = csv_of(&portable);
        let text = text.strip_prefix(BOM).unwrap();
        let mut lines = csv::Reader::from_reader(text.as_bytes());
        prop_assert_eq!(lines.headers().unwrap().iter().collect::<Vec<_>>(), COLUMNS);
        let records: Vec<csv::StringRecord> = lines.records().map(Result::unwrap).collect();
        prop_assert_eq!(records.len(), portable.tasks.len());
        for (record, task) in records.iter().zip(&portable.tasks) {
            prop_assert_eq!(&record[0], neutral(task.key.clone()));
            prop_assert_eq!(&record[1], neutral(task.title.clone()));
            prop_assert_eq!(&record[2], neutral(task.description.clone()));
            prop_assert!(record.iter().all(|cell| !cell.starts_with(['=', '+', '-', '@', '\t', '\r', '\n'])));
        }
    }
}
