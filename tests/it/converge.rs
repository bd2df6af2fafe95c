//! Two clients that edit offline and sync now and then end with the same tasks as the service.
//!
//! A client keeps its tasks, a queue of what it did to them, and the number of the last change that it knows. It syncs as
//! `docs/tasks.md` says: the queue in one bulk call, each item with the version that it was made on; what the service
//! refuses is dropped, and then the changes since the last number say what is.

use std::collections::BTreeMap;

use reqwest::Method;
use serde_json::{Map, Value, json};
use todo::kernel::{Clock, Ids};

use crate::support::{Person, World, expect, on_both};

struct Client<'a> {
    person: &'a Person<'a>,
    ids: &'a Ids,
    tasks: BTreeMap<String, Map<String, Value>>,
    queue: Vec<Value>,
    since: i64,
    refused: usize,
}

/// What a client keeps of a task: what the payload of its last event says.
const KEPT: [&str; 6] = ["title", "priority", "completed", "parentId", "tags", "deletedAt"];

impl Client<'_> {
    /// Something random, offline: on what the client knows.
    fn edits(&mut self) {
        let [what, which, other, more] = self.ids.noise::<4>().map(usize::from);
        let known: Vec<_> = self.tasks.keys().cloned().collect();
        if known.is_empty() || what % 8 == 0 {
            self.queue.push(json!({ "op": "create", "task": { "title": format!("t{more}") } }));
            return;
        }
        let id = known[which % known.len()].clone();
        // One pending change of a task at a time: the next one needs the version that comes of it.
        if self.queue.iter().any(|item| item["id"] == id.as_str()) {
            return;
        }
        let version = &self.tasks[&id]["version"];
        let mut item = match what % 8 {
            1 => json!({ "op": "complete", "subtasks": "complete" }),
            2 => json!({ "op": "reopen" }),
            3 => json!({ "op": "delete" }),
            4 => json!({ "op": "restore" }),
            5 => json!({ "op": "update", "patch": { "parentId": known[other % known.len()] } }),
            6 => json!({ "op": "update", "patch": { "tags": [format!("a{}", more % 4)], "priority": "high" } }),
            _ => json!({ "op": "update", "patch": { "title": format!("t{more}") } }),
        };
        item["id"] = json!(id);
        item["version"] = version.clone();
        self.queue.push(item);
    }

    async fn syncs(&mut self) {
        let items = std::mem::take(&mut self.queue);
        if !items.is_empty() {
            let body = Some(json!({ "items": items }));
            let reply = expect(self.person.send(Method::POST, "/api/v1/tasks/bulk", body, &[]).await, 200).await;
            let results = reply["results"].as_array().unwrap();
            self.refused += results.iter().filter(|result| result["status"].as_u64().unwrap() >= 400).count();
            assert!(results.iter().all(|result| result["status"].as_u64().unwrap() < 500), "{reply}");
        }
        loop {
            let page = self.person.get(&format!("/api/v1/changes?since={}&limit=100", self.since)).await;
            for change in page["results"].as_array().unwrap() {
                let seq = change["seq"].as_i64().unwrap();
                assert_eq!(seq, self.since + 1, "a gap");
                self.since = seq;
                self.takes(&change["event"]);
            }
            if page["hasMore"] == false {
                return;
            }
        }
    }

    fn takes(&mut self, event: &Value) {
        if !event["eventType"].as_str().unwrap().starts_with("TASK_") {
            return;
        }
        let payload = &event["payload"];
        let kept = KEPT.iter().chain(&["version"]).map(|name| ((*name).to_owned(), payload[*name].clone()));
        self.tasks.insert(payload["taskId"].as_str().unwrap().to_owned(), kept.collect());
    }
}

async fn two_clients_converge(url: Option<String>) {
    let steps: usize = std::env::var("TODO_TEST_SYNC_STEPS").map_or(1500, |text| text.parse().unwrap());
    let world = World::with(&url.into_iter().map(|url| format!("storage.url={url}")).collect::<Vec<_>>()).await;
    let person = world.person("ann@example.org").await;
    let ids = Ids::seeded(Clock::system(), 11);
    let client =
        || Client { person: &person, ids: &ids, tasks: BTreeMap::new(), queue: Vec::new(), since: 0, refused: 0 };
    let mut clients = [client(), client()];
    for _ in 0..steps {
        let [who, what] = ids.noise::<2>().map(usize::from);
        let client = &mut clients[who % 2];
        if what % 12 == 0 || client.queue.len() > 50 { client.syncs().await } else { client.edits() }
    }
    for round in [0, 1, 0, 1] {
        clients[round].syncs().await;
    }
    let [one, two] = clients;
    assert_eq!(one.tasks, two.tasks);
    let export = person.get("/api/v1/me/export").await;
    let there: BTreeMap<String, Map<String, Value>> = export["tasks"]
        .as_array()
        .unwrap()
        .iter()
        .map(|task| {
            let kept = KEPT.iter().chain(&["version"]).map(|name| ((*name).to_owned(), task[*name].clone()));
            (task["id"].as_str().unwrap().to_owned(), kept.collect())
        })
        .collect();
    assert_eq!(one.tasks, there);
    let refused = one.refused + two.refused;
    println!("{steps} steps, {} tasks, {} changes, {refused} refused", there.len(), one.since);
    assert!(there.len() > steps / 40 && refused > steps / 50, "nothing to converge: {} {refused}", there.len());
    world.running.stop().await;
}

on_both! {
    two_clients_converge: converge_on_sqlite, real_converge_on_postgres;
}
