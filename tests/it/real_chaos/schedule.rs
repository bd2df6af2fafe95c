//! Check 13: ten instances and kills -9, with reminders that fire and occurrences that are made: each exactly once.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, Days, TimeDelta, Utc};
use serde_json::{Value, json};
use todo::kernel::Clock;
use todo::storage::Db;

use super::{figure, percentile, setting};
use crate::process::Process;
use crate::support::{config, postgres, until};

/// Days of each series that are made up for.
const DAYS: u64 = 12;

/// Each with some series that are behind, and some reminders that come soon.
async fn person(client: &reqwest::Client, api: &str, n: usize, now: DateTime<Utc>) -> String {
    let token = crate::process::token(client, api, &format!("p{n}@example.org")).await;
    let due = (now.date_naive() - Days::new(DAYS)).to_string();
    let mut items = Vec::new();
    for series in 0..5 {
        // As many as there are up to tomorrow, also when it becomes another day meanwhile.
        let recurrence = json!({ "rule": format!("FREQ=DAILY;COUNT={}", DAYS + 2), "skipWhileOpen": false });
        let task = json!({ "title": format!("s{series}"), "dueDate": due, "recurrence": recurrence });
        items.push(json!({ "op": "create", "task": task }));
    }
    for reminder in 0..40_i64 {
        let at = (now + TimeDelta::milliseconds(4_000 + reminder * 200)).to_rfc3339();
        let task = json!({ "title": format!("r{reminder}"), "reminders": [{ "at": at }] });
        items.push(json!({ "op": "create", "task": task }));
    }
    let request = client.post(format!("{api}/api/v1/tasks/bulk")).bearer_auth(&token).json(&json!({ "items": items }));
    let reply: Value = request.send().await.unwrap().json().await.unwrap();
    assert!(reply["results"].as_array().unwrap().iter().all(|result| result["status"] == 201), "{reply}");
    token
}

/// How often each reminder fired and each occurrence was made, and how late reminders were, in seconds.
#[derive(Default)]
struct Seen {
    reminders: BTreeMap<String, usize>,
    occurrences: BTreeMap<String, usize>,
    late: Vec<f64>,
}

async fn seen(db: &Db, users: &[uuid::Uuid]) -> Seen {
    let mut seen = Seen::default();
    for user in users {
        for change in todo::events::changes(db, *user, 0, i64::MAX).await.unwrap() {
            let event: Value = serde_json::from_str(change.event.get()).unwrap();
            let payload = &event["payload"];
            if event["eventType"] == "REMINDER_FIRED" {
                *seen.reminders.entry(payload["taskId"].to_string()).or_default() += 1;
                let at = |value: &Value| value.as_str().unwrap().parse::<DateTime<Utc>>().unwrap();
                seen.late.push((at(&event["timestamp"]) - at(&payload["remindAt"])).as_seconds_f64());
            } else if event["eventType"] == "TASK_CREATED" && payload["seriesId"].is_string() {
                *seen.occurrences.entry(format!("{} {}", payload["seriesId"], payload["occurrence"])).or_default() += 1;
            }
        }
    }
    seen
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn real_reminders_and_occurrences_come_once_whatever_is_killed() {
    let Some(url) = postgres().await else { return };
    let (kills, people) = (setting("TODO_TEST_SCHEDULE_KILLS", 3, 60), setting("TODO_TEST_SCHEDULE_PEOPLE", 2, 40));
    let many = usize::try_from(setting("TODO_TEST_SCHEDULE_INSTANCES", 3, 10)).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let flags = [
        format!("storage.url={url}"),
        "auth.issuer=http://schedule.test".to_owned(),
        "storage.max_connections=4".to_owned(),
    ];
    let start = |roles| tokio::task::block_in_place(|| Process::start_as(roles, folder.path(), &flags));
    let api = start("api");
    let client = super::writers::client();
    let clock = Clock::system();
    let (mut tokens, mut users) = (Vec::new(), Vec::new());
    for n in 0..usize::try_from(people).unwrap() {
        tokens.push(person(&client, &api.api, n, clock.now()).await);
    }
    for token in &tokens {
        let me = client.get(format!("{}/api/v1/me", api.api)).bearer_auth(token).send().await.unwrap();
        users.push(me.json::<Value>().await.unwrap()["id"].as_str().unwrap().parse().unwrap());
    }
    let mut instances: Vec<_> = (0..many).map(|_| start("worker")).collect();
    for round in 0..kills {
        tokio::time::sleep(Duration::from_millis(round * 37 % 300)).await;
        instances.remove(usize::try_from(round).unwrap() % many).kill();
        instances.push(start("worker"));
    }
    let db = Db::open(&config(folder.path(), &flags).storage).unwrap();
    let (reminders, occurrences) = (tokens.len() * 40, tokens.len() * 5 * usize::try_from(DAYS + 2).unwrap());
    until("all came", || async {
        let seen = seen(&db, &users).await;
        seen.reminders.len() >= reminders && seen.occurrences.len() >= occurrences
    })
    .await;
    // What would come twice has the time to.
    tokio::time::sleep(Duration::from_secs(2)).await;
    let seen = seen(&db, &users).await;
    assert_eq!((seen.reminders.len(), seen.occurrences.len()), (reminders, occurrences));
    let twice: Vec<_> = seen.reminders.iter().chain(&seen.occurrences).filter(|(_, count)| **count != 1).collect();
    assert!(twice.is_empty(), "{twice:?}");
    let (p50, p99) = (percentile(&seen.late, 50), percentile(&seen.late, 99));
    figure(
        13,
        &format!(
            "{many} instances, {kills} kills: {reminders} reminders and {occurrences} occurrences, each once; reminders late by p50 {p50:.2} p99 {p99:.2} s"
        ),
    );
}
