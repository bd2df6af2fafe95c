//! What a collection is and how it changes: pure.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::filter::Filter;
use crate::task::input::{self, Invalid};
use crate::task::position::Position;

/// What is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A project.
    Project,
    /// A section of a project.
    Section,
    /// A saved filter.
    Filter,
    /// A tag that has a colour.
    Tag,
}

impl Kind {
    /// The stored form.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Project => "project",
            Self::Section => "section",
            Self::Filter => "filter",
            Self::Tag => "tag",
        }
    }

    /// What several are called, and how many there may be: of a user, and sections of a project.
    pub fn limit(self) -> (&'static str, usize) {
        match self {
            Self::Project => ("projects", 500),
            Self::Section => ("sections of a project", 200),
            Self::Filter => ("saved filters", 200),
            Self::Tag => ("tags with a colour", 500),
        }
    }
}

/// A project, a section, a saved filter or a tag.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Collection {
    /// UUID version 7; that of the inbox is the account's.
    pub id: Uuid,
    /// Whose it is: not told, since it is always the caller's.
    #[serde(skip)]
    pub user_id: Uuid,
    /// What it is.
    pub kind: Kind,
    /// The project, of a section.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub project_id: Option<Uuid>,
    /// 1 to 100 characters.
    pub name: String,
    /// `#rrggbb`.
    pub color: Option<String>,
    /// The expression, of a saved filter.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub query: Option<String>,
    /// Its place among the others: a fractional index, compared byte by byte.
    pub position: Position,
    /// When it was archived: its tasks are hidden from the views.
    pub archived_at: Option<DateTime<Utc>>,
    /// Rises by one with each change; the ETag is this number in quotes.
    pub version: i64,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it last changed.
    pub updated_at: DateTime<Utc>,
}

/// What a client says of one: not yet checked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fields {
    pub name: Option<String>,
    pub color: Option<String>,
    pub query: Option<String>,
    pub position: Option<String>,
    pub archived: Option<bool>,
}

/// Checked fields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checked {
    name: String,
    color: Option<String>,
    query: Option<String>,
    position: Option<Position>,
    archived: bool,
}

impl Fields {
    /// Checks everything and reports every mistake at once. The expression of a filter is kept as it was written.
    pub fn parse(self, kind: Kind) -> Result<Checked, Invalid> {
        let mut wrong = Vec::new();
        let name = input::name(self.name.as_deref().unwrap_or_default()).unwrap_or_else(|(code, sentence)| {
            wrong.push(("/name", code, sentence));
            String::new()
        });
        let color = self.color.map(|color| color.to_ascii_lowercase());
        let is_color = |text: &str| {
            text.len() == 7 && text.starts_with('#') && text.bytes().skip(1).all(|digit| digit.is_ascii_hexdigit())
        };
        if color.as_deref().is_some_and(|color| !is_color(color)) {
            wrong.push(("/color", "not_a_color", "use a colour such as #d1453b".to_owned()));
        }
        let position = self.position.map(|text| input::position(&text)).transpose().unwrap_or_else(|mistake| {
            wrong.push(mistake);
            None
        });
        if kind == Kind::Filter {
            let query = self.query.as_deref().unwrap_or_default();
            if let Err(error) = query.parse::<Filter>() {
                wrong.push(("/query", "not_a_filter", error.rendered().to_owned()));
            }
        }
        if !wrong.is_empty() {
            return Err(Invalid(wrong));
        }
        Ok(Checked { name, color, query: self.query, position, archived: self.archived.unwrap_or_default() })
    }
}

impl Checked {
    /// The name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The colour.
    pub fn color(&self) -> Option<&str> {
        self.color.as_deref()
    }
}

impl Collection {
    /// A new one. `project_id` is for sections.
    pub fn create(
        id: Uuid,
        user_id: Uuid,
        kind: Kind,
        project_id: Option<Uuid>,
        checked: Checked,
        now: DateTime<Utc>,
    ) -> Self {
        Self {
            id,
            user_id,
            kind,
            project_id,
            name: checked.name,
            color: checked.color,
            query: checked.query,
            position: checked.position.unwrap_or_else(|| Position::of(id)),
            archived_at: checked.archived.then_some(now),
            version: 1,
            created_at: now,
            updated_at: now,
        }
    }

    /// The inbox of a user.
    pub fn inbox(user_id: Uuid) -> Self {
        let nothing = Checked { name: "Inbox".to_owned(), color: None, query: None, position: None, archived: false };
        Self::create(user_id, user_id, Kind::Project, None, nothing, DateTime::UNIX_EPOCH)
    }

    /// What a client would send to get it: what a merge patch is merged into.
    pub fn fields(&self) -> Fields {
        Fields {
            name: Some(self.name.clone()),
            color: self.color.clone(),
            query: self.query.clone(),
            position: Some(self.position.as_str().to_owned()),
            archived: Some(self.archived_at.is_some()),
        }
    }

    /// Replaces everything that a client may set. `None`: nothing would change.
    pub fn replace(&self, checked: Checked, now: DateTime<Utc>) -> Option<Self> {
        let after = Self {
            name: checked.name,
            color: checked.color,
            query: checked.query,
            position: checked.position.unwrap_or_else(|| self.position.clone()),
            archived_at: if checked.archived { self.archived_at.or(Some(now)) } else { None },
            ..self.clone()
        };
        let changed = after != *self;
        changed.then(|| Self { version: self.version + 1, updated_at: now.max(self.updated_at), ..after })
    }
}
