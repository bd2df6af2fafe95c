//! The tables of phrases: each line and all that is read from it.

use std::fmt::Write as _;

use chrono::{DateTime, Utc, Weekday};
use chrono_tz::Europe::Berlin;

use super::{Context, Project, Reminder, Understood, When, quoted, read};
use crate::recurrence::Language;

const PROJECTS: [Project; 5] = [
    Project { name: "Home", sections: &["Garden", "Back yard"] },
    Project { name: "Home office", sections: &["Desk"] },
    Project { name: "Work", sections: &[] },
    Project { name: "Café", sections: &[] },
    Project { name: "R&D", sections: &["Team #1"] },
];

fn context(language: Language) -> Context<'static> {
    let now: DateTime<Utc> = "2026-11-25T09:00:00Z".parse().unwrap();
    let day_first = language != Language::En;
    Context { now, zone: Berlin, week_start: Weekday::Mon, day_first, language, projects: &PROJECTS }
}

/// All of the result, in a fixed order.
fn notation(found: &Understood) -> String {
    let mut line = found.title.clone();
    match found.due {
        Some(When::Day(day)) => write!(line, " | due {day}").unwrap(),
        Some(When::Time(time)) => write!(line, " | due {}", time.format("%Y-%m-%d %H:%M")).unwrap(),
        None => {}
    }
    for (name, day) in [("start", found.start), ("deadline", found.deadline)] {
        if let Some(day) = day {
            write!(line, " | {name} {day}").unwrap();
        }
    }
    if let Some(repeat) = &found.repeat {
        write!(line, " | every{} {}", if repeat.from_completion { "!" } else { "" }, repeat.rule).unwrap();
    }
    if let Some(priority) = found.priority {
        write!(line, " | !{priority}").unwrap();
    }
    if let Some(project) = found.project.map(|project| PROJECTS[project]) {
        write!(line, " | #{}", project.name).unwrap();
        if let Some(section) = found.section {
            write!(line, " | /{}", project.sections[section]).unwrap();
        }
    }
    for tag in &found.tags {
        write!(line, " | *{tag}").unwrap();
    }
    for reminder in &found.reminders {
        match reminder {
            Reminder::Before(minutes) => write!(line, " | remind -{minutes}").unwrap(),
            Reminder::At(time) => write!(line, " | remind {}", time.format("%Y-%m-%d %H:%M")).unwrap(),
        }
    }
    line
}

fn check(table: &str, language: Language, least: usize) {
    let context = context(language);
    let mut wrong = Vec::new();
    let mut rows = 0;
    for row in table.lines().filter(|row| !row.is_empty() && !row.starts_with("//")) {
        let (line, expected) = row.split_once(" => ").expect("a row has =>");
        rows += 1;
        let result = read(line, &context);
        let got = result.as_ref().map_or_else(|error| format!("error {error:?}"), notation);
        if got != expected {
            wrong.push(format!("{line}\n  expected {expected}\n  got      {got}"));
        }
        let Ok(found) = result else { continue };
        let characters: Vec<char> = line.chars().collect();
        for span in &found.spans {
            assert_eq!(span.text, characters[span.start..span.end].iter().collect::<String>(), "{line}");
        }
        assert!(found.spans.windows(2).all(|pair| pair[0].end <= pair[1].start), "{line}");
        let again = read(&quoted(&found.title), &context).unwrap();
        assert_eq!(notation(&again), found.title, "{line}");
        assert!(again.spans.is_empty(), "{line}");
    }
    assert!(wrong.is_empty(), "{} of {rows} rows:\n{}", wrong.len(), wrong.join("\n"));
    assert!(rows >= least, "{rows} rows");
}

#[test]
fn english() {
    check(include_str!("phrases_en.txt"), Language::En, 150);
}

#[test]
fn german() {
    check(include_str!("phrases_de.txt"), Language::De, 50);
}

#[test]
fn spanish() {
    check(include_str!("phrases_es.txt"), Language::Es, 50);
}
