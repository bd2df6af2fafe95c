//! A real schema registry. One test: the subjects are the topics', and a registry has each only once.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use todo::config::Config;
use todo::events::Topic;
use todo::events::registry::{Registry, RegistryConfig, history, subject};

use crate::registry::{ready, schemas, sentence};
use crate::support::{World, server, until};

struct Raw {
    client: reqwest::Client,
    url: String,
}

impl Raw {
    async fn call(&self, method: Method, path: &str, body: Option<Value>) -> (StatusCode, Value) {
        let mut request = self.client.request(method, format!("{}/{path}", self.url));
        if let Some(body) = body {
            request = request.json(&body);
        }
        let response = request.send().await.unwrap();
        (response.status(), response.json().await.unwrap_or_default())
    }

    /// Forgets what an earlier run left.
    async fn clear(&self) {
        for topic in Topic::ALL {
            self.call(Method::DELETE, &format!("subjects/{}", subject(topic)), None).await;
        }
    }

    async fn registered(&self, topic: Topic) -> usize {
        let (_, versions) = self.call(Method::GET, &format!("subjects/{}/versions", subject(topic)), None).await;
        versions.as_array().map_or(0, Vec::len)
    }
}

/// A JVM that has just started is slow, the more so beside other tests.
const PATIENCE_MS: u32 = 30_000;

async fn says(command: &str, url: &str) -> String {
    let output = schemas(command, url, PATIENCE_MS).await;
    assert!(output.status.success(), "{command}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// The present schema of tasks, with a title that is shorter.
fn narrowed() -> Value {
    let mut schema = history(Topic::Todo).unwrap().pop().unwrap();
    schema["properties"]["payload"]["properties"]["title"]["maxLength"] = json!(100);
    schema
}

fn config(url: &str) -> RegistryConfig {
    let folder = tempfile::tempdir().unwrap();
    let config: Config = crate::support::config(
        folder.path(),
        &[format!("schema_registry.url={url}"), format!("schema_registry.timeout_ms={PATIENCE_MS}")],
    );
    config.schema_registry
}

#[tokio::test]
async fn schemas_are_pushed_once_and_what_breaks_is_refused() {
    let Some(url) = server("TODO_TEST_REGISTRY_URL") else { return };
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let raw = Raw { client: reqwest::Client::new(), url: url.clone() };
    raw.clear().await;

    // A service that starts before the push waits for it, and says so.
    let world = World::with(&[format!("schema_registry.url={url}")]).await;
    until("it says that they are missing", || async { ready(&world).await.0 == StatusCode::SERVICE_UNAVAILABLE }).await;
    assert!(says("list", &url).await.contains("urn:todo:schema:todo-events:2  not registered; in the registry: none"));
    assert_eq!(says("check", &url).await.matches("compatible").count(), 3);

    // Twice is as once, and each released version is there.
    let pushed = says("push", &url).await;
    assert_eq!(says("push", &url).await, pushed);
    for topic in Topic::ALL {
        assert_eq!(raw.registered(topic).await, topic.version(), "{topic}");
        let (_, level) = raw.call(Method::GET, &format!("config/{}", subject(topic)), None).await;
        assert_eq!(level["compatibilityLevel"], "FULL_TRANSITIVE");
    }
    let list = says("list", &url).await;
    assert!(list.contains("user-events-value  urn:todo:schema:user-events:4  registered as version 4 (id "), "{list}");
    assert_eq!(says("check", &url).await.matches("compatible").count(), 3);

    // The registry itself refuses what our own check refuses.
    let registry = Registry::of(&config(&url)).unwrap().unwrap();
    let objection = registry.objection(&subject(Topic::Todo), &narrowed()).await.unwrap().unwrap();
    assert!(objection.contains("maxLength"), "{objection}");
    let refused = registry.push(&subject(Topic::Todo), &narrowed()).await.unwrap_err().to_string();
    assert!(refused.starts_with("the schema registry refuses: 409"), "{refused}");
    assert_eq!(raw.registered(Topic::Todo).await, Topic::Todo.version());

    // The service that waited goes on.
    until("it is ready", || async { ready(&world).await.0 == StatusCode::OK }).await;
    assert_eq!(ready(&world).await.1["status"], "ok");
    // What it has seen once stays, whatever becomes of the registry.
    raw.clear().await;
    assert_eq!(ready(&world).await.1["status"], "ok");
    world.running.stop().await;

    // Somebody registered another schema under our subject.
    let other = json!({ "schemaType": "JSON", "schema": narrowed().to_string() });
    let path = format!("subjects/{}/versions", subject(Topic::Todo));
    assert_eq!(raw.call(Method::POST, &path, Some(other)).await.0, StatusCode::OK);
    let level = json!({ "compatibility": "FULL_TRANSITIVE" });
    raw.call(Method::PUT, &format!("config/{}", subject(Topic::Todo)), Some(level)).await;
    let check = sentence(&schemas("check", &url, PATIENCE_MS).await);
    assert!(check.contains("would refuse urn:todo:schema:todo-events:1: "), "{check}");
    assert!(sentence(&schemas("push", &url, PATIENCE_MS).await).contains("refuses: 409"));
    raw.clear().await;
}
