use super::super::Filter;
use super::*;

fn error(text: &str) -> Error {
    text.parse::<Filter>().expect_err(text)
}

#[test]
fn the_caret_stands_below_the_mistake() {
    let error = error("done = false && deu < now");
    assert_eq!(
        error.rendered(),
        "done = false && deu < now\n                ^ unknown field; use one of done, title, description, tag, \
         project, section, priority, due, start, deadline, created, updated, completed, parent, recurring, overdue; \
         did you mean due?"
    );
    assert_eq!((error.byte(), error.character()), (16, 16));
    assert!(error.rendered().ends_with(&error.to_string()));
}

#[test]
fn bytes_and_characters_are_told_apart() {
    let error = error("title = \"äöü😀\" && deu < now");
    assert_eq!((error.byte(), error.character()), (24, 18));
    assert_eq!(error.rendered().lines().nth(1).unwrap().find('^'), Some(18));
}

#[test]
fn each_sentence_says_what_is_allowed() {
    for (text, at, sentence) in [
        ("", 0, "the filter is empty; write a comparison such as done = false or due < now+7d"),
        ("tag < home", 4, "tag does not take <; use =, !=, in or not in"),
        ("title in (a)", 6, "title does not take in; use =, != or like"),
        ("done like x", 5, "done does not take like; use = or !="),
        ("done = maybe", 7, "done cannot be this; it takes true or false"),
        ("done = ture", 7, "done cannot be this; it takes true or false; did you mean true?"),
        ("due", 3, "an operator is missing; due takes =, !=, <, <=, >, >=, in or not in"),
        ("done foo", 5, "an operator is missing; done takes = or !="),
        ("section =", 9, "a value is missing; section takes a name (in \"quotes\" if it has spaces), or null for none"),
        ("due < null", 6, "null has no order; use = null or != null"),
        ("due < now+7x", 11, "unknown unit; use m (minutes), h, d, w, M (months) or y"),
        ("tag in home", 7, "a list is missing; write in (…, …)"),
        (
            "priority = hihg",
            11,
            "priority cannot be this; it takes none, low, medium, high or urgent, 0 to 4, or p4 to p1 (p1 is urgent); \
             did you mean high?",
        ),
        ("a \u{b7} \\", 0, &Kind::UnknownField(None).to_string()),
        ("title = \"\\x\"", 9, r#"unknown escape; use one of \\ \" \' \n \r \t or \u{1F600} (not U+0000)"#),
    ] {
        let error = error(text);
        assert_eq!((error.byte(), error.to_string().as_str()), (at, sentence), "{text}");
    }
}

#[test]
fn of_a_long_filter_the_part_at_fault_is_shown() {
    let text = format!("{}deu = now || {}", "done = true || ".repeat(20), "done = true || ".repeat(20));
    let error = error(&text);
    let mut lines = error.rendered().lines();
    let (shown, below) = (lines.next().unwrap(), lines.next().unwrap());
    assert_eq!(error.character(), 300);
    assert_eq!(shown.chars().count(), 100 + 2);
    assert!(shown.starts_with('…') && shown.ends_with('…'));
    let caret = below.chars().take_while(|c| *c == ' ').count();
    assert_eq!(shown.chars().skip(caret).take(3).collect::<String>(), "deu");
    assert_eq!(lines.next(), None);
}

#[test]
fn line_breaks_do_not_break_the_picture() {
    let error = error("done = true\n&&\tdeu = 1");
    assert_eq!(error.rendered().lines().count(), 2);
    assert!(error.rendered().starts_with("done = true && deu = 1\n               ^ "));
}
