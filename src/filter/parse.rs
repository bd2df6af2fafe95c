//! From a text to a tree, by recursive descent. `!` binds most, then `&&`, then `||`.

use super::ast::{Expr, Field, Op, Test};
use super::error::{Fault, Kind};
use super::lex::{Lexer, Tok, Token};
use super::value::{self, Raw};
use super::{MAX_CHARACTERS, MAX_COMPARISONS, MAX_DEPTH, MAX_VALUES, suggest};

/// The tree of a text.
pub(super) fn filter(text: &str) -> Result<Expr, Fault> {
    if let Some((at, _)) = text.char_indices().nth(MAX_CHARACTERS) {
        return Err(Kind::TooLong.at(at));
    }
    let mut parser = Parser { lexer: Lexer::new(text), end: text.len(), ahead: None, depth: 0, comparisons: 0 };
    if parser.peek()?.is_none() {
        return Err(Kind::Empty.at(0));
    }
    let expr = parser.any()?;
    match parser.next()? {
        None => {}
        Some(Token { at, kind: Tok::Close }) => return Err(Kind::StrayParenthesis.at(at)),
        Some(Token { at, .. }) => return Err(Kind::NoConnective.at(at)),
    }
    // What is accepted is accepted as it is printed too.
    let printed = expr.to_string().chars().count();
    if printed > MAX_CHARACTERS { Err(Kind::TooLongInFull(printed).at(0)) } else { Ok(expr) }
}

#[derive(Debug)]
struct Parser<'a> {
    lexer: Lexer<'a>,
    end: usize,
    /// The token that was looked at and not taken yet.
    ahead: Option<Token>,
    depth: usize,
    comparisons: usize,
}

impl Parser<'_> {
    fn peek(&mut self) -> Result<Option<&Token>, Fault> {
        if self.ahead.is_none() {
            self.ahead = self.lexer.token()?;
        }
        Ok(self.ahead.as_ref())
    }

    fn next(&mut self) -> Result<Option<Token>, Fault> {
        self.peek()?;
        Ok(self.ahead.take())
    }

    /// Where the next token is, or the end.
    fn here(&mut self) -> Result<usize, Fault> {
        let end = self.end;
        Ok(self.peek()?.map_or(end, |token| token.at))
    }

    /// Takes the next token if it is this sign.
    fn eat(&mut self, sign: &Tok) -> Result<bool, Fault> {
        self.eat_if(|kind| kind == sign)
    }

    fn eat_if(&mut self, wanted: impl Fn(&Tok) -> bool) -> Result<bool, Fault> {
        let there = self.peek()?.is_some_and(|token| wanted(&token.kind));
        if there {
            self.ahead = None;
        }
        Ok(there)
    }

    /// Parts with `||` between them.
    fn any(&mut self) -> Result<Expr, Fault> {
        let mut parts = vec![];
        loop {
            match self.all()? {
                Expr::Or(nested) => parts.extend(nested),
                other => parts.push(other),
            }
            if !self.eat_if(is_or)? {
                return Ok(single(parts, Expr::Or));
            }
        }
    }

    /// Parts with `&&` between them.
    fn all(&mut self) -> Result<Expr, Fault> {
        let mut parts = vec![];
        loop {
            match self.part()? {
                Expr::And(nested) => parts.extend(nested),
                other => parts.push(other),
            }
            if !self.eat_if(is_and)? {
                return Ok(single(parts, Expr::And));
            }
        }
    }

    fn part(&mut self) -> Result<Expr, Fault> {
        let at = self.here()?;
        if self.eat_if(|kind| *kind == Tok::Not || is_word(kind, "not"))? {
            self.nest(at)?;
            let open = self.here()?;
            let inner = if self.eat(&Tok::Open)? { self.group(open)? } else { self.part()? };
            self.depth -= 1;
            return Ok(Expr::Not(Box::new(inner)));
        }
        if self.eat(&Tok::Open)? {
            self.nest(at)?;
            let inner = self.group(at)?;
            self.depth -= 1;
            return Ok(inner);
        }
        self.comparison().map(Expr::Test)
    }

    fn nest(&mut self, at: usize) -> Result<(), Fault> {
        self.depth += 1;
        if self.depth > MAX_DEPTH { Err(Kind::TooDeep.at(at)) } else { Ok(()) }
    }

    /// What is within a `(` that was taken at `open`, and its `)`.
    fn group(&mut self, open: usize) -> Result<Expr, Fault> {
        let inner = self.any()?;
        match self.next()? {
            Some(Token { kind: Tok::Close, .. }) => Ok(inner),
            Some(Token { at, .. }) => Err(Kind::NoConnective.at(at)),
            None => Err(Kind::OpenParenthesis.at(open)),
        }
    }

    fn comparison(&mut self) -> Result<Test, Fault> {
        let end = self.end;
        let (at, name) = match self.next()? {
            Some(Token { at, kind: Tok::Word(name) }) => (at, name),
            other => return Err(Kind::NoField.at(other.map_or(end, |token| token.at))),
        };
        if ["and", "or", "in", "like"].iter().any(|word| name.eq_ignore_ascii_case(word)) {
            return Err(Kind::NoField.at(at));
        }
        let field = Field::ALL.iter().find(|(known, _)| name.eq_ignore_ascii_case(known)).map(|(_, field)| *field);
        let field = field.ok_or_else(|| Kind::UnknownField(suggest::field(&name)).at(at))?;
        self.comparisons += 1;
        if self.comparisons > MAX_COMPARISONS {
            return Err(Kind::TooManyComparisons.at(at));
        }
        if let Field::Flag(flag) = field
            && self.ends_comparison()?
        {
            return Ok(Test::Flag(flag, true));
        }
        let op = self.operator(field)?;
        let values = match op {
            Op::In | Op::NotIn => self.list(field, op)?,
            _ => vec![self.value(field)?],
        };
        value::test(field, op, &values)
    }

    /// Whether a comparison can end here: a flag alone is `= true`.
    fn ends_comparison(&mut self) -> Result<bool, Fault> {
        Ok(self.peek()?.is_none_or(|Token { kind, .. }| *kind == Tok::Close || is_and(kind) || is_or(kind)))
    }

    fn operator(&mut self, field: Field) -> Result<Op, Fault> {
        let at = self.here()?;
        let missing = || Kind::NoOperator(field).at(at);
        let op = match self.next()?.ok_or_else(missing)?.kind {
            Tok::Eq => Op::Eq,
            Tok::Ne => Op::Ne,
            Tok::Lt => Op::Lt,
            Tok::Le => Op::Le,
            Tok::Gt => Op::Gt,
            Tok::Ge => Op::Ge,
            kind if is_word(&kind, "in") => Op::In,
            kind if is_word(&kind, "like") => Op::Like,
            kind if is_word(&kind, "not") && self.eat_if(|kind| is_word(kind, "in"))? => Op::NotIn,
            _ => return Err(missing()),
        };
        if field.operators().contains(&op) { Ok(op) } else { Err(Kind::BadOperator(field, op).at(at)) }
    }

    fn value(&mut self, field: Field) -> Result<Raw, Fault> {
        let end = self.end;
        match self.next()? {
            Some(Token { at, kind: Tok::Word(text) }) => Ok(Raw { at, text, quoted: false }),
            Some(Token { at, kind: Tok::Quoted(text) }) => Ok(Raw { at, text, quoted: true }),
            other => Err(Kind::NoValue(field).at(other.map_or(end, |token| token.at))),
        }
    }

    fn list(&mut self, field: Field, op: Op) -> Result<Vec<Raw>, Fault> {
        let open = self.here()?;
        if !self.eat(&Tok::Open)? {
            return Err(Kind::NoList(op).at(open));
        }
        let mut values = vec![];
        loop {
            let value = self.value(field)?;
            if values.len() == MAX_VALUES {
                return Err(Kind::TooManyValues.at(value.at));
            }
            values.push(value);
            match self.next()? {
                Some(Token { kind: Tok::Comma, .. }) => {}
                Some(Token { kind: Tok::Close, .. }) => return Ok(values),
                Some(Token { at, .. }) => return Err(Kind::BadList.at(at)),
                None => return Err(Kind::OpenParenthesis.at(open)),
            }
        }
    }
}

fn is_and(kind: &Tok) -> bool {
    *kind == Tok::And || is_word(kind, "and")
}

fn is_or(kind: &Tok) -> bool {
    *kind == Tok::Or || is_word(kind, "or")
}

fn is_word(kind: &Tok, word: &str) -> bool {
    matches!(kind, Tok::Word(there) if there.eq_ignore_ascii_case(word))
}

/// The only part, or all of them as one.
fn single(mut parts: Vec<Expr>, join: fn(Vec<Expr>) -> Expr) -> Expr {
    match (parts.pop(), parts.is_empty()) {
        (Some(only), true) => only,
        (last, _) => {
            parts.extend(last);
            join(parts)
        }
    }
}

#[cfg(test)]
#[path = "parse_tests.rs"]
mod tests;
