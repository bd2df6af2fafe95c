//! Webhooks over HTTP: who may do what, what is refused, and what a test shows.

use reqwest::Method;
use serde_json::{Value, json};

use crate::receiver::Receiver;
use crate::support::{Person, World, expect, problem, until};
use crate::webhooks::{flags, hook};

async fn post(person: &Person<'_>, path: &str, body: Option<Value>, status: u16) -> Value {
    expect(person.send(Method::POST, path, body, &[]).await, status).await
}

#[tokio::test]
async fn a_webhook_is_made_read_changed_and_deleted() {
    let world = World::with(&flags(None)).await;
    let ann = world.person("ann@example.org").await;
    let body = Some(json!({ "url": "https://Example.com/hook?token=hunter2", "description": " mine " }));
    let key = [("idempotency-key", "one")];
    let response = ann.send(Method::POST, "/api/v1/webhooks", body.clone(), &key).await;
    let (location, tag) = (response.headers()["location"].clone(), response.headers()["etag"].clone());
    assert_eq!(response.headers()["cache-control"], "no-store");
    let made = expect(response, 201).await;
    let path = location.to_str().unwrap();
    assert_eq!((tag.to_str().unwrap(), &made["url"]), ("\"1\"", &json!("https://example.com/hook?token=hunter2")));
    assert_eq!(
        (&made["description"], &made["eventTypes"], &made["enabled"]),
        (&json!("mine"), &Value::Null, &json!(true))
    );
    let again = ann.send(Method::POST, "/api/v1/webhooks", body, &key).await;
    assert_eq!(again.headers()["idempotency-replayed"], "true");
    assert_eq!(expect(again, 201).await, made, "the secret too");
    let read = ann.get(path).await;
    assert_eq!(read["secret"], Value::Null);
    assert_eq!(ann.get("/api/v1/webhooks").await["results"], json!([read]));
    assert_eq!(ann.get("/api/v1/me/export").await["webhooks"], json!([read]));
    assert_eq!(ann.send(Method::GET, path, None, &[("if-none-match", "\"1\"")]).await.status().as_u16(), 304);

    let edit = Some(json!({ "eventTypes": ["TASK_CREATED"], "enabled": false }));
    let missing = ann.send(Method::PATCH, path, edit.clone(), &[]).await;
    assert_eq!(problem(missing, 428).await, "precondition_required");
    let changed = expect(ann.send(Method::PATCH, path, edit.clone(), &[("if-match", "\"1\"")]).await, 200).await;
    assert_eq!((&changed["version"], &changed["disabledReason"]), (&json!(2), &json!("user")));
    assert_eq!(changed["url"], made["url"], "what is not named stays");
    let stale = ann.send(Method::PATCH, path, edit.clone(), &[("if-match", "\"1\"")]).await;
    assert_eq!(problem(stale, 412).await, "precondition_failed");
    let same = expect(ann.send(Method::PATCH, path, edit, &[("if-match", "*")]).await, 200).await;
    assert_eq!(same, changed, "nothing changes");

    let rotate = format!("{path}/rotate-secret");
    let rotated = expect(ann.send(Method::POST, &rotate, None, &[("idempotency-key", "two")]).await, 200).await;
    assert_ne!(rotated["secret"], made["secret"]);
    assert_eq!((&rotated["secretVersion"], &rotated["version"]), (&json!(2), &json!(3)));
    let again = expect(ann.send(Method::POST, &rotate, None, &[("idempotency-key", "two")]).await, 200).await;
    assert_eq!(again, rotated);
    let gone = ann.send(Method::DELETE, path, None, &[("if-match", "\"3\"")]).await;
    assert_eq!(gone.status().as_u16(), 204);
    assert_eq!(problem(ann.send(Method::GET, path, None, &[]).await, 404).await, "not_found");

    let all = ann.get("/api/v1/changes?since=2").await;
    let told: Vec<_> = all["results"].as_array().unwrap().iter().map(|one| &one["event"]).collect();
    let types: Vec<_> = told.iter().map(|event| event["eventType"].as_str().unwrap()).collect();
    assert_eq!(types, ["WEBHOOK_CREATED", "WEBHOOK_UPDATED", "WEBHOOK_SECRET_ROTATED", "WEBHOOK_DELETED"]);
    assert_eq!(told[1]["payload"]["changed"], json!(["enabled", "eventTypes"]));
    let told_of = json!({ "enabled": { "before": true, "after": false }, "eventTypes": { "before": null, "after": ["TASK_CREATED"] } });
    assert_eq!(told[1]["payload"]["changes"], told_of);
    let text = all.to_string();
    assert!(!text.contains("hunter2") && !text.contains("whsec_") && text.contains("example.com"), "{text}");
    world.running.stop().await;
}

#[tokio::test]
async fn bad_input_is_named() {
    let world = World::with(&["webhooks.max_per_user=2".to_owned()]).await;
    let ann = world.person("ann@example.org").await;
    for (body, pointer, code) in [
        (json!({}), "/url", "required"),
        (json!({ "url": "example.com" }), "/url", "not_a_url"),
        (json!({ "url": "http://example.com" }), "/url", "not_https"),
        (json!({ "url": "https://ann:secret@example.com" }), "/url", "has_credentials"),
        (json!({ "url": "https://127.0.0.1/x" }), "/url", "not_public"),
        (json!({ "url": "https://[::ffff:a9fe:a9fe]/x" }), "/url", "not_public"),
        (json!({ "url": "https://example.com", "eventTypes": [] }), "/eventTypes", "required"),
        (json!({ "url": "https://example.com", "eventTypes": ["TASK_EATEN"] }), "/eventTypes", "unknown"),
        (json!({ "url": "https://example.com", "description": "a\nb" }), "/description", "control_character"),
        (json!({ "url": "https://example.com", "secret": "mine" }), "", "invalid"),
    ] {
        let refused = post(&ann, "/api/v1/webhooks", Some(body.clone()), 422).await;
        let error = &refused["errors"][0];
        assert_eq!(error["code"], code, "{body}");
        assert!(pointer.is_empty() || error["pointer"] == pointer, "{body}: {error}");
    }
    for n in 0..2 {
        hook(&ann, &format!("https://example.com/{n}"), &[]).await;
    }
    let more = ann.send(Method::POST, "/api/v1/webhooks", Some(json!({ "url": "https://example.com" })), &[]).await;
    assert_eq!(problem(more, 409).await, "too_many_webhooks");
    let first = ann.get("/api/v1/webhooks?limit=1").await;
    let next = format!("/api/v1/webhooks?limit=1&cursor={}", first["nextCursor"].as_str().unwrap());
    let second = ann.get(&next).await;
    assert_eq!((&second["results"][0]["url"], &second["nextCursor"]), (&json!("https://example.com/1"), &Value::Null));
    for path in ["/api/v1/webhooks?limit=0", "/api/v1/webhooks?cursor=rubbish"] {
        assert_eq!(problem(ann.send(Method::GET, path, None, &[]).await, 422).await, "validation_failed", "{path}");
    }
    world.running.stop().await;
}

#[tokio::test]
async fn another_users_webhook_does_not_exist() {
    let (world, receiver) = (World::with(&flags(None)).await, Receiver::start().await);
    let (ann, bob) = (world.person("ann@example.org").await, world.person("bob@example.org").await);
    let (path, _) = hook(&ann, &receiver.url, &["TASK_CREATED"]).await;
    bob.task("not ann's business").await;
    ann.task("rent").await;
    receiver.count(1).await;
    let delivery = ann.get(&format!("{path}/deliveries")).await["results"][0]["id"].as_str().unwrap().to_owned();
    let redeliver = format!("/deliveries/{delivery}/redeliver");
    for (method, suffix, body) in [
        (Method::GET, "", None),
        (Method::PATCH, "", Some(json!({ "url": "https://example.com" }))),
        (Method::DELETE, "", None),
        (Method::POST, "/test", None),
        (Method::POST, "/rotate-secret", None),
        (Method::GET, "/deliveries", None),
        (Method::POST, redeliver.as_str(), None),
    ] {
        let response = bob.send(method.clone(), &format!("{path}{suffix}"), body, &[("if-match", "*")]).await;
        assert_eq!(problem(response, 404).await, "not_found", "{method} {suffix}");
    }
    // A delivery of another webhook of one's own does not exist either.
    let (other, _) = hook(&ann, &receiver.url, &["TASK_DELETED"]).await;
    let wrong = ann.send(Method::POST, &format!("{other}{redeliver}"), None, &[]).await;
    assert_eq!(problem(wrong, 404).await, "not_found");
    assert_eq!((receiver.arrived().len(), bob.get("/api/v1/webhooks").await["results"].clone()), (1, json!([])));
    world.running.stop().await;
}

/// Who may not read tasks must not have them sent.
#[tokio::test]
async fn rights_are_asked_for() {
    let world = World::with(&flags(None)).await;
    let ann = world.person("ann@example.org").await;
    let body = json!({ "url": "https://example.com" });
    for scopes in
        ["account:read account:write", "tasks:read account:write", "tasks:read account:read", "tasks:read tasks:write"]
    {
        let token = post(&ann, "/api/v1/me/api-tokens", Some(json!({ "name": "x", "scopes": scopes })), 201).await;
        let secret = token["secret"].as_str().unwrap();
        let response = world.request(Method::POST, "/api/v1/webhooks").bearer_auth(secret).json(&body).send().await;
        assert_eq!(problem(response.unwrap(), 403).await, "insufficient_scope", "{scopes}");
    }
    assert_eq!(world.request(Method::GET, "/api/v1/webhooks").send().await.unwrap().status().as_u16(), 401);
    world.running.stop().await;
}

#[tokio::test]
async fn a_test_shows_what_comes_of_it() {
    let (world, receiver) = (World::with(&flags(None)).await, Receiver::start().await);
    let ann = world.person("ann@example.org").await;
    let (path, _) = hook(&ann, &receiver.url, &["TASK_CREATED"]).await;
    let test = format!("{path}/test");
    let good = expect(ann.send(Method::POST, &test, None, &[("idempotency-key", "t")]).await, 200).await;
    assert_eq!((&good["delivered"], &good["delivery"]["responseStatus"]), (&json!(true), &json!(204)));
    let again = expect(ann.send(Method::POST, &test, None, &[("idempotency-key", "t")]).await, 200).await;
    assert_eq!((again, receiver.arrived().len()), (good.clone(), 1));
    let arrived = receiver.arrived().remove(0);
    assert_eq!(arrived.header("webhook-id"), good["delivery"]["id"].as_str().unwrap());
    assert!(arrived.header("webhook-signature").starts_with("v1,"));
    assert_eq!(arrived.json()["eventType"], "WEBHOOK_TEST");
    // After a rotation both secrets sign.
    post(&ann, &format!("{path}/rotate-secret"), None, 200).await;
    post(&ann, &test, None, 200).await;
    assert_eq!(receiver.arrived()[1].header("webhook-signature").split(' ').count(), 2);
    // A redirect is an answer like any other that is no 2xx.
    let elsewhere = Receiver::start().await;
    receiver.redirects(307, &elsewhere.url);
    let redirected = post(&ann, &test, None, 200).await;
    assert_eq!((&redirected["delivered"], &redirected["delivery"]["responseStatus"]), (&json!(false), &json!(307)));
    assert_eq!((&redirected["delivery"]["state"], elsewhere.arrived().len()), (&json!("failed"), 0));
    receiver.answers(410);
    post(&ann, &test, None, 200).await;
    assert_eq!(ann.get(&path).await["enabled"], true, "a test does not count");
    world.running.stop().await;
}

#[tokio::test]
async fn who_does_not_answer_in_time_has_failed() {
    let mut flags = flags(None);
    flags.push("webhooks.timeout_ms=300".to_owned());
    let (world, receiver) = (World::with(&flags).await, Receiver::start().await);
    let ann = world.person("ann@example.org").await;
    let (path, _) = hook(&ann, &receiver.url, &["TASK_CREATED"]).await;
    receiver.pauses(std::time::Duration::from_mins(5));
    let tested = post(&ann, &format!("{path}/test"), None, 200).await;
    assert_eq!(tested["delivery"]["error"], "no answer within 300 ms");
    world.running.stop().await;
}

/// A name that leads inside is taken, since names change, and never connected to.
#[tokio::test]
async fn a_name_that_leads_inside_is_not_followed() {
    let world = World::embedded().await;
    let ann = world.person("ann@example.org").await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://localhost:{}/", listener.local_addr().unwrap().port());
    let (path, _) = hook(&ann, &url, &["TASK_CREATED"]).await;
    let says = "the name leads to no address of the public internet";
    let tested = post(&ann, &format!("{path}/test"), None, 200).await;
    assert_eq!((&tested["delivered"], &tested["delivery"]["error"]), (&json!(false), &json!(says)));
    ann.task("rent").await;
    let list = format!("{path}/deliveries");
    let latest = async || ann.get(&list).await["results"][0].clone();
    until("it was tried", || async {
        latest().await["eventType"] == "TASK_CREATED" && latest().await["attempts"] == 1
    })
    .await;
    assert_eq!((&latest().await["state"], &latest().await["error"]), (&json!("pending"), &json!(says)));
    let nobody = tokio::time::timeout(std::time::Duration::from_millis(50), listener.accept()).await;
    assert!(nobody.is_err(), "somebody connected");
    world.running.stop().await;
}
