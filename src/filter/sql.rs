//! A filter as a condition of a statement: constants and placeholders, never a text of a person.
//!
//! The task is `t`. Its project and its section are looked up by their key; `OFFSET 0` holds PostgreSQL to that, where it
//! would make a hash of the rows of all users. Tags are the other way round: the user's tasks with these tags are found
//! once, by the index, since a look for each task costs a person with 10,000 tasks 20 ms, and this one 5 ms.

use chrono::{DateTime, NaiveDate, Utc};
use uuid::Uuid;

use super::ast::{Expr, Flag, Order, ProjectRef, Set, Test, TextField, TextOp, TimeField};
use super::calendar::{Moment, clamp};
use super::limits::{Limits, Rel};
use super::moment::When;
use super::{Context, fold};

/// The inbox has no row: it is the project whose id is the user's.
const PROJECT: &str = "coalesce(t.project_id, t.user_id)";

/// The database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// PostgreSQL.
    Postgres,
    /// SQLite.
    Sqlite,
}

/// A condition and its values.
#[derive(Clone, Debug, PartialEq)]
pub struct Compiled {
    /// The condition: closed, never NULL.
    pub sql: String,
    /// The values of its placeholders, in order.
    pub params: Vec<Param>,
}

/// A value to bind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Param {
    /// A text; it has no U+0000.
    Text(String),
    /// A number.
    Int(i64),
    /// A date in the years 1 to 9999.
    Date(NaiveDate),
    /// An instant in whole microseconds, in the years 1 to 9999.
    Instant(DateTime<Utc>),
    /// An id.
    Uuid(Uuid),
}

pub(super) fn compile(
    expr: &Expr,
    dialect: Dialect,
    context: &Context,
    user: &'static str,
    first_param: usize,
) -> Compiled {
    let mut builder = Builder { dialect, context, user, first_param, params: vec![] };
    let sql = builder.expr(expr);
    Compiled { sql, params: builder.params }
}

struct Builder<'a> {
    dialect: Dialect,
    context: &'a Context,
    user: &'static str,
    first_param: usize,
    params: Vec<Param>,
}

impl Builder<'_> {
    fn bind(&mut self, param: Param) -> String {
        let number = self.first_param + self.params.len();
        self.params.push(param);
        format!("${number}")
    }

    fn expr(&mut self, expr: &Expr) -> String {
        match expr {
            Expr::And(parts) => all(&self.each(parts)),
            Expr::Or(parts) => any(&self.each(parts)),
            Expr::Not(inner) => not(&self.expr(inner)),
            Expr::Test(test) => self.test(test),
        }
    }

    fn each(&mut self, parts: &[Expr]) -> Vec<String> {
        parts.iter().map(|part| self.expr(part)).collect()
    }

    fn test(&mut self, test: &Test) -> String {
        match test {
            Test::Flag(flag, wanted) => self.flag(*flag, *wanted),
            Test::Text(field, op, value) => self.text(*field, *op, value),
            Test::Tag(set) => self.tags(set),
            Test::Project(set) => self.projects(set),
            Test::Section(set) => self.sections(set),
            Test::Parent(set) => self.parents(set),
            Test::Priority(set) => {
                let list = self.list(set.values.iter().map(|priority| Param::Int(priority.rank())));
                negate(set.negated, format!("(t.priority {list})"))
            }
            Test::PriorityOrder(order, priority) => {
                format!("(t.priority {} {})", order.text(), self.bind(Param::Int(priority.rank())))
            }
            Test::Time(field, set) => {
                let parts: Vec<_> = set.values.iter().map(|when| self.time(*field, Rel::Eq, when.as_ref())).collect();
                negate(set.negated, any(&parts))
            }
            Test::TimeOrder(field, order, when) => self.time(*field, Rel::Is(*order), Some(when)),
        }
    }

    fn flag(&mut self, flag: Flag, wanted: bool) -> String {
        let null_is = |column: &str, null: bool| format!("({column} IS {}NULL)", if null { "" } else { "NOT " });
        match flag {
            Flag::Done => null_is("t.completed_at", !wanted),
            Flag::Recurring => null_is("t.series_id", !wanted),
            Flag::Overdue => {
                let now = Moment::Instant(clamp(self.context.now));
                let late = self.due(&Limits::of(Rel::Is(Order::Lt), now, self.context.zone));
                negate(!wanted, format!("(t.completed_at IS NULL AND {late})"))
            }
        }
    }

    fn text(&mut self, field: TextField, op: TextOp, value: &str) -> String {
        let column = match field {
            TextField::Title => "t.title",
            TextField::Description => "t.description",
        };
        let (sign, value) = match (op, self.dialect) {
            (TextOp::Is, _) => ("=", value.to_owned()),
            (TextOp::IsNot, _) => ("<>", value.to_owned()),
            (TextOp::Like, Dialect::Sqlite) => ("GLOB", fold::glob(value)),
            (TextOp::Like, Dialect::Postgres) => ("~", fold::regex(value)),
        };
        format!("({column} {sign} {})", self.bind(Param::Text(value)))
    }

    fn tags(&mut self, set: &Set<Option<String>>) -> String {
        let (null, names) = split(set);
        let tagged = format!("t.id IN (SELECT tt.task_id FROM task_tags tt WHERE tt.user_id = {}", self.user);
        let mut parts = vec![];
        if null {
            parts.push(not(&format!("{tagged})")));
        }
        if !names.is_empty() {
            parts.push(format!("{tagged} AND tt.name_key {})", self.keys(names)));
        }
        negate(set.negated, any(&parts))
    }

    fn projects(&mut self, set: &Set<ProjectRef>) -> String {
        let mut ids = vec![];
        let mut names = vec![];
        let mut parts = vec![];
        for project in &set.values {
            match project {
                ProjectRef::Inbox => parts.push(format!("({PROJECT} = t.user_id)")),
                ProjectRef::Named(name) => names.push(name),
                ProjectRef::Id(id) => ids.push(Param::Uuid(*id)),
            }
        }
        if !ids.is_empty() {
            parts.push(format!("({PROJECT} {})", self.list(ids.into_iter())));
        }
        if !names.is_empty() {
            let list = self.keys(names);
            parts.push(exists(&format!(
                "collections c WHERE c.user_id = t.user_id AND c.id = t.project_id AND c.kind = 'project' \
                 AND c.name_key {list}"
            )));
        }
        negate(set.negated, any(&parts))
    }

    fn sections(&mut self, set: &Set<Option<String>>) -> String {
        let (null, names) = split(set);
        let mut parts = null.then(|| "t.section_id IS NULL".to_owned()).into_iter().collect::<Vec<_>>();
        if !names.is_empty() {
            let list = self.keys(names);
            parts.push(exists(&format!(
                "collections c WHERE c.user_id = t.user_id AND c.id = t.section_id AND c.kind = 'section' \
                 AND c.name_key {list}"
            )));
        }
        negate(set.negated, any(&parts))
    }

    fn parents(&mut self, set: &Set<Option<Uuid>>) -> String {
        let (null, ids) = split(set);
        let mut parts = null.then(|| "t.parent_id IS NULL".to_owned()).into_iter().collect::<Vec<_>>();
        if !ids.is_empty() {
            let list = self.list(ids.into_iter().map(|id| Param::Uuid(*id)));
            parts.push(format!("(t.parent_id IS NOT NULL AND t.parent_id {list})"));
        }
        negate(set.negated, any(&parts))
    }

    fn keys(&mut self, names: Vec<&String>) -> String {
        let key = self.context.name_key;
        self.list(names.into_iter().map(|name| Param::Text(key(name))))
    }

    /// `= $1`, or `IN ($1, $2)`.
    fn list(&mut self, params: impl Iterator<Item = Param>) -> String {
        let places: Vec<String> = params.map(|param| self.bind(param)).collect();
        match places.as_slice() {
            [only] => format!("= {only}"),
            places => format!("IN ({})", places.join(", ")),
        }
    }

    fn time(&mut self, field: TimeField, rel: Rel, when: Option<&When>) -> String {
        let column = match field {
            TimeField::Due => "",
            TimeField::Start => "t.start_date",
            TimeField::Deadline => "t.deadline",
            TimeField::Created => "t.created_at",
            TimeField::Updated => "t.updated_at",
            TimeField::Completed => "t.completed_at",
        };
        let limits = when.map(|when| Limits::of(rel, when.at(self.context), self.context.zone));
        match (field, limits) {
            (TimeField::Due, None) => "(t.due_at IS NULL AND t.due_date IS NULL)".to_owned(),
            (_, None) => format!("({column} IS NULL)"),
            (TimeField::Due, Some(limits)) => self.due(&limits),
            (TimeField::Start | TimeField::Deadline, Some(limits)) => self.date(column, &limits),
            (TimeField::Created | TimeField::Updated | TimeField::Completed, Some(limits)) => {
                self.instant(column, &limits)
            }
        }
    }

    fn due(&mut self, limits: &Limits) -> String {
        let at = self.instant("t.due_at", limits);
        let date = self.date("t.due_date", limits);
        format!("({at} OR (t.due_at IS NULL AND {date}))")
    }

    fn date(&mut self, column: &str, limits: &Limits) -> String {
        let (rel, date) = limits.date;
        format!("({column} IS NOT NULL AND {column} {} {})", rel.text(), self.bind(Param::Date(date)))
    }

    fn instant(&mut self, column: &str, limits: &Limits) -> String {
        let mut parts = vec![format!("{column} IS NOT NULL")];
        for (rel, at) in &limits.instants {
            let place = self.bind(Param::Instant(*at));
            parts.push(format!("{column} {} {place}", rel.text()));
        }
        all(&parts)
    }
}

/// Whether null is among the values, and the others.
fn split<T>(set: &Set<Option<T>>) -> (bool, Vec<&T>) {
    (set.values.iter().any(Option::is_none), set.values.iter().flatten().collect())
}

fn exists(from: &str) -> String {
    format!("EXISTS (SELECT 1 FROM {from} LIMIT 1 OFFSET 0)")
}

fn all(parts: &[String]) -> String {
    format!("({})", parts.join(" AND "))
}

fn any(parts: &[String]) -> String {
    format!("({})", parts.join(" OR "))
}

fn not(part: &str) -> String {
    format!("(NOT {part})")
}

fn negate(negated: bool, part: String) -> String {
    if negated { not(&part) } else { part }
}

#[cfg(test)]
#[path = "sql_tests.rs"]
mod tests;
