//! What stands in the files of Vikunja's export, as far as it is read.
//!
//! Lists of a project are kept as pieces of the file and read one after the other, so that a hostile file does not
//! become many large things at once. A time that is not set is `0001-01-01T00:00:00Z`, an empty list may be `null`.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::interop::json::{Capped, Count};

/// The most labels, comments or relations of a task that are read.
const OF_TASK: usize = 1_000;

/// An element of the list that `data.json` or `filters.json` is: a project, or a saved filter, which has `filters`.
#[derive(Debug, Deserialize)]
pub(super) struct Top<'a> {
    pub(super) id: i64,
    pub(super) title: String,
    pub(super) description: Option<String>,
    pub(super) hex_color: Option<String>,
    pub(super) parent_project_id: Option<i64>,
    pub(super) is_archived: Option<bool>,
    pub(super) position: Option<f64>,
    #[serde(borrow)]
    pub(super) tasks: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) views: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) buckets: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) task_buckets: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) positions: Option<&'a RawValue>,
    #[serde(default)]
    pub(super) child_projects: Count,
    pub(super) filters: Option<Query>,
}

/// What a saved filter wraps. Before version 0.24 there was no expression, but lists of fields.
#[derive(Debug, Deserialize)]
pub(super) struct Query {
    pub(super) filter: Option<String>,
}

/// A view of a project.
#[derive(Debug, Deserialize)]
pub(super) struct View {
    pub(super) id: i64,
    #[serde(rename = "view_kind")]
    pub(super) kind: Option<String>,
    pub(super) position: Option<f64>,
    pub(super) default_bucket_id: Option<i64>,
    pub(super) done_bucket_id: Option<i64>,
}

/// A column of a board.
#[derive(Debug, Deserialize)]
pub(super) struct Bucket {
    pub(super) id: i64,
    pub(super) title: String,
    /// Missing before version 0.24, when a project had one board.
    pub(super) project_view_id: Option<i64>,
    pub(super) position: Option<f64>,
    /// Before version 0.24.
    #[serde(rename = "is_done_bucket")]
    pub(super) is_done: Option<bool>,
}

/// Which column a task is in.
#[derive(Debug, Deserialize)]
pub(super) struct InBucket {
    pub(super) task_id: i64,
    pub(super) bucket_id: i64,
}

/// Where a task stands in a view.
#[derive(Debug, Deserialize)]
pub(super) struct Position {
    pub(super) task_id: i64,
    pub(super) project_view_id: i64,
    #[serde(rename = "position")]
    pub(super) at: f64,
}

/// A task.
#[derive(Debug, Deserialize)]
pub(super) struct Task<'a> {
    pub(super) id: i64,
    pub(super) title: String,
    pub(super) description: Option<String>,
    pub(super) done: Option<bool>,
    #[serde(borrow)]
    pub(super) done_at: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(super) due_date: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(super) start_date: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(super) end_date: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(super) created: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(super) updated: Option<Cow<'a, str>>,
    #[serde(default)]
    pub(super) reminders: Capped<Reminder, OF_TASK>,
    /// Before version 0.21.
    #[serde(default)]
    pub(super) reminder_dates: Capped<String, OF_TASK>,
    pub(super) repeat_after: Option<i64>,
    pub(super) repeat_mode: Option<i64>,
    pub(super) priority: Option<i64>,
    pub(super) percent_done: Option<f64>,
    pub(super) hex_color: Option<String>,
    pub(super) is_favorite: Option<bool>,
    pub(super) position: Option<f64>,
    /// Before version 0.24.
    pub(super) bucket_id: Option<i64>,
    #[serde(default)]
    pub(super) labels: Capped<Label, OF_TASK>,
    #[serde(default)]
    pub(super) comments: Capped<Comment, OF_TASK>,
    #[serde(default)]
    pub(super) related_tasks: Related,
    #[serde(default)]
    pub(super) assignees: Count,
    #[serde(default)]
    pub(super) attachments: Count,
}

/// A label.
#[derive(Debug, Deserialize)]
pub(super) struct Label {
    pub(super) title: String,
    pub(super) hex_color: Option<String>,
}

/// A comment: HTML.
#[derive(Debug, Deserialize)]
pub(super) struct Comment {
    pub(super) comment: String,
}

/// A reminder: at an instant, which is computed where it is relative to a date of the task.
#[derive(Debug, Deserialize)]
pub(super) struct Reminder {
    #[serde(rename = "reminder")]
    pub(super) at: Option<String>,
    /// Seconds; negative ones are before the date.
    pub(super) relative_period: Option<i64>,
    /// `due_date`, `start_date`, `end_date` or empty.
    pub(super) relative_to: Option<String>,
}

/// Of a task that another is related to, only which it is.
#[derive(Debug, Deserialize)]
pub(super) struct Other {
    pub(super) id: i64,
}

/// The tasks that a task is related to, by kind.
#[derive(Debug, Default)]
pub(super) struct Related {
    /// What is part of it.
    pub(super) subtasks: Vec<i64>,
    /// What it is part of.
    pub(super) parents: Vec<i64>,
    /// How many relations there are of other kinds.
    pub(super) others: usize,
}

impl<'de> Deserialize<'de> for Related {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Kinds;

        impl<'de> Visitor<'de> for Kinds {
            type Value = Related;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object with lists of tasks by the kind of their relation")
            }

            fn visit_unit<E>(self) -> Result<Related, E> {
                Ok(Related::default())
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Related, A::Error> {
                let mut related = Related::default();
                while let Some(kind) = map.next_key::<Cow<'de, str>>()? {
                    let list = match kind.as_ref() {
                        "subtask" => &mut related.subtasks,
                        "parenttask" => &mut related.parents,
                        _ => {
                            related.others += map.next_value::<Count>()?.0;
                            continue;
                        }
                    };
                    let tasks = map.next_value::<Capped<Other, OF_TASK>>()?;
                    *list = tasks.items.into_iter().map(|task| task.id).collect();
                }
                Ok(related)
            }
        }

        deserializer.deserialize_any(Kinds)
    }
}
