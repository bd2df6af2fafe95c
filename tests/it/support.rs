//! A whole service in this process, and what tests ask of it.

use std::collections::BTreeMap;
use std::time::Duration;

use reqwest::{Method, RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};
use todo::app::{Roles, Running, start};
use todo::config::{Config, Sources};
use todo::kernel::{Clock, Ids};

pub const PASSWORD: &str = "correct horse battery";

/// A running service with a folder of its own.
pub struct World {
    pub running: Running,
    pub clock: Clock,
    pub base: String,
    pub admin: String,
    pub client: reqwest::Client,
    _folder: tempfile::TempDir,
}

/// A configuration on ports of its own, in `folder`.
pub fn config(folder: &std::path::Path, flags: &[String]) -> Config {
    let folder = folder.display();
    let mut all = vec![
        "http.listen=127.0.0.1:0".to_owned(),
        "http.admin_listen=127.0.0.1:0".to_owned(),
        "http.drain_pause_ms=0".to_owned(),
        "telemetry.log_filter=off".to_owned(),
        "telemetry.probe_seconds=0".to_owned(),
        format!("storage.url=sqlite:{folder}/todo.db"),
        format!("auth.keys_dir={folder}/keys"),
        "limits.user_per_minute=1000000".to_owned(),
        "limits.user_burst=1000000".to_owned(),
        "limits.address_per_minute=1000000".to_owned(),
        "limits.address_burst=1000000".to_owned(),
        "limits.sign_in_account_per_minute=1000".to_owned(),
        "limits.sign_in_address_per_minute=100000".to_owned(),
    ];
    all.extend_from_slice(flags);
    Config::load(&Sources { file: None, environment: BTreeMap::new(), flags: &all }).unwrap().0
}

impl World {
    /// On SQLite and the in-process broker, or as `flags` say; the time is the system's.
    pub async fn with(flags: &[String]) -> Self {
        Self::at(Clock::system(), flags).await
    }

    pub async fn embedded() -> Self {
        Self::with(&[]).await
    }

    pub async fn at(clock: Clock, flags: &[String]) -> Self {
        Self::with_roles(clock, Roles::ALL, flags).await
    }

    /// No relay and no worker: what they do, housekeeping among it, happens only where the test does it.
    pub async fn api_only(clock: Clock, flags: &[String]) -> Self {
        Self::with_roles(clock, Roles { api: true, relay: false, worker: false }, flags).await
    }

    /// The API is one of them.
    pub async fn with_roles(clock: Clock, roles: Roles, flags: &[String]) -> Self {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let folder = tempfile::tempdir().unwrap();
        let config = config(folder.path(), flags);
        let metrics = todo::telemetry::metrics::install().unwrap();
        // One subscriber a process: the first test installs it, so that requests have traces. It logs nothing.
        std::mem::forget(todo::telemetry::init(&config.telemetry));
        let ids = Ids::system(clock.clone());
        let running = start(config, roles, clock.clone(), ids, metrics).await.unwrap();
        let (base, admin) = (format!("http://{}", running.api.unwrap()), format!("http://{}", running.admin));
        let client = reqwest::Client::builder().timeout(Duration::from_secs(30)).build().unwrap();
        Self { running, clock, base, admin, client, _folder: folder }
    }

    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.base))
    }

    pub async fn sign_up(&self, email: &str) -> uuid::Uuid {
        let body = json!({ "email": email, "password": PASSWORD });
        let response = self.request(Method::POST, "/api/v1/users").json(&body).send().await.unwrap();
        let status = response.status();
        let body: Value = response.json().await.unwrap();
        assert_eq!(status, StatusCode::CREATED, "{body}");
        body["id"].as_str().unwrap().parse().unwrap()
    }

    pub async fn sign_in(&self, email: &str) -> Value {
        let body = json!({ "email": email, "password": PASSWORD });
        expect(self.request(Method::POST, "/api/v1/sessions").json(&body).send().await.unwrap(), 201).await
    }

    /// A new person, signed in.
    pub async fn person(&self, email: &str) -> Person<'_> {
        let id = self.sign_up(email).await;
        let tokens = self.sign_in(email).await;
        let token = tokens["access_token"].as_str().unwrap().to_owned();
        let refresh = tokens["refresh_token"].as_str().unwrap().to_owned();
        Person { world: self, id, token, refresh }
    }

    /// The OAuth token endpoint.
    pub async fn token(&self, form: &[(&str, &str)]) -> Response {
        let body: Vec<_> = form.iter().map(|(name, value)| format!("{name}={value}")).collect();
        self.request(Method::POST, "/oauth2/token")
            .header("content-type", "application/x-www-form-urlencoded")
            .body(body.join("&"))
            .send()
            .await
            .unwrap()
    }

    /// Waits until nothing is left to publish.
    pub async fn drained(&self) {
        let db = &self.running.app().db;
        until("the outbox is empty", || async { todo::events::backlog(db).await.unwrap().waiting == 0 }).await;
    }
}

/// A signed-in person.
pub struct Person<'a> {
    pub world: &'a World,
    pub id: uuid::Uuid,
    pub token: String,
    pub refresh: String,
}

impl Person<'_> {
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.world.request(method, path).bearer_auth(&self.token)
    }

    /// Gets a new access token, once the old one is past its time.
    pub async fn signs_in(&mut self, email: &str) {
        let tokens = self.world.sign_in(email).await;
        tokens["access_token"].as_str().unwrap().clone_into(&mut self.token);
    }

    pub async fn get(&self, path: &str) -> Value {
        expect(self.request(Method::GET, path).send().await.unwrap(), 200).await
    }

    pub async fn task(&self, title: &str) -> Value {
        let request = self.request(Method::POST, "/api/v1/tasks").json(&json!({ "title": title }));
        expect(request.send().await.unwrap(), 201).await
    }

    pub async fn send(&self, method: Method, path: &str, body: Option<Value>, headers: &[(&str, &str)]) -> Response {
        let mut request = self.request(method, path);
        if let Some(body) = body {
            request = request.json(&body);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.send().await.unwrap()
    }
}

/// The body, after its status was checked.
pub async fn expect(response: Response, status: u16) -> Value {
    let found = response.status().as_u16();
    let text = response.text().await.unwrap();
    assert_eq!(found, status, "{text}");
    serde_json::from_str(&text).unwrap_or(Value::Null)
}

/// The `code` of a problem, after its form was checked.
pub async fn problem(response: Response, status: u16) -> String {
    assert_eq!(response.headers()["content-type"], "application/problem+json");
    let body = expect(response, status).await;
    assert_eq!(body["status"], status);
    for member in ["type", "title", "detail", "code", "instance", "requestId", "traceId"] {
        assert!(body[member].as_str().is_some_and(|text| !text.is_empty()), "{member} in {body}");
    }
    body["code"].as_str().unwrap().to_owned()
}

/// Polls until it holds, at most for a minute.
pub async fn until<F: Future<Output = bool>>(what: &str, mut holds: impl FnMut() -> F) {
    let deadline = std::time::Instant::now() + Duration::from_mins(1);
    while !holds().await {
        assert!(std::time::Instant::now() < deadline, "not within a minute: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Where a real server is. Without one the test passes and says so; under `make test` it fails.
pub fn server(variable: &str) -> Option<String> {
    let found = std::env::var(variable).ok().filter(|value| !value.is_empty());
    assert!(
        found.is_some() || std::env::var_os("TODO_TEST_REQUIRE_SERVERS").is_none(),
        "{variable} is not set: run `make test`"
    );
    if found.is_none() {
        eprintln!("skipped: {variable} is not set (`make test` starts the servers)");
    }
    found
}

/// A fresh database on the real PostgreSQL, as the value of `storage.url`.
pub async fn fresh_database(url: &str) -> String {
    use sqlx::{Connection as _, Executor as _};
    let name = format!("t{}", uuid_text());
    let mut admin = sqlx::PgConnection::connect(url).await.unwrap();
    admin.execute(sqlx::AssertSqlSafe(format!("CREATE DATABASE {name}"))).await.unwrap();
    let (server, _) = url.rsplit_once('/').unwrap();
    format!("{server}/{name}")
}

/// A fresh database on the real PostgreSQL, if there is one.
pub async fn postgres() -> Option<String> {
    Some(fresh_database(&server("TODO_TEST_POSTGRES_URL")?).await)
}

/// A test on each database of what must hold on both. The contract takes `storage.url`; `None` is the embedded one.
macro_rules! on_both {
    ($($contract:ident: $sqlite:ident, $postgres:ident;)+) => {$(
        #[tokio::test]
        async fn $sqlite() {
            $contract(None).await;
        }

        #[tokio::test]
        async fn $postgres() {
            let Some(url) = $crate::support::postgres().await else { return };
            $contract(Some(url)).await;
        }
    )+};
}
pub(crate) use on_both;

pub fn uuid_text() -> String {
    Ids::system(Clock::system()).uuid().simple().to_string()
}
