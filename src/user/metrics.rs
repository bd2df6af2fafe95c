//! The metric names of the user slice.

use metrics::{Unit, describe_counter};

/// Accounts that were made.
pub(super) const CREATED: &str = "user_accounts_created_total";
/// Accounts that were erased.
pub(super) const DELETED: &str = "user_accounts_deleted_total";
/// Sign-ins with a password, by outcome; those that a limit refused are counted there.
pub(super) const SIGN_INS: &str = "auth_sign_ins_total";
/// Uses of refresh tokens, by outcome.
pub(super) const REFRESHES: &str = "auth_refreshes_total";

const SIGN_IN_OUTCOMES: [&str; 2] = ["succeeded", "wrong_credentials"];
const REFRESH_OUTCOMES: [&str; 4] = ["renewed", "repeated", "refused", "reused"];

/// Describes them to the installed recorder.
pub fn describe() {
    describe_counter!(CREATED, Unit::Count, "Accounts that were made");
    describe_counter!(DELETED, Unit::Count, "Accounts that were erased");
    describe_counter!(SIGN_INS, Unit::Count, "Sign-ins with a password: succeeded or wrong_credentials");
    describe_counter!(
        REFRESHES,
        Unit::Count,
        "Uses of refresh tokens: renewed, repeated (an answer was lost), refused (unknown or over), reused (by two: its session is revoked)"
    );
    for name in [CREATED, DELETED] {
        metrics::counter!(name).absolute(0);
    }
    for outcome in SIGN_IN_OUTCOMES {
        signed_in(outcome, 0);
    }
    for outcome in REFRESH_OUTCOMES {
        refreshed(outcome, 0);
    }
}

/// Counts a sign-in.
pub(super) fn signed_in(outcome: &'static str, count: u64) {
    metrics::counter!(SIGN_INS, "outcome" => outcome).increment(count);
}

/// Counts the use of a refresh token.
pub(super) fn refreshed(outcome: &'static str, count: u64) {
    metrics::counter!(REFRESHES, "outcome" => outcome).increment(count);
}
