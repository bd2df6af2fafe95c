//! The metric names of webhooks.

use metrics::{Unit, describe_counter, describe_gauge, describe_histogram};

/// Deliveries by what came of a try.
pub const DELIVERIES: &str = "webhook_deliveries_total";
/// Time of one try.
pub const DURATION: &str = "webhook_delivery_duration_seconds";
/// Deliveries that are to be tried, now or later.
pub const PENDING: &str = "webhook_deliveries_pending";
/// Webhooks that the service switched off, by reason.
pub const DISABLED: &str = "webhooks_disabled_total";

/// Tells the recorder what they mean.
pub fn describe() {
    describe_counter!(DELIVERIES, Unit::Count, "Tries by outcome (delivered, retried, failed, cancelled, lost)");
    describe_histogram!(DURATION, Unit::Seconds, "Time that one try of a delivery took");
    describe_gauge!(PENDING, "Deliveries that are to be tried, now or later");
    describe_counter!(DISABLED, Unit::Count, "Webhooks that were switched off by the service, by reason");
}
