//! The metric names of notifications.

use metrics::{Unit, describe_counter};

/// Notifications that were made, by kind.
pub const CREATED: &str = "notifications_created_total";

/// Tells the recorder what they mean.
pub fn describe() {
    describe_counter!(CREATED, Unit::Count, "Notifications that were made of events, by kind");
}
