//! Sessions: a family of refresh tokens each.
//!
//! **Rotation (RFC 9700 section 4.14.2).** A refresh token is used once. Its successor is derived from it, so a client
//! whose answer was lost gets the same one when it comes again within the retry time and has not used the successor
//! yet. Any other reuse means that two hold the token: the whole family is revoked.

use chrono::{DateTime, Utc};
use secrecy::SecretString;
use uuid::Uuid;

use super::model::{Email, Session};
use super::service::Accounts;
use super::store::Known;
use super::{Error, event, metrics, store};
use crate::auth::{FIRST_PARTY, opaque};
use crate::http::{Policy, limit_key};
use crate::kernel::Actor;
use crate::storage::Tx;

const ENDED: &str = "The session has ended: sign in again.";

/// What a client gets: the body of RFC 6749 section 5.1.
#[derive(Clone, Debug, serde::Serialize, utoipa::ToSchema)]
pub(super) struct TokenPair {
    /// A JWT (RFC 9068): send it as a bearer token.
    pub(super) access_token: String,
    /// Always `Bearer`.
    pub(super) token_type: &'static str,
    /// Seconds until the access token ends.
    pub(super) expires_in: i64,
    /// Exchange it at `/oauth2/token`, once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) refresh_token: Option<String>,
    /// What the access token may do.
    pub(super) scope: String,
}

/// Where a sign-in comes from.
pub(super) struct From<'a> {
    pub(super) address: std::net::IpAddr,
    pub(super) user_agent: &'a str,
}

impl Accounts {
    /// Opens a session for who knows the password.
    pub(super) async fn sign_in(
        &self,
        email: &str,
        password: &SecretString,
        from: &From<'_>,
    ) -> Result<TokenPair, Error> {
        let email = Email::parse(email).map(|email| email.key).unwrap_or_default();
        // The address comes first: one that is over its own limit takes nothing from the account's.
        let keys = [(Policy::SignInAddress, limit_key(from.address)), (Policy::SignInAccount, account_key(&email))];
        let decision = self.limiter.check(&keys).await;
        if !decision.allowed {
            return Err(Error::Limited(decision));
        }
        let known = store::by_email(&self.db, &email).await?;
        let hash = known.as_ref().and_then(|known| known.password_hash.clone());
        let fits = self.hasher.verify(password, hash).await?;
        match known {
            Some(known) if fits => {
                let opened = self.open_session(known.id, from).await;
                metrics::signed_in("succeeded", opened.is_ok().into());
                opened
            }
            Some(known) => {
                metrics::signed_in("wrong_credentials", 1);
                let client = self.ring.audit_hash(&from.address.to_string());
                let actor = Self::person(known.id, None);
                let event = self.log.prepare(&actor, &event::sign_in_failed(known.id, client))?;
                let mut tx = self.db.begin().await?;
                self.log.append(&mut tx, &event).await?;
                tx.commit().await?;
                self.log.committed(actor.user_id);
                Err(Error::WrongCredentials)
            }
            None => {
                metrics::signed_in("wrong_credentials", 1);
                Err(Error::WrongCredentials)
            }
        }
    }

    /// The password once more, from somebody who is signed in: a stolen access token must not become a way to guess
    /// it, so it counts as a try to sign in.
    pub(super) async fn confirm(&self, known: &Known, password: &SecretString) -> Result<(), Error> {
        let email = known.email.as_deref().and_then(|text| Email::parse(text).ok());
        let key = email.map_or_else(|| known.id.to_string(), |email| email.key);
        let decision = self.limiter.check(&[(Policy::SignInAccount, account_key(&key))]).await;
        if !decision.allowed {
            return Err(Error::Limited(decision));
        }
        let fits = self.hasher.verify(password, known.password_hash.clone()).await?;
        if fits { Ok(()) } else { Err(Error::WrongPassword) }
    }

    async fn open_session(&self, user_id: Uuid, from: &From<'_>) -> Result<TokenPair, Error> {
        let now = self.clock.now();
        let session = Session {
            id: self.ids.uuid(),
            user_agent: from.user_agent.chars().filter(|c| !c.is_control()).take(200).collect(),
            created_at: now,
            last_used_at: now,
            expires_at: now + self.settings.session,
        };
        let actor = Self::person(user_id, Some(session.id));
        let event = self.log.prepare(&actor, &event::signed_in(session.id))?;
        let refresh = opaque::new(opaque::REFRESH, &self.ids);
        let pair = self.pair(&actor, refresh.clone())?;
        let mut tx = self.db.begin().await?;
        self.log.append(&mut tx, &event).await?;
        store::open_session(&mut tx, user_id, &session).await?;
        store::add_refresh(&mut tx, opaque::hash(&refresh), session.id, now).await?;
        tx.commit().await?;
        self.log.committed(actor.user_id);
        Ok(pair)
    }

    fn pair(&self, actor: &Actor, refresh_token: String) -> Result<TokenPair, Error> {
        Ok(TokenPair {
            access_token: self.tokens.issue(actor, FIRST_PARTY)?,
            token_type: "Bearer",
            expires_in: self.tokens.lifetime().num_seconds(),
            refresh_token: Some(refresh_token),
            scope: actor.scopes.to_string(),
        })
    }

    /// The refresh grant.
    pub(super) async fn refresh(&self, token: &str) -> Result<TokenPair, Error> {
        let ended = || {
            metrics::refreshed("refused", 1);
            Error::grant("invalid_grant", ENDED)
        };
        let (now, hash) = (self.clock.now(), opaque::hash(token));
        let successor = self.ring.successor(token);
        let mut tx = self.db.begin().await?;
        let Some(found) = store::find_refresh(&mut tx, hash).await? else {
            tx.rollback().await?;
            return Err(ended());
        };
        if found.revoked_at.is_some() || found.expires_at <= now {
            tx.rollback().await?;
            return Err(ended());
        }
        let actor = Self::person(found.user_id, Some(found.session_id));
        match found.used_at {
            None => {
                store::use_refresh(&mut tx, hash, now).await?;
                store::add_refresh(&mut tx, opaque::hash(&successor), found.session_id, now).await?;
                store::touch(&mut tx, found.session_id, now, now + self.settings.session).await?;
                tx.commit().await?;
                metrics::refreshed("renewed", 1);
                self.pair(&actor, successor)
            }
            Some(used_at) if self.is_retry(used_at, now) => {
                let unused = store::was_used(&mut tx, opaque::hash(&successor)).await? == Some(false);
                if unused {
                    tx.rollback().await?;
                    metrics::refreshed("repeated", 1);
                    return self.pair(&actor, successor);
                }
                self.revoke_family(tx, &actor, now).await
            }
            Some(_) => self.revoke_family(tx, &actor, now).await,
        }
    }

    fn is_retry(&self, used_at: DateTime<Utc>, now: DateTime<Utc>) -> bool {
        now - used_at <= self.settings.retry
    }

    /// Two hold the same token: nobody goes on with it.
    async fn revoke_family(&self, mut tx: Tx, actor: &Actor, now: DateTime<Utc>) -> Result<TokenPair, Error> {
        let session = actor.session_id.unwrap_or_default();
        let draft = event::sessions_revoked(actor.user_id, &[session], "refresh_token_reused");
        self.log.append(&mut tx, &self.log.prepare(actor, &draft)?).await?;
        store::revoke(&mut tx, session, actor.user_id, now).await?;
        tx.commit().await?;
        self.log.committed(actor.user_id);
        metrics::refreshed("reused", 1);
        tracing::warn!(session_id = %session, "a refresh token came twice: its session is revoked");
        Err(Error::grant("invalid_grant", ENDED))
    }

    /// The sessions that are open.
    pub(super) async fn sessions(&self, actor: &Actor) -> Result<Vec<Session>, Error> {
        Ok(store::sessions(&self.db, actor.user_id, self.clock.now()).await?)
    }

    /// Ends one session; the caller's own counts as a sign-out.
    pub(super) async fn end_session(&self, actor: &Actor, id: Uuid) -> Result<(), Error> {
        let draft = if actor.session_id == Some(id) {
            event::signed_out(id)
        } else {
            event::sessions_revoked(actor.user_id, &[id], "revoked")
        };
        let event = self.log.prepare(actor, &draft)?;
        let mut tx = self.db.begin().await?;
        self.log.append(&mut tx, &event).await?;
        if store::revoke(&mut tx, id, actor.user_id, self.clock.now()).await? {
            tx.commit().await?;
            self.log.committed(actor.user_id);
            return Ok(());
        }
        tx.rollback().await?;
        Err(Error::NotFound)
    }

    /// RFC 7009: ends the session of a refresh token. An unknown token is no error.
    pub(super) async fn revoke_refresh(&self, token: &str) -> Result<(), Error> {
        let mut tx = self.db.begin().await?;
        let found = store::find_refresh(&mut tx, opaque::hash(token)).await?;
        tx.rollback().await?;
        let Some(found) = found else { return Ok(()) };
        match self.end_session(&Self::person(found.user_id, Some(found.session_id)), found.session_id).await {
            Err(Error::NotFound) => Ok(()),
            other => other,
        }
    }
}

/// What tries to sign in are counted by.
fn account_key(email: &str) -> u128 {
    u128::from_be_bytes(opaque::hash(email)[..16].try_into().unwrap_or_default())
}
