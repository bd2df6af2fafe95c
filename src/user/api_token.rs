//! Personal API tokens: for a person's own programs.

use chrono::{DateTime, Utc};
use futures::future::BoxFuture;
use uuid::Uuid;

use super::model::ApiToken;
use super::service::{Accounts, Keyed};
use super::session::TokenPair;
use super::{Error, event, store};
use crate::auth::{self, Directory, External, opaque};
use crate::http::idempotency::{self, Outcome};
use crate::kernel::{Actor, Channel, Scopes};

/// What a person asks for.
pub(super) struct NewToken {
    pub(super) name: String,
    pub(super) scopes: String,
    pub(super) expires_at: Option<DateTime<Utc>>,
}

impl Accounts {
    /// Makes a token. Its secret is told once, and derived from its id under the server's key, so that a stored reply
    /// need not hold it.
    pub(super) async fn create_api_token(
        &self,
        actor: &Actor,
        new: NewToken,
        key: Keyed<'_, ApiToken>,
    ) -> Result<Outcome<ApiToken>, Error> {
        if let Some((key, _)) = key
            && let Some(reply) = self.seen(actor.user_id, key).await?
        {
            return Ok(Outcome::Replay(reply));
        }
        let now = self.clock.now();
        let (name, scopes) = check(actor, &new, now)?;
        let scopes = scopes.to_string();
        let token = ApiToken { id: self.ids.uuid(), name, scopes, created_at: now, expires_at: new.expires_at };
        let event = self.log.prepare(actor, &event::api_token_created(token.id, &token.scopes))?;
        let mut tx = self.db.begin().await?;
        self.log.append(&mut tx, &event).await?;
        if let Some((key, reply)) = key
            && !idempotency::store(&mut tx, actor.user_id, key, &reply(&token), now).await?
        {
            tx.rollback().await?;
            let reply = self.seen(actor.user_id, key).await?;
            return reply.map(Outcome::Replay).ok_or(Error::NotFound);
        }
        store::add_api_token(&mut tx, actor.user_id, &token, opaque::hash(&self.secret_of(token.id))).await?;
        tx.commit().await?;
        self.log.committed(actor.user_id);
        Ok(Outcome::Done(token))
    }

    /// The secret of a token.
    pub(super) fn secret_of(&self, id: Uuid) -> String {
        self.ring.personal(&id.to_string())
    }

    /// The tokens that are not revoked.
    pub(super) async fn api_tokens(&self, actor: &Actor) -> Result<Vec<ApiToken>, Error> {
        Ok(store::api_tokens(&self.db, actor.user_id).await?)
    }

    /// Revokes a token. Access tokens that it got by client credentials end on their own.
    pub(super) async fn revoke_api_token(&self, actor: &Actor, id: Uuid) -> Result<(), Error> {
        let event = self.log.prepare(actor, &event::api_token_revoked(id))?;
        let mut tx = self.db.begin().await?;
        self.log.append(&mut tx, &event).await?;
        if store::revoke_api_token(&mut tx, id, actor.user_id, self.clock.now()).await? {
            tx.commit().await?;
            self.log.committed(actor.user_id);
            return Ok(());
        }
        tx.rollback().await?;
        Err(Error::NotFound)
    }

    /// The client-credentials grant: the token's id and secret for a short-lived access token.
    pub(super) async fn client_credentials(&self, id: &str, secret: &str, scope: &str) -> Result<TokenPair, Error> {
        let refused = || Error::grant("invalid_client", "The client id or the client secret is wrong.");
        let found = store::find_api_token(&self.db, opaque::hash(secret), self.clock.now()).await?;
        let (token_id, user_id, scopes) = found.ok_or_else(refused)?;
        if token_id.to_string() != id {
            return Err(refused());
        }
        let unknown = |_| Error::grant("invalid_scope", "The scope is unknown.");
        let mut scopes: Scopes = scopes.parse().map_err(unknown)?;
        if !scope.is_empty() {
            let asked: Scopes = scope.parse().map_err(unknown)?;
            if !asked.within(scopes) {
                return Err(Error::grant("invalid_scope", "The token does not have this scope."));
            }
            scopes = asked;
        }
        let actor = Actor { user_id, session_id: None, channel: Channel::ApiToken, scopes };
        Ok(TokenPair {
            access_token: self.tokens.issue(&actor, id)?,
            token_type: "Bearer",
            expires_in: self.tokens.lifetime().num_seconds(),
            refresh_token: None,
            scope: scopes.to_string(),
        })
    }
}

fn check(actor: &Actor, new: &NewToken, now: DateTime<Utc>) -> Result<(String, Scopes), Error> {
    let mut wrong = Vec::new();
    let name = new.name.trim().to_owned();
    if !(1..=100).contains(&name.chars().count()) || name.chars().any(char::is_control) {
        wrong.push(("/name", "invalid", "give a name of 1 to 100 characters"));
    }
    let scopes = new.scopes.parse::<Scopes>().unwrap_or(Scopes::NONE);
    if scopes.is_empty() {
        wrong.push(("/scopes", "invalid", "use some of: tasks:read tasks:write account:read account:write"));
    } else if !scopes.within(actor.scopes) {
        wrong.push(("/scopes", "too_wide", "a token cannot have more rights than the one that makes it"));
    }
    if new.expires_at.is_some_and(|at| at <= now) {
        wrong.push(("/expiresAt", "in_the_past", "give a time in the future, or none"));
    }
    if wrong.is_empty() { Ok((name, scopes)) } else { Err(Error::Invalid(wrong)) }
}

impl Directory for Accounts {
    fn api_token(&self, hash: [u8; 32]) -> BoxFuture<'_, Result<Option<Actor>, auth::Error>> {
        Box::pin(async move {
            let found = store::find_api_token(&self.db, hash, self.clock.now()).await;
            let found = found.map_err(|error| auth::Error::Unavailable(error.to_string()))?;
            Ok(found.map(|(_, user_id, scopes)| {
                let scopes = scopes.parse().unwrap_or(Scopes::NONE);
                Actor { user_id, session_id: None, channel: Channel::ApiToken, scopes }
            }))
        })
    }

    fn external(&self, external: External) -> BoxFuture<'_, Result<Actor, auth::Error>> {
        Box::pin(async move {
            let actor = Accounts::external(self, external).await;
            actor.map_err(|error| auth::Error::Unavailable(error.to_string()))
        })
    }
}
