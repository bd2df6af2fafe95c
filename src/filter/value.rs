//! The values of a comparison, read as its field takes them.

use uuid::Uuid;

use super::ast::{Field, Op, Order, Priority, ProjectRef, Set, Test, TextOp, TimeField};
use super::error::{Fault, Kind};
use super::moment::When;
use super::{MAX_LIKE, suggest};

/// A value as it was written.
#[derive(Debug)]
pub(super) struct Raw {
    pub(super) at: usize,
    /// Without its quotes.
    pub(super) text: String,
    pub(super) quoted: bool,
}

/// Words that are no value unless they are in quotes.
const RESERVED: [&str; 5] = ["and", "or", "not", "in", "like"];

/// A comparison. `op` is one that the field takes, and there is at least one value.
pub(super) fn test(field: Field, op: Op, values: &[Raw]) -> Result<Test, Fault> {
    let first = values.first().ok_or_else(|| Kind::NoValue(field).at(0))?;
    if let Some(raw) = values.iter().find(|raw| !raw.quoted && is_word(&raw.text, &RESERVED)) {
        return Err(Kind::Reserved.at(raw.at));
    }
    let order = Order::of(op);
    match (field, order) {
        (Field::Flag(flag), _) => Ok(Test::Flag(flag, boolean(field, first)? == (op == Op::Eq))),
        (Field::Text(name), _) => {
            let op = match op {
                Op::Like => TextOp::Like,
                Op::Ne => TextOp::IsNot,
                _ => TextOp::Is,
            };
            let text = word(field, first)?;
            if op == TextOp::Like && text.chars().nth(MAX_LIKE).is_some() {
                return Err(Kind::LongLike.at(first.at));
            }
            Ok(Test::Text(name, op, text))
        }
        (Field::Tag, _) => set(op, values, |raw| Ok(name_or_null(raw))).map(Test::Tag),
        (Field::Section, _) => set(op, values, |raw| Ok(name_or_null(raw))).map(Test::Section),
        (Field::Project, _) => set(op, values, project).map(Test::Project),
        (Field::Parent, _) => set(op, values, parent).map(Test::Parent),
        (Field::Priority, Some(order)) => Ok(Test::PriorityOrder(order, priority(first)?)),
        (Field::Priority, None) => set(op, values, priority).map(Test::Priority),
        (Field::Time(name), Some(order)) => match time(name, first)? {
            Some(when) => Ok(Test::TimeOrder(name, order, when)),
            None => Err(Kind::NullOrder.at(first.at)),
        },
        (Field::Time(name), None) => set(op, values, |raw| time(name, raw)).map(|set| Test::Time(name, set)),
    }
}

/// Whether a bare word would be read as something else than the name or text that it is.
pub(super) fn is_special(word: &str) -> bool {
    is_word(word, &RESERVED) || is_word(word, &["null", "none"])
}

/// As [`is_special`], for a project.
pub(super) fn is_special_project(word: &str) -> bool {
    is_special(word) || is_word(word, &["inbox"]) || id(word).is_some()
}

fn is_word(text: &str, words: &[&str]) -> bool {
    words.iter().any(|word| text.eq_ignore_ascii_case(word))
}

fn is_null(raw: &Raw) -> bool {
    !raw.quoted && is_word(&raw.text, &["null", "none"])
}

fn set<T>(op: Op, values: &[Raw], read: impl Fn(&Raw) -> Result<T, Fault>) -> Result<Set<T>, Fault> {
    let values = values.iter().map(read).collect::<Result<_, _>>()?;
    Ok(Set { negated: matches!(op, Op::Ne | Op::NotIn), values })
}

fn boolean(field: Field, raw: &Raw) -> Result<bool, Fault> {
    let value = [("true", true), ("false", false)].iter().find(|(name, _)| raw.text.eq_ignore_ascii_case(name));
    let near = || suggest::near(&raw.text, ["true", "false"].into_iter());
    value.map(|(_, value)| *value).ok_or_else(|| Kind::BadValue(field, near()).at(raw.at))
}

fn word(field: Field, raw: &Raw) -> Result<String, Fault> {
    if is_null(raw) { Err(Kind::NeverNull(field).at(raw.at)) } else { Ok(raw.text.clone()) }
}

fn name_or_null(raw: &Raw) -> Option<String> {
    (!is_null(raw)).then(|| raw.text.clone())
}

fn project(raw: &Raw) -> Result<ProjectRef, Fault> {
    if raw.quoted {
        return Ok(ProjectRef::Named(raw.text.clone()));
    }
    if is_null(raw) {
        return Err(Kind::BadValue(Field::Project, None).at(raw.at));
    }
    if raw.text.eq_ignore_ascii_case("inbox") {
        return Ok(ProjectRef::Inbox);
    }
    Ok(id(&raw.text).map_or_else(|| ProjectRef::Named(raw.text.clone()), ProjectRef::Id))
}

fn parent(raw: &Raw) -> Result<Option<Uuid>, Fault> {
    if is_null(raw) {
        return Ok(None);
    }
    id(&raw.text).map(Some).ok_or_else(|| Kind::BadValue(Field::Parent, None).at(raw.at))
}

/// A UUID with its hyphens: the other forms could be names.
fn id(text: &str) -> Option<Uuid> {
    (text.len() == 36).then(|| Uuid::try_parse(text).ok()).flatten()
}

fn priority(raw: &Raw) -> Result<Priority, Fault> {
    let known = Priority::ALL.iter().find(|(_, name, number, short)| is_word(&raw.text, &[name, number, short]));
    let near = || suggest::near(&raw.text, Priority::ALL.iter().map(|(_, name, ..)| *name));
    known.map(|(priority, ..)| *priority).ok_or_else(|| Kind::BadValue(Field::Priority, near()).at(raw.at))
}

fn time(field: TimeField, raw: &Raw) -> Result<Option<When>, Fault> {
    if is_null(raw) {
        return Ok(None);
    }
    // Within quotes there may be escapes, so the place of a mistake is known only for a bare word.
    let at = |fault: Fault| Fault { at: if raw.quoted { raw.at } else { raw.at + fault.at }, kind: fault.kind };
    When::parse(&raw.text, Field::Time(field)).map(Some).map_err(at)
}
