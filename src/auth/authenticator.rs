//! Tells the kinds of bearer tokens apart, and who each speaks for.

use std::sync::Arc;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures::future::BoxFuture;
use quick_cache::sync::Cache;

use super::external::{External, Provider};
use super::opaque::{self, PERSONAL};
use super::token::EXPIRED;
use super::{Error, Tokens, metrics as names};
use crate::kernel::Actor;

/// Knows accounts: the user slice.
pub trait Directory: Send + Sync {
    /// The actor of a personal API token by its hash; `None` when it is unknown, revoked or expired.
    fn api_token(&self, hash: [u8; 32]) -> BoxFuture<'_, Result<Option<Actor>, Error>>;

    /// The account of an external subject; made at first sight.
    fn external(&self, external: External) -> BoxFuture<'_, Result<Actor, Error>>;
}

/// What is said of a personal token that belongs to nobody, or does no longer.
const UNKNOWN: &str = "The API token is unknown, revoked or expired.";
/// A personal token is looked up again after so long: a revocation takes effect within it.
const REMEMBERED_FOR: Duration = Duration::from_secs(5);

/// Authenticates bearers.
pub struct Authenticator {
    tokens: Arc<Tokens>,
    provider: Option<Provider>,
    directory: Arc<dyn Directory>,
    personal: Cache<[u8; 32], (Actor, Instant)>,
}

impl Authenticator {
    /// Our tokens, an external provider's, and the directory's.
    pub fn new(tokens: Arc<Tokens>, provider: Option<Provider>, directory: Arc<dyn Directory>) -> Self {
        Self { tokens, provider, directory, personal: Cache::new(16_384) }
    }

    /// The actor of a bearer token.
    pub async fn authenticate(&self, token: &str) -> Result<Actor, Error> {
        let actor = self.actor(token).await;
        if let Err(Error::Invalid(says)) = actor {
            let reason = match says {
                EXPIRED => "expired",
                UNKNOWN => "unknown",
                _ => "invalid",
            };
            metrics::counter!(names::REFUSED, "reason" => reason).increment(1);
        }
        actor
    }

    async fn actor(&self, token: &str) -> Result<Actor, Error> {
        if token.starts_with(PERSONAL) {
            return self.personal(token).await;
        }
        if let Some(provider) = &self.provider
            && issuer_of(token).as_deref() == Some(provider.issuer())
        {
            let external = provider.verify(token).await?;
            return self.directory.external(external).await;
        }
        self.tokens.verify(token)
    }

    async fn personal(&self, token: &str) -> Result<Actor, Error> {
        let hash = opaque::hash(token);
        if let Some((actor, at)) = self.personal.get(&hash)
            && at.elapsed() < REMEMBERED_FOR
        {
            return Ok(actor);
        }
        let actor = self.directory.api_token(hash).await?;
        let actor = actor.ok_or(Error::Invalid(UNKNOWN))?;
        self.personal.insert(hash, (actor, Instant::now()));
        Ok(actor)
    }
}

/// The `iss` that a token claims: only to choose who verifies it.
fn issuer_of(token: &str) -> Option<String> {
    let payload = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
    let claims: serde_json::Value = serde_json::from_slice(&payload).ok()?;
    Some(claims.get("iss")?.as_str()?.to_owned())
}
