//! The README does what it says: its tour runs word for word, its example of a configuration is right, and its tables
//! name what the source names.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::process::{Process, TODO};

const README: &str = include_str!("../../README.md");

/// What stands between `<!-- name -->` and `<!-- /name -->`.
fn part(name: &str) -> &'static str {
    let (_, rest) = README.split_once(&format!("<!-- {name} -->")).unwrap_or_else(|| panic!("no part {name}"));
    rest.split_once(&format!("<!-- /{name} -->")).unwrap_or_else(|| panic!("{name} has no end")).0
}

/// The fenced blocks of a language.
pub fn blocks<'a>(text: &'a str, language: &str) -> Vec<&'a str> {
    let fence = format!("\n```{language}\n");
    text.split(&fence).skip(1).map(|rest| rest.split_once("\n```").unwrap().0).collect()
}

/// Whether `line` is `wanted`, in which each `…` stands for anything.
fn fits(line: &str, wanted: &str) -> bool {
    let pieces: Vec<_> = wanted.split('…').collect();
    let [first, middle @ .., last] = &pieces[..] else { return line == wanted };
    let Some(mut rest) = line.strip_prefix(first) else { return false };
    for piece in middle {
        let Some((_, after)) = rest.split_once(piece) else { return false };
        rest = after;
    }
    rest.ends_with(last)
}

fn is_there(program: &str) -> bool {
    Command::new(program).arg("--version").output().is_ok_and(|output| output.status.success())
}

/// Replaces what must occur once, so that a README that says something else is noticed.
fn replace(script: &str, from: &str, to: &str) -> String {
    assert_eq!(script.matches(from).count(), 1, "the tour should have `{from}` once");
    script.replace(from, to)
}

#[test]
fn the_consumers_in_the_documentation_are_the_programs_that_tests_run() {
    let document = include_str!("../../docs/consumers.md");
    for (language, program) in [
        ("python", include_str!("../../docs/consumers/consumer.py")),
        ("java", include_str!("../../docs/consumers/Consumer.java")),
    ] {
        assert_eq!(blocks(document, language), [program.trim_end()], "the {language} of docs/consumers.md");
    }
}

#[test]
fn the_tour_prints_what_the_readme_says() {
    if let Some(missing) = ["curl", "jq"].into_iter().find(|program| !is_there(program)) {
        assert!(std::env::var_os("TODO_TEST_REQUIRE_SERVERS").is_none(), "{missing} is missing");
        eprintln!("skipped: {missing} is missing (`scripts/setup test` installs it)");
        return;
    }
    let tour = blocks(part("tour"), "sh").join("\n");
    let wanted: Vec<_> = tour.lines().filter_map(|line| line.strip_prefix("# → ")).collect();
    assert!(wanted.len() > 30, "the tour lost its lines: {wanted:?}");
    let folder = tempfile::tempdir().unwrap();
    let process = Process::start(folder.path(), &[]);
    let script = replace(&tour, "http://127.0.0.1:8080", &process.api);
    let script = replace(&script, "http://127.0.0.1:9090", &process.admin);
    let script = replace(&script, "target/debug/todo", TODO);
    let output = Command::new("bash")
        .current_dir(folder.path())
        .args(["-euo", "pipefail", "-c", &script])
        .env_remove("TODO_CONFIG")
        .output()
        .unwrap();
    let (out, err) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    let mut lines = out.lines();
    for wanted in wanted {
        let line = lines.next().unwrap_or("(nothing)");
        assert!(fits(line, wanted), "the README says\n  {wanted}\nand this came:\n  {line}\nall of it:\n{out}{err}");
    }
    assert_eq!(lines.next(), None, "the README does not tell of this line");
    assert!(output.status.success(), "{:?}\n{err}", output.status);
    assert_eq!(process.terminate(), Some(0));
}

#[test]
fn a_line_fits_only_when_all_around_the_gaps_is_there() {
    assert!(fits("abc", "abc") && fits("abc", "a…") && fits("abc", "…c") && fits("a--b--c", "a…b…c"));
    assert!(!fits("abc", "ab") && !fits("abc", "b…") && !fits("abc", "…b") && !fits("abc", "a…x…c"));
}

#[test]
fn the_example_of_a_configuration_is_right_and_warns_of_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let etc = folder.path().display().to_string();
    let file = blocks(README, "toml").concat().replace("/etc/todo", &etc);
    for name in ["tls", "keys", "secrets"] {
        fs::create_dir(folder.path().join(name)).unwrap();
    }
    for name in ["fullchain.pem", "privkey.pem", "kafka-ca.pem"] {
        fs::write(folder.path().join("tls").join(name), "").unwrap();
    }
    fs::write(folder.path().join("todo.toml"), file).unwrap();
    let mut exports = String::new();
    for line in blocks(README, "bash").concat().lines().filter(|line| line.starts_with("export ")) {
        let (export, value) = line.split_once(" # ").unwrap_or((line, ""));
        let path = export.rsplit_once('=').unwrap().1.replace("/etc/todo", &etc);
        if !value.is_empty() {
            fs::write(path, value.replace('…', "secret")).unwrap();
        }
        writeln!(exports, "{}", export.replace("/etc/todo", &etc)).unwrap();
    }
    assert_eq!(exports.lines().count(), 4, "{exports}");
    let script = format!("{exports}\n'{TODO}' check-config\n");
    let output = Command::new("bash").args(["-euo", "pipefail", "-c", &script]).output().unwrap();
    let says = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), says.as_str()), (Some(0), ""));
}

fn sources(folder: &Path, into: &mut Vec<String>) {
    let mut paths: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    for path in paths {
        let name = path.file_name().unwrap().to_str().unwrap();
        if path.is_dir() {
            sources(&path, into);
        } else if path.extension().is_some_and(|extension| extension == "rs") && !name.ends_with("tests.rs") {
            // Unit tests stand at the end of a file.
            let text = fs::read_to_string(&path).unwrap();
            into.push(text.split("#[cfg(test)]\nmod tests {").next().unwrap().to_owned());
        }
    }
}

fn source() -> Vec<String> {
    let mut files = Vec::new();
    sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut files);
    files
}

/// The source of each room.
pub fn rooms() -> BTreeMap<String, Vec<String>> {
    let entries = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("src")).unwrap();
    let folders = entries.map(|entry| entry.unwrap().path()).filter(|path| path.is_dir());
    folders
        .map(|folder| {
            let mut files = Vec::new();
            sources(&folder, &mut files);
            (folder.file_name().unwrap().to_str().unwrap().to_owned(), files)
        })
        .collect()
}

/// The text of a string literal that `text` begins with, if it looks like a code or a name.
fn literal(text: &str) -> Option<&str> {
    let (name, _) = text.trim_start().strip_prefix('"')?.split_once('"')?;
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    (!name.is_empty() && name.chars().all(plain)).then_some(name)
}

/// The literals that come right after `before`.
pub fn after<'a>(text: &'a str, before: &'a str) -> impl Iterator<Item = &'a str> {
    text.split(before).skip(1).filter_map(literal)
}

/// What stands in backticks.
fn ticked(text: &'static str) -> BTreeSet<String> {
    text.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// The first two cells of each row of a table, the header and the ruler left out.
fn rows(name: &str) -> Vec<(&'static str, &'static str)> {
    let rows = part(name).lines().filter(|line| line.starts_with("| `"));
    rows.map(|line| {
        let mut cells = line.split('|').skip(1).map(str::trim);
        (cells.next().unwrap().trim_matches('`'), cells.next().unwrap())
    })
    .collect()
}

/// `StatusCode::GONE, "resync_required"` and the arms of `of_status`: the number of the status, and the code.
fn problems(text: &str) -> BTreeSet<(String, String)> {
    let constant = |status: reqwest::StatusCode| {
        status.canonical_reason().unwrap_or_default().to_uppercase().replace([' ', '-'], "_")
    };
    let mut found = BTreeSet::new();
    for rest in text.split("StatusCode::").skip(1) {
        let end = rest.find(|c: char| !c.is_ascii_uppercase() && c != '_').unwrap_or(rest.len());
        let (name, rest) = rest.split_at(end);
        let Some(code) = literal(rest.trim_start_matches([' ', '\n', ',', '=', '>', '{', '('])) else { continue };
        let status = (400..600).find(|n| constant(reqwest::StatusCode::from_u16(*n).unwrap()) == name);
        found.insert((status.unwrap_or_else(|| panic!("what is {name}?")).to_string(), code.to_owned()));
    }
    // The arm for every other status.
    found.extend(after(text, "_ => (").map(|code| ("400".to_owned(), code.to_owned())));
    found
}

fn assert_same<T: Ord + std::fmt::Debug>(used: &BTreeSet<T>, told: &BTreeSet<T>) {
    let missing: Vec<_> = used.difference(told).collect();
    let stale: Vec<_> = told.difference(used).collect();
    assert!(missing.is_empty() && stale.is_empty(), "the README lacks {missing:?}; the source lacks {stale:?}");
}

#[test]
fn every_problem_code_is_in_the_readme() {
    let files = source();
    let used: BTreeSet<_> = files.iter().flat_map(|text| problems(text)).collect();
    let told: BTreeSet<_> =
        rows("problems").iter().map(|(code, status)| (status.to_string(), code.to_string())).collect();
    assert_same(&used, &told);
    let oauth: BTreeSet<_> = files.iter().flat_map(|text| after(text, "grant(")).map(str::to_owned).collect();
    assert_same(&oauth, &ticked(part("oauth")));
}

#[test]
fn every_code_of_a_field_is_in_the_readme() {
    let mut used = BTreeSet::new();
    for text in source() {
        // `("/title", "required", …)`, `.field("limit", "out_of_range", …)`, `.field(pointer, "invalid", …)`
        for before in ["(\"/", ".field("] {
            let codes = text.split(before).skip(1).filter_map(|rest| literal(rest.split_once(',')?.1));
            used.extend(codes.map(str::to_owned));
        }
        used.extend(after(&text, " weak(").map(str::to_owned));
    }
    assert_same(&used, &ticked(part("fields")));
}
