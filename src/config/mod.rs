//! Configuration: every room's section in one tree, from a commented default file that is embedded in the binary.
//!
//! **Order.** Defaults, then a file, then the environment (`TODO__SECTION__KEY`, or `TODO__SECTION__KEY_FILE` naming a
//! file that holds the value: how secrets are mounted), then `--set section.key=value`. The later wins.
//!
//! **Rules.** The defaults name every key: what they do not name is a mistake, and so is a value of another type. All
//! mistakes are found before anything is opened, and are told at once with the key and what is allowed.
//! A section's own rules live with its room (`problems`); pairs that are risky together are warned of here.

mod load;
mod risk;

use std::collections::BTreeMap;
use std::path::Path;

use crate::{auth, events, http, notification, storage, telemetry, webhook};

pub use load::{Mistake, Mistakes};

/// Everything that can be configured.
#[derive(Clone, Debug)]
pub struct Config {
    /// `[telemetry]`
    pub telemetry: telemetry::Config,
    /// `[storage]`
    pub storage: storage::Config,
    /// `[auth]`
    pub auth: auth::Config,
    /// `[events]`
    pub events: events::Config,
    /// `[kafka]`
    pub kafka: events::KafkaConfig,
    /// `[schema_registry]`
    pub schema_registry: events::registry::RegistryConfig,
    /// `[notifications]`
    pub notifications: notification::Config,
    /// `[http]`
    pub http: http::Config,
    /// `[limits]`
    pub limits: http::LimitsConfig,
    /// `[webhooks]`
    pub webhooks: webhook::Config,
}

/// The commented default file: `todo check-config --defaults` prints it.
pub const DEFAULTS: &[&str] = &[
    include_str!("../http/default.toml"),
    include_str!("../storage/default.toml"),
    include_str!("../auth/default.toml"),
    include_str!("../events/default.toml"),
    include_str!("../notification/default.toml"),
    include_str!("../webhook/default.toml"),
    include_str!("../telemetry/default.toml"),
];

/// Where values come from beside the defaults.
#[derive(Debug, Default)]
pub struct Sources<'a> {
    /// `--config FILE`
    pub file: Option<&'a Path>,
    /// The process's environment, or a test's.
    pub environment: BTreeMap<String, String>,
    /// `--set section.key=value`
    pub flags: &'a [String],
}

impl Config {
    /// Reads all sources, checks everything, and returns the configuration with warnings about risky pairs.
    pub fn load(sources: &Sources<'_>) -> Result<(Self, Vec<String>), Mistakes> {
        let mut tree = load::Tree::of_defaults(DEFAULTS);
        tree.apply(sources);
        let config = (|tree: &mut load::Tree| {
            // Every section is read before the first missing one gives up, so that all mistakes are found.
            let telemetry = tree.section("telemetry", telemetry::Config::problems);
            let storage = tree.section("storage", storage::Config::problems);
            let auth = tree.section("auth", auth::Config::problems);
            let events = tree.section("events", events::Config::problems);
            let kafka = tree.section("kafka", events::KafkaConfig::problems);
            let schema_registry = tree.section("schema_registry", events::registry::RegistryConfig::problems);
            let notifications = tree.section("notifications", notification::Config::problems);
            let http = tree.section("http", http::Config::problems);
            let limits = tree.section("limits", http::LimitsConfig::problems);
            let webhooks = tree.section("webhooks", webhook::Config::problems);
            Some(Self {
                telemetry: telemetry?,
                storage: storage?,
                auth: auth?,
                events: events?,
                kafka: kafka?,
                schema_registry: schema_registry?,
                notifications: notifications?,
                http: http?,
                limits: limits?,
                webhooks: webhooks?,
            })
        })(&mut tree);
        let mistakes = tree.finish();
        match config {
            Some(config) if mistakes.0.is_empty() => {
                let warnings = risk::warnings(&config);
                Ok((config, warnings))
            }
            _ => Err(mistakes),
        }
    }
}

#[cfg(test)]
mod tests;
