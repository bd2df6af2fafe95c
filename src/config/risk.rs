//! Pairs of settings that are each fine and risky together: told at start, refused never.

use secrecy::ExposeSecret as _;

use super::Config;
use crate::events::BrokerKind;

/// One sentence for each risky pair.
pub(super) fn warnings(config: &Config) -> Vec<String> {
    let production = config.telemetry.environment == "production";
    let loopback = config.http.listen.ip().is_loopback();
    let tls = !config.http.tls_cert_file.is_empty() || config.http.public_url.starts_with("https://");
    let kafka = config.events.broker == BrokerKind::Kafka;
    let sqlite = config.storage.is_sqlite();
    let pairs = [
        (
            sqlite && kafka,
            "storage.url is SQLite and events.broker is kafka: fine for one instance, never for two on one file",
        ),
        (sqlite && production, "storage.url is SQLite in production: a second replica would have data of its own"),
        (
            production && config.auth.generate_keys,
            "auth.generate_keys in production: each replica would sign with a key of its own; mount auth.keys_dir",
        ),
        (production && !kafka, "events.broker is memory in production: nobody else gets the events"),
        (
            !loopback && !tls,
            "http.listen is reachable from elsewhere without TLS: set http.tls_cert_file, or http.public_url to the https:// address of the proxy in front",
        ),
        (
            !loopback && config.http.admin_listen.ip().is_unspecified(),
            "http.admin_listen is reachable from elsewhere: metrics and health are not for the public",
        ),
        (
            kafka && !config.kafka.tls && !config.kafka.sasl_username.is_empty(),
            "kafka.sasl_username without kafka.tls: what is published can be read on the wire",
        ),
        (
            config.schema_registry.url.starts_with("http://") && !config.schema_registry.username.is_empty(),
            "schema_registry.username without https: the password can be read on the wire",
        ),
        (
            kafka && config.kafka.min_insync_replicas < 2,
            "kafka.min_insync_replicas below 2: an acknowledged event can be lost with one broker",
        ),
        (
            production && config.limits.redis_url.expose_secret().is_empty(),
            "limits.redis_url is empty in production: each replica counts the limits for itself",
        ),
        (
            config.http.max_streams >= config.http.max_connections,
            "http.max_streams is not less than http.max_connections: open streams could take every connection",
        ),
        (
            config.webhooks.allow_private,
            "webhooks.allow_private: whoever has an account can make this service call what only it can reach; never outside of development",
        ),
        (
            config.webhooks.timeout_ms >= config.http.request_timeout_ms,
            "webhooks.timeout_ms is no shorter than http.request_timeout_ms: the test of a slow webhook ends with 504",
        ),
        (
            config.http.drain_deadline_ms < config.http.request_timeout_ms,
            "http.drain_deadline_ms is shorter than http.request_timeout_ms: a stop may cut requests off",
        ),
    ];
    pairs.into_iter().filter(|(risky, _)| *risky).map(|(_, says)| says.to_owned()).collect()
}
