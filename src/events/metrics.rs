//! The metric names of the event rooms.

use metrics::{Unit, describe_counter};

/// Events that did not fit their schema and were not written.
pub const SCHEMA_REFUSED: &str = "events_schema_refused_total";

/// Describes them to the installed recorder.
pub fn describe() {
    describe_counter!(
        SCHEMA_REFUSED,
        Unit::Count,
        "Events refused before the write because they do not fit their schema"
    );
}
