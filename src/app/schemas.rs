//! The schema registry: `todo schemas …`, and the watch of a serving process.

use std::sync::Arc;
use std::time::Duration;

use anstream::println;
use futures::future::BoxFuture;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::cli::SchemasCommand;
use super::compose::{Failure, says};
use crate::config::Config;
use crate::events::registry::{Registry, history, subject};
use crate::events::{Error, Topic};
use crate::kernel::{Probe, ProbeResult};

/// `todo schemas …`
pub(super) async fn command(config: &Config, command: SchemasCommand) -> Result<(), Failure> {
    let registry = Registry::of(&config.schema_registry).map_err(says)?;
    let registry = registry.ok_or("schema_registry.url is empty: there is no schema registry to ask")?;
    for topic in Topic::ALL {
        let line = match command {
            SchemasCommand::List => list(&registry, topic).await,
            SchemasCommand::Check => check(&registry, topic).await,
            SchemasCommand::Push => push(&registry, topic).await,
        };
        println!("{}  {}", subject(topic), line.map_err(says)?);
    }
    Ok(())
}

async fn list(registry: &Registry, topic: Topic) -> Result<String, Error> {
    let subject = subject(topic);
    let ours = match history(topic)?.last() {
        Some(schema) => registry.find(&subject, schema).await?,
        None => None,
    };
    let versions = registry.versions(&subject).await?;
    let state = ours.map_or_else(
        || "not registered".to_owned(),
        |ours| format!("registered as version {} (id {})", ours.version, ours.id),
    );
    let all: Vec<_> = versions.iter().map(|one| format!("{} (id {})", one.version, one.id)).collect();
    let all = if all.is_empty() { "none".to_owned() } else { all.join(", ") };
    Ok(format!("{}  {state}; in the registry: {all}", topic.dataschema()))
}

/// An error when one cannot be registered.
async fn check(registry: &Registry, topic: Topic) -> Result<String, Error> {
    let subject = subject(topic);
    for schema in history(topic)? {
        if let Some(reason) = registry.objection(&subject, &schema).await? {
            let id = schema["$id"].as_str().unwrap_or_default();
            return Err(Error::Registry(format!("would refuse {id}: {reason}")));
        }
    }
    Ok(format!("{}  compatible", topic.dataschema()))
}

/// The released versions before the present one, so that the registry judges it beside all of them.
async fn push(registry: &Registry, topic: Topic) -> Result<String, Error> {
    let subject = subject(topic);
    let mut last = None;
    for schema in history(topic)? {
        last = Some(registry.push(&subject, &schema).await?);
    }
    let as_what = last.map(|last| format!("version {} (id {})", last.version, last.id)).unwrap_or_default();
    Ok(format!("{}  registered as {as_what}", topic.dataschema()))
}

/// What is known of our schemas in the registry.
#[derive(Clone, Debug)]
enum State {
    /// It did not answer yet.
    Unknown(String),
    /// It answered that one is not there or does not fit.
    Wrong(String),
    /// All are registered. Stays so: nothing here can change it.
    Right,
}

/// Looks until our schemas are registered, then never again: the registry may be down, and nothing stops.
#[derive(Clone)]
pub(super) struct SchemaWatch {
    registry: Registry,
    state: Arc<watch::Sender<State>>,
}

impl SchemaWatch {
    /// `None` when no registry is configured.
    pub(super) fn of(config: &Config) -> Result<Option<Self>, Failure> {
        let registry = Registry::of(&config.schema_registry).map_err(says)?;
        let state = Arc::new(watch::channel(State::Unknown("was not asked yet".to_owned())).0);
        Ok(registry.map(|registry| Self { registry, state }))
    }

    pub(super) async fn run(self, pause: Duration, stop: CancellationToken) {
        loop {
            let state = tokio::select! {
                () = stop.cancelled() => return,
                state = self.look() => state,
            };
            let right = matches!(state, State::Right);
            if let State::Unknown(says) | State::Wrong(says) = &state {
                tracing::warn!(%says, "the events' schemas are not known to be registered: asking again");
            }
            self.state.send_replace(state);
            if right {
                tracing::info!("the events' schemas are registered");
                return stop.cancelled().await;
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    async fn look(&self) -> State {
        for topic in Topic::ALL {
            match self.registered(topic).await {
                Ok(true) => {}
                Ok(false) => {
                    return State::Wrong(format!("{} is not registered: run `todo schemas push`", topic.dataschema()));
                }
                Err(Error::RegistryDown(says)) => return State::Unknown(format!("the schema registry {says}")),
                Err(error) => return State::Wrong(error.to_string()),
            }
        }
        State::Right
    }

    /// Whether it is there, and the registry has nothing against it.
    async fn registered(&self, topic: Topic) -> Result<bool, Error> {
        let Some(schema) = history(topic)?.pop() else { return Ok(false) };
        if self.registry.find(&subject(topic), &schema).await?.is_none() {
            return Ok(false);
        }
        match self.registry.objection(&subject(topic), &schema).await? {
            Some(reason) => Err(Error::Registry(format!("objects to {}: {reason}", topic.dataschema()))),
            None => Ok(true),
        }
    }
}

impl Probe for SchemaWatch {
    fn name(&self) -> &'static str {
        "schema_registry"
    }

    /// Only a clear no keeps requests away; a registry that is down does not.
    fn critical(&self) -> bool {
        matches!(*self.state.borrow(), State::Wrong(_))
    }

    fn check(&self) -> BoxFuture<'_, ProbeResult> {
        let state = self.state.borrow().clone();
        Box::pin(std::future::ready(match state {
            State::Right => Ok(()),
            State::Unknown(says) | State::Wrong(says) => Err(says),
        }))
    }
}
