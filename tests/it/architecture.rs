//! The rooms and their levels: a room imports from lower levels only. One crate permits cycles; this does not.

use std::fs;
use std::path::{Path, PathBuf};

/// The plan, as in `src/lib.rs`. `chat` will be level 4.
const LEVELS: [(&str, u8); 18] = [
    ("kernel", 0),
    ("auth", 1),
    ("telemetry", 1),
    ("storage", 1),
    ("filter", 1),
    ("recurrence", 1),
    ("interop", 1),
    ("quick", 2),
    ("events", 2),
    ("http", 2),
    ("user", 3),
    ("task", 3),
    ("sync", 3),
    ("insights", 3),
    ("notification", 3),
    ("webhook", 3),
    ("config", 5),
    ("app", 6),
];

/// Doors that the level rule opens and the plan does not: (room, what it may not import).
const SHUT: [(&str, &[&str]); 4] =
    [("events", &["auth"]), ("sync", &["auth"]), ("insights", &["auth"]), ("notification", &["auth"])];

fn level(room: &str) -> Option<u8> {
    LEVELS.iter().find(|(name, _)| *name == room).map(|(_, level)| *level)
}

fn sources(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, into);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            into.push(path);
        }
    }
}

/// The rooms that `text` names after `crate::`, also inside `use crate::{a, b::c}`.
fn imports(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let code: String = text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n");
    for rest in code.split("crate::").skip(1) {
        let word = |text: &str| text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
        if let Some(group) = rest.strip_prefix('{') {
            let mut depth = 1;
            let end = group.find(|c| {
                depth += match c {
                    '{' => 1,
                    '}' => -1,
                    _ => 0,
                };
                depth == 0
            });
            let mut depth = 0;
            let mut item = String::new();
            for c in group[..end.unwrap_or(0)].chars().chain([',']) {
                match c {
                    '{' => depth += 1,
                    '}' => depth -= 1,
                    ',' if depth == 0 => found.push(word(std::mem::take(&mut item).trim())),
                    c => item.push(c),
                }
            }
        } else {
            found.push(word(rest));
        }
    }
    found
}

/// One sentence for each import that the plan forbids.
fn forbidden(room: &str, text: &str) -> Vec<String> {
    let own = level(room).unwrap_or_else(|| panic!("the room `{room}` is not on the plan"));
    let shut = SHUT.iter().find(|(name, _)| *name == room).map_or(&[][..], |(_, shut)| shut);
    imports(text)
        .into_iter()
        .filter(|target| {
            target != room && level(target).is_some_and(|level| level >= own || shut.contains(&target.as_str()))
        })
        .map(|target| format!("{room} imports {target}"))
        .collect()
}

#[test]
fn rooms_import_from_lower_levels_only() {
    let house = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&house, &mut files);
    let mut wrong = Vec::new();
    for file in files {
        let inside = file.strip_prefix(&house).unwrap();
        if inside.components().count() < 2 {
            continue;
        }
        let room = inside.components().next().unwrap().as_os_str().to_str().unwrap().to_owned();
        let text = fs::read_to_string(&file).unwrap();
        wrong.extend(forbidden(&room, &text).into_iter().map(|says| format!("{}: {says}", inside.display())));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_forbidden_import_is_found() {
    assert_eq!(forbidden("task", "use crate::user::Accounts;"), ["task imports user"]);
    assert_eq!(forbidden("kernel", "use crate::{storage::Db, kernel::Clock};"), ["kernel imports storage"]);
    assert_eq!(forbidden("events", "fn f() { crate::auth::x() }"), ["events imports auth"]);
    assert!(forbidden("task", "use crate::events::{Draft, Topic};\nuse crate::{sql, statements};").is_empty());
}

#[test]
fn a_model_knows_neither_axum_nor_sqlx() {
    for room in ["task", "user", "insights", "notification", "webhook"] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(room).join("model.rs");
        let text = fs::read_to_string(path).unwrap();
        assert!(!text.contains("axum") && !text.contains("sqlx"), "{room}");
    }
}

#[test]
fn files_stay_readable() {
    let mut files = Vec::new();
    for folder in ["src", "tests"] {
        sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join(folder), &mut files);
    }
    let long: Vec<_> = files
        .into_iter()
        .filter(|file| fs::read_to_string(file).unwrap().lines().count() > 400)
        .map(|file| file.display().to_string())
        .collect();
    assert!(long.is_empty(), "over 400 lines: {long:?}");
}
