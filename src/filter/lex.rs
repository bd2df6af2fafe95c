//! The words of a filter.

use super::error::{Fault, Kind};

/// A word and the byte at which it begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) at: usize,
    pub(super) kind: Tok,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Tok {
    Open,
    Close,
    Comma,
    And,
    Or,
    Not,
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
    /// A bare word; `and`, `in` and the like too: what a word means depends on its place.
    Word(String),
    /// A text that was in quotes, without them and its escapes.
    Quoted(String),
}

/// Reads one token after another.
#[derive(Debug)]
pub(super) struct Lexer<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Lexer<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    /// The next token; `None` at the end.
    pub(super) fn token(&mut self) -> Result<Option<Token>, Fault> {
        self.eat_while(char::is_whitespace);
        let at = self.at;
        let Some(first) = self.peek() else { return Ok(None) };
        let kind = match first {
            '(' => self.one(Tok::Open),
            ')' => self.one(Tok::Close),
            ',' => self.one(Tok::Comma),
            '!' => self.with_equals(Tok::Not, Tok::Ne),
            '<' => self.with_equals(Tok::Lt, Tok::Le),
            '>' => self.with_equals(Tok::Gt, Tok::Ge),
            '=' => self.with_equals(Tok::Eq, Tok::Eq),
            '&' => self.double('&', Tok::And)?,
            '|' => self.double('|', Tok::Or)?,
            '"' | '\'' => self.quoted(first)?,
            c if c.is_control() => return Err(Kind::Control.at(at)),
            c if in_word(c) && !is_curly(c) => self.word(),
            _ => return Err(Kind::BadCharacter.at(at)),
        };
        if kind == Tok::Eq && self.at > at + 1 {
            return Err(Kind::DoubleEquals.at(at));
        }
        Ok(Some(Token { at, kind }))
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn next(&mut self) -> Option<char> {
        let next = self.peek()?;
        self.at += next.len_utf8();
        Some(next)
    }

    fn eat(&mut self, wanted: char) -> bool {
        let there = self.peek() == Some(wanted);
        if there {
            self.next();
        }
        there
    }

    fn eat_while(&mut self, wanted: impl Fn(char) -> bool) {
        while self.peek().is_some_and(&wanted) {
            self.next();
        }
    }

    fn one(&mut self, kind: Tok) -> Tok {
        self.next();
        kind
    }

    fn with_equals(&mut self, alone: Tok, with: Tok) -> Tok {
        self.next();
        if self.eat('=') { with } else { alone }
    }

    fn double(&mut self, sign: char, kind: Tok) -> Result<Tok, Fault> {
        let at = self.at;
        self.next();
        if self.eat(sign) { Ok(kind) } else { Err(Kind::Single(sign).at(at)) }
    }

    fn word(&mut self) -> Tok {
        let start = self.at;
        self.eat_while(in_word);
        Tok::Word(self.text.get(start..self.at).unwrap_or_default().to_owned())
    }

    fn quoted(&mut self, quote: char) -> Result<Tok, Fault> {
        let start = self.at;
        self.next();
        let mut value = String::new();
        loop {
            let at = self.at;
            match self.next() {
                None => return Err(Kind::OpenQuote(quote).at(start)),
                Some(c) if c == quote => return Ok(Tok::Quoted(value)),
                Some('\\') => value.push(self.escape().ok_or(Kind::BadEscape.at(at))?),
                Some(c) if c.is_control() && !c.is_whitespace() => return Err(Kind::Control.at(at)),
                Some(c) => value.push(c),
            }
        }
    }

    /// What follows a `\`. U+0000 is none: PostgreSQL has no text with it.
    fn escape(&mut self) -> Option<char> {
        match self.next()? {
            c @ ('\\' | '"' | '\'') => Some(c),
            'n' => Some('\n'),
            'r' => Some('\r'),
            't' => Some('\t'),
            'u' if self.eat('{') => {
                let start = self.at;
                self.eat_while(|c| c.is_ascii_hexdigit());
                let digits = self.text.get(start..self.at)?;
                let c = char::from_u32(u32::from_str_radix(digits, 16).ok()?)?;
                (self.eat('}') && digits.len() <= 6 && c != '\0').then_some(c)
            }
            _ => None,
        }
    }
}

/// What a bare word is made of. An apostrophe may be within one (`mom's`), but a word does not begin with it.
fn in_word(c: char) -> bool {
    !c.is_whitespace() && !c.is_control() && !matches!(c, '(' | ')' | ',' | '"' | '!' | '<' | '>' | '=' | '&' | '|')
}

/// The quotes that a phone puts for straight ones.
fn is_curly(c: char) -> bool {
    matches!(c, '“' | '”' | '„' | '‘' | '’' | '‚' | '«' | '»')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(text: &str) -> Result<Vec<Tok>, Fault> {
        let mut lexer = Lexer::new(text);
        let mut tokens = Vec::new();
        while let Some(token) = lexer.token()? {
            tokens.push(token.kind);
        }
        Ok(tokens)
    }

    fn word(text: &str) -> Tok {
        Tok::Word(text.to_owned())
    }

    #[test]
    fn words_and_signs_need_no_space() {
        let expected = [word("a-b"), Tok::Le, word("now+7d/w"), Tok::And, Tok::Not, Tok::Open, word("b"), Tok::Ne];
        assert_eq!(all("a-b<=now+7d/w&&!(b!=").unwrap(), expected);
        assert_eq!(all("|| , ) > >= < =").unwrap().len(), 7);
        assert_eq!(all("tag=mom's").unwrap(), [word("tag"), Tok::Eq, word("mom's")]);
        assert_eq!(all(" \t\r\n\u{a0}").unwrap(), []);
    }

    #[test]
    fn quotes_and_escapes() {
        let text = r#""a \"b\" \\ \n\t\r\u{1F600}" 'it\'s "so"'"#;
        let expected = ["a \"b\" \\ \n\t\r😀", "it's \"so\""].map(|text| Tok::Quoted(text.to_owned()));
        assert_eq!(all(text).unwrap(), expected);
        assert_eq!(all("\"two\nlines\"").unwrap(), [Tok::Quoted("two\nlines".to_owned())]);
    }

    #[test]
    fn what_is_no_word_is_refused_where_it_is() {
        for (text, at, kind) in [
            ("a & b", 2, Kind::Single('&')),
            ("ä |", 3, Kind::Single('|')),
            ("a == b", 2, Kind::DoubleEquals),
            ("a \"b", 2, Kind::OpenQuote('"')),
            ("a 'b\"", 2, Kind::OpenQuote('\'')),
            (r#""ab\q""#, 3, Kind::BadEscape),
            (r#""\u{0}""#, 1, Kind::BadEscape),
            (r#""\u{d800}""#, 1, Kind::BadEscape),
            (r#""\u{0000041}""#, 1, Kind::BadEscape),
            (r#""\u41""#, 1, Kind::BadEscape),
            ("a = \0", 4, Kind::Control),
            ("\"a\u{7}\"", 2, Kind::Control),
            ("a = “b”", 4, Kind::BadCharacter),
        ] {
            let fault = all(text).unwrap_err();
            assert_eq!((fault.at, fault.kind), (at, kind), "{text:?}");
        }
    }
}
