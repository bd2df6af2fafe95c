//! The metric names of the auth room; those of the password hasher are beside it.

use metrics::{Unit, describe_counter, describe_gauge};

/// Bearer tokens that were refused, by reason.
pub const REFUSED: &str = "auth_tokens_refused_total";
/// When the key that signs now was made, seconds since 1970.
pub const KEY_CREATED: &str = "auth_signing_key_created_timestamp_seconds";

/// Describes them to the installed recorder.
pub fn describe() {
    describe_counter!(
        REFUSED,
        Unit::Count,
        "Bearer tokens that were refused: expired, unknown (personal ones) or invalid"
    );
    describe_gauge!(KEY_CREATED, Unit::Seconds, "When the key that signs access tokens was made, as Unix time");
    for reason in ["expired", "unknown", "invalid"] {
        metrics::counter!(REFUSED, "reason" => reason).absolute(0);
    }
}
