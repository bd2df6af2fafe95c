use super::*;

fn terms(text: &str) -> Option<Vec<String>> {
    Terms::of(text).map(|terms| terms.0)
}

#[test]
fn words_are_letters_and_digits_in_lower_case_without_accents() {
    for (text, words) in [
        ("Pay rent", vec!["pay", "rent"]),
        ("  Café-Besuch (2×) ", vec!["cafe", "besuch", "2"]),
        ("e\u{301}te\u{301}", vec!["ete"]),
        ("ÜBER", vec!["uber"]),
        ("'; DROP TABLE tasks; --", vec!["drop", "table", "tasks"]),
        ("a:* | b & !c <-> \"d\" NEAR(e)", vec!["a", "b", "c", "d", "near", "e"]),
        ("日本語", vec!["日本語"]),
    ] {
        assert_eq!(terms(text).unwrap(), words, "{text}");
    }
}

#[test]
fn a_search_has_one_to_ten_words() {
    for text in ["", "  ", "?!", "👍", &"a ".repeat(11), &"a".repeat(201)] {
        assert_eq!(terms(text), None, "{text}");
    }
    assert_eq!(terms(&"a ".repeat(10)).unwrap().len(), 10);
}

#[test]
fn the_databases_expressions_are_made_of_words_alone() {
    let terms = Terms::of("pay \"rent\" OR x*").unwrap();
    assert_eq!(terms.text(), "pay rent or x");
    let owner = uuid::Uuid::from_u128(0x1234_abcd);
    let words = "\"1234abcdpay\" * AND \"1234abcdrent\" * AND \"1234abcdor\" * AND \"1234abcdx\" *";
    assert_eq!(terms.fts(owner), words);
}
