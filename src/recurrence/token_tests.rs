use super::*;

fn texts(text: &str, language: Language) -> Vec<String> {
    tokens(text, language).into_iter().map(|token| token.text).collect()
}

#[test]
fn words_and_signs_are_told_apart() {
    for (text, found) in [
        ("Every day, 5pm!", &["every", "day", ",", "5pm", "!"][..]),
        ("day's day-off 17:00 a_b 1.5 and/or", &["day's", "day-off", "17:00", "a_b", "1.5", "and/or"]),
        ("day\u{2019}s day\u{2010}off", &["day's", "day-off"]),
        ("end. - x", &["end", ".", "-", "x"]),
        ("15th 2º 10.º", &["15th", "2º", "10.º"]),
        ("\u{feff} a\u{a0}b\u{301} ", &["a", "b"]),
        ("ÄÖÜ ß ñ É", &["aou", "ss", "n", "e"]),
        ("日本 😀", &["日本", "😀"]),
        ("", &[]),
    ] {
        assert_eq!(texts(text, Language::Es), found, "{text:?}");
    }
}

#[test]
fn german_has_its_letters_and_ordinals() {
    assert_eq!(texts("Täglich ta\u{308}glich Öl groß", Language::De), ["taeglich", "taeglich", "oel", "gross"]);
    let found = tokens("am 15. und 31.12. oder 31.12.2026.", Language::De);
    let dots: Vec<(&str, bool)> = found.iter().map(|token| (token.text.as_str(), token.dot)).collect();
    assert_eq!(
        dots,
        [("am", false), ("15", true), ("und", false), ("31.12", true), ("oder", false), ("31.12.2026", true)]
    );
    assert_eq!(tokens("15.", Language::En).len(), 2);
}

#[test]
fn places_are_bytes_and_the_number_is_bounded() {
    let text = "é día, x";
    for token in tokens(text, Language::Es) {
        assert!(!text[token.start..token.end].contains(' '), "{token:?}");
    }
    assert_eq!(tokens(&"a ".repeat(10_000), Language::En).len(), MAX_PHRASE_TOKENS);
    let long = tokens(&format!("{} b", "a".repeat(MAX_WORD + 1)), Language::En);
    assert_eq!((long.len(), long[0].text.as_str(), long[0].end), (2, "", MAX_WORD + 1));
    assert_eq!(tokens(&"a".repeat(MAX_WORD), Language::En)[0].text.len(), MAX_WORD);
}
