//! `like`: a text contains another, whatever the case of its letters.
//!
//! Each database folds case in its own way (SQLite only ASCII, PostgreSQL by the locale of the cluster), so the cases of
//! each letter are written into the pattern: `[pP][aA][yY]`, as `GLOB` and as a regular expression of PostgreSQL read it.
//! A letter whose other case is several (ß, SS) is itself alone.

/// A letter and its other cases; a character without cases alone.
fn cases(c: char) -> Vec<char> {
    let (lower, upper) = (only(c.to_lowercase()), only(c.to_uppercase()));
    let mut all = vec![c];
    let more = [lower, upper, lower.and_then(|c| only(c.to_uppercase())), upper.and_then(|c| only(c.to_lowercase()))];
    for other in more.into_iter().flatten() {
        if !all.contains(&other) {
            all.push(other);
        }
    }
    all
}

fn only(mut chars: impl Iterator<Item = char>) -> Option<char> {
    let first = chars.next()?;
    chars.next().is_none().then_some(first)
}

/// Whether `text` contains `part`.
pub(super) fn contains(text: &str, part: &str) -> bool {
    let part: Vec<Vec<char>> = part.chars().map(cases).collect();
    let text: Vec<char> = text.chars().collect();
    part.is_empty() || text.windows(part.len()).any(|at| at.iter().zip(&part).all(|(c, cases)| cases.contains(c)))
}

/// The pattern for `GLOB` of SQLite.
pub(super) fn glob(part: &str) -> String {
    format!(
        "*{}*",
        pattern(part, |c, out| if matches!(c, '*' | '?' | '[') { out.extend(['[', c, ']']) } else { out.push(c) })
    )
}

/// The pattern for `~` of PostgreSQL.
pub(super) fn regex(part: &str) -> String {
    pattern(part, |c, out| {
        if c.is_ascii() && !c.is_ascii_alphanumeric() {
            out.push('\\');
        }
        out.push(c);
    })
}

fn pattern(part: &str, literal: fn(char, &mut String)) -> String {
    let mut out = String::new();
    for c in part.chars() {
        match cases(c).as_slice() {
            [_] => literal(c, &mut out),
            cases => {
                out.push('[');
                out.extend(cases);
                out.push(']');
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_case_of_letters_does_not_matter() {
        for (text, part) in [
            ("Pay RENT", "rent"),
            ("ÄRGER", "ärg"),
            ("ärger", "ÄRG"),
            ("ЁЖ", "ёж"),
            ("straße", "STRAß"),
            ("x", ""),
            ("", ""),
        ] {
            assert!(contains(text, part), "{text} {part}");
        }
        for (text, part) in
            [("rent", "rents"), ("strasse", "straße"), ("", "a"), ("axb", "a_b"), ("ab", "a%b"), ("a", "ä")]
        {
            assert!(!contains(text, part), "{text} {part}");
        }
    }

    #[test]
    fn patterns_have_the_cases_and_no_wildcards() {
        assert_eq!(glob("a*?[]^ß"), "*[aA][*][?][[]]^ß*");
        assert_eq!(regex("é.*\\[x]^$"), "[éÉ]\\.\\*\\\\\\[[xX]\\]\\^\\$");
        assert_eq!(regex("1_ 漢"), "1\\_\\ 漢");
    }

    #[test]
    fn in_brackets_are_letters_alone() {
        for c in '\u{1}'..=char::MAX {
            let cases = cases(c);
            assert!(cases.len() == 1 || cases.iter().all(|c| !c.is_ascii() || c.is_ascii_alphabetic()), "{c:?}");
            assert!(cases.iter().map(|c| c.len_utf8()).sum::<usize>() + 2 <= 24, "{c:?}");
        }
    }
}
