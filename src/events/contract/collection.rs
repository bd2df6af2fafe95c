//! In `user-events`: projects, their sections and saved filters.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::FieldChange;

/// A project, a section or a saved filter after the step, then what changed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CollectionPayload {
    /// The project, the section or the filter.
    pub collection_id: Uuid,
    /// Its name, as a person wrote it: 1 to 100 characters. (`name` is of API tokens, and never filled.)
    pub title: String,
    /// The project of a section.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Uuid")]
    pub project_id: Option<Uuid>,
    /// `#rrggbb`.
    #[serde(default)]
    pub color: Option<String>,
    /// The expression of a filter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    pub query: Option<String>,
    /// Its place among the others: a fractional index, compared byte by byte.
    pub position: String,
    /// When it was archived.
    #[serde(default)]
    pub archived_at: Option<DateTime<Utc>>,
    /// Rises by one with each change.
    pub version: i64,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it last changed.
    pub updated_at: DateTime<Utc>,
    /// The same in all events of one change, which are in one transaction and follow one another: what is undone as one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Uuid")]
    pub change_id: Option<Uuid>,
    /// Field by field, what it was and what it is. Of a webhook only what is not personal: `host`, `eventTypes`, `enabled`.
    #[serde(default)]
    pub changes: BTreeMap<String, FieldChange>,
}
