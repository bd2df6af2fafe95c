//! What each command does.

use std::io::{IsTerminal as _, Read as _, Write as _};
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use anstream::println;
use anstyle::{AnsiColor, Style};
use chrono::TimeDelta;

use super::cli::{EventsCommand, TopicsCommand, UserCommand};
use super::compose::{self, App, Failure, says};
use super::dead_letters::{self, DlqCommand};
use super::replay;
use super::serve::{Roles, Running, start};
use crate::auth::KeyRing;
use crate::config::{Config, DEFAULTS};
use crate::events::{self, BrokerKind, Entry, Expansion, KafkaBroker, KafkaConfig, Tail, Topic};
use crate::kernel::{Clock, Ids};
use crate::storage::{Db, Migrations};
use crate::telemetry;

/// Runs a future on a runtime of its own.
pub(super) fn run<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(says)?;
    let outcome = runtime.block_on(work);
    // What still hangs in a library must not keep the process.
    runtime.shutdown_timeout(Duration::from_secs(1));
    outcome
}

pub(super) fn openapi() -> ExitCode {
    match compose::openapi().to_pretty_json() {
        Ok(json) => {
            println!("{json}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("todo: {error}");
            ExitCode::FAILURE
        }
    }
}

pub(super) fn defaults() -> ExitCode {
    for section in DEFAULTS {
        println!("{section}");
    }
    ExitCode::SUCCESS
}

pub(super) fn serve(config: Config, roles: Roles) -> Result<(), Failure> {
    run(async move {
        let guard = telemetry::init(&config.telemetry).map_err(says)?;
        telemetry::log_panics();
        let metrics = telemetry::metrics::install().map_err(says)?;
        // Registered before anything is slow, so that an early signal is not lost.
        let signals = signals()?;
        let clock = Clock::system();
        let mut running = start(config, roles, clock.clone(), Ids::system(clock), metrics).await?;
        welcome(&running);
        let fault = tokio::select! {
            () = signals => None,
            fault = running.fault() => Some(fault),
        };
        if let Some(fault) = &fault {
            tracing::error!(fault, "stopping");
        }
        running.stop().await;
        guard.shutdown(Duration::from_secs(5)).await;
        fault.map_or(Ok(()), Err)
    })
}

/// SIGTERM or Ctrl-C.
pub(super) fn signals() -> Result<impl Future<Output = ()>, Failure> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate()).map_err(says)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(says)?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

/// Tells a person where to go; a collector gets a log line.
fn welcome(running: &Running) {
    let scheme = if running.app().config.http.tls_cert_file.is_empty() { "http" } else { "https" };
    let api = running.api.map(|api| format!("{scheme}://{api}"));
    tracing::info!(api = api.as_deref().unwrap_or("off"), admin = %running.admin, version = env!("CARGO_PKG_VERSION"), "ready");
    let Some(api) = api.filter(|_| std::io::stderr().is_terminal() || std::env::var_os("TODO_WELCOME").is_some())
    else {
        return;
    };
    eprintln!(
        "\n  todo is ready.\n\n  API      {api}/api/v1\n  docs     {api}/docs/\n  metrics  http://{admin}/metrics\n  \
         health   http://{admin}/readyz\n\n  A first account:\n\n    \
         curl -s {api}/api/v1/users -H 'content-type: application/json' \\\n      \
         -d '{{\"email\":\"ann@example.org\",\"password\":\"correct horse battery\"}}'\n\n  Ctrl-C stops it.\n",
        admin = running.admin
    );
}

fn open(config: &Config) -> Result<Db, Failure> {
    Db::open(&config.storage).map_err(says)
}

/// The database, once it is known to be of this version.
pub(super) async fn opened(config: &Config) -> Result<Db, Failure> {
    let db = open(config)?;
    Migrations::of(&db).verify().await.map_err(says)?;
    Ok(db)
}

pub(super) fn migrate(config: &Config, dry_run: bool) -> Result<(), Failure> {
    run(async move {
        let db = open(config)?;
        let migrations = Migrations::of(&db);
        let plan = if dry_run { migrations.plan().await } else { migrations.apply().await }.map_err(says)?;
        if let Some(version) = plan.unknown.last() {
            return Err(format!("the database has migration {version}, which this version does not know"));
        }
        let verb = if dry_run { "would apply" } else { "applied" };
        for (version, name) in &plan.pending {
            println!("{verb} {version:04} {name}");
        }
        if !dry_run {
            crate::task::index(&db).await.map_err(says)?;
        }
        if plan.pending.is_empty() {
            println!("nothing to do: {} migration(s) applied already", plan.applied.len());
        }
        Ok(())
    })
}

pub(super) fn events(config: &Config, command: EventsCommand) -> Result<(), Failure> {
    run(async move {
        let db = opened(config).await?;
        match command {
            EventsCommand::Tail { topic, user, minutes, follow, json } => {
                let from = Clock::system().now() - TimeDelta::minutes(minutes.clamp(0, 10_000_000));
                let mut tail = Tail::new(db, topic, from);
                loop {
                    let fresh = tail.next().await.map_err(says)?;
                    for entry in fresh.iter().filter(|entry| user.is_none_or(|user| entry.user_id == user)) {
                        show(entry, json)?;
                    }
                    if !follow {
                        return Ok(());
                    }
                    tokio::time::sleep(Duration::from_millis(500)).await;
                }
            }
            EventsCommand::Status => status(&db).await,
            EventsCommand::Replay(args) => replay::command(&db, config, args).await,
            EventsCommand::Rearm { user, .. } => {
                let rearmed = events::rearm(&db, user).await.map_err(says)?;
                println!("{rearmed} user(s) re-armed");
                Ok(())
            }
        }
    })
}

pub(super) fn dlq(config: &Config, command: DlqCommand) -> Result<(), Failure> {
    run(async move {
        let db = opened(config).await?;
        dead_letters::command(&db, command).await
    })
}

/// Prints an event: in colour for people, or its value as it was published.
pub(super) fn show(entry: &Entry, json: bool) -> Result<(), Failure> {
    let mut out = anstream::stdout();
    if json {
        return writeln!(out, "{}", entry.value).map_err(says);
    }
    let color = match entry.event_type.as_str() {
        "TASK_CREATED" | "USER_REGISTERED" => AnsiColor::Green,
        "TASK_COMPLETED" => AnsiColor::Cyan,
        "TASK_DELETED" | "USER_ERASED" | "USER_SIGN_IN_FAILED" => AnsiColor::Red,
        _ => AnsiColor::Yellow,
    };
    let (dim, bright) = (Style::new().dimmed(), Style::new().bold().fg_color(Some(color.into())));
    let value: serde_json::Value = serde_json::from_str(&entry.value).unwrap_or_default();
    let title = value["payload"]["title"].as_str().unwrap_or_default();
    let user = entry.user_id.to_string();
    writeln!(
        out,
        "{dim}{}{dim:#} {bright}{:<24}{bright:#} {dim}…{} #{:<5}{dim:#} {title}",
        entry.occurred_at.format("%H:%M:%S%.3f"),
        entry.event_type,
        user.get(28..).unwrap_or_default(),
        entry.seq,
    )
    .map_err(says)
}

async fn status(db: &Db) -> Result<(), Failure> {
    let backlog = events::backlog(db).await.map_err(says)?;
    println!("waiting   {} event(s)", backlog.waiting);
    let age = backlog.oldest.map_or(0.0, |oldest| (Clock::system().now() - oldest).as_seconds_f64());
    println!("oldest    {age:.1} s");
    for (owner, shards) in events::holders(db).await.map_err(says)? {
        println!("relay     {owner} holds {shards} shard(s)");
    }
    for topic in events::fenced(db).await.map_err(says)? {
        println!(
            "fenced    {topic}: `todo topics expand` is at work, or stopped (then: `todo topics unfence {topic}`)"
        );
    }
    println!("parked    {} user(s)", backlog.parked);
    for key in events::parked(db).await.map_err(says)? {
        println!("          {} on {} since {}: {}", key.user_id, key.topic, key.parked_at.format("%F %T"), key.reason);
    }
    Ok(())
}

pub(super) fn topics(config: &Config, command: &TopicsCommand) -> Result<(), Failure> {
    run(async move {
        match command {
            TopicsCommand::List => {
                for topic in Topic::ALL {
                    println!("{topic}  {}", topic.dataschema());
                }
            }
            TopicsCommand::Ensure => {
                let broker = KafkaBroker::connect(kafka(config)?)?;
                for line in broker.ensure_topics(config.kafka.topic_spec()).await? {
                    println!("{line}");
                }
            }
            TopicsCommand::Expand { topic, partitions, timeout, ignore_group } => {
                let patience = Duration::from_secs((*timeout).clamp(1, 86_400));
                let (topic, partitions, ignore) = (*topic, *partitions, ignore_group.clone());
                let asked = Expansion { topic, partitions, patience, ignore };
                let cluster = kafka(config)?;
                events::expand(&opened(config).await?, cluster, &asked, |step| println!("{step}")).await?;
            }
            TopicsCommand::Unfence { topic } => {
                events::unfence(&opened(config).await?, *topic).await?;
                println!("{topic} takes events");
            }
        }
        Ok(())
    })
}

fn kafka(config: &Config) -> Result<&KafkaConfig, Failure> {
    if config.events.broker == BrokerKind::Memory {
        return Err("events.broker is `memory`, whose topics need no making: for a cluster add \
                    `--set events.broker=kafka`"
            .to_owned());
    }
    Ok(&config.kafka)
}

pub(super) fn user(config: Config, command: UserCommand) -> Result<(), Failure> {
    run(async move {
        let clock = Clock::system();
        match command {
            UserCommand::RotateKeys { activate_in } => {
                let at = clock.now() + TimeDelta::seconds(activate_in.clamp(0, 86_400));
                KeyRing::rotate(Path::new(&config.auth.keys_dir), at).map_err(says)?;
                println!("a new key in {} signs from {} on", config.auth.keys_dir, at.format("%F %T UTC"));
            }
            UserCommand::Create { email } => {
                let mut password = String::new();
                std::io::stdin().lock().take(4096).read_to_string(&mut password).map_err(says)?;
                let password = password.trim_end_matches(['\r', '\n']).to_owned();
                let listen = config.http.listen;
                let app = App::compose(config, clock.clone(), Ids::system(clock), listen)?;
                Migrations::of(&app.db).apply().await.map_err(says)?;
                let id = app.accounts.register(email, password.into()).await.map_err(|error| match error {
                    crate::user::Error::Invalid(wrong) => wrong
                        .iter()
                        .map(|(pointer, _, says)| format!("{}: {says}", &pointer[1..]))
                        .collect::<Vec<_>>()
                        .join("; "),
                    other => other.to_string(),
                })?;
                println!("{id}");
            }
        }
        Ok(())
    })
}
