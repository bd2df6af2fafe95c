//! Dead letters for operators: `todo dlq …`, and the same on the admin port.

use std::io::Write as _;

use anstream::println;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use clap::{Args, Subcommand};
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::compose::{Failure, says};
use crate::events::Error;
use crate::events::consumer::{self, Letter, LetterState};
use crate::http::{Path, Problem, Query};
use crate::kernel::Clock;
use crate::storage::Db;

/// Letters that are looked at in one go.
const PAGE: i64 = 1000;

/// `todo dlq …`
#[derive(Subcommand)]
pub(super) enum DlqCommand {
    /// List letters, each user's in the order of their events
    List {
        /// What was decided: dead (nothing yet), redriven or discarded
        #[arg(long, default_value = "dead")]
        state: LetterState,
        #[command(flatten)]
        filter: Filter,
        /// At most so many
        #[arg(long, default_value_t = 100)]
        limit: i64,
        /// One JSON object a line
        #[arg(long)]
        json: bool,
    },
    /// Show one letter whole, with its headers and its value
    Show {
        /// The letter's id
        id: Uuid,
    },
    /// Give letters back to their consumer, after the cause was mended; each user's keep their order
    Redrive(Which),
    /// Give letters up for good
    Discard(Which),
}

/// Some letters.
#[derive(Args)]
pub(super) struct Filter {
    /// Only of this topic
    #[arg(long, default_value = "")]
    topic: String,
    /// Only of this consumer
    #[arg(long, default_value = "")]
    consumer: String,
}

/// One letter, or all that fit.
#[derive(Args)]
pub(super) struct Which {
    /// The letter's id
    #[arg(required_unless_present = "all", conflicts_with = "all")]
    id: Option<Uuid>,
    /// All that nothing was decided about, and that fit --topic and --consumer
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    filter: Filter,
}

#[derive(Clone, Copy)]
enum Decision {
    Redrive,
    Discard,
}

impl Decision {
    async fn make(self, db: &Db, letter: &Letter) -> Result<bool, Error> {
        match self {
            Self::Redrive => consumer::redrive(db, &Clock::system(), letter).await,
            Self::Discard => consumer::discard(db, &Clock::system(), letter.id).await,
        }
    }

    fn done(self) -> &'static str {
        match self {
            Self::Redrive => "redriven",
            Self::Discard => "discarded",
        }
    }
}

/// Runs `todo dlq …`.
pub(super) async fn command(db: &Db, command: DlqCommand) -> Result<(), Failure> {
    match command {
        DlqCommand::List { state, filter, limit, json } => list(db, state, &filter, limit, json).await,
        DlqCommand::Show { id } => {
            let letter = find(db, id).await?;
            let text = serde_json::to_string_pretty(&whole(&letter)).map_err(says)?;
            writeln!(anstream::stdout(), "{text}").map_err(says)
        }
        DlqCommand::Redrive(which) => decide(db, Decision::Redrive, &which).await,
        DlqCommand::Discard(which) => decide(db, Decision::Discard, &which).await,
    }
}

async fn list(db: &Db, state: LetterState, filter: &Filter, limit: i64, json: bool) -> Result<(), Failure> {
    let limit = limit.clamp(1, 100_000);
    let found = consumer::letters(db, Some(state), &filter.topic, &filter.consumer, limit).await;
    let mut out = anstream::stdout();
    for letter in found.map_err(says)? {
        let line = if json {
            whole(&letter).to_string()
        } else {
            let user = letter.user_id.map_or_else(|| "?".to_owned(), |user| user.to_string());
            let seq = letter.seq.map_or_else(|| "?".to_owned(), |seq| seq.to_string());
            let at = letter.last_failed_at.format("%F %T");
            format!(
                "{}  {at}  {} {}/{}  {}  user {user} #{seq}  {} tries: {}",
                letter.id,
                letter.topic,
                letter.partition,
                letter.offset,
                letter.consumer,
                letter.attempts,
                letter.error
            )
        };
        writeln!(out, "{line}").map_err(says)?;
    }
    Ok(())
}

async fn find(db: &Db, id: Uuid) -> Result<Letter, Failure> {
    let letter = consumer::letter(db, id).await.map_err(says)?;
    letter.ok_or_else(|| format!("there is no dead letter {id}: `todo dlq list` shows them"))
}

async fn decide(db: &Db, decision: Decision, which: &Which) -> Result<(), Failure> {
    if let Some(id) = which.id {
        let letter = find(db, id).await?;
        return match decision.make(db, &letter).await {
            Ok(true) => {
                println!("{id} {}", decision.done());
                Ok(())
            }
            Ok(false) => Err(format!("{id} was decided about before: it is {}", find(db, id).await?.state())),
            Err(error) => Err(error.to_string()),
        };
    }
    let (mut done, mut left) = (0_usize, 0_usize);
    loop {
        let limit = PAGE + i64::try_from(left).unwrap_or(i64::MAX / 2);
        let (topic, name) = (&which.filter.topic, &which.filter.consumer);
        let page = consumer::letters(db, Some(LetterState::Dead), topic, name, limit).await;
        let page = page.map_err(says)?;
        let before = done;
        left = 0;
        for letter in &page {
            match decision.make(db, letter).await {
                Ok(true) => done += 1,
                Ok(false) => {}
                Err(error @ Error::Undecodable { .. }) => {
                    eprintln!("todo: {error}");
                    left += 1;
                }
                Err(error) => return Err(format!("{done} {}, then: {error}", decision.done())),
            }
        }
        if done == before {
            println!(
                "{done} {}{}",
                decision.done(),
                if left > 0 { format!(", {left} left as they are") } else { String::new() }
            );
            return Ok(());
        }
    }
}

/// A letter with its headers as text.
fn whole(letter: &Letter) -> Value {
    let mut value = serde_json::to_value(letter).unwrap_or_default();
    let headers = letter.message().headers.into_iter();
    let headers = headers.map(|(name, bytes)| (name, json!(String::from_utf8_lossy(&bytes)))).collect();
    value["headers"] = Value::Object(headers);
    value["state"] = json!(letter.state().as_str());
    value
}

/// `/dead-letters` on the admin port.
pub(super) fn routes(db: Db) -> Router {
    Router::new()
        .route("/dead-letters", get(index))
        .route("/dead-letters/{id}", get(show))
        .route("/dead-letters/{id}/redrive", post(redrive))
        .route("/dead-letters/{id}/discard", post(discard))
        .with_state(db)
}

#[derive(Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Params {
    state: String,
    topic: String,
    consumer: String,
    limit: i64,
}

impl Default for Params {
    fn default() -> Self {
        Self { state: "dead".to_owned(), topic: String::new(), consumer: String::new(), limit: 100 }
    }
}

async fn index(State(db): State<Db>, Query(params): Query<Params>) -> Response {
    let state = match params.state.parse() {
        Ok(state) => state,
        Err(says) => return Problem::validation().field("state", "invalid", says).into_response(),
    };
    match consumer::letters(&db, Some(state), &params.topic, &params.consumer, params.limit.clamp(1, PAGE)).await {
        Ok(found) => Json(json!({ "results": found.iter().map(whole).collect::<Vec<_>>() })).into_response(),
        Err(error) => failed(error),
    }
}

async fn show(State(db): State<Db>, Path(id): Path<Uuid>) -> Response {
    match consumer::letter(&db, id).await {
        Ok(Some(letter)) => Json(whole(&letter)).into_response(),
        Ok(None) => Problem::not_found().into_response(),
        Err(error) => failed(error),
    }
}

async fn redrive(State(db): State<Db>, headers: HeaderMap, Path(id): Path<Uuid>) -> Response {
    decided(&db, Decision::Redrive, &headers, id).await
}

async fn discard(State(db): State<Db>, headers: HeaderMap, Path(id): Path<Uuid>) -> Response {
    decided(&db, Decision::Discard, &headers, id).await
}

/// The header that says who decides. A page in a browser cannot send it to another origin, so that no page that an
/// operator has open can decide for them.
const OPERATOR: &str = "x-operator";

async fn decided(db: &Db, decision: Decision, headers: &HeaderMap, id: Uuid) -> Response {
    let Some(operator) = headers.get(OPERATOR).and_then(|value| value.to_str().ok()).filter(|name| !name.is_empty())
    else {
        let detail = "Say who decides: send your name as X-Operator.";
        return Problem::new(StatusCode::BAD_REQUEST, "operator_missing", detail).into_response();
    };
    let letter = match consumer::letter(db, id).await {
        Ok(Some(letter)) => letter,
        Ok(None) => return Problem::not_found().into_response(),
        Err(error) => return failed(error),
    };
    match decision.make(db, &letter).await {
        Ok(true) => {
            tracing::info!(%id, operator, decision = decision.done(), "a dead letter was decided about");
            Json(json!({ "id": id, "state": decision.done() })).into_response()
        }
        Ok(false) => {
            let detail = format!("The letter was decided about before: it is {}.", letter.state());
            Problem::new(StatusCode::CONFLICT, "dead_letter_decided", detail).into_response()
        }
        Err(error) => failed(error),
    }
}

fn failed(error: Error) -> Response {
    let problem = match error {
        Error::Storage(error) => error.into(),
        Error::Undecodable { .. } => {
            Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "dead_letter_undecodable", error.to_string())
        }
        other => Problem::internal(other),
    };
    problem.into_response()
}
