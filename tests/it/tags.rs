//! Tags as such: counts, colours, names, on both databases.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Person, World, expect, on_both, problem};

async fn tags(person: &Person<'_>) -> Value {
    person.get("/api/v1/tags").await["results"].clone()
}

async fn put(person: &Person<'_>, tag: &str, body: Value) -> Value {
    let reply = person.send(Method::PUT, &format!("/api/v1/tags/{tag}"), Some(body), &[]).await;
    expect(reply, 200).await["results"].clone()
}

async fn they_are_counted_coloured_and_renamed(url: Option<String>) {
    let world = World::with(&url.into_iter().map(|url| format!("storage.url={url}")).collect::<Vec<_>>()).await;
    let person = world.person("ann@example.org").await;
    let make = async |title: &str, tags: Value| {
        let body = Some(json!({ "title": title, "tags": tags }));
        expect(person.send(Method::POST, "/api/v1/tasks", body, &[]).await, 201).await
    };
    let first = make("a", json!(["Home", "errands"])).await;
    let second = make("b", json!(["home"])).await;
    make("c", json!([])).await;
    let path = |task: &Value| format!("/api/v1/tasks/{}", task["id"].as_str().unwrap());
    expect(person.send(Method::POST, &format!("{}/complete", path(&second)), None, &[]).await, 200).await;
    let row = |name: &str, color: Value, open: i64| json!({ "name": name, "color": color, "openTasks": open });
    assert_eq!(tags(&person).await, json!([row("errands", Value::Null, 1), row("Home", Value::Null, 1)]));

    // A colour, another name with the colour, and both together with a third.
    put(&person, "errands", json!({ "color": "#AABBCC" })).await;
    let renamed = put(&person, "errands", json!({ "name": "Shopping", "color": "#aabbcc" })).await;
    assert_eq!(renamed, json!([row("Home", Value::Null, 1), row("Shopping", json!("#aabbcc"), 1)]));
    assert_eq!(person.get(&path(&first)).await["tags"], json!(["Home", "Shopping"]));
    let merged = put(&person, "Shopping", json!({ "name": "Home" })).await;
    assert_eq!(merged, json!([row("Home", Value::Null, 1)]));
    assert_eq!(person.get(&path(&first)).await["tags"], json!(["Home"]));
    assert_eq!(person.get("/api/v1/tasks?tag=home").await["results"].as_array().unwrap().len(), 1);

    // One change, which is undone as one.
    let seq = person.get("/api/v1/me/export").await["changes"].as_array().unwrap().last().unwrap()["seq"].clone();
    expect(person.send(Method::POST, &format!("/api/v1/changes/{seq}/undo"), None, &[]).await, 200).await;
    assert_eq!(tags(&person).await, json!([row("Home", Value::Null, 1), row("Shopping", json!("#aabbcc"), 1)]));
    assert_eq!(person.send(Method::DELETE, "/api/v1/tags/HOME", None, &[]).await.status(), 204);
    assert_eq!(tags(&person).await, json!([row("Shopping", json!("#aabbcc"), 1)]));
    assert_eq!(person.get(&path(&second)).await["tags"], json!([]));
    assert_eq!(person.send(Method::DELETE, "/api/v1/tags/none", None, &[]).await.status(), 204);
    for bad in [json!({ "name": "" }), json!({ "color": "red" }), json!({ "name": "x".repeat(101) })] {
        let refused = person.send(Method::PUT, "/api/v1/tags/shopping", Some(bad), &[]).await;
        assert_eq!(problem(refused, 422).await, "validation_failed");
    }
    let other = world.person("bob@example.org").await;
    assert_eq!(tags(&other).await, json!([]));
    world.running.stop().await;
}

on_both! {
    they_are_counted_coloured_and_renamed: tags_on_sqlite, real_tags_on_postgres;
}
