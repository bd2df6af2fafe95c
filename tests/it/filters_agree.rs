//! A filter means the same in memory and in both databases: [`Filter::matches`] is the oracle of what listings return.

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc, Weekday};
use reqwest::Method;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use todo::filter::{Context, Due, Filter, Subject};
use todo::kernel::{Clock, Ids};

use crate::support::{Person, World, expect, on_both};

/// Half an hour before midnight in Berlin, on the day before the clock is put back there.
const NOW: &str = "2026-10-24T21:30:00Z";
const TASKS: usize = 60;
const FILTERS: usize = 400;

const NAMES: [&str; 5] = ["Home", "ÄRGER", "work", "50%", "a_b"];
const TITLES: [&str; 6] = ["Rent", "rent the FLAT", "Straße 5", "100% done", "it's \"late\"", "back\\slash_"];
const DATES: [&str; 6] = ["2026-10-23", "2026-10-24", "2026-10-25", "2026-10-26", "2026-11-01", "2025-12-31"];
const INSTANTS: [&str; 6] = [
    "2026-10-24T21:30:00Z",
    "2026-10-24T22:00:00Z",
    "2026-10-24T21:59:59.999999Z",
    "2026-10-25T01:30:00Z",
    "2026-10-25T23:00:00Z",
    "2026-10-17T21:30:00Z",
];
const PRIORITIES: [&str; 5] = ["none", "low", "medium", "high", "urgent"];

/// Choices that are the same in each run.
struct Dice(Ids);

impl Dice {
    fn below(&self, most: usize) -> usize {
        usize::from(u16::from_le_bytes(self.0.noise::<2>())) % most
    }

    fn one<'a>(&self, of: &[&'a str]) -> &'a str {
        of[self.below(of.len())]
    }

    fn some(&self, of: &[&str]) -> Value {
        if self.below(2) == 0 { Value::Null } else { self.one(of).into() }
    }

    fn moment(&self) -> String {
        let start = match self.below(3) {
            0 => self.one(&DATES),
            1 => self.one(&INSTANTS),
            _ => self.one(&["now", "today", "tomorrow", "yesterday", "startOfWeek", "endOfMonth", "startOfYear"]),
        };
        let step = self.one(&["", "", "", "+1d", "-1d", "+1w", "-7d", "+1M", "/d", "/w", "+2d/M", "-1y"]);
        // Hours are of an instant only.
        let step = if start == "now" && self.below(3) == 0 { self.one(&["+3h", "-30m", "+26h"]) } else { step };
        format!("{start}{step}")
    }

    fn comparison(&self, ids: &[String]) -> String {
        let id = || format!("\"{}\"", ids[self.below(ids.len())]);
        let quoted = |text: &str| serde_json::to_string(text).unwrap();
        let equal = self.one(&["=", "!="]);
        let order = self.one(&["=", "!=", "<", "<=", ">", ">="]);
        let within = self.one(&["in", "not in"]);
        match self.below(12) {
            0 => format!("{} {equal} {}", self.one(&["done", "recurring", "overdue"]), self.one(&["true", "false"])),
            1 => format!("{} {equal} {}", self.one(&["title", "description"]), quoted(self.one(&TITLES))),
            2 => format!(
                "{} like {}",
                self.one(&["title", "description"]),
                quoted(self.one(&["RENT", "%", "_", "\\", "strasse", "STRASSE", "ß", "'", "\""]))
            ),
            3 => format!("tag {equal} {}", quoted(&self.one(&NAMES).to_lowercase())),
            4 => format!("tag {within} ({}, null)", quoted(self.one(&NAMES))),
            5 => format!("project {within} ({}, inbox)", quoted(self.one(&NAMES))),
            6 => format!("section {equal} {}", self.one(&["null", "later", "SOON"])),
            7 => format!("priority {order} {}", self.one(&PRIORITIES)),
            8 => format!("parent {within} (null, {})", id()),
            9 => format!("{} {equal} null", self.one(&["due", "start", "deadline", "completed"])),
            10 => {
                let field = self.one(&["due", "start", "deadline", "created", "updated", "completed"]);
                format!("{field} {within} ({}, {}, null)", self.moment(), self.moment())
            }
            _ => {
                let field = self.one(&["due", "due", "due", "start", "deadline", "created", "updated", "completed"]);
                format!("{field} {order} {}", self.moment())
            }
        }
    }

    fn filter(&self, ids: &[String], depth: usize) -> String {
        match self.below(if depth == 0 { 1 } else { 4 }) {
            0 => self.comparison(ids),
            1 => format!("({} && {})", self.filter(ids, depth - 1), self.filter(ids, depth - 1)),
            2 => format!("({} || {})", self.filter(ids, depth - 1), self.filter(ids, depth - 1)),
            _ => format!("!({})", self.filter(ids, depth - 1)),
        }
    }
}

async fn make(person: &Person<'_>, path: &str, body: Value) -> Value {
    person.world.clock.advance(TimeDelta::milliseconds(2));
    expect(person.send(Method::POST, path, Some(body), &[]).await, 201).await
}

fn text(thing: &Value, member: &str) -> String {
    thing[member].as_str().unwrap_or_default().to_owned()
}

/// Projects with a section each, and tasks of every kind. Returns the tasks as they are then.
async fn a_world(person: &Person<'_>, dice: &Dice) -> Vec<Value> {
    let mut places = vec![json!({})];
    for (name, section) in NAMES.iter().zip(["Later", "soon", "Soon", "x", "later"]) {
        let project = make(person, "/api/v1/projects", json!({ "name": name })).await;
        let path = format!("/api/v1/projects/{}/sections", text(&project, "id"));
        let section = make(person, &path, json!({ "name": section })).await;
        places.push(json!({ "projectId": project["id"] }));
        places.push(json!({ "projectId": project["id"], "sectionId": section["id"] }));
    }
    let mut made: Vec<Value> = Vec::new();
    for n in 0..TASKS {
        let mut task = places[dice.below(places.len())].clone();
        if n % 6 == 5 {
            task = json!({ "parentId": made[dice.below(made.len())]["id"] });
        }
        task["title"] = dice.one(&TITLES).into();
        task["description"] = dice.one(&TITLES).into();
        task["priority"] = dice.one(&PRIORITIES).into();
        task["tags"] = NAMES.iter().filter(|_| dice.below(4) == 0).copied().collect();
        (task["startDate"], task["deadline"]) = (dice.some(&DATES), dice.some(&DATES));
        match dice.below(3) {
            0 => task["dueDate"] = dice.one(&DATES).into(),
            1 => task["dueAt"] = dice.one(&INSTANTS).into(),
            _ => {}
        }
        if n % 6 == 4 && task["dueDate"].is_string() {
            task["recurrence"] = json!({ "rule": "FREQ=DAILY" });
        }
        // Some are of earlier days; the last ones are of the very present.
        person.world.clock.advance(TimeDelta::minutes(if n < 50 { 25 } else { 0 }));
        made.push(make(person, "/api/v1/tasks", task).await);
        if dice.below(3) == 0 {
            let path = format!("/api/v1/tasks/{}/complete?subtasks=keep", text(&made[n], "id"));
            expect(person.send(Method::POST, &path, None, &[]).await, 200).await;
        }
    }
    person.get("/api/v1/tasks?state=all&limit=200").await["results"].as_array().unwrap().clone()
}

fn parsed<T: DeserializeOwned>(thing: &Value, member: &str) -> Option<T> {
    serde_json::from_value(thing[member].clone()).unwrap()
}

fn subject(task: &Value, collections: &[Value], inbox: &str) -> Subject {
    let named = |member: &str| collections.iter().find(|one| one["id"] == task[member]);
    let project = named("projectId").map_or_else(|| "inbox".to_owned(), |project| text(project, "name").to_lowercase());
    let at = parsed::<DateTime<Utc>>(task, "dueAt").map(Due::At);
    Subject {
        title: text(task, "title"),
        description: text(task, "description"),
        tags: task["tags"].as_array().unwrap().iter().map(|tag| tag.as_str().unwrap().to_lowercase()).collect(),
        project: parsed(task, "projectId").unwrap(),
        project_key: project,
        inbox: task["projectId"] == *inbox,
        section_key: named("sectionId").map(|section| text(section, "name").to_lowercase()),
        priority: i64::try_from(PRIORITIES.iter().position(|name| task["priority"] == *name).unwrap()).unwrap(),
        due: at.or(parsed(task, "dueDate").map(Due::On)),
        start: parsed(task, "startDate"),
        deadline: parsed(task, "deadline"),
        created: parsed(task, "createdAt").unwrap(),
        updated: parsed(task, "updatedAt").unwrap(),
        completed: parsed(task, "completedAt"),
        parent: parsed(task, "parentId"),
        recurring: task["recurrence"].is_object(),
    }
}

async fn a_filter_means_the_same_in_memory_and_in_the_database(url: Option<String>) {
    let mut flags: Vec<_> = url.into_iter().map(|url| format!("storage.url={url}")).collect();
    // Hours pass within the test.
    flags.push("auth.access_token_seconds=86400".to_owned());
    let clock = Clock::fixed(NOW.parse::<DateTime<Utc>>().unwrap() - TimeDelta::minutes(25 * 50));
    // No worker: occurrences would be made, and change what is listed.
    let world = World::api_only(clock, &flags).await;
    let person = world.person("ann@example.org").await;
    let profile = Some(json!({ "timeZone": "Europe/Berlin" }));
    expect(person.send(Method::PATCH, "/api/v1/me", profile, &[("if-match", "*")]).await, 200).await;
    let dice = Dice(Ids::seeded(Clock::system(), 11));
    let tasks = a_world(&person, &dice).await;
    let collections = person.get("/api/v1/me/export").await["collections"].as_array().unwrap().clone();
    let inbox = person.id.to_string();
    let subjects: Vec<_> =
        tasks.iter().map(|task| (text(task, "title"), text(task, "id"), subject(task, &collections, &inbox))).collect();
    let ids: Vec<_> = tasks.iter().map(|task| text(task, "id")).collect();
    let (now, zone) = (world.clock.now(), chrono_tz::Europe::Berlin);
    let context = Context { now, zone, week_start: Weekday::Mon, name_key: str::to_lowercase };
    let mut telling = 0;
    for _ in 0..FILTERS {
        let text = dice.filter(&ids, 3);
        let filter: Filter = text.parse().unwrap_or_else(|error| panic!("{text}: {error}"));
        let expected: BTreeSet<_> =
            subjects.iter().filter(|(_, _, one)| filter.matches(one, &context)).map(|(_, id, _)| id.as_str()).collect();
        let query = [("state", "all"), ("limit", "200"), ("filter", &text)];
        let url = reqwest::Url::parse_with_params(&format!("{}/api/v1/tasks", world.base), query).unwrap();
        let path = &url.as_str()[world.base.len()..];
        let page = person.get(path).await;
        let found: BTreeSet<_> =
            page["results"].as_array().unwrap().iter().map(|task| task["id"].as_str().unwrap()).collect();
        let differ: Vec<_> = subjects
            .iter()
            .filter(|(_, id, _)| expected.contains(id.as_str()) != found.contains(id.as_str()))
            .collect();
        assert!(
            differ.is_empty(),
            "{text}\nin memory {} and in the database {}: {differ:#?}",
            expected.len(),
            found.len()
        );
        telling += usize::from(!expected.is_empty() && expected.len() < subjects.len());
    }
    assert!(telling > FILTERS / 2, "{telling} of {FILTERS} filters chose some of the tasks");
    world.running.stop().await;
}

on_both! {
    a_filter_means_the_same_in_memory_and_in_the_database: same_on_sqlite, real_same_on_postgres;
}
