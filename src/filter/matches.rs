//! A filter asked about one task in memory. `sql` says the same to a database.

use super::ast::{Expr, Flag, ProjectRef, Set, Test, TextField, TextOp, TimeField};
use super::calendar::{Moment, clamp};
use super::limits::{Limits, Rel};
use super::moment::When;
use super::{Context, Due, Subject, fold};

pub(super) fn expr(expr: &Expr, subject: &Subject, context: &Context) -> bool {
    match expr {
        Expr::And(parts) => parts.iter().all(|part| self::expr(part, subject, context)),
        Expr::Or(parts) => parts.iter().any(|part| self::expr(part, subject, context)),
        Expr::Not(inner) => !self::expr(inner, subject, context),
        Expr::Test(test) => self::test(test, subject, context),
    }
}

fn test(test: &Test, subject: &Subject, context: &Context) -> bool {
    let key = context.name_key;
    match test {
        Test::Flag(flag, wanted) => self::flag(*flag, subject, context) == *wanted,
        Test::Text(field, op, value) => {
            let own = match field {
                TextField::Title => &subject.title,
                TextField::Description => &subject.description,
            };
            match op {
                TextOp::Is => own == value,
                TextOp::IsNot => own != value,
                TextOp::Like => fold::contains(own, value),
            }
        }
        Test::Tag(set) => set.has(|name| match name {
            None => subject.tags.is_empty(),
            Some(name) => subject.tags.contains(&key(name)),
        }),
        Test::Project(set) => set.has(|project| match project {
            ProjectRef::Inbox => subject.inbox,
            ProjectRef::Named(name) => subject.project_key == key(name),
            ProjectRef::Id(id) => subject.project == *id,
        }),
        Test::Section(set) => set.has(|name| subject.section_key == name.as_deref().map(key)),
        Test::Parent(set) => set.has(|id| subject.parent == *id),
        Test::Priority(set) => set.has(|priority| subject.priority == priority.rank()),
        Test::PriorityOrder(order, priority) => order.holds(subject.priority, priority.rank()),
        Test::Time(field, set) => set.has(|when| time(*field, Rel::Eq, when.as_ref(), subject, context)),
        Test::TimeOrder(field, order, when) => time(*field, Rel::Is(*order), Some(when), subject, context),
    }
}

impl<T> Set<T> {
    fn has(&self, is: impl Fn(&T) -> bool) -> bool {
        self.values.iter().any(is) != self.negated
    }
}

fn flag(flag: Flag, subject: &Subject, context: &Context) -> bool {
    match flag {
        Flag::Done => subject.completed.is_some(),
        Flag::Recurring => subject.recurring,
        Flag::Overdue => {
            let now = Moment::Instant(clamp(context.now));
            let limits = Limits::of(Rel::Is(super::ast::Order::Lt), now, context.zone);
            subject.completed.is_none() && subject.due.is_some_and(|due| is_due(due, &limits))
        }
    }
}

fn is_due(due: Due, limits: &Limits) -> bool {
    match due {
        Due::On(date) => limits.hold_date(date),
        Due::At(at) => limits.hold_instant(at),
    }
}

fn time(field: TimeField, rel: Rel, when: Option<&When>, subject: &Subject, context: &Context) -> bool {
    let Some(when) = when else {
        return match field {
            TimeField::Due => subject.due.is_none(),
            TimeField::Start => subject.start.is_none(),
            TimeField::Deadline => subject.deadline.is_none(),
            TimeField::Created | TimeField::Updated => false,
            TimeField::Completed => subject.completed.is_none(),
        };
    };
    let limits = Limits::of(rel, when.at(context), context.zone);
    match field {
        TimeField::Due => subject.due.is_some_and(|due| is_due(due, &limits)),
        TimeField::Start => subject.start.is_some_and(|date| limits.hold_date(date)),
        TimeField::Deadline => subject.deadline.is_some_and(|date| limits.hold_date(date)),
        TimeField::Created => limits.hold_instant(subject.created),
        TimeField::Updated => limits.hold_instant(subject.updated),
        TimeField::Completed => subject.completed.is_some_and(|at| limits.hold_instant(at)),
    }
}
