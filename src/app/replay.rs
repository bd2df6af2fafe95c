//! `todo events replay`: events of the log, published once more.

use std::io::IsTerminal as _;
use std::str::FromStr;
use std::time::Duration;

use anstream::println;
use chrono::{DateTime, SecondsFormat, Utc};
use clap::Args;
use uuid::Uuid;

use super::compose::{Failure, says};
use crate::config::Config;
use crate::events::{self, Broker as _, BrokerKind, KafkaBroker, Progress, Replay, Start, Topic};
use crate::kernel::Clock;
use crate::storage::Db;

/// Where it begins: a number of a user's log, or a time.
#[derive(Clone, Copy, Debug)]
struct From(Start);

impl FromStr for From {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(seq) = text.parse::<i64>() {
            return if seq > 0 { Ok(Self(Start::Seq(seq))) } else { Err("numbers begin at 1".to_owned()) };
        }
        let time = DateTime::parse_from_rfc3339(text);
        time.map(|time| Self(Start::Time(time.with_timezone(&Utc))))
            .map_err(|_| "use the number of a user's event, or a time such as 2026-11-24T09:00:00Z".to_owned())
    }
}

/// `todo events replay …`
#[derive(Args)]
pub(super) struct ReplayArgs {
    /// The first event: its number in the log of --user, or a time (RFC 3339) for each user's first one since
    #[arg(long, value_name = "SEQ|TIME")]
    from: From,
    /// Only this user's
    #[arg(long)]
    user: Option<Uuid>,
    /// Only of this topic: todo-events, chat-events or user-events
    #[arg(long)]
    topic: Option<Topic>,
    /// To this topic of the cluster instead of each event's own
    #[arg(long, value_name = "TOPIC_NAME")]
    to: Option<String>,
    /// Go on after this user, as a run that stopped says
    #[arg(long, value_name = "UUID", conflicts_with = "user")]
    after_user: Option<Uuid>,
    /// Only count
    #[arg(long)]
    dry_run: bool,
}

/// Runs it.
pub(super) async fn command(db: &Db, config: &Config, args: ReplayArgs) -> Result<(), Failure> {
    if config.events.broker == BrokerKind::Memory {
        return Err(
            "events.broker is `memory`, which lives in the serving process and has nothing to replay to: for a \
                    cluster add `--set events.broker=kafka`"
                .to_owned(),
        );
    }
    let asked = asked(args)?;
    if let Some(user) = asked.user {
        let known = events::last_seq(db, user).await.map_err(says)?;
        known.ok_or_else(|| format!("there is no account {user}"))?;
    }
    let broker = KafkaBroker::connect(&config.kafka)?;
    let targets = match (&asked.to, asked.topic) {
        (Some(to), _) => vec![to.as_str()],
        (None, Some(topic)) => vec![topic.name()],
        (None, None) => Topic::ALL.iter().map(|topic| topic.name()).collect(),
    };
    for topic in targets {
        if !broker.has_topic(topic).await? {
            return Err(format!("the cluster has no topic {topic}: make it first"));
        }
    }
    let mut progress = Progress::default();
    let shows = std::io::stderr().is_terminal();
    let tell = |progress: &Progress| {
        if shows {
            eprint!("\r{} event(s) …", progress.replayed);
        }
    };
    let outcome = events::replay(db, &broker, &Clock::system(), &asked, &mut progress, tell).await;
    if shows {
        eprint!("\r\x1b[K");
    }
    if let Err(error) = outcome {
        let count = progress.replayed;
        return Err(format!("{error}; {count} event(s) were replayed before: {}", rest(&asked, &progress)));
    }
    broker.close(Duration::from_secs(10)).await;
    println!("{}", summary(&asked, &progress));
    Ok(())
}

fn asked(args: ReplayArgs) -> Result<Replay, Failure> {
    let ReplayArgs { from: From(from), user, topic, to, after_user, dry_run } = args;
    if matches!(from, Start::Seq(_)) && user.is_none() {
        return Err("numbers count within a user's log: say whose with --user, or give --from a time".to_owned());
    }
    if let Some(to) = to.as_deref().filter(|to| Topic::ALL.iter().any(|topic| topic.name() == *to)) {
        return Err(format!("{to} is a topic of the service: without --to each event goes to its own"));
    }
    Ok(Replay { from, user, after: after_user.unwrap_or_default(), topic, to, dry_run })
}

fn summary(asked: &Replay, progress: &Progress) -> String {
    let verb = if asked.dry_run { "would be replayed" } else { "replayed" };
    let left = match progress.left_out {
        0 => String::new(),
        left => format!(", {left} left out: the outbox holds them, or an earlier one of their user"),
    };
    format!("{} event(s) {verb}{left}", progress.replayed)
}

/// How to go on after an error.
fn rest(asked: &Replay, progress: &Progress) -> String {
    match (asked.user, asked.from, progress.last, progress.done) {
        (Some(user), _, Some((_, seq)), _) => format!("go on with `--user {user} --from {}`", seq + 1),
        (None, Start::Time(time), _, Some(done)) => {
            let time = time.to_rfc3339_opts(SecondsFormat::AutoSi, true);
            format!("go on with `--from {time} --after-user {done}`")
        }
        _ => "begin again".to_owned(),
    }
}
