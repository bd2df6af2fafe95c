//! A list of rows as one parameter: JSON, which both databases take apart, so that a statement writes or finds many
//! rows in one call. The serialisers give what each column's text must be.

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Serialize, Serializer};

/// A list as JSON. Rows and ids always can be written as such.
pub fn json(list: &(impl Serialize + ?Sized)) -> String {
    serde_json::to_string(list).unwrap_or_default()
}

/// An instant, for `#[serde(serialize_with = "…")]`, as the driver of SQLite writes one that is bound by itself: the
/// same instant is the same text in every row, and texts are in the order of the instants.
pub fn instant<S: Serializer>(at: &DateTime<Utc>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&at.to_rfc3339_opts(SecondsFormat::AutoSi, false))
}

/// The same where there may be none.
pub fn instant_or_none<S: Serializer>(at: &Option<DateTime<Utc>>, serializer: S) -> Result<S::Ok, S::Error> {
    match at {
        Some(at) => instant(at, serializer),
        None => serializer.serialize_none(),
    }
}
