//! Accounts, sessions and tokens: each rule of them.

use std::collections::HashSet;

use chrono::{DateTime, TimeDelta};
use futures::future::join_all;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use todo::kernel::Clock;

use crate::support::{PASSWORD, World, expect, problem};

fn fixed() -> Clock {
    Clock::fixed(DateTime::from_timestamp(1_780_000_000, 0).unwrap())
}

#[tokio::test]
async fn an_address_has_one_account_whatever_its_case() {
    let world = World::embedded().await;
    world.sign_up("Ann@Example.org").await;
    let again = json!({ "email": "ann@example.ORG", "password": PASSWORD });
    let taken = world.request(Method::POST, "/api/v1/users").json(&again).send().await.unwrap();
    assert_eq!(problem(taken, 409).await, "email_taken");
    let bad = json!({ "email": "nobody", "password": "password1", "timeZone": "Mars" });
    let body = expect(world.request(Method::POST, "/api/v1/users").json(&bad).send().await.unwrap(), 422).await;
    let pointers: Vec<_> = body["errors"].as_array().unwrap().iter().map(|error| error["pointer"].clone()).collect();
    assert_eq!(pointers, ["/timeZone", "/email", "/password"]);
    // A retry with a key is not a second sign-up.
    let body = json!({ "email": "bob@example.org", "password": PASSWORD });
    let send = || world.request(Method::POST, "/api/v1/users").header("idempotency-key", "k").json(&body).send();
    let first = expect(send().await.unwrap(), 201).await;
    assert_eq!(expect(send().await.unwrap(), 201).await, first);
    world.running.stop().await;
}

#[tokio::test]
async fn sign_in_does_not_tell_which_part_was_wrong_and_is_limited() {
    let world = World::with(&["limits.sign_in_account_per_minute=3".to_owned()]).await;
    world.sign_up("ann@example.org").await;
    let attempt = |email: &'static str| {
        let body = json!({ "email": email, "password": "not the password" });
        world.request(Method::POST, "/api/v1/sessions").json(&body).send()
    };
    let (known, unknown) = (attempt("ann@example.org").await.unwrap(), attempt("eve@example.org").await.unwrap());
    let (known, unknown) = (expect(known, 401).await, expect(unknown, 401).await);
    assert_eq!((&known["code"], &known["detail"]), (&unknown["code"], &unknown["detail"]));
    assert_eq!(known["code"], "invalid_credentials");
    for _ in 0..2 {
        expect(attempt("ann@example.org").await.unwrap(), 401).await;
    }
    let limited = attempt("ANN@example.org").await.unwrap();
    assert!(limited.headers().contains_key("retry-after"));
    assert_eq!(problem(limited, 429).await, "too_many_requests");
    world.running.stop().await;
}

#[tokio::test]
async fn a_stolen_access_token_is_no_way_to_guess_the_password() {
    let world = World::with(&["limits.sign_in_account_per_minute=4".to_owned()]).await;
    let person = world.person("ann@example.org").await;
    let guess = || {
        let body = json!({ "currentPassword": "a guess", "newPassword": "another good one" });
        person.send(Method::PUT, "/api/v1/me/password", Some(body), &[])
    };
    for _ in 0..3 {
        assert_eq!(problem(guess().await, 403).await, "wrong_password");
    }
    assert_eq!(problem(guess().await, 429).await, "too_many_requests");
    let erase = person.send(Method::DELETE, "/api/v1/me", Some(json!({ "password": "a guess" })), &[]).await;
    assert_eq!(problem(erase, 429).await, "too_many_requests");
    world.running.stop().await;
}

#[tokio::test]
async fn a_refresh_token_is_used_once_and_a_lost_answer_may_be_asked_again() {
    let world = World::at(fixed(), &[]).await;
    let person = world.person("ann@example.org").await;
    let refresh = |token: String| {
        let world = &world;
        async move { world.token(&[("grant_type", "refresh_token"), ("refresh_token", &token)]).await }
    };
    // Fifty at once: one successor, so one lineage.
    let pairs = join_all((0..50).map(|_| async { expect(refresh(person.refresh.clone()).await, 200).await })).await;
    let successors: HashSet<_> = pairs.iter().map(|pair| pair["refresh_token"].as_str().unwrap().to_owned()).collect();
    assert_eq!(successors.len(), 1);
    let second = successors.into_iter().next().unwrap();
    assert_ne!(second, person.refresh);
    // The answer was lost: the same one again within ten seconds.
    world.clock.advance(TimeDelta::seconds(10));
    assert_eq!(expect(refresh(person.refresh.clone()).await, 200).await["refresh_token"], second.as_str());
    // Later than that it is a theft: the whole family ends.
    world.clock.advance(TimeDelta::seconds(1));
    assert_eq!(expect(refresh(person.refresh.clone()).await, 400).await["error"], "invalid_grant");
    assert_eq!(expect(refresh(second).await, 400).await["error"], "invalid_grant");
    let log = person.get("/api/v1/changes?since=0").await;
    assert_eq!(log["results"][2]["event"]["payload"]["reason"], "refresh_token_reused");
    world.running.stop().await;
}

#[tokio::test]
async fn a_used_successor_ends_the_retry_time() {
    let world = World::at(fixed(), &[]).await;
    let person = world.person("ann@example.org").await;
    let refresh = |token: &str| {
        let form =
            [("grant_type".to_owned(), "refresh_token".to_owned()), ("refresh_token".to_owned(), token.to_owned())];
        let world = &world;
        async move { world.token(&[(&form[0].0, &form[0].1), (&form[1].0, &form[1].1)]).await }
    };
    let second = expect(refresh(&person.refresh).await, 200).await["refresh_token"].as_str().unwrap().to_owned();
    let third = expect(refresh(&second).await, 200).await["refresh_token"].as_str().unwrap().to_owned();
    expect(refresh(&person.refresh).await, 400).await;
    expect(refresh(&third).await, 400).await;
    assert_eq!(expect(refresh("todo_rt_unknown").await, 400).await["error"], "invalid_grant");
    world.running.stop().await;
}

#[tokio::test]
async fn sessions_are_listed_revoked_and_ended_by_a_new_password() {
    let world = World::embedded().await;
    let person = world.person("ann@example.org").await;
    let (second, third) = (world.sign_in("ann@example.org").await, world.sign_in("ann@example.org").await);
    let sessions = person.get("/api/v1/sessions").await["results"].as_array().unwrap().clone();
    assert_eq!(sessions.len(), 3);
    let newest = sessions[0]["id"].as_str().unwrap();
    let gone = person.send(Method::DELETE, &format!("/api/v1/sessions/{newest}"), None, &[]).await;
    assert_eq!(gone.status(), StatusCode::NO_CONTENT);
    let ended = |pair: &Value| {
        let token = pair["refresh_token"].as_str().unwrap().to_owned();
        let world = &world;
        async move { world.token(&[("grant_type", "refresh_token"), ("refresh_token", &token)]).await.status() }
    };
    assert_eq!(ended(&third).await, StatusCode::BAD_REQUEST);
    let change = |present: &str, new: &str| {
        let body = Some(json!({ "currentPassword": present, "newPassword": new }));
        person.send(Method::PUT, "/api/v1/me/password", body, &[])
    };
    assert_eq!(problem(change("wrong", "another good one").await, 403).await, "wrong_password");
    assert_eq!(problem(change(PASSWORD, "12345678").await, 422).await, "validation_failed");
    assert_eq!(change(PASSWORD, "another good one").await.status(), StatusCode::NO_CONTENT);
    assert_eq!(ended(&second).await, StatusCode::BAD_REQUEST, "the other sessions ended");
    let own = world.token(&[("grant_type", "refresh_token"), ("refresh_token", &person.refresh)]).await;
    assert_eq!(own.status(), StatusCode::OK, "the own one goes on");
    let out = person.send(Method::DELETE, "/api/v1/sessions/current", None, &[]).await;
    assert_eq!(out.status(), StatusCode::NO_CONTENT);
    assert_eq!(person.get("/api/v1/sessions").await["results"], json!([]));
    world.running.stop().await;
}

#[tokio::test]
async fn api_tokens_have_their_scopes_and_may_be_exchanged() {
    let world = World::embedded().await;
    let person = world.person("ann@example.org").await;
    let body = || Some(json!({ "name": "script", "scopes": "tasks:read" }));
    let key = [("idempotency-key", "t1")];
    let made = expect(person.send(Method::POST, "/api/v1/me/api-tokens", body(), &key).await, 201).await;
    let again = expect(person.send(Method::POST, "/api/v1/me/api-tokens", body(), &key).await, 201).await;
    assert_eq!(made, again, "the same reply, its secret included");
    let (id, secret) = (made["id"].as_str().unwrap(), made["secret"].as_str().unwrap());
    let as_script = |method: Method, path: &str, token: &str| world.request(method, path).bearer_auth(token).send();
    expect(as_script(Method::GET, "/api/v1/tasks", secret).await.unwrap(), 200).await;
    let denied = as_script(Method::DELETE, "/api/v1/sessions/current", secret).await.unwrap();
    assert_eq!(problem(denied, 403).await, "insufficient_scope");
    let form = |secret| [("grant_type", "client_credentials"), ("client_id", id), ("client_secret", secret)];
    let pair = expect(world.token(&form(secret)).await, 200).await;
    let token = pair["access_token"].as_str().unwrap();
    assert!(pair.get("refresh_token").is_none());
    expect(as_script(Method::GET, "/api/v1/tasks", token).await.unwrap(), 200).await;
    assert_eq!(expect(world.token(&form("todo_pat_wrong")).await, 401).await["error"], "invalid_client");
    let wide = Some(json!({ "name": "x", "scopes": "tasks:fly" }));
    assert_eq!(
        problem(person.send(Method::POST, "/api/v1/me/api-tokens", wide, &[]).await, 422).await,
        "validation_failed"
    );
    let revoked = person.send(Method::DELETE, &format!("/api/v1/me/api-tokens/{id}"), None, &[]).await;
    assert_eq!(revoked.status(), StatusCode::NO_CONTENT);
    assert_eq!(expect(world.token(&form(secret)).await, 401).await["error"], "invalid_client");
    world.running.stop().await;
}

#[tokio::test]
async fn an_erased_account_leaves_nothing_but_its_end() {
    let world = World::embedded().await;
    let person = world.person("ann@example.org").await;
    person.task("a secret plan").await;
    let export = person.get("/api/v1/me/export").await;
    assert_eq!(export["tasks"][0]["title"], "a secret plan");
    assert_eq!(export["account"]["email"], "ann@example.org");
    world.drained().await;
    let wrong = person.send(Method::DELETE, "/api/v1/me", Some(json!({ "password": "no" })), &[]).await;
    assert_eq!(problem(wrong, 403).await, "wrong_password");
    let gone = person.send(Method::DELETE, "/api/v1/me", Some(json!({ "password": PASSWORD })), &[]).await;
    assert_eq!(gone.status(), StatusCode::NO_CONTENT);
    let db = &world.running.app().db;
    world.drained().await;
    todo::events::forget_erased(db, 10).await.unwrap();
    assert!(todo::events::changes(db, person.id, 0, 100).await.unwrap().is_empty());
    let write = person.send(Method::POST, "/api/v1/tasks", Some(json!({ "title": "ghost" })), &[]).await;
    assert_eq!(problem(write, 401).await, "unauthorized");
    world.person("ann@example.org").await;
    world.running.stop().await;
}

#[tokio::test]
async fn the_oauth_metadata_and_keys_are_there() {
    let world = World::with(&["http.public_url=https://todo.example.org".to_owned()]).await;
    let get = |path: &'static str| async { expect(world.request(Method::GET, path).send().await.unwrap(), 200).await };
    let metadata = get("/.well-known/oauth-authorization-server").await;
    assert_eq!(metadata["issuer"], "https://todo.example.org");
    assert_eq!(metadata["token_endpoint"], "https://todo.example.org/oauth2/token");
    let key = get("/.well-known/jwks.json").await["keys"][0].clone();
    assert_eq!(
        (&key["kty"], &key["crv"], &key["alg"], &key["use"]),
        (&json!("EC"), &json!("P-256"), &json!("ES256"), &json!("sig"))
    );
    assert!(key.get("d").is_none(), "no private part");
    for token in ["", "x", "todo_pat_x", "a.b.c"] {
        let response = world.request(Method::GET, "/api/v1/me").bearer_auth(token).send().await.unwrap();
        assert!(response.headers()["www-authenticate"].to_str().unwrap().starts_with("Bearer"), "{token}");
        assert_eq!(problem(response, 401).await, "unauthorized");
    }
    let unsupported = world.token(&[("grant_type", "password")]).await;
    assert_eq!(expect(unsupported, 400).await["error"], "unsupported_grant_type");
    world.running.stop().await;
}

#[tokio::test]
async fn a_revoked_refresh_token_ends_its_session_and_unknown_ones_are_no_news() {
    let world = World::embedded().await;
    let person = world.person("ann@example.org").await;
    let revoke = |token: &str| {
        let form = format!("token={token}&token_type_hint=refresh_token");
        let request = world.request(Method::POST, "/oauth2/revoke").body(form);
        request.header("content-type", "application/x-www-form-urlencoded").send()
    };
    for token in ["todo_rt_unknown", "rubbish", &person.refresh, &person.refresh] {
        assert_eq!(revoke(token).await.unwrap().status(), StatusCode::OK, "{token}");
    }
    let refresh = world.token(&[("grant_type", "refresh_token"), ("refresh_token", &person.refresh)]).await;
    assert_eq!(expect(refresh, 400).await["error"], "invalid_grant");
    let log = person.get("/api/v1/changes?since=2").await;
    assert_eq!(log["results"][0]["event"]["eventType"], "USER_SIGNED_OUT");
    assert_eq!(log["results"].as_array().unwrap().len(), 1, "once");
    world.running.stop().await;
}

#[tokio::test]
async fn a_profile_is_edited_with_its_version() {
    let world = World::embedded().await;
    let person = world.person("ann@example.org").await;
    let body = || Some(json!({ "timeZone": "Europe/Berlin", "locale": "de-DE" }));
    assert_eq!(
        problem(person.send(Method::PATCH, "/api/v1/me", body(), &[]).await, 428).await,
        "precondition_required"
    );
    let edited = expect(person.send(Method::PATCH, "/api/v1/me", body(), &[("if-match", "\"1\"")]).await, 200).await;
    assert_eq!((&edited["timeZone"], &edited["version"]), (&json!("Europe/Berlin"), &json!(2)));
    assert_eq!(
        problem(person.send(Method::PATCH, "/api/v1/me", body(), &[("if-match", "\"1\"")]).await, 412).await,
        "precondition_failed"
    );
    let same = person.send(Method::GET, "/api/v1/me", None, &[("if-none-match", "\"2\"")]).await;
    assert_eq!(same.status(), StatusCode::NOT_MODIFIED);
    world.running.stop().await;
}
