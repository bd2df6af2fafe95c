//! Access tokens: JWTs after RFC 9068, checked as RFC 8725 asks.
//!
//! **Rules.** The algorithm is ours, whatever the header says; the key is one of ours, named by `kid`; `typ` must be
//! `at+jwt`; no header that points at a key elsewhere is followed. Time is the kernel's clock.

use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use chrono::{DateTime, TimeDelta, Utc};
use jsonwebtoken::{Header, TokenData, Validation};
use quick_cache::sync::Cache;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::Error;
use super::keys::{ALGORITHM, KeyRing};
use crate::kernel::{Actor, Channel, Clock, Ids, Scopes};

/// What is said of a token whose time is over.
pub(super) const EXPIRED: &str = "The token has expired.";
/// Longer ones are refused unread.
pub(super) const MAX_LENGTH: usize = 8 * 1024;
/// Clocks of two machines may differ so much.
pub const LEEWAY: TimeDelta = TimeDelta::seconds(30);
/// The client of a person's own session; any other is a program of theirs.
pub const FIRST_PARTY: &str = "todo-web";
/// How many verified tokens are remembered.
const REMEMBERED: usize = 16_384;

#[derive(Debug, Serialize, Deserialize)]
struct Claims {
    iss: String,
    sub: Uuid,
    aud: String,
    exp: i64,
    iat: i64,
    jti: Uuid,
    client_id: String,
    scope: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    sid: Option<Uuid>,
}

#[derive(Clone)]
struct Verified {
    actor: Actor,
    expires_at: DateTime<Utc>,
    kid: Arc<str>,
}

/// Issues and verifies our access tokens.
pub struct Tokens {
    ring: Arc<KeyRing>,
    clock: Clock,
    ids: Ids,
    issuer: String,
    audience: String,
    lifetime: TimeDelta,
    verified: Cache<[u8; 32], Verified>,
}

impl Tokens {
    /// Tokens of `issuer` for `audience` that live for `lifetime`.
    pub fn new(
        ring: Arc<KeyRing>,
        clock: Clock,
        ids: Ids,
        issuer: String,
        audience: String,
        lifetime: TimeDelta,
    ) -> Self {
        Self { ring, clock, ids, issuer, audience, lifetime, verified: Cache::new(REMEMBERED) }
    }

    /// How long a token lives.
    pub fn lifetime(&self) -> TimeDelta {
        self.lifetime
    }

    /// `iss`.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Signs a token for `actor`.
    pub fn issue(&self, actor: &Actor, client_id: &str) -> Result<String, Error> {
        let now = self.clock.now();
        let claims = Claims {
            iss: self.issuer.clone(),
            sub: actor.user_id,
            aud: self.audience.clone(),
            exp: (now + self.lifetime).timestamp(),
            iat: now.timestamp(),
            jti: self.ids.uuid(),
            client_id: client_id.to_owned(),
            scope: actor.scopes.to_string(),
            sid: actor.session_id,
        };
        self.ring.signing(|key| {
            let header =
                Header { typ: Some("at+jwt".to_owned()), kid: Some(key.kid.clone()), ..Header::new(ALGORITHM) };
            jsonwebtoken::encode(&header, &claims, &key.signing).map_err(|error| Error::Keys(error.to_string()))
        })
    }

    /// The actor of a token. A token that was verified before costs a hash.
    pub fn verify(&self, token: &str) -> Result<Actor, Error> {
        if token.len() > MAX_LENGTH {
            return Err(Error::Invalid("The token is too long."));
        }
        let mut hash = [0; 32];
        hash.copy_from_slice(digest(&SHA256, token.as_bytes()).as_ref());
        if let Some(known) = self.verified.get(&hash) {
            if known.expires_at + LEEWAY <= self.clock.now() {
                return Err(Error::Invalid(EXPIRED));
            }
            if self.ring.verifying(&known.kid, |_| ()).is_some() {
                return Ok(known.actor);
            }
        }
        let verified = self.check(token)?;
        self.verified.insert(hash, verified.clone());
        Ok(verified.actor)
    }

    fn check(&self, token: &str) -> Result<Verified, Error> {
        let header = jsonwebtoken::decode_header(token).map_err(|_| Error::Invalid("The token is malformed."))?;
        check_header(&header)?;
        let kid = header.kid.ok_or(Error::Invalid("The token names no key."))?;
        let mut rules = Validation::new(ALGORITHM);
        rules.set_audience(&[&self.audience]);
        rules.set_issuer(&[&self.issuer]);
        // Time is checked below, on the kernel's clock.
        (rules.validate_exp, rules.validate_nbf) = (false, false);
        rules.set_required_spec_claims(&["iss", "aud", "sub", "exp"]);
        let decoded = self.ring.verifying(&kid, |key| jsonwebtoken::decode::<Claims>(token, &key.verifying, &rules));
        let TokenData { claims, .. } = decoded
            .ok_or(Error::Invalid("The token's key is unknown or retired."))?
            .map_err(|_| Error::Invalid("The token's signature, issuer or audience is wrong."))?;
        let expires_at = DateTime::from_timestamp(claims.exp, 0).ok_or(Error::Invalid("The token is malformed."))?;
        let now = self.clock.now();
        if expires_at + LEEWAY <= now {
            return Err(Error::Invalid(EXPIRED));
        }
        if claims.iat > (now + LEEWAY).timestamp() {
            return Err(Error::Invalid("The token is not valid yet."));
        }
        let scopes: Scopes = claims.scope.parse().map_err(|_| Error::Invalid("The token's scope is unknown."))?;
        let channel = if claims.client_id == FIRST_PARTY { Channel::Person } else { Channel::ApiToken };
        let actor = Actor { user_id: claims.sub, session_id: claims.sid, channel, scopes };
        Ok(Verified { actor, expires_at, kid: kid.into() })
    }
}

/// What a header must and must not have (RFC 8725 sections 3.1, 3.10 and 3.11).
fn check_header(header: &Header) -> Result<(), Error> {
    if header.alg != ALGORITHM {
        return Err(Error::Invalid("The token's algorithm is not accepted."));
    }
    let typ = header.typ.as_deref().unwrap_or_default();
    let typ = typ.get(..12).filter(|prefix| prefix.eq_ignore_ascii_case("application/")).map_or(typ, |_| &typ[12..]);
    if !typ.eq_ignore_ascii_case("at+jwt") {
        return Err(Error::Invalid("The token is not an access token."));
    }
    let points_elsewhere = header.jku.is_some() || header.x5u.is_some() || header.jwk.is_some() || header.x5c.is_some();
    if points_elsewhere || header.crit.is_some() {
        return Err(Error::Invalid("The token's header is not accepted."));
    }
    Ok(())
}

#[cfg(test)]
#[path = "token_tests.rs"]
mod tests;
