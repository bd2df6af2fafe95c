use proptest::prelude::*;

use super::*;

fn unfolded(text: &str) -> String {
    text.strip_suffix("\r\n").unwrap().replace("\r\n ", "")
}

#[test]
fn lines_are_folded_at_75_octets() {
    for (value, expected) in [
        ("x".repeat(73), format!("N:{}\r\n", "x".repeat(73))),
        ("x".repeat(74), format!("N:{}\r\n x\r\n", "x".repeat(73))),
        ("x".repeat(73 + 74), format!("N:{}\r\n {}\r\n", "x".repeat(73), "x".repeat(74))),
        ("x".repeat(73 + 75), format!("N:{}\r\n {}\r\n x\r\n", "x".repeat(73), "x".repeat(74))),
        // A character of four octets does not fit into three.
        (format!("{}😀", "x".repeat(70)), format!("N:{}\r\n 😀\r\n", "x".repeat(70))),
        (format!("{}😀", "x".repeat(69)), format!("N:{}😀\r\n", "x".repeat(69))),
        (format!("{} y", "x".repeat(73)), format!("N:{}\r\n  y\r\n", "x".repeat(73))),
    ] {
        let mut lines = Lines::default();
        lines.raw("N", &value);
        assert_eq!(lines.0, expected);
    }
}

#[test]
fn texts_are_escaped() {
    for (text, on_lines, on_one) in [
        ("plain: \"x\"", "plain: \"x\"", "plain: \"x\""),
        ("a,b;c\\n", r"a\,b\;c\\n", r"a\,b\;c\\n"),
        ("a\nb\r\nc\rd\n\re", r"a\nb\nc\nd\n\ne", "a b c d  e"),
        ("\u{0}\t\u{7f}\u{85}x", "    x", "    x"),
        ("", "", ""),
    ] {
        let (mut first, mut second) = (Lines::default(), Lines::default());
        first.text("N", text);
        second.line("N", text);
        assert_eq!((first.0, second.0), (format!("N:{on_lines}\r\n"), format!("N:{on_one}\r\n")), "{text:?}");
    }
    let mut lines = Lines::default();
    lines.list("C", ["a,b".to_owned(), "c;d".to_owned()].iter());
    assert_eq!(lines.0, "C:a\\,b,c\\;d\r\n");
}

proptest! {
    #[test]
    fn folding_loses_nothing(value in "\\PC{0,400}") {
        let mut lines = Lines::default();
        lines.raw("NAME", &value);
        prop_assert_eq!(unfolded(&lines.0), format!("NAME:{value}"));
        prop_assert!(lines.0.split("\r\n").all(|line| line.len() <= OCTETS));
    }
}
