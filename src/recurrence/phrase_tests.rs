use super::*;

#[path = "phrase_table_tests.rs"]
mod table;

use table::{ENGLISH, GERMAN, NONE, SPANISH};

fn today() -> NaiveDate {
    // A Wednesday.
    NaiveDate::from_ymd_opt(2026, 11, 25).unwrap()
}

fn read(text: &str, language: Language) -> String {
    match read_phrase(text, language, today()) {
        None => "none".to_owned(),
        Some(phrase) => {
            let rest = text.get(phrase.len..).expect("a border of characters");
            let mut said = phrase.rule.to_string().replace("FREQ=", "");
            if phrase.from_completion {
                said += "!";
            }
            if rest.is_empty() { said } else { format!("{said} |{rest}") }
        }
    }
}

fn check(language: Language, rows: &[(&str, &str)]) {
    let wrong: Vec<String> = rows
        .iter()
        .map(|(text, expected)| (text, *expected, read(text, language)))
        .filter(|(_, expected, found)| expected != found)
        .map(|(text, expected, found)| format!("{text:?}: {found}, not {expected}"))
        .collect();
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn phrases_are_read() {
    check(Language::En, ENGLISH);
    check(Language::De, GERMAN);
    check(Language::Es, SPANISH);
}

#[test]
fn what_is_no_rule_is_none() {
    for text in NONE {
        assert_eq!(read(text, Language::En), "none", "{text:?}");
    }
}

#[test]
fn long_texts_are_cut() {
    let many = format!("every {}monday", "monday, ".repeat(10_000));
    let phrase = read_phrase(&many, Language::En, today()).expect("a phrase");
    assert_eq!((phrase.rule.to_string(), phrase.len), ("FREQ=WEEKLY;BYDAY=MO".to_owned(), "every ".len() + 48 * 8 - 2));
    assert_eq!(read(&format!("every {}", "a".repeat(1_000_000)), Language::En), "none");
    assert_eq!(read(&format!("every day {}", "a".repeat(1_000_000)), Language::En).get(..7), Some("DAILY |"));
    for word in ["every ", "first ", "1st ", "the ", "1 ", ", ", "last day and ", "mon ", "jan and "] {
        let text = format!("every {}", word.repeat(1_000));
        let start = std::time::Instant::now();
        for language in [Language::En, Language::De, Language::Es] {
            read(&text, language);
        }
        assert!(start.elapsed().as_millis() < 200, "{word}");
    }
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(4_000))]

    #[test]
    fn no_text_makes_it_panic(text in ".{0,40}", language in 0usize..3) {
        let language = [Language::En, Language::De, Language::Es][language];
        if let Some(phrase) = read_phrase(&text, language, today()) {
            proptest::prop_assert!(text.is_char_boundary(phrase.len));
        }
    }

    #[test]
    fn no_heap_of_its_words_makes_it_panic(
        words in proptest::collection::vec(0usize..60, 0..14), language in 0usize..3, join in "[ ,.!-]"
    ) {
        const WORDS: [&str; 60] = [
            "every", "jeden", "cada", "other", "zweiten", "día", "day", "Tag", "week", "Wochen", "meses", "month", "year", "1st",
            "15.", "2º", "31", "3", "last", "letzten", "último", "monday", "Montag", "lunes", "workday", "Werktag", "laborable",
            "of the month", "im Monat", "del mes", "in", "im", "en", "january", "Januar", "enero", "dec", "29", "feb", "until",
            "bis", "hasta", "2026-12-31", "31.12.", "31/12/2026", "10", "times", "10-mal", "veces", "after completion", "on the",
            "am", "el", "and", "und", "y", ",", "!", "999999999999", "é",
        ];
        let language = [Language::En, Language::De, Language::Es][language];
        let text = words.iter().map(|word| WORDS[*word]).collect::<Vec<_>>().join(&join);
        if let Some(phrase) = read_phrase(&text, language, today()) {
            proptest::prop_assert!(text.is_char_boundary(phrase.len) && phrase.len > 0);
            // What is read has a phrase, which is read as the same.
            let again = read_phrase(&phrase.rule.describe(language), language, today());
            proptest::prop_assert_eq!(again.map(|again| again.rule), Some(phrase.rule));
        }
    }
}
