//! Imports, exports and the calendar feed, on both databases. What the formats mean is in the tables of `src/interop`.

use chrono::TimeDelta;
use reqwest::{Method, Response};
use serde_json::{Value, json};
use todo::kernel::Clock;
use tokio_util::sync::CancellationToken;

use crate::support::{Person, World, expect, on_both, problem, until};

const NOW: &str = "2026-11-25T10:00:00Z";

fn flags(url: Option<String>) -> Vec<String> {
    url.into_iter().map(|url| format!("storage.url={url}")).collect()
}

async fn world(url: Option<String>) -> World {
    World::at(Clock::fixed(NOW.parse().unwrap()), &flags(url)).await
}

async fn send(person: &Person<'_>, query: &str, content: impl Into<reqwest::Body>) -> Response {
    let request = person.request(Method::POST, &format!("/api/v1/imports{query}")).body(content);
    request.header("content-type", "application/octet-stream").send().await.unwrap()
}

async fn start(person: &Person<'_>, import: &Value) -> String {
    let path = format!("/api/v1/imports/{}", import["id"].as_str().unwrap());
    expect(person.send(Method::POST, &format!("{path}/start"), None, &[]).await, 202).await;
    path
}

async fn done(person: &Person<'_>, import: &Value) -> Value {
    let path = start(person, import).await;
    until("it is made", || async { person.get(&path).await["phase"] == "done" }).await;
    person.get(&path).await
}

async fn tasks(person: &Person<'_>) -> Vec<Value> {
    person.get("/api/v1/tasks?state=all&limit=200&sort=position").await["results"].as_array().unwrap().clone()
}

const TODOIST: &str = "\
TYPE,CONTENT,DESCRIPTION,PRIORITY,INDENT,AUTHOR,RESPONSIBLE,DATE,DATE_LANG,TIMEZONE
section,Kitchen,,,,,,,,
task,Buy milk @errands,two litres,1,1,ann (1),,2026-12-01,en,Europe/Berlin
task,the blue one,,4,2,ann (1),,,en,Europe/Berlin
task,Water plants,,4,1,ann (1),,every 3 days,en,Europe/Berlin
task,Call mum,,4,1,ann (1),,tomorrow at 9,en,Europe/Berlin
note,She is back from Spain,,,,,,,,
";

async fn a_file_of_todoist_is_tried_and_then_made(url: Option<String>) {
    let world = world(url).await;
    let person = world.person("ann@example.org").await;
    let tried = expect(send(&person, "?fileName=Home%20%5B123%5D.csv", TODOIST).await, 201).await;
    assert_eq!((&tried["format"], &tried["phase"], &tried["tasks"]), (&json!("todoist"), &json!("ready"), &json!(4)));
    assert_eq!(tasks(&person).await, [] as [Value; 0], "nothing is made by trying");
    let made = done(&person, &tried).await;
    assert_eq!((&made["made"], &made["present"], &made["lookedAt"]), (&json!(4), &json!(0), &json!(4)));
    let all = tasks(&person).await;
    let by = |title: &str| all.iter().find(|task| task["title"] == title).unwrap();
    let projects = person.get("/api/v1/projects").await;
    assert_eq!(projects["results"][1]["name"], "Home");
    let milk = by("Buy milk");
    assert_eq!(
        (&milk["projectId"], &milk["tags"], &milk["priority"]),
        (&projects["results"][1]["id"], &json!(["errands"]), &json!("urgent"))
    );
    assert_eq!((&milk["dueDate"], milk["sectionId"].is_string()), (&json!("2026-12-01"), true));
    assert_eq!(by("the blue one")["parentId"], milk["id"]);
    assert_eq!(by("Water plants")["recurrence"]["rule"], "FREQ=DAILY;INTERVAL=3");
    assert_eq!(by("Call mum")["dueAt"], "2026-11-26T08:00:00Z");
    assert!(by("Call mum")["description"].as_str().unwrap().contains("She is back from Spain"));
    let above = all.iter().filter(|task| task["parentId"].is_null());
    let titles: Vec<_> = above.map(|task| task["title"].as_str().unwrap()).collect();
    assert_eq!(titles, ["Buy milk", "Water plants", "Call mum"], "in the order of the file");
    let history = person.get(&format!("/api/v1/tasks/{}/history", milk["id"].as_str().unwrap())).await;
    assert_eq!(history["results"][0]["channel"], "import");

    // Once more: nothing twice, and what was changed stays changed.
    let path = format!("/api/v1/tasks/{}", milk["id"].as_str().unwrap());
    let renamed = Some(json!({ "title": "Buy oat milk" }));
    expect(person.send(Method::PATCH, &path, renamed, &[("if-match", "*")]).await, 200).await;
    let again = expect(send(&person, "?format=todoist&fileName=Home.csv", TODOIST).await, 201).await;
    let again = done(&person, &again).await;
    assert_eq!((&again["made"], &again["present"]), (&json!(0), &json!(4)));
    assert_eq!(tasks(&person).await.len(), 4);
    world.drained().await;
    world.running.stop().await;
}

async fn an_export_is_imported_elsewhere_and_nothing_is_twice(url: Option<String>) {
    let world = world(url).await;
    let (ann, bob) = (world.person("ann@example.org").await, world.person("bob@example.org").await);
    let tried = expect(send(&ann, "?fileName=Home.csv", TODOIST).await, 201).await;
    done(&ann, &tried).await;
    let filter = Some(json!({ "name": "Soon", "query": "due < now+7d" }));
    expect(ann.send(Method::POST, "/api/v1/filters", filter, &[]).await, 201).await;
    expect(ann.send(Method::PUT, "/api/v1/tags/errands", Some(json!({ "color": "#112233" })), &[]).await, 200).await;
    let export = ann.request(Method::GET, "/api/v1/export").send().await.unwrap().text().await.unwrap();
    let there = expect(send(&bob, "", export.clone()).await, 201).await;
    assert_eq!(there["format"], "own");
    let there = done(&bob, &there).await;
    assert_eq!((&there["made"], &there["notes"]), (&json!(4), &json!([])));
    let shape = |all: Vec<Value>| -> Vec<Value> {
        let kept =
            ["title", "description", "priority", "tags", "dueDate", "dueAt", "recurrence", "reminders", "completed"];
        all.iter().map(|task| json!(kept.map(|name| &task[name]))).collect()
    };
    assert_eq!(shape(tasks(&bob).await), shape(tasks(&ann).await));
    assert_eq!(bob.get("/api/v1/filters").await["results"][0]["query"], "due < now+7d");
    assert_eq!(bob.get("/api/v1/tags").await["results"][0]["color"], "#112233");
    // Into the account that it came from.
    let back = expect(send(&ann, "?format=own", export).await, 201).await;
    assert_eq!(done(&ann, &back).await["present"], 4);
    assert_eq!(tasks(&ann).await.len(), 4);
    let table = ann.request(Method::GET, "/api/v1/export?format=csv").send().await.unwrap();
    assert_eq!(table.headers()["content-type"], "text/csv; charset=utf-8");
    assert_eq!(table.text().await.unwrap().lines().count(), 5);
    for bad in ["?format=excel", "?form=csv"] {
        let refused = ann.send(Method::GET, &format!("/api/v1/export{bad}"), None, &[]).await;
        assert_eq!(problem(refused, 422).await, "validation_failed");
    }
    world.running.stop().await;
}

async fn bad_files_are_refused_with_where_and_why(url: Option<String>) {
    let world = World::api_only(Clock::fixed(NOW.parse().unwrap()), &flags(url)).await;
    let person = world.person("ann@example.org").await;
    for (query, content) in [
        ("", "hello"),
        ("?format=own", "{\"tasks\": 7}"),
        ("?format=vikunja", "[{]"),
        ("?format=todoist", "A,B\n1,2\n"),
        ("?format=excel", "x"),
    ] {
        let refused = expect(send(&person, query, content).await, 422).await;
        assert!(!refused["errors"][0]["detail"].as_str().unwrap().is_empty(), "{refused}");
    }
    let binary = send(&person, "?format=todoist", vec![0xff_u8, 0xfe, 0x00]).await;
    assert_eq!(binary.status().as_u16(), 422);
    for _ in 0..20 {
        expect(send(&person, "?fileName=a.csv", TODOIST).await, 201).await;
    }
    assert_eq!(problem(send(&person, "", TODOIST).await, 409).await, "limit_reached");
    let list = person.get("/api/v1/imports").await;
    let one = format!("/api/v1/imports/{}", list["results"][0]["id"].as_str().unwrap());
    assert_eq!(person.send(Method::DELETE, &one, None, &[]).await.status(), 204);
    assert_eq!(problem(person.send(Method::GET, &one, None, &[]).await, 404).await, "not_found");
    let other = world.person("bob@example.org").await;
    let one = format!("/api/v1/imports/{}", list["results"][1]["id"].as_str().unwrap());
    assert_eq!(problem(other.send(Method::POST, &format!("{one}/start"), None, &[]).await, 404).await, "not_found");
    world.clock.advance(TimeDelta::days(31));
    assert_eq!(world.running.app().tasks.purge_imports(100).await.unwrap(), 19);
    world.running.stop().await;
}

/// A worker that stops in the middle, and one that dies: another one goes on, and nothing is twice.
async fn an_import_goes_on_where_it_was(url: Option<String>) {
    let world = World::api_only(Clock::fixed(NOW.parse().unwrap()), &flags(url)).await;
    let person = world.person("ann@example.org").await;
    let rows = (0..1700).map(|n| format!("task,t{n},,4,1,,,,,")).collect::<Vec<_>>().join("\n");
    let file = format!("TYPE,CONTENT,DESCRIPTION,PRIORITY,INDENT,AUTHOR,RESPONSIBLE,DATE,DATE_LANG,TIMEZONE\n{rows}\n");
    let tried = expect(send(&person, "?fileName=Many.csv", file).await, 201).await;
    let path = start(&person, &tried).await;
    let app = world.running.app();
    // It is told to stop before each batch but the first.
    let mut rounds = 0;
    while person.get(&path).await["phase"] != "done" {
        let stop = CancellationToken::new();
        let stops = stop.clone();
        let (worked, ()) = tokio::join!(app.tasks.import_next(&stop), async {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            stops.cancel();
        });
        worked.unwrap();
        // Its claim ends.
        world.clock.advance(TimeDelta::seconds(31));
        rounds += 1;
        assert!(rounds < 200);
    }
    let end = person.get(&path).await;
    assert_eq!((&end["made"], &end["present"], &end["lookedAt"]), (&json!(1700), &json!(0), &json!(1700)));
    let events = todo::events::changes(&app.db, person.id, 0, 5000).await.unwrap();
    assert_eq!(
        events.iter().filter(|event| event.channel == "import").count(),
        1701,
        "the project, and each task once"
    );
    world.running.stop().await;
}

async fn a_calendar_reads_a_secret_address(url: Option<String>) {
    let world = world(url).await;
    let person = world.person("ann@example.org").await;
    assert_eq!(problem(person.send(Method::GET, "/api/v1/me/feed", None, &[]).await, 404).await, "not_found");
    let made = expect(person.send(Method::POST, "/api/v1/me/feed", None, &[]).await, 201).await;
    let body = json!({ "title": "Pay rent, \"now\"; or\u{1F4B8}", "dueAt": "2026-12-01T16:00:00Z", "reminders": [{ "minutesBefore": 30 }] });
    expect(person.send(Method::POST, "/api/v1/tasks", Some(body), &[]).await, 201).await;
    person.task("not due").await;
    let read = async |path: &str| world.request(Method::GET, path).send().await.unwrap();
    let path = made["path"].as_str().unwrap();
    let feed = read(&format!("{path}.ics?show=both")).await;
    assert_eq!(feed.headers()["content-type"], "text/calendar; charset=utf-8");
    let tag = feed.headers()["etag"].to_str().unwrap().to_owned();
    let text = feed.text().await.unwrap();
    for part in [
        "BEGIN:VTODO\r\n",
        "BEGIN:VEVENT\r\n",
        "DUE:20261201T160000Z\r\n",
        "SUMMARY:Pay rent\\, \"now\"\\; or\u{1F4B8}\r\n",
        "BEGIN:VALARM",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
    assert!(!text.contains("not due"));
    let unchanged = world.request(Method::GET, path).header("if-none-match", &tag).send().await.unwrap();
    assert_eq!(unchanged.status().as_u16(), 304);
    assert_eq!(read(&format!("{path}?show=all")).await.status().as_u16(), 422);
    // Another address ends it; so does its end.
    let other = expect(person.send(Method::POST, "/api/v1/me/feed", None, &[]).await, 201).await;
    assert_eq!(read(path).await.status().as_u16(), 404);
    assert_eq!(read(other["path"].as_str().unwrap()).await.status().as_u16(), 200);
    assert_eq!(person.send(Method::DELETE, "/api/v1/me/feed", None, &[]).await.status(), 204);
    assert_eq!(read(other["path"].as_str().unwrap()).await.status().as_u16(), 404);
    world.running.stop().await;
}

on_both! {
    a_file_of_todoist_is_tried_and_then_made: todoist_on_sqlite, real_todoist_on_postgres;
    an_export_is_imported_elsewhere_and_nothing_is_twice: export_on_sqlite, real_export_on_postgres;
    bad_files_are_refused_with_where_and_why: bad_files_on_sqlite, real_bad_files_on_postgres;
    an_import_goes_on_where_it_was: goes_on_on_sqlite, real_goes_on_on_postgres;
    a_calendar_reads_a_secret_address: calendar_on_sqlite, real_calendar_on_postgres;
}
