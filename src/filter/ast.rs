//! The tree of a filter. Only what has a meaning can be built.

use uuid::Uuid;

use super::moment::When;

/// A condition. `And` and `Or` have at least two parts, and none of their own kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Expr {
    And(Vec<Self>),
    Or(Vec<Self>),
    Not(Box<Self>),
    Test(Test),
}

/// One comparison.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Test {
    Flag(Flag, bool),
    Text(TextField, TextOp, String),
    /// `None` is: no tag at all.
    Tag(Set<Option<String>>),
    Project(Set<ProjectRef>),
    Section(Set<Option<String>>),
    Parent(Set<Option<Uuid>>),
    Priority(Set<Priority>),
    PriorityOrder(Order, Priority),
    Time(TimeField, Set<Option<When>>),
    TimeOrder(TimeField, Order, When),
}

/// `in` or `not in` some values; of a single value that is `=` or `!=`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Set<T> {
    pub(super) negated: bool,
    /// At least one.
    pub(super) values: Vec<T>,
}

/// A project, as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ProjectRef {
    /// The bare word `inbox`: the inbox, whatever its name.
    Inbox,
    Named(String),
    Id(Uuid),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flag {
    Done,
    Recurring,
    Overdue,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TextField {
    Title,
    Description,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TextOp {
    Is,
    IsNot,
    Like,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TimeField {
    Due,
    Start,
    Deadline,
    Created,
    Updated,
    Completed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    Lt,
    Le,
    Gt,
    Ge,
}

/// The stored number is the discriminant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Priority {
    None,
    Low,
    Medium,
    High,
    Urgent,
}

impl Priority {
    /// Each with its name, its number and its Todoist-like short form (`p1` is the most urgent).
    pub(super) const ALL: [(Self, &'static str, &'static str, &'static str); 5] = [
        (Self::None, "none", "0", "null"),
        (Self::Low, "low", "1", "p4"),
        (Self::Medium, "medium", "2", "p3"),
        (Self::High, "high", "3", "p2"),
        (Self::Urgent, "urgent", "4", "p1"),
    ];

    /// 0 none to 4 urgent.
    pub(super) fn rank(self) -> i64 {
        self as i64
    }

    pub(super) fn name(self) -> &'static str {
        Self::ALL.iter().find(|(priority, ..)| *priority == self).map_or("none", |(_, name, ..)| name)
    }
}

/// A field, and through it what may be compared with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Field {
    Flag(Flag),
    Text(TextField),
    Tag,
    Project,
    Section,
    Priority,
    Time(TimeField),
    Parent,
}

impl Field {
    /// In the order in which an error lists them.
    pub(super) const ALL: [(&'static str, Self); 16] = [
        ("done", Self::Flag(Flag::Done)),
        ("title", Self::Text(TextField::Title)),
        ("description", Self::Text(TextField::Description)),
        ("tag", Self::Tag),
        ("project", Self::Project),
        ("section", Self::Section),
        ("priority", Self::Priority),
        ("due", Self::Time(TimeField::Due)),
        ("start", Self::Time(TimeField::Start)),
        ("deadline", Self::Time(TimeField::Deadline)),
        ("created", Self::Time(TimeField::Created)),
        ("updated", Self::Time(TimeField::Updated)),
        ("completed", Self::Time(TimeField::Completed)),
        ("parent", Self::Parent),
        ("recurring", Self::Flag(Flag::Recurring)),
        ("overdue", Self::Flag(Flag::Overdue)),
    ];

    pub(super) fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, field)| *field == self).map_or("", |(name, _)| name)
    }

    /// The operators that it takes.
    pub(super) fn operators(self) -> &'static [Op] {
        use Op::{Eq, Ge, Gt, In, Le, Like, Lt, Ne, NotIn};
        match self {
            Self::Flag(_) => &[Eq, Ne],
            Self::Text(_) => &[Eq, Ne, Like],
            Self::Tag | Self::Project | Self::Section | Self::Parent => &[Eq, Ne, In, NotIn],
            Self::Priority | Self::Time(_) => &[Eq, Ne, Lt, Le, Gt, Ge, In, NotIn],
        }
    }

    /// What it is compared with, for an error.
    pub(super) fn takes(self) -> &'static str {
        match self {
            Self::Flag(_) => "true or false",
            Self::Text(_) => "a word, or a text in \"quotes\"",
            Self::Tag | Self::Section => "a name (in \"quotes\" if it has spaces), or null for none",
            Self::Project => "a name (in \"quotes\" if it has spaces), inbox, or the id of a project",
            Self::Priority => "none, low, medium, high or urgent, 0 to 4, or p4 to p1 (p1 is urgent)",
            Self::Time(_) => {
                "a date such as 2026-12-01, an instant such as 2026-12-01T17:00:00Z, now, today, tomorrow, yesterday, \
                 startOfWeek, endOfWeek, startOfMonth, endOfMonth, startOfYear or endOfYear, each with steps such as \
                 +7d, -2w or /M, or null"
            }
            Self::Parent => "the id of a task, or null for none",
        }
    }
}

/// An operator as it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Op {
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
    In,
    NotIn,
    Like,
}

impl Op {
    pub(super) fn text(self) -> &'static str {
        match self {
            Self::Eq => "=",
            Self::Ne => "!=",
            Self::Lt => "<",
            Self::Le => "<=",
            Self::Gt => ">",
            Self::Ge => ">=",
            Self::In => "in",
            Self::NotIn => "not in",
            Self::Like => "like",
        }
    }
}

impl Order {
    pub(super) fn of(op: Op) -> Option<Self> {
        match op {
            Op::Lt => Some(Self::Lt),
            Op::Le => Some(Self::Le),
            Op::Gt => Some(Self::Gt),
            Op::Ge => Some(Self::Ge),
            Op::Eq | Op::Ne | Op::In | Op::NotIn | Op::Like => None,
        }
    }

    pub(super) fn text(self) -> &'static str {
        match self {
            Self::Lt => "<",
            Self::Le => "<=",
            Self::Gt => ">",
            Self::Ge => ">=",
        }
    }

    pub(super) fn holds<T: Ord + Copy>(self, left: T, right: T) -> bool {
        match self {
            Self::Lt => left < right,
            Self::Le => left <= right,
            Self::Gt => left > right,
            Self::Ge => left >= right,
        }
    }
}
