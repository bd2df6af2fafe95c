use proptest::prelude::*;

use super::super::{Filter, MAX_CHARACTERS};
use super::*;

fn context() -> Context {
    Context {
        now: "2026-11-25T12:00:00Z".parse().unwrap(),
        zone: chrono_tz::Europe::Berlin,
        week_start: chrono::Weekday::Mon,
        name_key: str::to_lowercase,
    }
}

fn compiled(text: &str, dialect: Dialect, first: usize) -> Compiled {
    text.parse::<Filter>().unwrap_or_else(|error| panic!("{}", error.rendered())).to_sql(
        dialect,
        &context(),
        "me",
        first,
    )
}

#[test]
fn the_example() {
    let compiled = compiled("done = false && due < now+7d && tag in (Home, work)", Dialect::Postgres, 2);
    assert_eq!(
        compiled.sql,
        "((t.completed_at IS NULL) AND ((t.due_at IS NOT NULL AND t.due_at < $2) OR (t.due_at IS NULL AND \
         (t.due_date IS NOT NULL AND t.due_date < $3))) AND (t.id IN (SELECT tt.task_id FROM task_tags tt \
         WHERE tt.user_id = me AND tt.name_key IN ($4, $5))))"
    );
    let text = |text: &str| Param::Text(text.to_owned());
    let at = "2026-12-02T12:00:00Z".parse().unwrap();
    assert_eq!(
        compiled.params,
        [Param::Instant(at), Param::Date("2026-12-02".parse().unwrap()), text("home"), text("work")]
    );
}

#[test]
fn a_pattern_is_of_its_database() {
    let text = "title like \"50% *\"";
    let [postgres, sqlite] = [Dialect::Postgres, Dialect::Sqlite].map(|dialect| compiled(text, dialect, 1));
    assert_eq!((postgres.sql.as_str(), sqlite.sql.as_str()), ("(t.title ~ $1)", "(t.title GLOB $1)"));
    assert_eq!(postgres.params, [Param::Text("50\\%\\ \\*".to_owned())]);
    assert_eq!(sqlite.params, [Param::Text("*50% [*]*".to_owned())]);
}

/// The SQL without its placeholders.
fn shape(sql: &str) -> String {
    let mut parts = sql.split('$');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |shape, part| shape + "$" + part.trim_start_matches(|c: char| c.is_ascii_digit()))
}

/// One filter of each kind that has a text of a person, with that text.
fn with(text: &str) -> Vec<String> {
    let mut quoted = String::from("\"");
    quoted.extend(text.chars().flat_map(char::escape_unicode));
    quoted.push('"');
    [
        "title = X",
        "title != X",
        "description like X",
        "tag = X",
        "tag not in (X, X)",
        "project in (X, inbox)",
        "section != X",
        "section in (null, X)",
    ]
    .map(|filter| filter.replace('X', &quoted))
    .to_vec()
}

fn no_text_gets_in(text: &str) -> Result<(), TestCaseError> {
    for (filter, harmless) in with(text).iter().zip(with("x")) {
        if filter.chars().count() > MAX_CHARACTERS {
            continue;
        }
        for dialect in [Dialect::Postgres, Dialect::Sqlite] {
            let (ours, plain) = (compiled(filter, dialect, 1), compiled(&harmless, dialect, 1));
            prop_assert_eq!(&ours.sql, &plain.sql, "the text does not change the SQL");
            prop_assert_eq!(ours.params.len(), plain.params.len());
        }
    }
    Ok(())
}

#[test]
fn no_text_of_a_person_gets_into_the_sql() {
    for text in [
        "'",
        "''",
        "\"",
        "\\",
        "\\'",
        "'; DROP TABLE tasks; --",
        "' OR '1'='1",
        "$1",
        "$99",
        "?",
        "?1",
        ":a",
        "@a",
        "%",
        "_",
        "*",
        "[",
        "/*",
        "*/",
        "--",
        "\n--\n",
        "E'\\x27'",
        "$$",
        "$q$",
        "NULL",
        "x') OR (1=1",
        "\u{2019}",
        "\u{ff07}",
        "😀",
        "\u{202e}",
        "\u{feff}",
        "\u{1}",
        "(SELECT name_key FROM tags)",
        "{}",
        "{0}",
        "{text}",
    ] {
        no_text_gets_in(text).unwrap();
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_random_text_gets_into_the_sql(text in "[^\\x00]{1,30}") {
        no_text_gets_in(&text)?;
    }

    /// Letters, digits and signs of our constants alone, whatever the filter; placeholders once each and in order.
    #[test]
    fn placeholders_are_numbered(first in 1_usize..2_000, names in prop::collection::vec("[a-z]{1,5}", 1..20)) {
        let list = names.join("\", \"");
        let text = format!("tag in (\"{list}\", null) || due = today || !project not in (inbox, \"{list}\") && priority > 1");
        for dialect in [Dialect::Postgres, Dialect::Sqlite] {
            let compiled = compiled(&text, dialect, first);
            let numbers: Vec<usize> = compiled
                .sql
                .split('$')
                .skip(1)
                .map(|part| part.chars().take_while(char::is_ascii_digit).collect::<String>().parse().unwrap())
                .collect();
            prop_assert_eq!(numbers, (first..first + compiled.params.len()).collect::<Vec<_>>());
            // The one text of ours that is quoted.
            let shape = shape(&compiled.sql).replace("c.kind = 'project'", "");
            prop_assert!(shape.chars().all(|c| c.is_ascii_alphanumeric() || " ._,()=<>$".contains(c)));
        }
    }
}
