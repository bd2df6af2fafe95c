//! The canonical text of a filter: one form for each tree, which parses to the same tree.

use std::fmt::{self, Display, Formatter};

use super::ast::{Expr, Field, Priority, ProjectRef, Set, Test, TextOp};
use super::lex::{Lexer, Tok};
use super::moment::When;
use super::value;

impl Display for Expr {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::And(parts) => join(f, parts, " && ", |part| matches!(part, Self::Or(_))),
            Self::Or(parts) => join(f, parts, " || ", |_| false),
            Self::Not(inner) => write!(f, "!({inner})"),
            Self::Test(test) => test.fmt(f),
        }
    }
}

fn join(f: &mut Formatter<'_>, parts: &[Expr], sign: &str, in_parentheses: fn(&Expr) -> bool) -> fmt::Result {
    for (at, part) in parts.iter().enumerate() {
        f.write_str(if at == 0 { "" } else { sign })?;
        if in_parentheses(part) {
            write!(f, "({part})")?;
        } else {
            part.fmt(f)?;
        }
    }
    Ok(())
}

impl Display for Test {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(self.field().name())?;
        match self {
            Self::Flag(_, value) => write!(f, " = {value}"),
            Self::Text(_, op, text) => {
                let op = match op {
                    TextOp::Is => "=",
                    TextOp::IsNot => "!=",
                    TextOp::Like => "like",
                };
                write!(f, " {op} {}", word(text, value::is_special))
            }
            Self::Tag(set) | Self::Section(set) => print(f, set, |name| name_or_null(name.as_ref())),
            Self::Project(set) => print(f, set, project),
            Self::Parent(set) => print(f, set, |id| id.map_or_else(null, |id| id.to_string())),
            Self::Priority(set) => print(f, set, |priority: &Priority| priority.name().to_owned()),
            Self::PriorityOrder(order, priority) => write!(f, " {} {}", order.text(), priority.name()),
            Self::Time(_, set) => print(f, set, |when| when.as_ref().map_or_else(null, When::to_string)),
            Self::TimeOrder(_, order, when) => write!(f, " {} {when}", order.text()),
        }
    }
}

impl Test {
    fn field(&self) -> Field {
        match self {
            Self::Flag(flag, _) => Field::Flag(*flag),
            Self::Text(field, ..) => Field::Text(*field),
            Self::Tag(_) => Field::Tag,
            Self::Project(_) => Field::Project,
            Self::Section(_) => Field::Section,
            Self::Parent(_) => Field::Parent,
            Self::Priority(_) | Self::PriorityOrder(..) => Field::Priority,
            Self::Time(field, _) | Self::TimeOrder(field, ..) => Field::Time(*field),
        }
    }
}

fn print<T>(f: &mut Formatter<'_>, set: &Set<T>, text: impl Fn(&T) -> String) -> fmt::Result {
    let values: Vec<String> = set.values.iter().map(text).collect();
    match (values.as_slice(), set.negated) {
        ([only], false) => write!(f, " = {only}"),
        ([only], true) => write!(f, " != {only}"),
        (values, false) => write!(f, " in ({})", values.join(", ")),
        (values, true) => write!(f, " not in ({})", values.join(", ")),
    }
}

fn null() -> String {
    "null".to_owned()
}

fn name_or_null(name: Option<&String>) -> String {
    name.map_or_else(null, |name| word(name, value::is_special))
}

fn project(project: &ProjectRef) -> String {
    match project {
        ProjectRef::Inbox => "inbox".to_owned(),
        ProjectRef::Named(name) => word(name, value::is_special_project),
        ProjectRef::Id(id) => id.to_string(),
    }
}

/// A text as a bare word, or in quotes where it is none or would mean something else.
fn word(text: &str, is_special: fn(&str) -> bool) -> String {
    let mut lexer = Lexer::new(text);
    let bare = matches!(lexer.token(), Ok(Some(token)) if token.kind == Tok::Word(text.to_owned()));
    if bare && !is_special(text) {
        return text.to_owned();
    }
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            c if c.is_control() => quoted.extend(c.escape_unicode()),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
#[path = "print_tests.rs"]
mod tests;
