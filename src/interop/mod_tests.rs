use proptest::prelude::*;

use super::portable::tests::{at, portable};
use super::*;

pub(super) fn options() -> Options {
    Options { project: Some("Garden".to_owned()), zone: chrono_tz::Europe::Berlin, now: at("2026-11-25T12:00:00Z") }
}

/// What every result has, whatever the file was.
pub(super) fn check(portable: &Portable) {
    use std::collections::{HashMap, HashSet};
    let unique = |keys: Vec<&String>| keys.iter().collect::<HashSet<_>>().len() == keys.len();
    assert!(unique(portable.projects.iter().map(|it| &it.key).collect()));
    assert!(unique(portable.filters.iter().map(|it| &it.key).collect()));
    let projects: HashSet<&String> = portable.projects.iter().map(|it| &it.key).collect();
    let sections: HashMap<&String, &Option<String>> =
        portable.sections.iter().map(|it| (&it.key, &it.project)).collect();
    assert_eq!(sections.len(), portable.sections.len());
    let one_line = |text: &str, most| {
        let count = text.chars().count();
        (1..=most).contains(&count) && text.trim() == text && !text.chars().any(char::is_control)
    };
    assert!(portable.projects.iter().all(|it| one_line(&it.name, NAME_MAX)));
    assert!(portable.sections.iter().all(|it| one_line(&it.name, NAME_MAX)));
    assert!(portable.sections.iter().all(|it| it.project.as_ref().is_none_or(|key| projects.contains(key))));
    let mut seen: HashMap<&String, (&Task, usize)> = HashMap::new();
    let mut orders = HashSet::new();
    for task in &portable.tasks {
        let depth = match &task.parent {
            Some(parent) => {
                let (parent, depth) = seen[parent];
                assert_eq!((&task.project, &task.section), (&parent.project, &parent.section));
                depth + 1
            }
            None => 1,
        };
        assert!(depth <= DEPTH_MAX);
        assert!(seen.insert(&task.key, (task, depth)).is_none());
        assert!(orders.insert(task.order) && task.order < portable.tasks.len());
        assert!(one_line(&task.title, TITLE_MAX), "{:?}", task.title);
        assert!(task.description.chars().count() <= DESCRIPTION_MAX && !task.description.contains('\0'));
        assert!(task.tags.len() <= TAGS_MAX && task.tags.iter().all(|tag| one_line(tag, NAME_MAX)));
        assert!(task.project.as_ref().is_none_or(|key| projects.contains(key)));
        assert!(task.section.as_ref().is_none_or(|key| *sections[key] == task.project));
        assert!(task.priority <= 4 && task.reminders.len() <= REMINDERS_MAX);
        assert!(task.due.is_none() || task.due_phrase.is_none());
    }
    assert!(portable.notes.len() <= NOTES_MAX);
    assert!(portable.notes.iter().all(|note| note.text.chars().count() < 300 && note.at.len() < 200));
}

#[test]
fn a_format_is_guessed_from_the_beginning() {
    for (bytes, expected) in [
        ("TYPE,CONTENT,PRIORITY\ntask,x,1\n", Some(Format::Todoist)),
        ("\u{feff}TYPE,CONTENT\r\n", Some(Format::Todoist)),
        ("\"TYPE\";\"CONTENT\"\n", Some(Format::Todoist)),
        ("type,content", Some(Format::Todoist)),
        ("CONTENT,DATE\nx,y", None),
        (" \n[{}]", Some(Format::Vikunja)),
        ("\u{feff}{", Some(Format::Own)),
        ("", None),
        ("   ", None),
        ("hello", None),
        ("PK\u{3}\u{4}", None),
    ] {
        assert_eq!(Format::guess(bytes.as_bytes()), expected, "{bytes}");
    }
    assert_eq!(Format::guess(&[0xff, 0xfe, 0x00]), None);
    assert_eq!(Format::guess(&vec![b'T'; 1_000_000]), None);
}

#[test]
fn what_is_no_file_is_an_error_that_says_what_is_allowed() {
    let large = vec![b' '; BYTES_MAX + 1];
    for (format, bytes, at, sentence) in [
        (
            Format::Own,
            large.as_slice(),
            "",
            "the file is too large (33554433 bytes); 33554432 bytes (32 MiB) are allowed",
        ),
        (Format::Todoist, b"TYPE,CONTENT\ntask,\xfc\n".as_slice(), "line 2", "save it as UTF-8"),
        (Format::Vikunja, b"{}", "", "this is not an export of Vikunja; it is a list of projects"),
        (Format::Vikunja, b"", "", "this is not an export of Vikunja"),
        (Format::Own, b"[]", "", "this is not an export of this program"),
        (Format::Own, b"{}", "", "\"format\": \"todo-export\""),
        (Format::Own, b"{\"format\": \"other\", \"tasks\": []}", "", "this is not an export of this program"),
        (Format::Own, b"{\"tasks\": []}", "", "this is not an export of this program"),
        (Format::Todoist, b"", "line 1", "this is not a project of Todoist; its first line names the columns"),
        (Format::Todoist, b"CONTENT\nx\n", "line 1", "TYPE and CONTENT among them"),
    ] {
        let error = read(format, bytes, &options()).unwrap_err();
        assert_eq!(error.at(), at);
        assert!(error.to_string().contains(sentence), "{error}");
    }
}

/// Pieces that the formats are made of, so that chance gets beyond the first byte.
fn pieces() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "TYPE,CONTENT,INDENT,DATE,PRIORITY\n",
        "task,",
        "section,",
        "note,",
        "x @y,",
        "1,",
        "99999999999999999999,",
        "every day,",
        "2026-12-01T17:00,",
        "\n",
        "\"",
        "\r",
        ";",
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "\"format\":\"todo-export\"",
        "\"tasks\":[",
        "\"id\":\"a\"",
        "\"id\":1",
        "\"title\":\"\"",
        "\"title\":\"t\"",
        "\"parentId\":\"a\"",
        "null",
        "-1e999",
        "\"dueDate\":\"2026-12-01\"",
        "\"due_date\":\"9999-12-31T23:59:59Z\"",
        "\"related_tasks\":{\"subtask\":[{\"id\":1}]}",
        "\"repeat_after\":-9223372036854775808",
        "\"priority\":5",
        "\"buckets\":[",
        "\"description\":\"<p>&lt\"",
        "\u{0}",
        "é",
        "\u{feff}",
        "\"account\":{\"id\":\"a\"}",
        "\"collections\":[",
        "\"kind\":\"project\"",
        "\"name\":\"n\"",
        "\"reminders\":[{\"relative_period\":-9223372036854775808}]",
    ]);
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = Format::guess(&bytes);
        for format in [Format::Todoist, Format::Vikunja, Format::Own] {
            if let Ok(portable) = read(format, &bytes, &options()) {
                check(&portable);
            }
        }
    }

    #[test]
    fn pieces_of_files_never_panic(text in pieces(), opened in 0usize..4) {
        let text = match opened {
            0 => text,
            1 => format!("TYPE,CONTENT,INDENT,DATE,DESCRIPTION,PRIORITY,DEADLINE,TIMEZONE\n{text}"),
            2 => format!("[{{\"id\":1,\"title\":\"p\",\"tasks\":[{{\"id\":1,\"title\":\"t\",{text}"),
            _ => format!("{{\"format\":\"todo-export\",\"tasks\":[{{\"id\":\"a\",\"title\":\"t\",{text}"),
        };
        for format in [Format::Todoist, Format::Vikunja, Format::Own] {
            if let Ok(portable) = read(format, text.as_bytes(), &options()) {
                check(&portable);
            }
        }
    }

    #[test]
    fn a_broken_file_never_panics(portable in portable(), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut bytes = own::write(&portable, options().now).into_bytes();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        if let Ok(portable) = read(Format::Own, &bytes, &options()) {
            check(&portable);
        }
        if let Ok(portable) = read(Format::Own, &bytes[..at], &options()) {
            check(&portable);
        }
    }
}
