//! What an operator does about dead letters: on the admin port and on the command line.

use std::process::Command;
use std::sync::Arc;

use reqwest::{Response, StatusCode};
use serde_json::Value;
use todo::events::consumer::{Failure, Handler, Ladder, Processor};
use uuid::Uuid;

use crate::consumers::{Scripted, effects, make_table, message};
use crate::process;
use crate::support::World;

struct Desk {
    world: World,
    processor: Processor,
    user: Uuid,
    url: String,
    _folder: tempfile::TempDir,
}

impl Desk {
    /// Letters for the events 2, 4 and 6 of a user, and one that cannot be read.
    async fn open() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}/letters.db", folder.path().display());
        let world = World::with(&[format!("storage.url={url}")]).await;
        let app = world.running.app();
        make_table(&app.db).await;
        let handler = Scripted::new("test");
        handler.fails(|_, seq| if seq % 2 == 0 { Err(Failure::Reject("even".to_owned())) } else { Ok(()) });
        let it: Arc<dyn Handler> = Arc::<Scripted>::clone(&handler);
        let processor = Processor::new(app.db.clone(), it, app.clock.clone(), app.ids.clone(), Ladder::new(&[1]));
        let user = app.ids.uuid();
        let mut batch: Vec<_> = (1..=7).map(|seq| message(&app.ids, user, seq)).collect();
        batch.push(message(&app.ids, app.ids.uuid(), 1));
        batch[7].value = Some(b"rubbish".to_vec());
        processor.process(&batch).await.unwrap();
        handler.fails(|_, _| Ok(()));
        Self { world, processor, user, url, _folder: folder }
    }

    async fn admin(&self, path: &str) -> Response {
        self.world.client.get(format!("{}/dead-letters{path}", self.world.admin)).send().await.unwrap()
    }

    async fn decide(&self, id: &str, decision: &str, operator: Option<&str>) -> Response {
        let mut request = self.world.client.post(format!("{}/dead-letters/{id}/{decision}", self.world.admin));
        if let Some(operator) = operator {
            request = request.header("x-operator", operator);
        }
        request.send().await.unwrap()
    }

    async fn letters(&self, query: &str) -> Vec<Value> {
        let list: Value = self.admin(query).await.json().await.unwrap();
        list["results"].as_array().unwrap().clone()
    }

    async fn effects(&self) -> Vec<i64> {
        while self.processor.retry_due().await.unwrap() > 0 {}
        effects(&self.world.running.app().db, self.user).await
    }

    /// `todo dlq …`: its success, and what it says.
    fn todo(&self, arguments: &[&str]) -> (bool, String) {
        let set = format!("storage.url={}", self.url);
        let output = Command::new(process::TODO).arg("dlq").args(arguments).args(["--set", &set]).output().unwrap();
        let says = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap()).concat();
        (output.status.success(), says)
    }
}

async fn code(response: Response, status: StatusCode) -> String {
    assert_eq!(response.status(), status);
    assert_eq!(response.headers()["content-type"], "application/problem+json");
    let body: Value = response.json().await.unwrap();
    body["code"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn letters_are_decided_about_on_the_admin_port() {
    let desk = Desk::open().await;
    let letters = desk.letters("?consumer=test").await;
    let seqs: Vec<_> = letters.iter().filter_map(|letter| letter["seq"].as_i64()).collect();
    assert_eq!((letters.len(), seqs), (4, vec![2, 4, 6]));
    assert_eq!(desk.letters("?state=redriven").await.len() + desk.letters("?topic=user-events").await.len(), 0);
    let id = letters.iter().find(|letter| letter["seq"] == 2).unwrap()["id"].as_str().unwrap();
    let whole: Value = desk.admin(&format!("/{id}")).await.json().await.unwrap();
    assert_eq!(
        (&whole["headers"]["seq"], &whole["error"], &whole["state"]),
        (&"2".into(), &"even".into(), &"dead".into())
    );
    assert!(whole["value"].as_str().unwrap().contains("TASK_CREATED"), "{whole}");
    assert_eq!(code(desk.decide(id, "redrive", None).await, StatusCode::BAD_REQUEST).await, "operator_missing");
    assert_eq!(desk.decide(id, "redrive", Some("ann")).await.status(), StatusCode::OK);
    for decision in ["redrive", "discard"] {
        let again = desk.decide(id, decision, Some("ann")).await;
        assert_eq!(code(again, StatusCode::CONFLICT).await, "dead_letter_decided");
    }
    assert_eq!(desk.effects().await, [1, 3, 5, 7, 2]);
    let unread = letters.iter().find(|letter| letter["seq"].is_null()).unwrap();
    assert_eq!(unread["value"], "rubbish");
    let unread = unread["id"].as_str().unwrap();
    let refused = desk.decide(unread, "redrive", Some("ann")).await;
    assert_eq!(code(refused, StatusCode::UNPROCESSABLE_ENTITY).await, "dead_letter_undecodable");
    assert_eq!(desk.decide(unread, "discard", Some("ann")).await.status(), StatusCode::OK);
    assert_eq!(desk.letters("").await.len(), 2);
    let unknown = desk.decide(&Uuid::nil().to_string(), "discard", Some("ann")).await;
    assert_eq!(code(unknown, StatusCode::NOT_FOUND).await, "not_found");
    assert_eq!(code(desk.admin("?state=eaten").await, StatusCode::UNPROCESSABLE_ENTITY).await, "validation_failed");
    assert_eq!(code(desk.admin("/7").await, StatusCode::NOT_FOUND).await, "not_found");
    desk.world.running.stop().await;
}

#[tokio::test]
async fn letters_are_decided_about_on_the_command_line() {
    let desk = Desk::open().await;
    let (done, list) = desk.todo(&["list"]);
    assert!(done && list.lines().count() == 4 && list.contains("todo-events 3/102"), "{list}");
    let (done, json) = desk.todo(&["list", "--json", "--limit", "1"]);
    let first: Value = serde_json::from_str(&json).unwrap();
    let id = first["id"].as_str().unwrap();
    assert!(done && desk.todo(&["show", id]).1.contains(id));
    let (done, says) = desk.todo(&["redrive", "--all", "--topic", "todo-events"]);
    assert!(done && says.contains("3 redriven, 1 left") && says.contains("cannot be redriven"), "{says}");
    assert_eq!(desk.effects().await, [1, 3, 5, 7, 2, 4, 6]);
    let (_, json) = desk.todo(&["list", "--json"]);
    let unread: Value = serde_json::from_str(&json).unwrap();
    let unread = unread["id"].as_str().unwrap();
    let (done, says) = desk.todo(&["redrive", unread]);
    assert!(!done && says.contains("not an event"), "{says}");
    assert!(desk.todo(&["discard", unread]).0);
    let (done, says) = desk.todo(&["discard", unread]);
    assert!(!done && says.contains("it is discarded"), "{says}");
    let (done, says) = desk.todo(&["show", &Uuid::nil().to_string()]);
    assert!(!done && says.contains("no dead letter") && says.lines().count() == 1, "{says}");
    assert!(!desk.todo(&["redrive"]).0 && !desk.todo(&["list", "--state", "eaten"]).0);
    assert!(desk.todo(&["redrive", "--all"]).1.contains("0 redriven"));
    desk.world.running.stop().await;
}
