//! The use cases of an account: a function each, a transaction each.

use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use chrono::TimeDelta;
use chrono_tz::Tz;
use futures::future::BoxFuture;
use secrecy::SecretString;
use serde_json::{Value, json};
use uuid::Uuid;

use super::model::{Account, Email, ProfileInput, Wrong};
use super::{Error, event, metrics as names, store};
use crate::auth::{self, External, Hasher, KeyRing, Tokens};
use crate::events::EventLog;
use crate::http::Limiter;
use crate::http::idempotency::{self, Key, Outcome, Reply, Seen};
use crate::kernel::{Actor, Channel, Clock, Ids, Scopes};
use crate::storage::{self, Db, Tx};

/// What else belongs to an account: the composition root tells, because slices do not know each other.
pub trait Estate: Send + Sync {
    /// Everything that the other rooms keep of the account, by name.
    fn export<'a>(&'a self, actor: &'a Actor) -> BoxFuture<'a, Result<Vec<(&'static str, Value)>, String>>;

    /// Deletes it, in the transaction that erases the account.
    fn erase<'a>(&'a self, tx: &'a mut Tx, user_id: Uuid) -> BoxFuture<'a, Result<(), storage::Error>>;
}

/// How sessions behave.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// A session that is not used ends after so long.
    pub session: TimeDelta,
    /// A refresh token that was used may come again for so long.
    pub retry: TimeDelta,
}

/// The user slice. Clones share everything.
#[derive(Clone)]
pub struct Accounts {
    pub(super) db: Db,
    pub(super) log: EventLog,
    pub(super) clock: Clock,
    pub(super) ids: Ids,
    pub(super) hasher: Hasher,
    pub(super) ring: Arc<KeyRing>,
    pub(super) tokens: Arc<Tokens>,
    pub(super) limiter: Limiter,
    pub(super) settings: Settings,
    estate: Arc<dyn Estate>,
}

/// An Idempotency-Key with how its reply is made.
pub(super) type Keyed<'a, T> = Option<(&'a Key, fn(&T) -> Reply)>;

/// Who signs up.
pub(super) struct SignUp {
    pub(super) email: String,
    pub(super) password: SecretString,
    pub(super) profile: ProfileInput,
}

impl Accounts {
    /// A slice over `db`.
    #[expect(clippy::too_many_arguments, reason = "the composition root names each collaborator once, here")]
    pub fn new(
        db: Db,
        log: EventLog,
        clock: Clock,
        ids: Ids,
        hasher: Hasher,
        ring: Arc<KeyRing>,
        tokens: Arc<Tokens>,
        limiter: Limiter,
        settings: Settings,
        estate: Arc<dyn Estate>,
    ) -> Self {
        Self { db, log, clock, ids, hasher, ring, tokens, limiter, settings, estate }
    }

    /// The IANA time zone and the BCP 47 locale of a user: UTC and English for one that is not known.
    pub async fn home(db: &Db, user_id: Uuid) -> Result<(Tz, String), storage::Error> {
        let found = store::home(db, user_id).await?;
        let (zone, locale) = found.unwrap_or_else(|| ("UTC".to_owned(), "en".to_owned()));
        Ok((zone.parse().unwrap_or(Tz::UTC), locale))
    }

    /// The person themself, with every right.
    pub(super) fn person(user_id: Uuid, session_id: Option<Uuid>) -> Actor {
        Actor { user_id, session_id, channel: Channel::Person, scopes: Scopes::ALL }
    }

    /// Makes an account for an operator at the command line. Returns its id.
    pub async fn register(&self, email: String, password: SecretString) -> Result<Uuid, Error> {
        match self.sign_up(SignUp { email, password, profile: ProfileInput::default() }, None).await? {
            Outcome::Done(account) => Ok(account.id),
            Outcome::Replay(_) => Err(Error::NotFound),
        }
    }

    /// Makes an account.
    pub(super) async fn sign_up(&self, input: SignUp, key: Keyed<'_, Account>) -> Result<Outcome<Account>, Error> {
        let (email, profile) = self.check(&input)?;
        let owner = key_owner(&email);
        if let Some((key, _)) = key
            && let Some(reply) = self.seen(owner, key).await?
        {
            return Ok(Outcome::Replay(reply));
        }
        let hash = self.hasher.hash(&input.password).await?;
        let account = Account::create(self.ids.uuid(), Some(&email), profile, self.clock.now());
        let actor = Self::person(account.id, None);
        let event = self.log.prepare(&actor, &event::registered(account.id, &account.time_zone, &account.locale))?;
        let mut tx = self.db.begin().await?;
        if let Err(error) = store::insert(&mut tx, &account, Some(&email), Some(&hash)).await {
            drop(tx);
            return self.taken(error, owner, key).await;
        }
        self.log.open(&mut tx, account.id).await?;
        self.log.append(&mut tx, &event).await?;
        if let Some((key, reply)) = key {
            idempotency::store(&mut tx, owner, key, &reply(&account), account.created_at).await?;
        }
        tx.commit().await?;
        metrics::counter!(names::CREATED).increment(1);
        self.log.committed(actor.user_id);
        Ok(Outcome::Done(account))
    }

    fn check(&self, input: &SignUp) -> Result<(Email, ProfileInput), Error> {
        let mut wrong = input.profile.check();
        let email = Email::parse(&input.email).map_err(|one| wrong.push(one)).ok();
        let key = email.as_ref().map_or("", |email| email.key.as_str());
        match self.hasher.accept(&input.password, key) {
            Ok(()) => {}
            Err(auth::Error::WeakPassword { code, says }) => wrong.push(("/password", code, says)),
            Err(other) => return Err(other.into()),
        }
        match email {
            Some(email) if wrong.is_empty() => Ok((email, input.profile.clone())),
            _ => Err(Error::Invalid(wrong)),
        }
    }

    /// The address is taken: by another, or by the same request a moment ago.
    async fn taken(
        &self,
        error: storage::Error,
        owner: Uuid,
        key: Keyed<'_, Account>,
    ) -> Result<Outcome<Account>, Error> {
        match error {
            storage::Error::Constraint(name) if name.contains("email_key") => {
                if let Some((key, _)) = key
                    && let Some(reply) = self.seen(owner, key).await?
                {
                    return Ok(Outcome::Replay(reply));
                }
                Err(Error::EmailTaken)
            }
            other => Err(other.into()),
        }
    }

    pub(super) async fn seen(&self, owner: Uuid, key: &Key) -> Result<Option<Reply>, Error> {
        match idempotency::find(&self.db, owner, key).await? {
            Seen::Never => Ok(None),
            Seen::Same(reply) => Ok(Some(reply)),
            Seen::Other => Err(Error::KeyReused),
        }
    }

    /// The caller's account.
    pub(super) async fn get(&self, actor: &Actor) -> Result<Account, Error> {
        Ok(store::get(&self.db, actor.user_id).await?.ok_or(Error::NotFound)?.into())
    }

    /// Edits the profile. `expect` are the versions of an If-Match; `None` stands for any.
    pub(super) async fn edit(
        &self,
        actor: &Actor,
        expect: Option<&[i64]>,
        input: ProfileInput,
    ) -> Result<Account, Error> {
        let wrong = input.check();
        if !wrong.is_empty() {
            return Err(Error::Invalid(wrong));
        }
        let now = self.clock.now();
        loop {
            let before = self.get(actor).await?;
            if expect.is_some_and(|versions| !versions.contains(&before.version)) {
                return Err(Error::Stale { current: before.version });
            }
            let Some((after, changed)) = before.edit(input.clone(), now) else { return Ok(before) };
            let event = self.log.prepare(actor, &event::profile_updated(actor.user_id, &changed, &after.time_zone))?;
            let mut tx = self.db.begin().await?;
            self.log.append(&mut tx, &event).await?;
            if store::update(&mut tx, &after).await? {
                tx.commit().await?;
                self.log.committed(actor.user_id);
                return Ok(after);
            }
            tx.rollback().await?;
        }
    }

    /// Changes the password and revokes every other session.
    pub(super) async fn change_password(
        &self,
        actor: &Actor,
        present: &SecretString,
        new: &SecretString,
    ) -> Result<(), Error> {
        let known = store::get(&self.db, actor.user_id).await?.ok_or(Error::NotFound)?;
        self.confirm(&known, present).await?;
        let account = Account::from(known);
        let key = account.email.as_deref().unwrap_or_default().to_lowercase();
        if let Err(auth::Error::WeakPassword { code, says }) = self.hasher.accept(new, &key) {
            let wrong: Wrong = ("/newPassword", code, says);
            return Err(Error::Invalid(vec![wrong]));
        }
        let hash = self.hasher.hash(new).await?;
        let now = self.clock.now();
        let changed = self.log.prepare(actor, &event::password_changed(actor.user_id))?;
        let mut tx = self.db.begin().await?;
        self.log.append(&mut tx, &changed).await?;
        store::set_password(&mut tx, actor.user_id, &hash, now).await?;
        let keep = actor.session_id.unwrap_or_default();
        let revoked = store::revoke_others(&mut tx, actor.user_id, keep, now).await?;
        if !revoked.is_empty() {
            let draft = event::sessions_revoked(actor.user_id, &revoked, "password_changed");
            self.log.append(&mut tx, &self.log.prepare(actor, &draft)?).await?;
        }
        tx.commit().await?;
        self.log.committed(actor.user_id);
        Ok(())
    }

    /// Everything that is kept of the account.
    pub(super) async fn export(&self, actor: &Actor) -> Result<Value, Error> {
        let mut all = serde_json::Map::new();
        all.insert("account".to_owned(), json!(self.get(actor).await?));
        all.insert("sessions".to_owned(), json!(self.sessions(actor).await?));
        all.insert("apiTokens".to_owned(), json!(self.api_tokens(actor).await?));
        let rest = self.estate.export(actor).await.map_err(auth::Error::Unavailable)?;
        all.extend(rest.into_iter().map(|(name, value)| (name.to_owned(), value)));
        Ok(Value::Object(all))
    }

    /// Erases the account and everything of it. The log's last event says so, and carries nothing personal.
    pub(super) async fn erase(&self, actor: &Actor, password: &SecretString) -> Result<(), Error> {
        let known = store::get(&self.db, actor.user_id).await?.ok_or(Error::NotFound)?;
        // An account of an external provider has none.
        if known.password_hash.is_some() {
            self.confirm(&known, password).await?;
        }
        let email = Account::from(known).email.and_then(|text| Email::parse(&text).ok());
        let event = self.log.prepare(actor, &event::erased(actor.user_id))?;
        let mut tx = self.db.begin().await?;
        self.log.append(&mut tx, &event).await?;
        self.estate.erase(&mut tx, actor.user_id).await?;
        idempotency::erase(&mut tx, actor.user_id).await?;
        if let Some(email) = email {
            idempotency::erase(&mut tx, key_owner(&email)).await?;
        }
        // Sessions, tokens and identities go with the account.
        store::delete(&mut tx, actor.user_id).await?;
        self.log.erase(&mut tx, actor.user_id).await?;
        tx.commit().await?;
        metrics::counter!(names::DELETED).increment(1);
        self.log.committed(actor.user_id);
        Ok(())
    }

    /// The account that the synthetic probe works as: nobody can sign in to it.
    pub async fn probe(&self) -> Result<Actor, Error> {
        let name = Some("Synthetic probe".to_owned());
        let (issuer, subject) = ("urn:todo:probe".to_owned(), "probe".to_owned());
        self.external(External { issuer, subject, name, expires_at: self.clock.now() }).await
    }

    /// The account of an external provider's subject; made at first sight.
    pub(super) async fn external(&self, external: External) -> Result<Actor, Error> {
        let External { issuer, subject, name, .. } = external;
        if let Some(id) = store::linked(&self.db, &issuer, &subject).await? {
            return Ok(Self::person(id, None));
        }
        let name: Option<String> = name.map(|name| name.chars().filter(|c| !c.is_control()).take(100).collect());
        let profile = ProfileInput { display_name: name, ..ProfileInput::default() };
        let account = Account::create(self.ids.uuid(), None, profile, self.clock.now());
        let actor = Self::person(account.id, None);
        let event = self.log.prepare(&actor, &event::registered(account.id, &account.time_zone, &account.locale))?;
        let mut tx = self.db.begin().await?;
        store::insert(&mut tx, &account, None, None).await?;
        self.log.open(&mut tx, account.id).await?;
        self.log.append(&mut tx, &event).await?;
        match store::link(&mut tx, &issuer, &subject, account.id, account.created_at).await {
            Ok(()) => {
                tx.commit().await?;
                metrics::counter!(names::CREATED).increment(1);
                self.log.committed(actor.user_id);
                Ok(actor)
            }
            // Two first requests at once: the other one made it.
            Err(storage::Error::Constraint(_)) => {
                tx.rollback().await?;
                let id = store::linked(&self.db, &issuer, &subject).await?.ok_or(Error::NotFound)?;
                Ok(Self::person(id, None))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Deletes at most `limit` sessions that ended long ago. Returns how many.
    pub async fn purge(&self, limit: i64) -> Result<u64, Error> {
        Ok(store::purge_sessions(&self.db, self.clock.now() - TimeDelta::days(30), limit).await?)
    }
}

/// Whom the stored reply of a sign-up belongs to: the account does not exist yet when the key is looked up.
fn key_owner(email: &Email) -> Uuid {
    let hash = digest(&SHA256, format!("sign-up\0{}", email.key).as_bytes());
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hash.as_ref()[..16]);
    uuid::Builder::from_custom_bytes(bytes).into_uuid()
}
