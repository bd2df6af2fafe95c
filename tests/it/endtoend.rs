//! A thousand people's changes over HTTP, and what arrives of them at the broker: the same on every database and broker.
//! They come with tokens of an external provider, since hashing two thousand passwords would take a minute.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use axum::routing::get;
use futures::stream::{self, StreamExt as _};
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};
use todo::events::Topic;
use todo::kernel::Clock;

use crate::kafka::{Message, check};
use crate::support::{PASSWORD, World, expect, problem};

pub const PEOPLE: usize = 1_000;

/// An OpenID provider: discovery, one key, and tokens.
pub struct Issuer {
    base: String,
    key: EncodingKey,
}

impl Issuer {
    pub async fn start() -> Self {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        let key = EncodingKey::from_ec_der(pair.to_pkcs8v1().unwrap().as_ref());
        let mut public = Jwk::from_encoding_key(&key, Algorithm::ES256).unwrap();
        public.common.key_id = Some("one".to_owned());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let discovery = json!({ "issuer": base, "jwks_uri": format!("{base}/keys") });
        let keys = json!({ "keys": [public] });
        let router = axum::Router::new()
            .route("/.well-known/openid-configuration", get(move || async move { axum::Json(discovery) }))
            .route("/keys", get(move || async move { axum::Json(keys) }));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { base, key }
    }

    /// The service's flags that trust it.
    pub fn flags(&self) -> Vec<String> {
        vec![format!("auth.external_issuer={}", self.base), "auth.external_audience=todo".to_owned()]
    }

    fn token(&self, subject: &str, audience: &str) -> String {
        let exp = Clock::system().now().timestamp() + 600;
        let claims = json!({ "iss": self.base, "aud": audience, "sub": subject, "exp": exp, "name": "Somebody" });
        let header = Header { kid: Some("one".to_owned()), ..Header::new(Algorithm::ES256) };
        jsonwebtoken::encode(&header, &claims, &self.key).unwrap()
    }
}

/// As clients are told to: who is sent away with 503 comes again after `Retry-After`. Beside this test twenty processes may
/// be starting on the same two cores.
async fn patiently(request: impl Fn() -> RequestBuilder) -> Response {
    for _ in 0..20 {
        let answer = request().send().await.unwrap();
        let later = answer.headers().get("retry-after").and_then(|value| value.to_str().ok()?.parse().ok());
        let Some(seconds) = later.filter(|_| answer.status() == StatusCode::SERVICE_UNAVAILABLE) else { return answer };
        tokio::time::sleep(Duration::from_secs(seconds)).await;
    }
    request().send().await.unwrap()
}

/// One person's: three tasks, each completed. Returns the account's id.
async fn works(world: &World, token: &str) -> String {
    let send = |method, path: &str| world.request(method, path).bearer_auth(token);
    for n in 0..3 {
        let (body, key) = (json!({ "title": format!("task {n}"), "priority": "high" }), crate::support::uuid_text());
        let create = || send(Method::POST, "/api/v1/tasks").header("idempotency-key", &key).json(&body);
        let task = expect(patiently(create).await, 201).await;
        let path = format!("/api/v1/tasks/{}/complete", task["id"].as_str().unwrap());
        expect(patiently(|| send(Method::POST, &path)).await, 200).await;
    }
    let me = expect(patiently(|| send(Method::GET, "/api/v1/me")).await, 200).await;
    me["id"].as_str().unwrap().to_owned()
}

/// A thousand people's work over HTTP, and one's whole way; until nothing waits. Returns the accounts, and that one's
/// log.
pub async fn thousand(world: &World, issuer: &Issuer) -> (HashSet<String>, String, Value) {
    let one = world.person("one@example.org").await;
    let log = crate::tasks::journey(&one).await;
    let users: HashSet<_> = stream::iter(0..PEOPLE)
        .map(|n| async move { works(world, &issuer.token(&format!("subject-{n}"), "todo")).await })
        .buffer_unordered(32)
        .collect()
        .await;
    assert_eq!(users.len(), PEOPLE);
    world.drained().await;
    (users, one.id.to_string(), log)
}

/// Seven events of each of them arrived, dense, in order and valid; the one's are byte for byte what the log has.
pub fn arrived(messages: &[Message], users: &HashSet<String>, one: &str, log: &Value) {
    let all = users.iter().cloned().chain([one.to_owned()]).collect();
    let found = check(messages, &all);
    assert_eq!(found.len(), PEOPLE + 1);
    let types =
        |log: &BTreeMap<i64, Value>| -> Vec<_> { log.values().map(|value| value["eventType"].clone()).collect() };
    let (made, done) = ("TASK_CREATED", "TASK_COMPLETED");
    for user in users {
        assert_eq!(types(&found[user]), ["USER_REGISTERED", made, done, made, done, made, done], "{user}");
    }
    for change in log["results"].as_array().unwrap() {
        assert_eq!(found[one][&change["seq"].as_i64().unwrap()], change["event"]);
    }
}

#[tokio::test]
async fn a_thousand_users_changes_arrive_on_the_embedded_default() {
    let issuer = Issuer::start().await;
    let world = World::with(&issuer.flags()).await;
    let (users, one, log) = thousand(&world, &issuer).await;
    let memory = world.running.app().memory.clone().unwrap();
    let records = [Topic::Todo, Topic::User].into_iter().flat_map(|topic| memory.records(topic));
    arrived(&records.map(Message::from).collect::<Vec<_>>(), &users, &one, &log);
    world.running.stop().await;
}

#[tokio::test]
async fn a_providers_person_has_one_account_and_only_its_own_audience() {
    let issuer = Issuer::start().await;
    let world = World::with(&issuer.flags()).await;
    let me = |token: String| world.request(Method::GET, "/api/v1/me").bearer_auth(token).send();
    // The first twenty requests come at once, and make one account.
    let answers = futures::future::join_all((0..20).map(|_| me(issuer.token("ann", "todo")))).await;
    let mut ids = HashSet::new();
    for answer in answers {
        ids.insert(expect(answer.unwrap(), 200).await["id"].as_str().unwrap().to_owned());
    }
    assert_eq!(ids.len(), 1, "{ids:?}");
    assert_eq!(problem(me(issuer.token("ann", "another service")).await.unwrap(), 401).await, "unauthorized");
    // It has no password to sign in with.
    let body = json!({ "email": "ann", "password": PASSWORD });
    let sign_in = world.request(Method::POST, "/api/v1/sessions").json(&body).send().await.unwrap();
    assert_eq!(sign_in.status(), StatusCode::UNAUTHORIZED);
    world.running.stop().await;
}
