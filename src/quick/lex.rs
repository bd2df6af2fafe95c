//! Cuts a line into tokens: words, marks (`#home`, `!1`, `{friday}`) and what was protected from being understood.

use std::borrow::Cow;

use unicode_normalization::{UnicodeNormalization, is_nfc};

use super::words::{Class, Lexicon};
use crate::recurrence::Language;

/// A longer word has no meaning; no table has one.
const LONGEST_WORD: usize = 40;
/// What can follow a word and is no part of it.
pub(super) const PUNCTUATION: [char; 8] = [',', '.', ';', ':', '!', '?', ')', '…'];

/// A piece of the line between blanks.
#[derive(Debug)]
pub(super) struct Token {
    /// Its first byte.
    pub(super) start: usize,
    /// The end of it without the punctuation that follows.
    pub(super) core: usize,
    /// Its end.
    pub(super) end: usize,
    /// The core in lower case and NFC; empty for what is no word.
    pub(super) fold: String,
    pub(super) form: Form,
    /// What its word can mean.
    pub(super) classes: &'static [Class],
    /// The fixed phrase that begins here: its meaning and its number of words.
    pub(super) phrase: Option<(Class, usize)>,
    /// What lies between it and the token before.
    pub(super) glue: Glue,
}

/// What kind of token it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Word,
    Mark,
    /// Protected by a backslash or quotes; its text without them.
    Literal(String),
}

/// How closely a token follows the one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Glue {
    /// Blanks alone.
    Space,
    /// A comma.
    Comma,
    /// Anything else: no phrase goes on across it.
    Broken,
}

impl Token {
    /// Whether punctuation follows.
    pub(super) fn closed(&self) -> bool {
        self.core < self.end
    }
}

/// Lower case in NFC: what is compared.
pub(super) fn fold(text: &str) -> String {
    if text.is_ascii() { text.to_ascii_lowercase() } else { nfc(&text.to_lowercase()).into_owned() }
}

/// The text in NFC.
pub(super) fn nfc(text: &str) -> Cow<'_, str> {
    if is_nfc(text) { Cow::Borrowed(text) } else { Cow::Owned(text.nfc().collect()) }
}

/// All tokens of a line.
pub(super) fn tokens(text: &str, language: Language) -> Vec<Token> {
    let mut lexer = Lexer { text, language, lexicon: Lexicon::of(language), quotes: true, plain_quotes: true };
    let mut tokens = Vec::new();
    let mut at = 0;
    let mut glue = Glue::Broken;
    while let Some(skipped) = text.get(at..).and_then(|rest| rest.find(|c: char| !c.is_whitespace())) {
        let token = lexer.token(at + skipped, glue);
        glue = match (&token.form, text.get(token.core..token.end)) {
            (Form::Word, Some("")) => Glue::Space,
            (Form::Word, Some(",")) => Glue::Comma,
            _ => Glue::Broken,
        };
        at = token.end;
        tokens.push(token);
    }
    for at in 0..tokens.len() {
        let phrase = tokens.get(at..).and_then(|rest| phrase(rest, lexer.lexicon));
        if let Some(token) = tokens.get_mut(at) {
            token.phrase = phrase;
        }
    }
    tokens
}

/// The longest fixed phrase at the beginning of some tokens.
fn phrase(tokens: &[Token], lexicon: &Lexicon) -> Option<(Class, usize)> {
    let first = tokens.first().filter(|first| !first.fold.is_empty())?;
    let follows = |(word, token): (&&str, &Token)| token.glue == Glue::Space && token.fold == *word;
    lexicon.phrases.iter().find_map(|(words, class)| {
        let (head, tail) = words.split_first()?;
        let all = first.fold == *head && tokens.len() >= words.len() && tail.iter().zip(tokens.get(1..)?).all(follows);
        all.then_some((*class, words.len()))
    })
}

struct Lexer<'a> {
    text: &'a str,
    language: Language,
    lexicon: &'static Lexicon,
    /// A quote may still find its end; once one did not, none does, and the line is not searched again.
    quotes: bool,
    /// The same for a quote in a mark, which knows no backslash.
    plain_quotes: bool,
}

impl Lexer<'_> {
    fn rest(&self, at: usize) -> &str {
        self.text.get(at..).unwrap_or_default()
    }

    fn token(&mut self, start: usize, glue: Glue) -> Token {
        let rest = self.rest(start);
        let blank = start + rest.find(char::is_whitespace).unwrap_or(rest.len());
        let first = rest.chars().next().unwrap_or_default();
        let other = |end: usize, form: Form| Token {
            start,
            core: end,
            end,
            fold: String::new(),
            form,
            classes: &[],
            phrase: None,
            glue,
        };
        match first {
            '\\' if blank > start + 1 => {
                other(blank, Form::Literal(self.text.get(start + 1..blank).unwrap_or_default().to_owned()))
            }
            '"' => match self.quotation(start) {
                Some((inner, end)) => other(end, Form::Literal(inner)),
                None => self.word(start, blank, glue),
            },
            '#' | '*' | '@' | '/' => other(self.mark_end(start), Form::Mark),
            '!' | '{' => other(blank, Form::Mark),
            _ => self.word(start, blank, glue),
        }
    }

    /// The content of the quotation that begins at a `"`, with what directly follows it, and the end of that.
    fn quotation(&mut self, start: usize) -> Option<(String, usize)> {
        if !self.quotes {
            return None;
        }
        let mut inner = String::new();
        let mut chars = self.rest(start + 1).char_indices().peekable();
        while let Some((at, c)) = chars.next() {
            let next = chars.peek().map(|(_, next)| *next);
            match (c, next) {
                ('\\', Some(escaped @ ('"' | '\\'))) => {
                    inner.push(escaped);
                    chars.next();
                }
                ('"', next) if !next.is_some_and(char::is_alphanumeric) => {
                    let after = start + 1 + at + 1;
                    let tail = self.rest(after);
                    let tail = tail.get(..tail.find(char::is_whitespace).unwrap_or(tail.len())).unwrap_or_default();
                    inner.push_str(tail);
                    return Some((inner, after + tail.len()));
                }
                _ => inner.push(c),
            }
        }
        self.quotes = false;
        None
    }

    /// The end of a mark: the next blank outside of a quotation that begins directly after a sign.
    fn mark_end(&mut self, start: usize) -> usize {
        let text = self.text;
        let mut at = start;
        let mut previous = ' ';
        while let Some(c) = text.get(at..).and_then(|rest| rest.chars().next()) {
            if c.is_whitespace() {
                break;
            }
            at += c.len_utf8();
            if c == '"' && matches!(previous, '#' | '*' | '@' | '/') && self.plain_quotes {
                match text.get(at..).and_then(|rest| rest.find('"')) {
                    Some(length) => at += length + 1,
                    None => self.plain_quotes = false,
                }
            }
            previous = c;
        }
        at
    }

    fn word(&self, start: usize, end: usize, glue: Glue) -> Token {
        let whole = self.text.get(start..end).unwrap_or_default();
        let bare = whole.trim_end_matches(PUNCTUATION);
        let mut core = start + bare.len();
        if bare.len() > LONGEST_WORD || bare.is_empty() {
            let form = Form::Word;
            return Token { start, core, end, fold: String::new(), form, classes: &[], phrase: None, glue };
        }
        let mut fold = fold(bare);
        let classes = self.lexicon.classes(&fold);
        if whole.get(bare.len()..).is_some_and(|tail| tail.starts_with('.')) {
            let ordinal = self.language == Language::De && dotted_number(&fold);
            if ordinal {
                fold.push('.');
            }
            core += usize::from(ordinal || abbreviation(&fold, classes));
        }
        Token { start, core, end, fold, form: Form::Word, classes, phrase: None, glue }
    }
}

/// `5` or `31.12`, whose dot at the end makes a German date of it.
fn dotted_number(word: &str) -> bool {
    let mut parts = word.split('.');
    let short = |part: &str| (1..=2).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
    parts.next().is_some_and(short) && parts.next().is_none_or(short) && parts.next().is_none()
}

/// A word whose dot belongs to it.
fn abbreviation(word: &str, classes: &[Class]) -> bool {
    let month = classes.iter().any(|class| matches!(class, Class::Month(_) | Class::MonthAlso(_)));
    let full = ["mai", "may", "june", "juni", "july", "juli"];
    matches!(word, "p.m" | "a.m" | "min" | "std" | "hr") || month && word.len() <= 4 && !full.contains(&word)
}
