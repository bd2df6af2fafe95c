//! A text becomes words and signs, folded so that case and accents do not matter.

use super::{Language, MAX_PHRASE_TOKENS};

/// The longest word that is kept, in characters; a longer one is none that is known.
const MAX_WORD: usize = 40;

/// A word or a sign of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Token {
    /// Folded; empty for a word that is too long.
    pub(super) text: String,
    pub(super) start: usize,
    pub(super) end: usize,
    /// A number with a full stop behind it, which in German is an ordinal; the stop belongs to the token.
    pub(super) dot: bool,
}

/// The first tokens of a text. A sign within a word belongs to it (`day's`, `17:00`, `day-off`, `2026-12-31`).
pub(super) fn tokens(text: &str, language: Language) -> Vec<Token> {
    let mut found: Vec<Token> = Vec::new();
    let mut chars = text.char_indices().peekable();
    while let Some((start, c)) = chars.next() {
        if c.is_whitespace() || c == '\u{feff}' || mark(c) {
            continue;
        }
        if found.len() == MAX_PHRASE_TOKENS {
            break;
        }
        let mut token = Token { text: String::new(), start, end: start + c.len_utf8(), dot: false };
        if !c.is_alphanumeric() {
            token.text.push(c);
            found.push(token);
            continue;
        }
        let (mut next, mut length) = (Some(c), 0);
        while let Some(c) = next.take() {
            length += 1;
            if length <= MAX_WORD {
                fold(c, language, &mut token.text);
            }
            if let Some(&(at, c)) = chars.peek() {
                let after = || text.get(at + c.len_utf8()..).and_then(|rest| rest.chars().next());
                if c.is_alphanumeric() || mark(c) || joins(c) && after().is_some_and(char::is_alphanumeric) {
                    token.end = at + c.len_utf8();
                    chars.next();
                    next = Some(c);
                }
            }
        }
        if length > MAX_WORD {
            token.text.clear();
        }
        if language == Language::De
            && !token.text.is_empty()
            && token.text.chars().all(|c| c.is_ascii_digit() || c == '.')
        {
            token.dot = chars.next_if(|(_, c)| *c == '.').is_some();
            token.end += usize::from(token.dot);
        }
        found.push(token);
    }
    found
}

fn joins(c: char) -> bool {
    matches!(c, '-' | '\u{2010}' | '\u{2011}' | '_' | ':' | '/' | '.' | '\'' | '\u{2019}')
}

/// A combining accent, as in texts that keep letters and accents apart.
fn mark(c: char) -> bool {
    ('\u{300}'..='\u{36f}').contains(&c)
}

fn fold(c: char, language: Language, out: &mut String) {
    for c in c.to_lowercase() {
        match c {
            'ä' | 'ö' | 'ü' => {
                out.push(if c == 'ä' {
                    'a'
                } else if c == 'ö' {
                    'o'
                } else {
                    'u'
                });
                if language == Language::De {
                    out.push('e');
                }
            }
            '\u{308}' if language == Language::De => out.push('e'),
            c if mark(c) => {}
            'ß' => out.push_str("ss"),
            'á' | 'à' => out.push('a'),
            'é' | 'è' => out.push('e'),
            'í' | 'ì' => out.push('i'),
            'ó' | 'ò' => out.push('o'),
            'ú' | 'ù' => out.push('u'),
            'ñ' => out.push('n'),
            '\u{2010}' | '\u{2011}' => out.push('-'),
            '\u{2019}' => out.push('\''),
            c => out.push(c),
        }
    }
}

#[cfg(test)]
#[path = "token_tests.rs"]
mod tests;
