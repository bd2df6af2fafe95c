//! Projects, sections and saved filters, on both databases.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Person, World, expect, on_both, problem};

const ANY: [(&str, &str); 1] = [("if-match", "*")];

fn flags(url: Option<String>) -> Vec<String> {
    url.into_iter().map(|url| format!("storage.url={url}")).collect()
}

async fn post(person: &Person<'_>, path: &str, body: Value) -> Value {
    expect(person.send(Method::POST, path, Some(body), &[]).await, 201).await
}

fn id(thing: &Value) -> &str {
    thing["id"].as_str().unwrap()
}

async fn names(person: &Person<'_>, path: &str) -> Vec<String> {
    let list = person.get(path).await;
    list["results"].as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap().to_owned()).collect()
}

async fn types_since(person: &Person<'_>, seq: i64) -> Vec<String> {
    let log = person.get(&format!("/api/v1/changes?since={seq}&limit=1000")).await;
    let all = log["results"].as_array().unwrap().iter();
    all.map(|change| change["event"]["eventType"].as_str().unwrap().to_owned()).collect()
}

async fn last(person: &Person<'_>) -> i64 {
    person.get("/api/v1/changes?since=0&limit=1000").await["lastSeq"].as_i64().unwrap()
}

async fn projects_come_change_and_go(url: Option<String>) {
    let world = World::with(&flags(url)).await;
    let person = world.person("ann@example.org").await;
    let before = last(&person).await;
    let home = post(&person, "/api/v1/projects", json!({ "name": " Home ", "color": "#D1453B" })).await;
    assert_eq!((&home["name"], &home["color"], &home["kind"]), (&json!("Home"), &json!("#d1453b"), &json!("project")));
    let work = post(&person, "/api/v1/projects", json!({ "name": "Work", "position": "00a" })).await;
    assert_eq!(names(&person, "/api/v1/projects").await, ["Inbox", "Work", "Home"]);
    let path = format!("/api/v1/projects/{}", id(&home));

    // A name is there once, the inbox stays, and others' things do not exist.
    for name in ["HOME", "inbox"] {
        let twice = person.send(Method::POST, "/api/v1/projects", Some(json!({ "name": name })), &[]).await;
        assert_eq!(expect(twice, 422).await["errors"][0]["code"], "taken");
    }
    let inbox = format!("/api/v1/projects/{}", person.id);
    assert_eq!(person.get(&inbox).await["name"], "Inbox");
    let renamed = person.send(Method::PATCH, &inbox, Some(json!({ "name": "x" })), &ANY).await;
    assert_eq!(problem(renamed, 409).await, "inbox");
    let other = world.person("bob@example.org").await;
    assert_eq!(problem(other.send(Method::GET, &path, None, &[]).await, 404).await, "not_found");
    let colour = person.send(Method::PATCH, &path, Some(json!({ "color": "red" })), &ANY).await;
    assert_eq!(expect(colour, 422).await["errors"][0]["code"], "not_a_color");

    // Edited on the version that one has seen.
    let edit = Some(json!({ "name": "House", "archived": true, "color": null }));
    let stale = person.send(Method::PATCH, &path, edit.clone(), &[("if-match", "\"7\"")]).await;
    assert_eq!(problem(stale, 412).await, "precondition_failed");
    let house = expect(person.send(Method::PATCH, &path, edit.clone(), &[("if-match", "\"1\"")]).await, 200).await;
    assert_eq!((&house["version"], house["archivedAt"].is_string(), &house["color"]), (&json!(2), true, &Value::Null));
    expect(person.send(Method::PATCH, &path, edit, &ANY).await, 200).await;
    let full =
        person.send(Method::POST, "/api/v1/tasks", Some(json!({ "title": "x", "projectId": id(&home) })), &[]).await;
    assert_eq!(expect(full, 422).await["errors"][0]["pointer"], "/projectId", "an archived project takes no new tasks");
    assert_eq!(person.send(Method::DELETE, &path, None, &ANY).await.status(), 204);
    assert_eq!(names(&person, "/api/v1/projects").await, ["Inbox", "Work"]);
    let told = ["PROJECT_CREATED", "PROJECT_CREATED", "PROJECT_UPDATED", "PROJECT_DELETED"];
    assert_eq!(types_since(&person, before).await, told);

    // A retry is not a second one.
    let key = [("idempotency-key", "once")];
    let made = |name: &str| json!({ "name": name });
    let first = person.send(Method::POST, "/api/v1/projects", Some(made("Once")), &key).await;
    let first = expect(first, 201).await;
    let again = person.send(Method::POST, "/api/v1/projects", Some(made("Once")), &key).await;
    assert_eq!(expect(again, 201).await, first);
    let reused = person.send(Method::POST, "/api/v1/projects", Some(made("Twice")), &key).await;
    assert_eq!(problem(reused, 422).await, "idempotency_key_reused");
    assert_eq!(work["version"], 1);
    world.drained().await;
    world.running.stop().await;
}

async fn tasks_go_with_their_project_or_stay(url: Option<String>) {
    let world = World::with(&flags(url)).await;
    let person = world.person("ann@example.org").await;
    let home = post(&person, "/api/v1/projects", json!({ "name": "Home" })).await;
    let below = format!("/api/v1/projects/{}/sections", id(&home));
    let garden = post(&person, &below, json!({ "name": "Garden" })).await;
    assert_eq!(garden["projectId"], home["id"]);
    assert_eq!(names(&person, &below).await, ["Garden"]);
    let tree = post(&person, "/api/v1/tasks", json!({ "title": "Plant a tree", "sectionId": id(&garden) })).await;
    assert_eq!((&tree["projectId"], &tree["sectionId"]), (&home["id"], &garden["id"]));
    let digging = post(&person, "/api/v1/tasks", json!({ "title": "Dig", "parentId": id(&tree) })).await;
    assert_eq!(digging["sectionId"], garden["id"], "a subtask is where its parent is");
    let task = |task: &Value| format!("/api/v1/tasks/{}", id(task));

    // Another project: out of the section, and the subtask follows.
    let work = post(&person, "/api/v1/projects", json!({ "name": "Work" })).await;
    let tree_path = task(&tree);
    let patch = |body: Value| person.send(Method::PATCH, &tree_path, Some(body), &ANY);
    let moved = expect(patch(json!({ "projectId": id(&work) })).await, 200).await;
    assert_eq!((&moved["projectId"], &moved["sectionId"]), (&work["id"], &Value::Null));
    assert_eq!(person.get(&task(&digging)).await["projectId"], work["id"]);
    let alone = person.send(Method::PATCH, &task(&digging), Some(json!({ "projectId": id(&home) })), &ANY).await;
    assert_eq!(expect(alone, 422).await["errors"][0]["code"], "contradiction");
    let back = expect(patch(json!({ "sectionId": id(&garden) })).await, 200).await;
    assert_eq!((&back["projectId"], &back["sectionId"]), (&home["id"], &garden["id"]));

    // A section goes, its tasks stay in the project.
    let section = format!("/api/v1/sections/{}", id(&garden));
    assert_eq!(problem(person.send(Method::DELETE, &section, None, &ANY).await, 409).await, "has_tasks");
    let kept = person.send(Method::DELETE, &format!("{section}?tasks=keep"), None, &ANY).await;
    assert_eq!(kept.status(), 204);
    let stays = person.get(&task(&digging)).await;
    assert_eq!((&stays["projectId"], &stays["sectionId"]), (&home["id"], &Value::Null));

    // The project goes with its sections, and its tasks to the trash; restored, they are in the inbox.
    post(&person, &below, json!({ "name": "Cellar" })).await;
    let (project, before) = (format!("/api/v1/projects/{}", id(&home)), last(&person).await);
    assert_eq!(problem(person.send(Method::DELETE, &project, None, &ANY).await, 409).await, "has_tasks");
    assert_eq!(person.send(Method::DELETE, &format!("{project}?tasks=trash"), None, &ANY).await.status(), 204);
    let told = ["TASK_DELETED", "TASK_DELETED", "SECTION_DELETED", "PROJECT_DELETED"];
    assert_eq!(types_since(&person, before).await, told);
    assert_eq!(problem(person.send(Method::GET, &below, None, &[]).await, 404).await, "not_found");
    let restored = person.send(Method::POST, &format!("{}/restore", task(&tree)), None, &[]).await;
    assert_eq!(expect(restored, 200).await["projectId"], person.id.to_string());
    assert_eq!(person.get(&task(&digging)).await["projectId"], person.id.to_string());
    world.drained().await;
    world.running.stop().await;
}

async fn an_erased_account_leaves_none(url: Option<String>) {
    let world = World::with(&flags(url)).await;
    let person = world.person("ann@example.org").await;
    post(&person, "/api/v1/projects", json!({ "name": "Home" })).await;
    post(&person, "/api/v1/filters", json!({ "name": "Mine", "query": "done = false" })).await;
    let export = person.get("/api/v1/me/export").await;
    assert_eq!(export["collections"].as_array().unwrap().len(), 2);
    let erase = Some(json!({ "password": crate::support::PASSWORD }));
    assert_eq!(person.send(Method::DELETE, "/api/v1/me", erase, &[]).await.status(), 204);
    let actor = todo::kernel::Actor {
        user_id: person.id,
        session_id: None,
        channel: todo::kernel::Channel::Operator,
        scopes: todo::kernel::Scopes::ALL,
    };
    assert!(world.running.app().tasks.export_collections(&actor).await.unwrap().is_empty());
    world.running.stop().await;
}

on_both! {
    projects_come_change_and_go: projects_on_sqlite, real_projects_on_postgres;
    tasks_go_with_their_project_or_stay: contents_on_sqlite, real_contents_on_postgres;
    an_erased_account_leaves_none: erased_on_sqlite, real_erased_on_postgres;
}
