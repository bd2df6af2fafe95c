//! Many changes in one call, on both databases.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Person, World, expect, on_both, problem};

async fn bulk(person: &Person<'_>, body: Value) -> Vec<Value> {
    let reply = expect(person.send(Method::POST, "/api/v1/tasks/bulk", Some(body), &[]).await, 200).await;
    reply["results"].as_array().unwrap().clone()
}

fn status(results: &[Value]) -> Vec<u64> {
    results.iter().map(|result| result["status"].as_u64().unwrap()).collect()
}

async fn many_changes_in_one_call(url: Option<String>) {
    let world = World::with(&url.into_iter().map(|url| format!("storage.url={url}")).collect::<Vec<_>>()).await;
    let person = world.person("ann@example.org").await;
    let create = |title: &str| json!({ "op": "create", "task": { "title": title, "tags": ["new"] } });
    let made = bulk(&person, json!({ "items": [create("a"), create(""), create("c")] })).await;
    assert_eq!(status(&made), [201, 422, 201]);
    assert_eq!(made[1]["problem"]["errors"][0]["pointer"], "/title");
    let (a, c) = (&made[0]["task"], &made[2]["task"]);
    let (a_id, c_id) = (&a["id"], &c["id"]);

    // Each sees what those before it did; what fails is left out whole.
    let results = bulk(
        &person,
        json!({ "items": [
            { "op": "update", "id": c_id, "patch": { "parentId": a_id } },
            { "op": "create", "task": { "title": "below", "parentId": c_id } },
            { "op": "complete", "id": a_id },
            { "op": "complete", "id": a_id, "subtasks": "complete" },
            { "op": "update", "id": c_id, "version": 1, "patch": { "title": "stale" } },
            { "op": "delete", "id": a_id },
            { "op": "restore", "id": a_id },
            { "op": "reopen", "id": c_id, "version": 5 },
            { "op": "move", "id": c_id, "to": { "projectId": person.id } },
            { "op": "delete", "id": "00000000-0000-7000-8000-000000000000" },
        ] }),
    )
    .await;
    assert_eq!(status(&results), [200, 201, 409, 200, 412, 200, 200, 200, 200, 404]);
    assert_eq!(results[2]["problem"]["code"], "open_subtasks");
    let now = person.get(&format!("/api/v1/tasks/{}", c_id.as_str().unwrap())).await;
    assert_eq!((&now["completed"], &now["parentId"], &now["title"]), (&json!(false), &Value::Null, &json!("c")));
    assert_eq!(now, results[8]["task"]);
    assert_eq!(person.get("/api/v1/tasks?tag=new&state=all").await["results"].as_array().unwrap().len(), 2);

    // All or nothing, and a retry does it once.
    let before = person.get("/api/v1/changes?limit=1000").await;
    let atomic =
        Some(json!({ "atomic": true, "items": [create("x"), { "op": "complete", "id": a_id, "version": 1 }] }));
    let refused = person.send(Method::POST, "/api/v1/tasks/bulk", atomic, &[]).await;
    assert_eq!(problem(refused, 409).await, "bulk_refused");
    assert_eq!(person.get("/api/v1/changes?limit=1000").await, before);
    let once = async || {
        let body = Some(json!({ "items": [create("once")] }));
        expect(person.send(Method::POST, "/api/v1/tasks/bulk", body, &[("idempotency-key", "b")]).await, 200).await
    };
    assert_eq!(once().await, once().await);

    // One change: undone as one.
    let last = person.get("/api/v1/me/export").await["changes"].as_array().unwrap().last().unwrap()["seq"].clone();
    expect(person.send(Method::POST, &format!("/api/v1/changes/{last}/undo"), None, &[]).await, 200).await;
    assert_eq!(person.get("/api/v1/tasks?tag=new&state=all").await["results"].as_array().unwrap().len(), 2);

    let full: Vec<_> = (0..500).map(|n| create(&n.to_string())).collect();
    let made = bulk(&person, json!({ "items": full })).await;
    assert!(status(&made).iter().all(|status| *status == 201));
    for items in [json!([]), json!(vec![create("x"); 501])] {
        let refused = person.send(Method::POST, "/api/v1/tasks/bulk", Some(json!({ "items": items })), &[]).await;
        assert_eq!(problem(refused, 422).await, "validation_failed");
    }
    for items in [json!([{ "op": "fly", "id": a_id }]), json!([{ "op": "delete" }]), json!("x")] {
        let refused = person.send(Method::POST, "/api/v1/tasks/bulk", Some(json!({ "items": items })), &[]).await;
        assert!(refused.status().is_client_error(), "{items}");
    }
    world.drained().await;
    world.running.stop().await;
}

on_both! {
    many_changes_in_one_call: bulk_on_sqlite, real_bulk_on_postgres;
}
