//! The metric names of the HTTP room (OpenTelemetry's semantic conventions for HTTP servers).

use metrics::{Unit, describe_counter, describe_gauge, describe_histogram};

/// Duration of requests by method, route and status.
pub const DURATION: &str = "http_server_request_duration_seconds";
/// Requests being worked on.
pub const ACTIVE: &str = "http_server_active_requests";
/// The most requests that may be worked on at once.
pub const MAX_IN_FLIGHT: &str = "http_server_max_in_flight_requests";
/// Requests whose client went away.
pub const ABORTED: &str = "http_server_aborted_requests_total";
/// Requests refused because too many were in flight, or too many streams open.
pub const SHED: &str = "http_server_shed_requests_total";
/// Open streams of server-sent events.
pub const STREAMS: &str = "http_server_open_streams";
/// Open connections.
pub const CONNECTIONS: &str = "http_server_open_connections";
/// Connections that were closed by a time-out or a failed handshake.
pub const CONNECTION_ERRORS: &str = "http_server_connection_errors_total";
/// Requests refused by a limit.
pub const LIMITED: &str = "rate_limit_refused_total";
/// Checks made without Redis though it is configured.
pub const FALLBACK: &str = "rate_limit_fallback_total";
/// 1 while Redis answers.
pub const REDIS_UP: &str = "rate_limit_redis_up";
/// When the certificate in use ends, or the first of those that it stands on, seconds since 1970.
pub const TLS_NOT_AFTER: &str = "tls_certificate_not_after_timestamp_seconds";
/// Certificate reloads by outcome.
pub const TLS_RELOADS: &str = "tls_certificate_reloads_total";

/// Describes them to the installed recorder.
pub fn describe() {
    describe_histogram!(DURATION, Unit::Seconds, "Duration of HTTP requests by method, route template and status");
    describe_gauge!(ACTIVE, "HTTP requests being worked on");
    describe_gauge!(MAX_IN_FLIGHT, "The most HTTP requests that are worked on at once; the rest is refused");
    describe_counter!(ABORTED, Unit::Count, "HTTP requests whose client went away before the answer");
    describe_counter!(SHED, Unit::Count, "HTTP requests refused because too many were in flight, or streams open");
    metrics::counter!(SHED).absolute(0);
    describe_gauge!(STREAMS, "Open streams of server-sent events");
    describe_gauge!(CONNECTIONS, "Open connections to the API");
    describe_counter!(
        CONNECTION_ERRORS,
        Unit::Count,
        "Connections ended by a time-out, a failed handshake or an error"
    );
    describe_counter!(LIMITED, Unit::Count, "Requests refused by a rate limit, by policy");
    describe_counter!(FALLBACK, Unit::Count, "Limit checks made in this process because Redis did not answer");
    describe_gauge!(REDIS_UP, "1 while Redis answers the limit checks, 0 while this process counts for itself");
    describe_gauge!(TLS_NOT_AFTER, Unit::Seconds, "When the TLS certificate in use ends, as Unix time");
    describe_counter!(TLS_RELOADS, Unit::Count, "Reloads of the TLS certificate by outcome");
}
