//! Who does something: the person of the request, through which channel, with which rights.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The channel through which a change came: kept in the history of every change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Channel {
    /// The person, over the HTTP API with a session.
    Person,
    /// A program of the person, with a personal API token or client credentials.
    ApiToken,
    /// The assistant, on the person's behalf.
    Chat,
    /// A worker of this service: recurrence, reminders, retention.
    Scheduler,
    /// What a person brought from another program.
    Import,
    /// An operator at the command line.
    Operator,
}

impl Channel {
    /// The stored form.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Person => "person",
            Self::ApiToken => "api_token",
            Self::Chat => "chat",
            Self::Scheduler => "scheduler",
            Self::Import => "import",
            Self::Operator => "operator",
        }
    }
}

/// One right that a token may carry (OAuth 2.0 scope, RFC 6749 section 3.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Scope {
    /// Read tasks and the change log.
    TasksRead,
    /// Create, change and delete tasks.
    TasksWrite,
    /// Read the account: profile, sessions, tokens, export.
    AccountRead,
    /// Change the account: profile, password, sessions, tokens, deletion.
    AccountWrite,
}

impl Scope {
    /// All scopes, in their canonical order.
    pub const ALL: [Self; 4] = [Self::TasksRead, Self::TasksWrite, Self::AccountRead, Self::AccountWrite];

    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TasksRead => "tasks:read",
            Self::TasksWrite => "tasks:write",
            Self::AccountRead => "account:read",
            Self::AccountWrite => "account:write",
        }
    }
}

impl FromStr for Scope {
    type Err = UnknownScope;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|scope| scope.as_str() == text).ok_or_else(|| UnknownScope(text.to_owned()))
    }
}

/// A scope that this service does not know.
#[derive(Debug, thiserror::Error)]
#[error("unknown scope `{0}`: allowed are tasks:read, tasks:write, account:read, account:write")]
pub struct UnknownScope(pub String);

/// A set of scopes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scopes(u8);

impl Scopes {
    /// No right at all.
    pub const NONE: Self = Self(0);
    /// Every right: what a person's own session has.
    pub const ALL: Self = Self(0b1111);

    /// Whether `scope` is in the set.
    pub fn has(self, scope: Scope) -> bool {
        self.0 & (1 << scope as u8) != 0
    }

    /// The set with `scope` added.
    #[must_use]
    pub fn with(self, scope: Scope) -> Self {
        Self(self.0 | (1 << scope as u8))
    }

    /// What both sets have.
    #[must_use]
    pub fn intersect(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Whether every scope of this set is in `other`.
    pub fn within(self, other: Self) -> bool {
        self.0 & !other.0 == 0
    }

    /// Whether the set has no scope.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }
}

impl fmt::Display for Scopes {
    /// Space-delimited, as in an OAuth `scope` parameter.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = Scope::ALL.into_iter().filter(|s| self.has(*s)).map(Scope::as_str).collect();
        f.write_str(&names.join(" "))
    }
}

impl FromStr for Scopes {
    type Err = UnknownScope;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.split_ascii_whitespace().try_fold(Self::NONE, |set, word| Ok(set.with(word.parse()?)))
    }
}

/// Who acts, through what, with which rights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Actor {
    /// Whose data is touched; it comes from the token, never from a body.
    pub user_id: Uuid,
    /// The session (refresh-token family) of the request, where there is one.
    pub session_id: Option<Uuid>,
    /// The channel.
    pub channel: Channel,
    /// The rights.
    pub scopes: Scopes,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_read_back_as_they_print() {
        for text in ["", "tasks:read", "tasks:read tasks:write account:read account:write"] {
            assert_eq!(text.parse::<Scopes>().unwrap().to_string(), text);
        }
        assert_eq!(Scopes::ALL.to_string().parse::<Scopes>().unwrap(), Scopes::ALL);
        assert!("tasks:fly".parse::<Scopes>().is_err());
    }

    #[test]
    fn a_smaller_set_is_within_a_larger_one_only() {
        let read = Scopes::NONE.with(Scope::TasksRead);
        assert!(read.within(Scopes::ALL));
        assert!(!Scopes::ALL.within(read));
        assert_eq!(Scopes::ALL.intersect(read), read);
    }
}
