//! The command line.

use std::path::PathBuf;
use std::process::ExitCode;

use anstream::println;
use clap::{Args, Parser, Subcommand, ValueEnum};
use uuid::Uuid;

use super::commands;
use super::consume::{self, ConsumeArgs};
use super::dead_letters::DlqCommand;
use super::insights::InsightsCommand;
use super::replay::ReplayArgs;
use super::serve::Roles;
use crate::config::{Config, Sources};
use crate::events::Topic;

/// A Todo whose every change is an event.
///
/// Without any configuration it runs on an embedded database and an in-process broker: `todo serve`.
#[derive(Parser)]
#[command(
    name = "todo",
    version,
    after_help = "Exit codes: 0 done, 1 failed, 2 wrong usage, 78 wrong configuration.\n\
    Configuration: embedded defaults, then --config, then TODO__SECTION__KEY (or …_FILE), then --set.\n\
    `todo check-config --defaults` prints every key with its meaning."
)]
struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

#[derive(Args)]
struct Global {
    /// A TOML file with the keys that differ from the defaults
    #[arg(long, global = true, value_name = "FILE", env = "TODO_CONFIG")]
    config: Option<PathBuf>,
    /// One key, e.g. `--set http.listen=127.0.0.1:8081`; may be repeated
    #[arg(long, global = true, value_name = "SECTION.KEY=VALUE")]
    set: Vec<String>,
}

#[derive(Subcommand)]
enum Command {
    /// Run the service
    Serve {
        /// What this process does; run more processes with fewer roles to scale them apart
        #[arg(long, value_enum, value_delimiter = ',', default_value = "api,relay,worker")]
        roles: Vec<Role>,
    },
    /// Bring the database's schema up to date, or show what that would do
    Migrate {
        /// Only show what would be done
        #[arg(long)]
        dry_run: bool,
    },
    /// Check the configuration, and print every mistake at once
    CheckConfig {
        /// Print the commented defaults instead: a template for a file of your own
        #[arg(long)]
        defaults: bool,
    },
    /// Print the API's description (OpenAPI 3.1)
    Openapi,
    /// Look at the log and the outbox
    #[command(subcommand)]
    Events(EventsCommand),
    /// Subscribe to a topic on Kafka, and print each event once
    ///
    /// It joins a consumer group, from the earliest message on, and drops repetitions by their `seq`. Ctrl-C and SIGTERM
    /// end it with its offsets committed: the next run of the same group goes on there. What is no event gets one line
    /// on standard error and is passed over. It needs the settings of Kafka and no database.
    ///
    /// It is a consumer to look with, and to compare one of your own with: docs/consumers.md has two whole programs.
    #[command(after_help = "Examples:\n  \
        todo consume todo-events --set events.broker=kafka --set kafka.brokers=127.0.0.1:9092\n  \
        todo consume user-events --group audit-$RANDOM --idle 10 --json | jq -r .eventType | sort | uniq -c\n  \
        todo consume todo-events --group look --max 20")]
    Consume(ConsumeArgs),
    /// Look at dead letters: events that a consumer gave up
    #[command(subcommand)]
    Dlq(DlqCommand),
    /// Look after the broker's topics
    #[command(subcommand)]
    Topics(TopicsCommand),
    /// Look after the events' schemas in the schema registry (schema_registry.url)
    #[command(subcommand)]
    Schemas(SchemasCommand),
    /// Look after the figures of people's days
    #[command(subcommand)]
    Insights(InsightsCommand),
    /// Look after accounts and signing keys
    #[command(subcommand)]
    User(UserCommand),
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Role {
    /// Answer the API
    Api,
    /// Publish events to the broker
    Relay,
    /// Keep house: delete what is too old
    Worker,
}

/// `todo events …`
#[derive(Subcommand)]
pub(super) enum EventsCommand {
    /// Show the log of all users, newest last
    Tail {
        /// Only this topic: todo-events, chat-events or user-events
        #[arg(long)]
        topic: Option<Topic>,
        /// Only this user
        #[arg(long)]
        user: Option<Uuid>,
        /// Start so many minutes ago
        #[arg(long, default_value_t = 10)]
        minutes: i64,
        /// Stay and show what comes
        #[arg(long, short)]
        follow: bool,
        /// One JSON object a line, as published
        #[arg(long)]
        json: bool,
    },
    /// Show what waits, who relays, and who is parked
    Status,
    /// Let parked users' events go again, after the cause was mended
    Rearm {
        /// This user
        #[arg(long, conflicts_with = "all", required_unless_present = "all")]
        user: Option<Uuid>,
        /// Everybody
        #[arg(long)]
        all: bool,
    },
    /// Publish events of the log once more, each user's in order, with the header replayed-at
    ///
    /// On its own topic a consumer drops what it had by `seq`. Events that wait in the outbox, and later ones of the
    /// same user, are left to the relay.
    Replay(ReplayArgs),
}

/// `todo topics …`
#[derive(Subcommand)]
pub(super) enum TopicsCommand {
    /// Create the topics that are missing (kafka.partitions, kafka.replication, kafka.min_insync_replicas)
    Ensure,
    /// Name the topics and their schemas
    List,
    /// Take a topic to more partitions without breaking the order of anybody's events
    ///
    /// Events of the topic wait in the outbox meanwhile; nothing is refused. It waits until every relay and every
    /// consumer group is done with what is there, which takes seconds where nobody is behind.
    Expand {
        /// todo-events, chat-events or user-events
        topic: Topic,
        /// How many partitions it shall have
        #[arg(long)]
        partitions: usize,
        /// The longest wait for relays and consumer groups, in seconds
        #[arg(long, default_value_t = 300)]
        timeout: u64,
        /// A consumer group whose place is not waited for, e.g. one that nobody runs any more; may be repeated
        #[arg(long, value_name = "GROUP")]
        ignore_group: Vec<String>,
    },
    /// End the fence that an expansion left behind when it was killed
    Unfence {
        /// todo-events, chat-events or user-events
        topic: Topic,
    },
}

/// `todo schemas …`
#[derive(Clone, Copy, Subcommand)]
pub(super) enum SchemasCommand {
    /// Show each subject: our version, and those that are registered
    List,
    /// Ask whether our schemas can be registered beside those that are
    Check,
    /// Register our schemas with the compatibility FULL_TRANSITIVE; what is registered already stays
    Push,
}

/// `todo user …`
#[derive(Subcommand)]
pub(super) enum UserCommand {
    /// Make an account; the password is read from standard input
    Create {
        /// Its e-mail address
        #[arg(long)]
        email: String,
    },
    /// Make a new signing key in auth.keys_dir: running instances publish it at once and sign with it from then on
    RotateKeys {
        /// When it begins to sign, in seconds from now: give every instance time to read it
        #[arg(long, default_value_t = 60)]
        activate_in: i64,
    },
}

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    // One provider for all of TLS. Installing it twice is an error that does not matter.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let sources = Sources {
        file: cli.global.config.as_deref(),
        environment: std::env::vars_os()
            .filter_map(|(key, value)| Some((key.into_string().ok()?, value.into_string().ok()?)))
            .collect(),
        flags: &cli.global.set,
    };
    match cli.command {
        Command::Openapi => return commands::openapi(),
        Command::CheckConfig { defaults: true } => return commands::defaults(),
        _ => {}
    }
    let config = match Config::load(&sources) {
        Ok((config, warnings)) => {
            // They are about a service's life; a tool that runs once need not repeat them.
            if matches!(cli.command, Command::Serve { .. } | Command::CheckConfig { .. }) {
                for warning in warnings {
                    eprintln!("todo: warning: {warning}");
                }
            }
            config
        }
        Err(mistakes) => {
            eprint!("todo: the configuration has {} mistake(s):\n{mistakes}", mistakes.0.len());
            return ExitCode::from(78);
        }
    };
    let outcome = match cli.command {
        Command::Serve { roles } => {
            let has = |role| roles.contains(&role);
            let roles = Roles { api: has(Role::Api), relay: has(Role::Relay), worker: has(Role::Worker) };
            commands::serve(config, roles)
        }
        Command::Migrate { dry_run } => commands::migrate(&config, dry_run),
        Command::CheckConfig { .. } | Command::Openapi => {
            println!("The configuration is right.");
            Ok(())
        }
        Command::Events(command) => commands::events(&config, command),
        Command::Consume(args) => commands::run(consume::command(&config, args)),
        Command::Dlq(command) => commands::dlq(&config, command),
        Command::Topics(command) => commands::topics(&config, &command),
        Command::Schemas(command) => commands::run(super::schemas::command(&config, command)),
        Command::Insights(command) => commands::run(super::insights::command(&config, command)),
        Command::User(command) => commands::user(config, command),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(says) => {
            eprintln!("todo: {says}");
            ExitCode::FAILURE
        }
    }
}
