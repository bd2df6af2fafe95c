//! Full text search, on both databases.

use reqwest::Method;
use serde_json::{Value, json};
use sqlx::Connection as _;

use crate::support::{Person, World, expect, on_both, problem};

async fn titles(person: &Person<'_>, query: &str) -> Vec<String> {
    let found = person.get(&format!("/api/v1/tasks/search?q={query}")).await;
    found["results"].as_array().unwrap().iter().map(|hit| hit["task"]["title"].as_str().unwrap().to_owned()).collect()
}

async fn make(person: &Person<'_>, body: Value) -> Value {
    expect(person.send(Method::POST, "/api/v1/tasks", Some(body), &[]).await, 201).await
}

async fn words_are_found_best_first(url: Option<String>) {
    let flags: Vec<_> = url.iter().map(|url| format!("storage.url={url}")).collect();
    let world = World::with(&flags).await;
    let person = world.person("ann@example.org").await;
    let long = format!("{} the rent is due {}", "before ".repeat(60), "after ".repeat(60));
    make(&person, json!({ "title": "Call the landlord", "description": long })).await;
    let tagged = make(&person, json!({ "title": "Standing order", "tags": ["Rent"] })).await;
    let first = make(&person, json!({ "title": "Pay rent in Zürich" })).await;
    make(&person, json!({ "title": "Buy milk" })).await;
    let other = world.person("bob@example.org").await;
    make(&other, json!({ "title": "Rent a bike" })).await;

    assert_eq!(titles(&person, "rent").await, ["Pay rent in Zürich", "Standing order", "Call the landlord"]);
    assert_eq!(titles(&person, "RENT%20pay").await, ["Pay rent in Zürich"]);
    assert_eq!(titles(&person, "zuri").await, ["Pay rent in Zürich"], "the beginning of a word, without its accent");
    assert_eq!(titles(&person, "ay").await, [""; 0]);
    assert_eq!(titles(&other, "rent").await, ["Rent a bike"], "everybody finds what is theirs");
    let found = person.get("/api/v1/tasks/search?q=rent&limit=200").await;
    assert_eq!(found["results"][0]["marks"], json!([{ "field": "title", "start": 4, "end": 8 }]));
    assert_eq!(found["results"][1]["marks"], json!([{ "field": "tags", "index": 0, "start": 0, "end": 4 }]));
    assert!(found["results"][2]["snippet"].as_str().unwrap().contains("the rent is due"));

    // What is done is found, and what is in the trash is not; what changes is found by what it is now.
    let path = |task: &Value| format!("/api/v1/tasks/{}", task["id"].as_str().unwrap());
    expect(person.send(Method::POST, &format!("{}/complete", path(&first)), None, &[]).await, 200).await;
    let retagged = Some(json!({ "tags": ["home"] }));
    expect(person.send(Method::PATCH, &path(&tagged), retagged, &[("if-match", "*")]).await, 200).await;
    assert_eq!(titles(&person, "rent").await, ["Pay rent in Zürich", "Call the landlord"]);
    assert_eq!(titles(&person, "rent&state=open").await, ["Call the landlord"]);
    assert_eq!(titles(&person, "rent&state=completed").await, ["Pay rent in Zürich"]);
    assert_eq!(titles(&person, "home").await, ["Standing order"]);
    assert_eq!(person.send(Method::DELETE, &path(&first), None, &[("if-match", "*")]).await.status(), 204);
    assert_eq!(titles(&person, "zurich").await, [""; 0]);

    // A word with a mistake, where the database can.
    let found = person.get("/api/v1/tasks/search?q=landlrod").await;
    if url.is_some() {
        assert_eq!(
            (&found["nearly"], &found["results"][0]["task"]["title"]),
            (&json!(true), &json!("Call the landlord"))
        );
    } else {
        assert_eq!(found, json!({ "results": [], "nearly": false }));
    }
    for bad in ["?q=", "?q=%20", "?q=!", "?q=a%20b%20c%20d%20e%20f%20g%20h%20i%20j%20k", "?q=a&state=trash", ""] {
        let refused = person.send(Method::GET, &format!("/api/v1/tasks/search{bad}"), None, &[]).await;
        assert_eq!(problem(refused, 422).await, "validation_failed", "{bad}");
    }
    // The account's words go with it.
    let body = Some(json!({ "password": crate::support::PASSWORD }));
    assert_eq!(person.send(Method::DELETE, "/api/v1/me", body, &[]).await.status(), 204);
    assert_eq!(titles(&other, "rent").await, ["Rent a bike"]);
    world.running.stop().await;
}

async fn the_same_words_of_two_people_are_apart(url: Option<String>) {
    let flags: Vec<_> = url.iter().map(|url| format!("storage.url={url}")).collect();
    let world = World::with(&flags).await;
    let (ann, bob) = (world.person("ann@example.org").await, world.person("bob@example.org").await);
    for n in 0..3 {
        make(
            &ann,
            json!({ "title": format!("Pay rent {n}"), "tags": ["bank"], "description": "The landlord's account" }),
        )
        .await;
        make(&bob, json!({ "title": format!("Pay the bank {n}"), "tags": ["rent"], "description": "My account" }))
            .await;
    }
    let (of_ann, of_bob) = (ann.get("/api/v1/tasks/search?q=pay").await, bob.get("/api/v1/tasks/search?q=pay").await);
    for (found, beginning) in [(&of_ann, "Pay rent "), (&of_bob, "Pay the bank ")] {
        let hits = found["results"].as_array().unwrap();
        assert_eq!(hits.len(), 3, "{found}");
        for hit in hits {
            assert!(hit["task"]["title"].as_str().unwrap().starts_with(beginning), "{found}");
            assert_eq!(hit["marks"], json!([{ "field": "title", "start": 0, "end": 3 }]));
        }
    }
    // A title counts more than a tag, whatever others have where.
    make(&ann, json!({ "title": "Visit the bank" })).await;
    assert_eq!(titles(&ann, "bank").await[0], "Visit the bank");
    assert_eq!(titles(&bob, "account%20rent").await.len(), 3);
    assert_eq!(titles(&bob, "landlord%20rent").await, [""; 0]);
    // How the index tells them apart is no word of either.
    for person in [&ann, &bob] {
        let end = &person.id.simple().to_string()[24..];
        assert_eq!(titles(person, end).await, [""; 0]);
        assert_eq!(titles(person, &format!("{end}pay")).await, [""; 0]);
    }
    world.running.stop().await;
}

on_both! {
    words_are_found_best_first: search_on_sqlite, real_search_on_postgres;
    the_same_words_of_two_people_are_apart: two_search_on_sqlite, real_two_search_on_postgres;
}

/// On SQLite the program writes the words: it must take apart alike what is written and what is asked, whatever the script.
#[tokio::test]
async fn what_is_written_is_found_in_every_script() {
    let world = World::embedded().await;
    let person = world.person("ann@example.org").await;
    for (title, query) in [
        ("Miete „überweisen“ – heute", "uberweisen%20heute"),
        ("한국어 공부하기", "한국"),
        ("ガス代を払う", "ガス"),
        ("ﬁle the taxes", "file"),
        ("Straße_fegen/kehren", "fegen%20kehren"),
        ("घर का किराया", "किराया"),
    ] {
        make(&person, json!({ "title": title })).await;
        assert_eq!(titles(&person, query).await, [title], "{query}");
    }
    make(&person, json!({ "title": "👍" })).await;
    world.running.stop().await;
}

/// As a start finds a database that the version before left, which wrote no words.
#[tokio::test]
async fn a_start_writes_the_words_that_are_not_written() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}/todo.db", folder.path().display());
    let flags = [format!("storage.url={url}"), format!("auth.keys_dir={}/keys", folder.path().display())];
    let world = World::with(&flags).await;
    let person = world.person("ann@example.org").await;
    let id = person.id;
    for n in 0..3 {
        make(&person, json!({ "title": format!("Pay rent {n}"), "tags": ["home"] })).await;
    }
    world.running.stop().await;
    let mut connection = sqlx::SqliteConnection::connect(&url).await.unwrap();
    let forget = "UPDATE task_documents SET title = NULL, tags = NULL, description = NULL; \
        UPDATE tasks SET title = 'Pay taxes' WHERE title = 'Pay rent 2'";
    sqlx::raw_sql(forget).execute(&mut connection).await.unwrap();
    let words = "SELECT count(*) FROM task_terms WHERE task_terms MATCH '\"' || lower(substr(hex($1), 25)) || 'home\"'";
    let count = async |connection: &mut sqlx::SqliteConnection| {
        sqlx::query_scalar::<_, i64>(words).bind(id).fetch_one(connection).await.unwrap()
    };
    assert_eq!(count(&mut connection).await, 0);

    let again = World::with(&flags).await;
    assert_eq!(count(&mut connection).await, 3);
    let mut person = Person { world: &again, id, token: String::new(), refresh: String::new() };
    person.signs_in("ann@example.org").await;
    assert_eq!(titles(&person, "pay").await.len(), 3);
    assert_eq!(titles(&person, "tax").await, ["Pay taxes"]);
    assert_eq!(titles(&person, "rent%20home").await.len(), 2);
    sqlx::raw_sql("INSERT INTO task_terms (task_terms, rank) VALUES ('integrity-check', 1)")
        .execute(&mut connection)
        .await
        .unwrap();
    connection.close().await.unwrap();
    again.running.stop().await;
}
