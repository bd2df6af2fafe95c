//! Access tokens of an external OpenID provider, checked with the keys that it publishes.
//!
//! **Invariants.** Only asymmetric algorithms, and only the one that fits the key. Keys are fetched with a time-out and
//! a bound on their size, at most once in [`PAUSE`], whatever tokens arrive; while the provider is down the keys that
//! are known go on.

use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwapOption;
use chrono::{DateTime, Utc};
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde::Deserialize;
use tokio::sync::Mutex;

use super::token::{EXPIRED, LEEWAY, MAX_LENGTH};
use super::{Config, Error};
use crate::kernel::Clock;

/// The shortest time between two fetches: a flood of unknown key ids must not become a flood of requests.
pub const PAUSE: Duration = Duration::from_secs(30);
/// Keys older than this are fetched again.
const FRESH: Duration = Duration::from_hours(1);
const MAX_BYTES: usize = 256 * 1024;
const ALGORITHMS: [Algorithm; 6] =
    [Algorithm::RS256, Algorithm::RS384, Algorithm::RS512, Algorithm::ES256, Algorithm::ES384, Algorithm::EdDSA];

/// Who an external token speaks of.
#[derive(Clone, Debug)]
pub struct External {
    /// `iss`
    pub issuer: String,
    /// `sub`: unique within the issuer.
    pub subject: String,
    /// `name`, for the profile of an account made at first sight.
    pub name: Option<String>,
    /// When the token ends.
    pub expires_at: DateTime<Utc>,
}

#[derive(Deserialize)]
struct Claims {
    sub: String,
    exp: i64,
    #[serde(default)]
    nbf: i64,
    name: Option<String>,
}

struct Fetched {
    keys: JwkSet,
    at: Instant,
}

/// An external provider.
pub struct Provider {
    clock: Clock,
    client: reqwest::Client,
    issuer: String,
    audience: String,
    jwks_url: String,
    keys: ArcSwapOption<Fetched>,
    /// Held during a fetch; when the last one was tried.
    fetching: Mutex<Option<Instant>>,
    pause: Duration,
}

impl Provider {
    /// The configured provider; `None` when there is none.
    pub fn of(config: &Config, clock: Clock) -> Result<Option<Self>, Error> {
        if config.external_issuer.is_empty() {
            return Ok(None);
        }
        let client = reqwest::Client::builder()
            .timeout(Duration::from_secs(5))
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|error| Error::Unavailable(error.to_string()))?;
        Ok(Some(Self {
            clock,
            client,
            issuer: config.external_issuer.clone(),
            audience: config.external_audience.clone(),
            jwks_url: config.external_jwks_url.clone(),
            keys: ArcSwapOption::empty(),
            fetching: Mutex::new(None),
            pause: PAUSE,
        }))
    }

    /// For a test that does not wait half a minute.
    #[must_use]
    pub fn with_pause(self, pause: Duration) -> Self {
        Self { pause, ..self }
    }

    /// `iss`
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Checks a token of this provider.
    pub async fn verify(&self, token: &str) -> Result<External, Error> {
        if token.len() > MAX_LENGTH {
            return Err(Error::Invalid("The token is too long."));
        }
        let header = jsonwebtoken::decode_header(token).map_err(|_| Error::Invalid("The token is malformed."))?;
        if !ALGORITHMS.contains(&header.alg) || header.crit.is_some() {
            return Err(Error::Invalid("The token's algorithm is not accepted."));
        }
        let kid = header.kid.ok_or(Error::Invalid("The token names no key."))?;
        let key = self.key(&kid, header.alg).await?;
        let mut rules = Validation::new(header.alg);
        rules.set_audience(&[&self.audience]);
        rules.set_issuer(&[&self.issuer]);
        (rules.validate_exp, rules.validate_nbf) = (false, false);
        // What is missing would otherwise pass unchecked.
        rules.set_required_spec_claims(&["iss", "aud", "sub", "exp"]);
        let claims = jsonwebtoken::decode::<Claims>(token, &key, &rules)
            .map_err(|_| Error::Invalid("The token's signature, issuer or audience is wrong."))?
            .claims;
        let now = self.clock.now();
        let expires_at = DateTime::from_timestamp(claims.exp, 0).ok_or(Error::Invalid("The token is malformed."))?;
        if expires_at + LEEWAY <= now {
            return Err(Error::Invalid(EXPIRED));
        }
        if claims.nbf > (now + LEEWAY).timestamp() {
            return Err(Error::Invalid("The token is not valid yet."));
        }
        Ok(External { issuer: self.issuer.clone(), subject: claims.sub, name: claims.name, expires_at })
    }

    async fn key(&self, kid: &str, algorithm: Algorithm) -> Result<DecodingKey, Error> {
        let known = |fetched: &Fetched| find(&fetched.keys, kid, algorithm);
        if let Some(fetched) = self.keys.load_full()
            && let Some(key) = known(&fetched)
            && fetched.at.elapsed() < FRESH
        {
            return Ok(key);
        }
        self.refresh().await;
        let fetched = self.keys.load_full();
        let fetched = fetched.ok_or_else(|| Error::Unavailable("the provider's keys cannot be fetched".to_owned()))?;
        known(&fetched).ok_or(Error::Invalid("The token's key is unknown or retired."))
    }

    /// Fetches the keys, unless that was tried a moment ago. On a failure the old ones stay.
    async fn refresh(&self) {
        let mut last = self.fetching.lock().await;
        if last.is_some_and(|at| at.elapsed() < self.pause) {
            return;
        }
        *last = Some(Instant::now());
        match self.fetch().await {
            Ok(keys) => self.keys.store(Some(Arc::new(Fetched { keys, at: Instant::now() }))),
            Err(cause) => tracing::warn!(issuer = self.issuer, cause, "the provider's keys cannot be fetched"),
        }
    }

    async fn fetch(&self) -> Result<JwkSet, String> {
        #[derive(Deserialize)]
        struct Discovery {
            issuer: String,
            jwks_uri: String,
        }
        let url = if self.jwks_url.is_empty() {
            let well_known = format!("{}/.well-known/openid-configuration", self.issuer.trim_end_matches('/'));
            let found: Discovery = self.json(&well_known).await?;
            if found.issuer != self.issuer {
                return Err("the discovered issuer is another one".to_owned());
            }
            found.jwks_uri
        } else {
            self.jwks_url.clone()
        };
        self.json(&url).await
    }

    async fn json<T: serde::de::DeserializeOwned>(&self, url: &str) -> Result<T, String> {
        let mut response = self.client.get(url).send().await.map_err(|error| error.to_string())?;
        if !response.status().is_success() {
            return Err(format!("status {}", response.status()));
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| error.to_string())? {
            body.extend_from_slice(&chunk);
            if body.len() > MAX_BYTES {
                return Err("the answer is too large".to_owned());
            }
        }
        serde_json::from_slice(&body).map_err(|error| error.to_string())
    }
}

/// The key named `kid`, if it is meant for `algorithm`: a key never serves an algorithm of another kind.
fn find(keys: &JwkSet, kid: &str, algorithm: Algorithm) -> Option<DecodingKey> {
    let jwk = keys.find(kid)?;
    let meant = jwk.common.key_algorithm.map(|meant| meant.to_string());
    if meant.is_some_and(|meant| meant != format!("{algorithm:?}")) {
        return None;
    }
    let key = DecodingKey::from_jwk(jwk).ok()?;
    (key.family() == algorithm.family()).then_some(key)
}

#[cfg(test)]
#[path = "external_tests.rs"]
mod tests;
