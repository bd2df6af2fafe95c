//! The `[http]` and `[limits]` sections.

use std::net::SocketAddr;

use ipnet::IpNet;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;

/// The API's and the admin's listeners.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Address of the API.
    pub listen: SocketAddr,
    /// Address of metrics, health and version.
    pub admin_listen: SocketAddr,
    /// Where clients reach the API: the scheme and host of links and the token issuer's metadata.
    pub public_url: String,
    /// PEM files of the certificate chain and its key; empty: plain HTTP.
    pub tls_cert_file: String,
    /// See `tls_cert_file`.
    pub tls_key_file: String,
    /// The longest a client may take to send the head of a request, milliseconds.
    pub header_read_timeout_ms: u64,
    /// How long a connection may idle between two requests, milliseconds.
    pub idle_timeout_ms: u64,
    /// The longest a client may take to send the body of a request, milliseconds.
    pub body_read_timeout_ms: u64,
    /// The longest a request may take in all, milliseconds.
    pub request_timeout_ms: u64,
    /// Open connections; more wait to be accepted.
    pub max_connections: usize,
    /// Requests worked on at once; more are answered with 503.
    pub max_in_flight: usize,
    /// Streams of server-sent events that may be open; more are answered with 503.
    pub max_streams: usize,
    /// Streams that one user may have open; more are answered with 429.
    pub max_streams_per_user: usize,
    /// How often an open stream shows that it lives, and its token is looked at again, milliseconds.
    pub stream_heartbeat_ms: u64,
    /// The largest body, bytes.
    pub body_limit_bytes: usize,
    /// The largest file to import, in bytes.
    pub file_limit_bytes: usize,
    /// Origins that browsers may call from.
    pub cors_origins: Vec<String>,
    /// Proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// How long readiness fails before the listener closes, milliseconds.
    pub drain_pause_ms: u64,
    /// The longest that requests in flight are waited for, milliseconds.
    pub drain_deadline_ms: u64,
}

impl Config {
    /// Every mistake in the section: the key, and what is allowed.
    pub fn problems(&self) -> Vec<(&'static str, String)> {
        let mut found = Vec::new();
        if self.tls_cert_file.is_empty() != self.tls_key_file.is_empty() {
            found.push(("tls_key_file", "tls_cert_file and tls_key_file must be given together".to_owned()));
        }
        for (key, path) in [("tls_cert_file", &self.tls_cert_file), ("tls_key_file", &self.tls_key_file)] {
            if !path.is_empty() && !std::path::Path::new(path).is_file() {
                found.push((key, "must name a readable file".to_owned()));
            }
        }
        if !self.public_url.is_empty() && !self.public_url.starts_with("http") {
            found.push(("public_url", "must be an http:// or https:// address, or empty".to_owned()));
        }
        for (key, value, most) in [
            ("header_read_timeout_ms", self.header_read_timeout_ms, 120_000),
            ("idle_timeout_ms", self.idle_timeout_ms, 3_600_000),
            ("body_read_timeout_ms", self.body_read_timeout_ms, 600_000),
            ("request_timeout_ms", self.request_timeout_ms, 600_000),
            ("drain_deadline_ms", self.drain_deadline_ms, 600_000),
            ("stream_heartbeat_ms", self.stream_heartbeat_ms, 600_000),
        ] {
            if !(10..=most).contains(&value) {
                found.push((key, format!("must be 10 to {most} milliseconds")));
            }
        }
        if self.drain_pause_ms > 120_000 {
            found.push(("drain_pause_ms", "must be at most 120000 milliseconds".to_owned()));
        }
        if self.max_connections == 0 || self.max_in_flight == 0 {
            found.push(("max_connections", "max_connections and max_in_flight must be at least 1".to_owned()));
        }
        if self.max_streams_per_user == 0 {
            found.push(("max_streams_per_user", "must be at least 1".to_owned()));
        }
        if !(1024..=64 << 20).contains(&self.body_limit_bytes) {
            found.push(("body_limit_bytes", "must be 1024 to 67108864 bytes".to_owned()));
        }
        if !(1024..=64 << 20).contains(&self.file_limit_bytes) {
            found.push(("file_limit_bytes", "must be 1024 to 67108864 bytes".to_owned()));
        }
        if self.cors_origins.iter().any(|origin| !origin.starts_with("http") || origin.ends_with('/')) {
            found
                .push(("cors_origins", "must be origins such as `https://app.example.com`, without a path".to_owned()));
        }
        found
    }
}

/// How much one user or one address may ask for.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LimitsConfig {
    /// Requests a minute of one signed-in user.
    pub user_per_minute: u32,
    /// Requests that a user may make at once before the minute counts.
    pub user_burst: u32,
    /// Requests a minute of one address without a token.
    pub address_per_minute: u32,
    /// As `user_burst`, for addresses.
    pub address_burst: u32,
    /// Tries a minute to sign in to one account.
    pub sign_in_account_per_minute: u32,
    /// Tries a minute to sign in from one address.
    pub sign_in_address_per_minute: u32,
    /// Redis that all instances share; empty: each instance counts for itself.
    pub redis_url: SecretString,
    /// The longest wait for Redis, milliseconds.
    pub redis_timeout_ms: u64,
}

impl LimitsConfig {
    /// Every mistake in the section: the key, and what is allowed.
    pub fn problems(&self) -> Vec<(&'static str, String)> {
        let mut found = Vec::new();
        for (key, value) in [
            ("user_per_minute", self.user_per_minute),
            ("user_burst", self.user_burst),
            ("address_per_minute", self.address_per_minute),
            ("address_burst", self.address_burst),
            ("sign_in_account_per_minute", self.sign_in_account_per_minute),
            ("sign_in_address_per_minute", self.sign_in_address_per_minute),
        ] {
            if !(1..=10_000_000).contains(&value) {
                found.push((key, "must be 1 to 10000000".to_owned()));
            }
        }
        let redis = self.redis_url.expose_secret();
        if !redis.is_empty() && !redis.starts_with("redis://") && !redis.starts_with("rediss://") {
            found.push(("redis_url", "must be `redis://HOST:PORT` or `rediss://…`, or empty".to_owned()));
        }
        if !(1..=5_000).contains(&self.redis_timeout_ms) {
            found.push(("redis_timeout_ms", "must be 1 to 5000 milliseconds".to_owned()));
        }
        found
    }
}
