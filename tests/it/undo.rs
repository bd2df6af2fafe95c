//! Undo and history, on both databases.

use reqwest::Method;
use serde_json::{Value, json};
use todo::events::{Draft, Topic};
use todo::kernel::{Actor, Channel, Clock, Ids, Scopes};

use crate::support::{Person, World, expect, on_both, problem};

const ANY: [(&str, &str); 1] = [("if-match", "*")];

async fn world(url: Option<String>) -> World {
    World::with(&url.into_iter().map(|url| format!("storage.url={url}")).collect::<Vec<_>>()).await
}

async fn make(person: &Person<'_>, path: &str, body: Value) -> Value {
    expect(person.send(Method::POST, path, Some(body), &[]).await, 201).await
}

fn id(thing: &Value) -> &str {
    thing["id"].as_str().unwrap()
}

fn path(task: &Value) -> String {
    format!("/api/v1/tasks/{}", id(task))
}

async fn last(person: &Person<'_>) -> i64 {
    person.get("/api/v1/me/export").await["changes"].as_array().unwrap().last().unwrap()["seq"].as_i64().unwrap()
}

async fn undo(person: &Person<'_>, seq: i64) -> reqwest::Response {
    person.send(Method::POST, &format!("/api/v1/changes/{seq}/undo"), None, &[]).await
}

async fn refused(person: &Person<'_>, seq: i64, says: &str) {
    let body = expect(undo(person, seq).await, 409).await;
    assert_eq!(body["code"], "not_undoable");
    assert!(body["detail"].as_str().unwrap().contains(says), "{body}");
}

/// All that a person has, without what counts the changes.
async fn everything(person: &Person<'_>) -> Value {
    let export = person.get("/api/v1/me/export").await;
    let mut kept = json!([export["tasks"], export["collections"]]);
    let strip = |thing: &mut Value| {
        for member in ["version", "updatedAt"] {
            thing.as_object_mut().unwrap().remove(member);
        }
    };
    for list in kept.as_array_mut().unwrap() {
        list.as_array_mut().unwrap().iter_mut().for_each(strip);
    }
    kept
}

/// Something random that a person does. False: the service refused it.
async fn does(person: &Person<'_>, ids: &Ids, tasks: &[Value], projects: &[Value]) -> bool {
    let [what, which, other, more, ..] = ids.noise::<8>().map(usize::from);
    let task = path(&tasks[which % tasks.len()]);
    let (parent, project) = (id(&tasks[other % tasks.len()]), id(&projects[more % projects.len()]));
    let home = format!("/api/v1/projects/{project}");
    let (method, path, body) = match what % 12 {
        0 => (Method::PATCH, task, Some(json!({ "title": format!("t{other}"), "priority": "high" }))),
        1 => (
            Method::PATCH,
            task,
            Some(json!({ "tags": [format!("a{}", more % 3)], "dueAt": null, "dueDate": "2026-12-01" })),
        ),
        2 => (Method::PATCH, task, Some(json!({ "dueAt": "2026-12-01T17:00", "dueZone": "Europe/Berlin" }))),
        3 => (Method::PATCH, task, Some(json!({ "projectId": project }))),
        4 => (Method::PATCH, task, Some(json!({ "parentId": parent }))),
        5 => (Method::POST, format!("{task}/move"), Some(json!({ "to": "start" }))),
        6 => (Method::POST, format!("{task}/complete?subtasks=complete"), None),
        7 => (Method::POST, format!("{task}/reopen"), None),
        8 => (Method::DELETE, task, None),
        9 => (Method::POST, format!("{task}/restore"), None),
        10 => (Method::PATCH, home, Some(json!({ "name": format!("p{other}"), "color": "#aabbcc" }))),
        _ => (Method::DELETE, format!("{home}?tasks={}", if more % 2 == 0 { "keep" } else { "trash" }), None),
    };
    person.send(method, &path, body, &ANY).await.status().is_success()
}

async fn what_is_undone_is_as_before(url: Option<String>) {
    let world = world(url).await;
    let person = world.person("ann@example.org").await;
    let ids = Ids::seeded(Clock::system(), 5);
    let mut projects = Vec::new();
    for name in ["a", "b", "c"] {
        projects.push(make(&person, "/api/v1/projects", json!({ "name": name })).await);
    }
    let mut tasks = Vec::new();
    for n in 0..8 {
        tasks.push(
            make(&person, "/api/v1/tasks", json!({ "title": n.to_string(), "projectId": id(&projects[n % 3]) })).await,
        );
    }
    let (mut undone, mut stays) = (0, everything(&person).await);
    for step in 0..150 {
        let seq = last(&person).await;
        if !does(&person, &ids, &tasks, &projects).await || last(&person).await == seq {
            continue;
        }
        let changed = everything(&person).await;
        // By any of the change's events.
        let which = seq + 1 + i64::from(ids.noise::<1>()[0]) % (last(&person).await - seq);
        expect(undo(&person, which).await, 200).await;
        assert_eq!(everything(&person).await, stays, "step {step}");
        undone += 1;
        // An undo is undone, and now and then it stays so.
        if step % 3 == 0 {
            let again = last(&person).await;
            expect(undo(&person, again).await, 200).await;
            assert_eq!(everything(&person).await, changed, "step {step}, once more");
            stays = changed;
        }
    }
    assert!(undone > 60, "{undone}");
    world.drained().await;
    world.running.stop().await;
}

async fn what_was_changed_since_is_left_alone(url: Option<String>) {
    let world = world(url).await;
    let person = world.person("ann@example.org").await;
    let task = make(&person, "/api/v1/tasks", json!({ "title": "a" })).await;
    let patch = |body: Value| {
        let (person, path) = (&person, path(&task));
        async move { expect(person.send(Method::PATCH, &path, Some(body), &ANY).await, 200).await }
    };
    patch(json!({ "title": "b", "priority": "high" })).await;
    let edit = last(&person).await;
    patch(json!({ "description": "another field" })).await;
    patch(json!({ "title": "c" })).await;
    refused(&person, edit, "changed since: title").await;
    // The other edits do not stand in the way.
    expect(undo(&person, edit + 2).await, 200).await;
    let undone = expect(undo(&person, edit).await, 200).await;
    assert_eq!(undone["undone"], json!([edit]));
    let now = person.get(&path(&task)).await;
    assert_eq!(
        (&now["title"], &now["priority"], &now["description"]),
        (&json!("a"), &json!("none"), &json!("another field"))
    );
    assert_eq!(undone["tasks"][0], now);
    refused(&person, edit, "changed since").await;
    refused(&person, 1, "only changes of tasks").await;
    assert_eq!(problem(undo(&person, 4000).await, 404).await, "not_found");
    assert_eq!(problem(undo(&person, -4).await, 404).await, "not_found");
    let other = world.person("bob@example.org").await;
    assert_eq!(problem(undo(&other, edit).await, 404).await, "not_found", "everybody has a log of their own");

    // A retry undoes once.
    patch(json!({ "title": "d" })).await;
    let (seq, key) = (last(&person).await, [("idempotency-key", "undo")]);
    let call = || async { person.send(Method::POST, &format!("/api/v1/changes/{seq}/undo"), None, &key).await };
    let first = expect(call().await, 200).await;
    assert_eq!(expect(call().await, 200).await, first);
    assert_eq!(last(&person).await, seq + 1);

    // What a task was in is gone: said, and nothing is half done.
    let project = make(&person, "/api/v1/projects", json!({ "name": "Home" })).await;
    let inside = make(&person, "/api/v1/tasks", json!({ "title": "x", "projectId": id(&project) })).await;
    let made = last(&person).await;
    refused(&person, made - 1, "there are tasks in it").await;
    expect(person.send(Method::PATCH, &path(&inside), Some(json!({ "projectId": null })), &ANY).await, 200).await;
    let moved = last(&person).await;
    let home = format!("/api/v1/projects/{}", id(&project));
    assert_eq!(person.send(Method::DELETE, &home, None, &ANY).await.status(), 204);
    refused(&person, moved, "is gone").await;
    expect(undo(&person, moved + 1).await, 200).await;
    expect(undo(&person, moved).await, 200).await;
    assert_eq!(person.get(&path(&inside)).await["projectId"], project["id"]);
    // Made by mistake: in the trash.
    expect(undo(&person, made).await, 200).await;
    assert!(person.get(&path(&inside)).await["deletedAt"].is_string());
    world.running.stop().await;
}

/// One transaction more than 5,300 events: nothing is undone, and it is said.
async fn a_change_that_is_too_large_is_refused_whole(url: Option<String>) {
    let world = world(url).await;
    let person = world.person("ann@example.org").await;
    let task = make(&person, "/api/v1/tasks", json!({ "title": "b" })).await;
    let app = world.running.app();
    let actor = Actor { user_id: person.id, session_id: None, channel: Channel::Person, scopes: Scopes::ALL };
    let payload = json!({ "taskId": task["id"], "title": "b", "completed": false, "changeId": app.ids.uuid(),
        "changes": { "title": { "before": "a", "after": "b" } } });
    let subject_id = id(&task).parse().unwrap();
    let draft = Draft { topic: Topic::Todo, event_type: "TASK_UPDATED", subject_id, payload };
    let events: Vec<_> = (0..5301).map(|_| app.log.prepare(&actor, &draft).unwrap()).collect();
    let mut tx = app.db.begin().await.unwrap();
    app.log.append_all(&mut tx, &events).await.unwrap();
    tx.commit().await.unwrap();
    let end = person.get("/api/v1/changes?since=5000&limit=1000").await;
    let end = end["results"].as_array().unwrap().last().unwrap()["seq"].as_i64().unwrap();
    for seq in [end, end - 2000, end - 5300] {
        refused(&person, seq, "more than 5300 events").await;
    }
    assert_eq!(person.get(&path(&task)).await, task);
    world.running.stop().await;
}

async fn a_history_tells_who_changed_what(url: Option<String>) {
    let world = world(url).await;
    let person = world.person("ann@example.org").await;
    let task = make(&person, "/api/v1/tasks", json!({ "title": "a" })).await;
    for title in ["b", "c", "d"] {
        let patch = Some(json!({ "title": title }));
        expect(person.send(Method::PATCH, &path(&task), patch, &ANY).await, 200).await;
    }
    let (mut all, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = person.get(&format!("{}/history?limit=3{cursor}", path(&task))).await;
        all.extend(page["results"].as_array().unwrap().clone());
        let Some(next) = page["nextCursor"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    let titles: Vec<_> = all.iter().map(|entry| entry["changes"]["title"]["after"].clone()).collect();
    assert_eq!(titles, [json!("d"), json!("c"), json!("b"), Value::Null]);
    assert_eq!((&all[0]["eventType"], &all[3]["eventType"]), (&json!("TASK_UPDATED"), &json!("TASK_CREATED")));
    assert!(all.iter().all(|entry| entry["channel"] == "person" && entry["timestamp"].is_string()));
    assert_eq!(all[0]["seq"], last(&person).await);
    let other = world.person("bob@example.org").await;
    let theirs = other.send(Method::GET, &format!("{}/history", path(&task)), None, &[]).await;
    assert_eq!(problem(theirs, 404).await, "not_found");
    world.running.stop().await;
}

on_both! {
    what_is_undone_is_as_before: undone_on_sqlite, real_undone_on_postgres;
    what_was_changed_since_is_left_alone: changed_since_on_sqlite, real_changed_since_on_postgres;
    a_change_that_is_too_large_is_refused_whole: too_large_on_sqlite, real_too_large_on_postgres;
    a_history_tells_who_changed_what: history_on_sqlite, real_history_on_postgres;
}
