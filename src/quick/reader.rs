//! A cursor over the tokens: what a word means at a place, and whether a phrase goes on or ends there.

use chrono::{NaiveDate, NaiveDateTime};

use super::Context;
use super::lex::{Form, Glue, Token};
use super::words::{Class, Unit};
use crate::recurrence::Language;

/// The tokens as seen from the first one of a phrase.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reader<'a> {
    pub(super) text: &'a str,
    pub(super) tokens: &'a [Token],
    pub(super) context: &'a Context<'a>,
    /// The present in the person's zone, cut to the minute.
    pub(super) now: NaiveDateTime,
    /// Where the phrase begins: this token alone may follow punctuation.
    pub(super) origin: usize,
}

impl<'a> Reader<'a> {
    /// The same for a phrase that begins elsewhere.
    pub(super) fn from(self, origin: usize) -> Self {
        Self { origin, ..self }
    }

    pub(super) fn today(&self) -> NaiveDate {
        self.now.date()
    }

    /// The word at a place of the phrase.
    pub(super) fn word(&self, at: usize) -> Option<&'a Token> {
        let token = self.tokens.get(at)?;
        (token.form == Form::Word && (at == self.origin || token.glue == Glue::Space)).then_some(token)
    }

    /// The text of a word as it was folded; empty where the phrase has none.
    pub(super) fn fold(&self, at: usize) -> &'a str {
        self.word(at).map_or("", |token| token.fold.as_str())
    }

    /// A meaning that is looked for, and the place after it. A fixed phrase comes before its first word.
    pub(super) fn find<T>(&self, at: usize, pick: impl Fn(Class) -> Option<T>) -> Option<(T, usize)> {
        let token = self.word(at)?;
        if let Some((class, words)) = token.phrase
            && let Some(found) = pick(class)
        {
            return Some((found, at + words));
        }
        token.classes.iter().find_map(|class| pick(*class)).map(|found| (found, at + 1))
    }

    /// The place after a meaning, if it is there.
    pub(super) fn has(&self, at: usize, class: Class) -> Option<usize> {
        self.find(at, |found| (found == class).then_some(())).map(|((), next)| next)
    }

    /// The place after a meaning that may be left out.
    pub(super) fn skip(&self, at: usize, class: Class) -> usize {
        self.has(at, class).unwrap_or(at)
    }

    /// A number in up to four digits.
    pub(super) fn digits(&self, at: usize) -> Option<(u32, usize)> {
        number(self.fold(at)).map(|number| (number, at + 1))
    }

    /// `15th`, `1st`; `15.` in German.
    pub(super) fn ordinal(&self, at: usize) -> Option<(u32, usize)> {
        let word = self.fold(at);
        let digits = match self.context.language {
            Language::En => {
                let digits = word.get(..word.len().checked_sub(2)?)?;
                let suffix = word.get(digits.len()..)?;
                let right = match (number(digits)? % 10, number(digits)? / 10 % 10) {
                    (1, tens) if tens != 1 => "st",
                    (2, tens) if tens != 1 => "nd",
                    (3, tens) if tens != 1 => "rd",
                    _ => "th",
                };
                (suffix == right).then_some(digits)?
            }
            Language::De => word.strip_suffix('.')?,
            Language::Es => word.strip_suffix('º').or_else(|| word.strip_suffix("ro"))?,
        };
        number(digits).map(|number| (number, at + 1))
    }

    /// `3 days`, `an hour`, `30m`: a number of a unit. The last says that it was one token.
    pub(super) fn amount(&self, at: usize) -> Option<(u32, Unit, usize, bool)> {
        if let Some((count, next)) =
            self.digits(at).or_else(|| self.find(at, |class| if let Class::Count(n) = class { Some(n) } else { None }))
        {
            let (unit, next) = self.unit(next)?;
            return Some((count, unit, next, false));
        }
        let (count, unit) = compact(self.fold(at))?;
        Some((count, unit, at + 1, true))
    }

    pub(super) fn unit(&self, at: usize) -> Option<(Unit, usize)> {
        self.find(at, |class| if let Class::Unit(unit) = class { Some(unit) } else { None })
    }

    /// Whether a phrase can end before a place: nothing follows that its last word could belong to, as the street does
    /// in `at 5 Main Street`.
    pub(super) fn ends(&self, at: usize) -> bool {
        // German writes nouns with a capital: what has none is most often the verb.
        let verb = |token: &Token| {
            let small = self.text.get(token.start..).is_some_and(|word| word.starts_with(char::is_lowercase));
            self.context.language == Language::De && small
        };
        self.stops(at) || self.word(at).is_some_and(|token| token.classes.contains(&Class::Joint) || verb(token))
    }

    /// The same, but a sentence does not go on either: only a mark or another date or time may follow.
    pub(super) fn stops(&self, at: usize) -> bool {
        if at.checked_sub(1).and_then(|last| self.tokens.get(last)).is_some_and(Token::closed) {
            return true;
        }
        match self.tokens.get(at) {
            None => true,
            Some(token) => match &token.form {
                Form::Mark => true,
                Form::Literal(_) => false,
                Form::Word => {
                    let opens = |class| opens(class).then_some(());
                    self.from(at).find(at, opens).is_some() || numeric(&token.fold)
                }
            },
        }
    }
}

/// Whether a phrase can begin with it.
fn opens(class: Class) -> bool {
    matches!(
        class,
        Class::Days(_)
            | Class::Tonight
            | Class::Day(_)
            | Class::Next
            | Class::This
            | Class::On
            | Class::By
            | Class::For
            | Class::In
            | Class::At
            | Class::Start
            | Class::Deadline
            | Class::Until
            | Class::Remind
            | Class::Repeat
            | Class::Part(_)
            | Class::PartLead
    )
}

/// A date or a time in digits, or a priority.
fn numeric(word: &str) -> bool {
    matches!(word, "p1" | "p2" | "p3" | "p4")
        || word.starts_with(|c: char| c.is_ascii_digit())
            && (word.contains([':', '/', '-']) || word.ends_with("am") || word.ends_with("pm"))
}

/// Up to four digits.
pub(super) fn number(word: &str) -> Option<u32> {
    ((1..=4).contains(&word.len()) && word.bytes().all(|b| b.is_ascii_digit())).then(|| word.parse().ok())?
}

/// `30m`, `2h`, `1d`, `1w`.
pub(super) fn compact(word: &str) -> Option<(u32, Unit)> {
    let letters = word.find(|c: char| !c.is_ascii_digit())?;
    let unit = match word.get(letters..)? {
        "m" | "min" | "mins" => Unit::Minute,
        "h" | "hr" | "hrs" | "std" => Unit::Hour,
        "d" => Unit::Day,
        "w" => Unit::Week,
        _ => return None,
    };
    Some((number(word.get(..letters)?)?, unit))
}
