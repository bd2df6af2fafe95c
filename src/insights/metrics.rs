//! The metric names of insights.

use metrics::{Unit, describe_counter};

/// Tasks that were seen for the first time.
pub const CREATED: &str = "insights_tasks_created_total";
/// Tasks that were done, those done again after a reopening included.
pub const COMPLETED: &str = "insights_tasks_completed_total";

/// Tells the recorder what they mean.
pub fn describe() {
    describe_counter!(CREATED, Unit::Count, "Tasks that were made, counted when their event was applied");
    describe_counter!(COMPLETED, Unit::Count, "Tasks that were done, counted when their event was applied");
}
