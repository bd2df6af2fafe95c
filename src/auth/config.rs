//! The `[auth]` section.

use serde::Deserialize;

/// Tokens, keys and passwords.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// `iss` of our tokens; empty: `http.public_url`, or the listen address.
    pub issuer: String,
    /// `aud` of our tokens.
    pub audience: String,
    /// Lifetime of an access token, seconds.
    pub access_token_seconds: i64,
    /// Lifetime of a session that is not used, days.
    pub refresh_token_days: i64,
    /// How long a refresh token that was just used may come again, seconds.
    pub refresh_retry_seconds: i64,
    /// Folder of the signing keys and of the server key.
    pub keys_dir: String,
    /// Whether missing keys are made at start.
    pub generate_keys: bool,
    /// Sign-ins that may wait for the password hasher.
    pub hash_queue: usize,
    /// `iss` of an external OpenID provider; empty: none.
    pub external_issuer: String,
    /// `aud` that the external provider's tokens must have.
    pub external_audience: String,
    /// Its JWKS; empty: found through OpenID discovery.
    pub external_jwks_url: String,
}

impl Config {
    /// Every mistake in the section: the key, and what is allowed.
    pub fn problems(&self) -> Vec<(&'static str, String)> {
        let mut found = Vec::new();
        for (key, value, least, most) in [
            ("access_token_seconds", self.access_token_seconds, 10, 86_400),
            ("refresh_token_days", self.refresh_token_days, 1, 365),
            ("refresh_retry_seconds", self.refresh_retry_seconds, 0, 60),
        ] {
            if !(least..=most).contains(&value) {
                found.push((key, format!("must be {least} to {most}")));
            }
        }
        if self.audience.is_empty() {
            found.push(("audience", "must not be empty".to_owned()));
        }
        if !(1..=10_000).contains(&self.hash_queue) {
            found.push(("hash_queue", "must be 1 to 10000".to_owned()));
        }
        if !self.generate_keys && !std::path::Path::new(&self.keys_dir).is_dir() {
            found.push(("keys_dir", "must be a folder with keys, since auth.generate_keys is false".to_owned()));
        }
        if !self.external_issuer.is_empty() && self.external_audience.is_empty() {
            found.push(("external_audience", "must be given with auth.external_issuer".to_owned()));
        }
        for (key, url) in [("external_issuer", &self.external_issuer), ("external_jwks_url", &self.external_jwks_url)] {
            if !url.is_empty() && !is_secure(url) {
                found.push((key, "must be an https:// address (http:// on loopback only), or empty".to_owned()));
            }
        }
        found
    }
}

/// HTTPS, or plain HTTP that stays on this machine.
fn is_secure(url: &str) -> bool {
    reqwest::Url::parse(url).is_ok_and(|url| {
        let local = matches!(url.host_str(), Some("127.0.0.1" | "localhost" | "[::1]"));
        url.scheme() == "https" || (url.scheme() == "http" && local)
    })
}
