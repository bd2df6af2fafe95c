use super::*;

fn marked(text: &str, query: &str) -> Vec<String> {
    let terms = Terms::of(query).unwrap();
    let slice = |(start, end): &(usize, usize)| text.chars().skip(*start).take(end - start).collect();
    places(text, &terms).iter().map(slice).collect()
}

#[test]
fn the_beginnings_of_words_are_marked() {
    for (text, query, marks) in [
        ("Pay the rent, renting rents", "rent", vec!["rent", "rent", "rent"]),
        ("Payment for Pay", "pay", vec!["Pay", "Pay"]),
        ("Repay", "pay", vec![]),
        ("Un café, un cafetière", "CAFE", vec!["café", "cafe"]),
        ("e\u{301}te\u{301}!", "éte", vec!["e\u{301}te\u{301}"]),
        ("👍👍 thumbs", "thumb", vec!["thumb"]),
        ("ﬁle", "fi", vec!["ﬁ"]),
        ("", "x", vec![]),
    ] {
        assert_eq!(marked(text, query), marks, "{text} {query}");
    }
}

#[test]
fn of_a_long_description_the_part_with_the_word_is_shown() {
    let text = format!("{} needle\n{}", "hay ".repeat(100), "straw ".repeat(100));
    let shown = snippet(&text, 401);
    assert!(shown.starts_with('…') && shown.ends_with('…') && shown.contains("needle straw"), "{shown}");
    assert_eq!(shown.chars().count(), SNIPPET + 2);
    assert_eq!(snippet("short", 0), "short");
}
