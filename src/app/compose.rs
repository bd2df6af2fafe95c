//! Wires the rooms.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use axum::Router;
use chrono::TimeDelta;
use futures::future::BoxFuture;
use serde_json::{Value, json};
use utoipa::OpenApi as _;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use uuid::Uuid;

use crate::auth::{self, Authenticator, Hasher, KeyRing, LEEWAY, Provider, Tokens};
use crate::config::Config;
use crate::events::consumer::{Handler, Ladder, Processor};
use crate::events::{Broker, BrokerKind, EventLog, KafkaBroker, MemoryBroker};
use crate::http::{self, Authenticate, Limiter, Rejected, Streams};
use crate::insights::{self, Insights, Projector};
use crate::kernel::{Actor, Clock, Ids, locale};
use crate::notification::{self, Notifications};
use crate::recurrence::Language;
use crate::storage::{self, Db, Tx};
use crate::sync::{self, Live};
use crate::task::{self, Home, People, Tasks};
use crate::user::{self, Accounts, Estate, Settings};
use crate::webhook::{self, Fanout, Webhooks};

/// Why the process cannot start or go on: one sentence.
pub(super) type Failure = String;

/// An error as that sentence.
pub(super) fn says(error: impl std::fmt::Display) -> Failure {
    error.to_string()
}

/// The wired rooms of one process.
pub struct App {
    /// Its configuration.
    pub config: Config,
    /// Its time.
    pub clock: Clock,
    /// Its ids.
    pub ids: Ids,
    /// Its database.
    pub db: Db,
    /// Its log.
    pub log: EventLog,
    /// Where events go.
    pub broker: Arc<dyn Broker>,
    /// The same, where it is in this process: what readers in this process subscribe to.
    pub memory: Option<Arc<MemoryBroker>>,
    /// Accounts.
    pub accounts: Accounts,
    /// Tasks.
    pub tasks: Arc<Tasks>,
    /// Notifications.
    pub notifications: Notifications,
    /// The live streams of changes.
    pub live: Live,
    /// The streams that are open.
    pub(super) streams: Streams,
    /// Webhooks.
    pub webhooks: Webhooks,
    pub(super) ring: Arc<KeyRing>,
    pub(super) limiter: Limiter,
    pub(super) authenticate: Arc<dyn Authenticate>,
}

impl App {
    /// Wires the rooms. Nothing is connected to and no port is bound; keys are read, or made where that is allowed.
    pub fn compose(config: Config, clock: Clock, ids: Ids, listen: SocketAddr) -> Result<Self, Failure> {
        let db = Db::open(&config.storage).map_err(says)?;
        let log = EventLog::new(clock.clone(), ids.clone()).map_err(says)?;
        let (broker, memory) = broker(&config)?;
        let wrong = |error: auth::Error| error.to_string();
        let lifetime = TimeDelta::seconds(config.auth.access_token_seconds);
        let folder = Path::new(&config.auth.keys_dir);
        let ring = KeyRing::open(folder, config.auth.generate_keys, clock.clone(), &ids, lifetime + LEEWAY * 2);
        let ring = Arc::new(ring.map_err(wrong)?);
        let issuer = issuer(&config, listen);
        let audience = config.auth.audience.clone();
        let tokens = Tokens::new(Arc::clone(&ring), clock.clone(), ids.clone(), issuer, audience, lifetime);
        let tokens = Arc::new(tokens);
        let hasher = Hasher::new(ids.clone(), config.auth.hash_queue).map_err(wrong)?;
        let limiter = Limiter::new(&config.limits)?;
        let people = Arc::new(Homes(db.clone()));
        let tasks = Arc::new(Tasks::new(db.clone(), log.clone(), clock.clone(), ids.clone(), people));
        let notifications = Notifications::new(db.clone(), log.clone(), clock.clone(), config.notifications.clone());
        let live = Live::new(db.clone(), &log);
        let (keys, webhooks) = (Arc::clone(&ring), &config.webhooks);
        let webhooks = Webhooks::new(db.clone(), log.clone(), clock.clone(), ids.clone(), keys, webhooks)?;
        let estate = Arc::new(Belongings {
            db: db.clone(),
            tasks: tasks.clone(),
            notifications: notifications.clone(),
            webhooks: webhooks.clone(),
        });
        let accounts = Accounts::new(
            db.clone(),
            log.clone(),
            clock.clone(),
            ids.clone(),
            hasher,
            Arc::clone(&ring),
            Arc::clone(&tokens),
            limiter.clone(),
            settings(&config),
            estate,
        );
        let provider = Provider::of(&config.auth, clock.clone()).map_err(wrong)?;
        let authenticator = Authenticator::new(tokens, provider, Arc::new(accounts.clone()));
        let authenticate: Arc<dyn Authenticate> = Arc::new(Bearers(authenticator));
        let streams = Streams::new(&config.http, Arc::clone(&authenticate), ids.clone());
        Ok(Self {
            config,
            clock,
            ids,
            db,
            log,
            broker,
            memory,
            accounts,
            tasks,
            notifications,
            live,
            streams,
            webhooks,
            ring,
            limiter,
            authenticate,
        })
    }

    /// What this product does with its own events.
    pub(super) fn consumers(&self) -> Vec<Arc<Processor>> {
        let fanout = Fanout::new(self.clock.clone(), self.ids.clone());
        let handlers: [Arc<dyn Handler>; 3] =
            [Arc::new(Projector), Arc::new(self.notifications.notifier()), Arc::new(fanout)];
        let ladder = Ladder::new(&self.config.events.retry_ladder_ms);
        let processor = |handler| {
            let (db, clock, ids) = (self.db.clone(), self.clock.clone(), self.ids.clone());
            Arc::new(Processor::new(db, handler, clock, ids, ladder.clone()))
        };
        handlers.into_iter().map(processor).collect()
    }

    /// The API's routes, without the stack.
    pub(super) fn routes(&self) -> Router {
        Router::new()
            .merge(Router::from(user::routes().with_state(self.accounts.clone())))
            .merge(Router::from(user::oauth_routes().with_state(self.accounts.clone())))
            .merge(Router::from(task::routes().with_state(self.tasks.clone())))
            .merge(Router::from(insights::routes().with_state(Insights::new(self.db.clone(), self.clock.clone()))))
            .merge(Router::from(notification::routes().with_state(notification::ApiState {
                notifications: self.notifications.clone(),
                streams: self.streams.clone(),
            })))
            .merge(Router::from(webhook::routes().with_state(self.webhooks.clone())))
            .merge(Router::from(sync::routes().with_state(sync::ApiState {
                db: self.db.clone(),
                live: self.live.clone(),
                streams: self.streams.clone(),
            })))
            .merge(http::docs(&openapi()))
    }
}

/// A broker, and itself again where it is in this process.
type Brokers = (Arc<dyn Broker>, Option<Arc<MemoryBroker>>);

/// The broker that the configuration names.
fn broker(config: &Config) -> Result<Brokers, Failure> {
    match config.events.broker {
        BrokerKind::Memory => {
            let memory = Arc::new(MemoryBroker::default());
            Ok((Arc::<MemoryBroker>::clone(&memory), Some(memory)))
        }
        BrokerKind::Kafka => Ok((Arc::new(KafkaBroker::connect(&config.kafka)?), None)),
    }
}

fn settings(config: &Config) -> Settings {
    Settings {
        session: TimeDelta::days(config.auth.refresh_token_days),
        retry: TimeDelta::seconds(config.auth.refresh_retry_seconds),
    }
}

fn issuer(config: &Config, listen: SocketAddr) -> String {
    let scheme = if config.http.tls_cert_file.is_empty() { "http" } else { "https" };
    [config.auth.issuer.clone(), config.http.public_url.clone()]
        .into_iter()
        .find(|url| !url.is_empty())
        .unwrap_or_else(|| format!("{scheme}://{listen}"))
        .trim_end_matches('/')
        .to_owned()
}

#[derive(utoipa::OpenApi)]
#[openapi(
    info(title = "todo", description = "A Todo whose every change is an event.", license(name = "Apache-2.0", identifier = "Apache-2.0")),
    security(("bearer" = [])),
    tags(
        (name = "account", description = "Accounts, sessions and API tokens"),
        (name = "oauth2", description = "OAuth 2.0: tokens, keys, metadata"),
        (name = "tasks", description = "What a person has to do"),
        (name = "projects", description = "Where tasks belong: projects and their sections"),
        (name = "filters", description = "Saved filters"),
        (name = "insights", description = "What came of a person's days"),
        (name = "notifications", description = "What a person is told"),
        (name = "webhooks", description = "A person's events, sent to an address of theirs"),
        (name = "sync", description = "What a client missed"),
    )
)]
struct Description;

/// The API's description (OpenAPI 3.1), made from the routes.
pub fn openapi() -> utoipa::openapi::OpenApi {
    let mut openapi = Description::openapi();
    for part in [
        user::routes().into_openapi(),
        user::oauth_routes().into_openapi(),
        task::routes().into_openapi(),
        insights::routes().into_openapi(),
        notification::routes().into_openapi(),
        webhook::routes().into_openapi(),
        sync::routes().into_openapi(),
    ] {
        openapi.merge(part);
    }
    let scheme = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("JWT").build();
    let components = openapi.components.get_or_insert_default();
    components.add_security_scheme("bearer", SecurityScheme::Http(scheme));
    openapi
}

/// What else belongs to an account: its tasks, notifications, webhooks and log, and what is made of them, which an export
/// can do without: figures, deliveries.
struct Belongings {
    db: Db,
    tasks: Arc<Tasks>,
    notifications: Notifications,
    webhooks: Webhooks,
}

const PAGE: i64 = 500;

impl Belongings {
    async fn tasks(&self, actor: &Actor) -> Result<Value, String> {
        let mut all = Vec::new();
        loop {
            let after = all.last().map_or(Uuid::nil(), |task: &task::Task| task.id);
            let page = self.tasks.export(actor, after, PAGE).await.map_err(says)?;
            let full = page.len() == usize::try_from(PAGE).unwrap_or_default();
            all.extend(page);
            if !full {
                return Ok(json!(all));
            }
        }
    }

    async fn changes(&self, actor: &Actor) -> Result<Value, String> {
        let mut all = Vec::new();
        loop {
            let since = all.last().map_or(0, |change: &crate::events::Change| change.seq);
            let page = crate::events::changes(&self.db, actor.user_id, since, PAGE).await;
            let page = page.map_err(says)?;
            let full = page.len() == usize::try_from(PAGE).unwrap_or_default();
            all.extend(page);
            if !full {
                return serde_json::to_value(all).map_err(says);
            }
        }
    }
}

impl Estate for Belongings {
    fn export<'a>(&'a self, actor: &'a Actor) -> BoxFuture<'a, Result<Vec<(&'static str, Value)>, String>> {
        Box::pin(async move {
            let notifications = self.notifications.export(actor).await.map_err(says)?;
            let webhooks = self.webhooks.export(actor).await.map_err(says)?;
            let collections = self.tasks.export_collections(actor).await.map_err(says)?;
            Ok(vec![
                ("tasks", self.tasks(actor).await?),
                ("collections", json!(collections)),
                ("notifications", notifications),
                ("webhooks", webhooks),
                ("changes", self.changes(actor).await?),
            ])
        })
    }

    fn erase<'a>(&'a self, tx: &'a mut Tx, user_id: Uuid) -> BoxFuture<'a, Result<(), storage::Error>> {
        Box::pin(async move {
            Tasks::erase(tx, user_id).await?;
            Insights::erase(tx, user_id).await?;
            Notifications::erase(tx, user_id).await?;
            Webhooks::erase(tx, user_id).await
        })
    }
}

/// The settings of people, as tasks need them.
struct Homes(Db);

impl People for Homes {
    fn home(&self, user_id: Uuid) -> BoxFuture<'_, Result<Home, storage::Error>> {
        Box::pin(async move {
            let (zone, locale) = Accounts::home(&self.0, user_id).await?;
            let (week_start, day_first) = (locale::week_start(&locale), locale::day_first(&locale));
            Ok(Home { zone, week_start, day_first, language: Language::of(&locale) })
        })
    }
}

/// The auth room's answers in the HTTP room's words.
struct Bearers(Authenticator);

impl Authenticate for Bearers {
    fn authenticate<'a>(&'a self, token: &'a str) -> BoxFuture<'a, Result<Actor, Rejected>> {
        Box::pin(async move {
            self.0.authenticate(token).await.map_err(|error| match error {
                auth::Error::Invalid(reason) => Rejected::Invalid(reason),
                other => Rejected::Unavailable(other.to_string()),
            })
        })
    }
}
