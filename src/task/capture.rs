//! Quick add: a line of text becomes a task, and the caller is told what was understood.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use axum::http::{StatusCode, header};
use chrono::{NaiveDate, SecondsFormat};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::api::Answer;
use super::collection::{self, Collection, Kind};
use super::input::{Input, Local};
use super::model::{Priority, Task};
use super::reminder::ReminderInput;
use super::series::RecurrenceInput;
use super::service::{Home, Once, Tasks};
use crate::http::idempotency::Reply;
use crate::http::{Bearer, Post, Problem, ProblemBody};
use crate::kernel::{Actor, Scope, zone};
use crate::quick::{self, Understood, When};

/// `/api/v1/tasks/quick`.
pub(super) fn routes() -> OpenApiRouter<Arc<Tasks>> {
    OpenApiRouter::new().routes(routes!(add))
}

/// A line.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Line {
    /// At most 2,000 characters, in the account's language and zone.
    #[schema(example = "Pay rent tomorrow 5pm every month #home !1 *errands", max_length = 2000)]
    text: String,
    /// Only tell what would be understood: nothing is made.
    #[serde(default)]
    preview: bool,
}

/// What a part of the line says.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum Part {
    Due,
    Start,
    Deadline,
    Recurrence,
    Priority,
    Project,
    Section,
    Tag,
    Reminder,
}

/// A part of the line that was understood.
#[derive(Clone, Debug, Serialize, ToSchema)]
struct Span {
    /// What it says.
    #[schema(inline)]
    kind: Part,
    /// Its first character (Unicode scalar values), from 0.
    start: usize,
    /// The one after its last.
    end: usize,
    /// The text between.
    text: String,
}

/// What came of a line.
#[derive(Debug, Serialize, ToSchema)]
struct Captured {
    /// The task that was made; null for a preview.
    task: Option<Task>,
    /// What `POST /api/v1/tasks` would take for the same task.
    input: Input,
    /// The parts of the line that are not its title, in their order.
    spans: Vec<Span>,
}

/// Make a task of a line of text, such as `Pay rent tomorrow 5pm every month #home !1 *errands`, and tell what was understood.
/// What is not certain is part of the title.
#[utoipa::path(post, path = "/api/v1/tasks/quick", tag = "tasks", request_body = Line,
    params(("Idempotency-Key" = Option<String>, Header, description = "Makes a retry safe")),
    responses((status = 201, body = Captured), (status = 200, body = Captured, description = "A preview"),
        (status = 422, body = ProblemBody)))]
async fn add(State(tasks): State<Arc<Tasks>>, bearer: Bearer, post: Post<Line>) -> Answer<Reply> {
    let actor = bearer.with(Scope::TasksWrite)?;
    let (input, spans, local) = tasks.understand(&actor, &post.body.text).await?;
    let told = |task: Option<&Task>| Captured { task: task.cloned(), input: input.clone(), spans: spans.clone() };
    let draft = input.clone().parse(local).map_err(super::Error::Invalid)?;
    if post.body.preview {
        return Ok(Reply::json(StatusCode::OK, &told(None)));
    }
    let reply = |task: &Task| {
        let reply = Reply::json(StatusCode::CREATED, &told(Some(task)));
        let reply = reply.with(header::ETAG, format!("\"{}\"", task.version));
        reply.with(header::LOCATION, format!("/api/v1/tasks/{}", task.id))
    };
    let once = post.key.as_ref().map(|key| Once { key, reply: &reply });
    Ok(tasks.create(&actor, draft, once).await?.reply(reply))
}

impl Tasks {
    /// What a line says, in the actor's language and zone, and among their projects.
    async fn understand(&self, actor: &Actor, text: &str) -> Result<(Input, Vec<Span>, Local), Problem> {
        let home = self.home(actor).await?;
        let places = if text.contains('#') { self.places(actor).await? } else { Vec::new() };
        let names: Vec<Vec<&str>> =
            places.iter().map(|(_, sections)| sections.iter().map(|section| section.name.as_str()).collect()).collect();
        let projects: Vec<_> = places
            .iter()
            .zip(&names)
            .map(|((project, _), sections)| quick::Project { name: &project.name, sections })
            .collect();
        let now = self.clock.now();
        let Home { zone, week_start, day_first, language } = home;
        let context = quick::Context { now, zone, week_start, day_first, language, projects: &projects };
        let understood = quick::read(text, &context).map_err(|error| {
            let code = match error {
                quick::Error::TooLong(_) => "too_long",
                quick::Error::Empty | quick::Error::NoTitle => "required",
            };
            Problem::validation().field("/text", code, error.to_string())
        })?;
        let local = Local { zone, language, today: zone::day(now, zone) };
        let spans = understood.spans.iter().map(span).collect();
        Ok((input(understood, &places, zone), spans, local))
    }

    /// The actor's projects that are not archived, the inbox among them, each with its sections.
    async fn places(&self, actor: &Actor) -> Result<Vec<(Collection, Vec<Collection>)>, super::Error> {
        let mut exec = self.db.read().await?;
        let all = collection::store::all(&mut exec, actor.user_id).await?;
        let mut sections: BTreeMap<Uuid, Vec<Collection>> = BTreeMap::new();
        let mut projects = vec![Collection::inbox(actor.user_id)];
        for one in all.into_iter().filter(|one| one.archived_at.is_none()) {
            match (one.kind, one.project_id) {
                (Kind::Project, _) => projects.push(one),
                (Kind::Section, Some(project)) => sections.entry(project).or_default().push(one),
                _ => {}
            }
        }
        Ok(projects
            .into_iter()
            .map(|project| {
                let own = sections.remove(&project.id).unwrap_or_default();
                (project, own)
            })
            .collect())
    }
}

fn span(span: &quick::Span) -> Span {
    let kind = match span.kind {
        quick::Kind::Due => Part::Due,
        quick::Kind::Start => Part::Start,
        quick::Kind::Deadline => Part::Deadline,
        quick::Kind::Repeat => Part::Recurrence,
        quick::Kind::Priority => Part::Priority,
        quick::Kind::Project => Part::Project,
        quick::Kind::Section => Part::Section,
        quick::Kind::Tag => Part::Tag,
        quick::Kind::Reminder => Part::Reminder,
    };
    Span { kind, start: span.start, end: span.end, text: span.text.clone() }
}

/// The same as a client would say it.
fn input(line: Understood, places: &[(Collection, Vec<Collection>)], home: chrono_tz::Tz) -> Input {
    let (due_date, due_at) = match line.due {
        Some(When::Day(day)) => (Some(day.to_string()), None),
        Some(When::Time(time)) => (None, Some(time.format("%Y-%m-%dT%H:%M:%S").to_string())),
        None => (None, None),
    };
    let priority = line.priority.map(|number| Priority::of_rank(5 - i64::from(number.clamp(1, 4))));
    let name = |priority: Priority| Priority::ALL[priority as usize].1.to_owned();
    let reminders = line.reminders.iter().map(|reminder| match reminder {
        quick::Reminder::Before(minutes) => ReminderInput { at: None, minutes_before: Some(i64::from(*minutes)) },
        quick::Reminder::At(time) => {
            let at = zone::instant(*time, home).to_rfc3339_opts(SecondsFormat::Secs, true);
            ReminderInput { at: Some(at), minutes_before: None }
        }
    });
    let recurrence = line.repeat.map(|repeat| RecurrenceInput {
        rule: repeat.rule.to_string(),
        from: repeat.from_completion.then(|| "completion".to_owned()),
        ..RecurrenceInput::default()
    });
    let place = line.project.and_then(|project| places.get(project));
    let section = line.section.and_then(|section| place.and_then(|(_, sections)| sections.get(section)));
    Input {
        title: Some(line.title),
        priority: priority.map(name),
        project_id: place.map(|(project, _)| project.id),
        section_id: section.map(|section| section.id),
        tags: Some(line.tags),
        due_date,
        due_zone: due_at.as_ref().map(|_| home.name().to_owned()),
        due_at,
        start_date: line.start.as_ref().map(NaiveDate::to_string),
        deadline: line.deadline.as_ref().map(NaiveDate::to_string),
        reminders: Some(reminders.collect()),
        recurrence,
        ..Input::default()
    }
}
