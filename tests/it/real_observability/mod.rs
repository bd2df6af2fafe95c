//! The product beside the real things that watch it, each with the configuration that is shipped: what it tells of itself
//! arrives, can be asked for, and rings.

pub mod pages;
mod panels;
mod runbooks;
mod sampling;
mod whole;

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use reqwest::{Client, Url};
use serde_json::Value;

/// Every call is over after so long: Loki, for one, may keep a question for ever.
pub fn client() -> Client {
    Client::builder().timeout(Duration::from_secs(10)).build().unwrap()
}

/// So many free ports in a row, below those that outgoing connections take and above those of the shared servers.
fn ports(count: u16) -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(31_500);
    loop {
        let first = NEXT.fetch_add(count, Ordering::SeqCst);
        assert!(first + count < 32_768, "no ports are left");
        if (first..first + count).all(|port| TcpListener::bind(("127.0.0.1", port)).is_ok()) {
            return first;
        }
    }
}

/// One of `tests/servers` on ports and in a folder of its own; ended with the test.
pub struct Server {
    name: &'static str,
    scripts: PathBuf,
    folder: PathBuf,
    pub port: u16,
}

impl Server {
    /// `scripts` is the folder of the servers, `folder` a test's own, `ports` how many the server takes.
    pub fn reserve(name: &'static str, scripts: &str, folder: &Path, count: u16) -> Self {
        Self { name, scripts: scripts.into(), folder: folder.join(name), port: ports(count) }
    }

    /// Ready when it returns.
    pub fn start(&self, arguments: &[&str], environment: &[(&str, String)]) {
        let variable = format!("TODO_TEST_{}_PORT", self.name.to_uppercase());
        let output = Command::new(self.scripts.join(self.name).join("start"))
            .arg(&self.folder)
            .args(arguments)
            .env(variable, self.port.to_string())
            .envs(environment.iter().map(|(name, value)| (name, value)))
            .output()
            .unwrap();
        assert!(output.status.success(), "{}: {}", self.name, String::from_utf8_lossy(&output.stderr));
    }

    /// Where it listens: the port that it has by this offset.
    fn address(&self, offset: u16) -> String {
        format!("127.0.0.1:{}", self.port + offset)
    }

    pub fn url(&self, offset: u16) -> String {
        format!("http://{}", self.address(offset))
    }

    pub fn signal(&self, name: &str) {
        let pid = std::fs::read_to_string(self.folder.join("pid")).unwrap();
        let pid = pid.lines().next().unwrap();
        assert!(Command::new("kill").args([&format!("-{name}"), pid]).status().unwrap().success());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // A test that fails already must not fail twice: then the process would abort.
        let _ = Command::new(self.scripts.join(self.name).join("stop")).arg(&self.folder).arg("KILL").status();
    }
}

/// Asks, and reads JSON; `None` where there is no answer yet.
pub async fn ask(client: &Client, url: &str, query: &[(&str, &str)]) -> Option<Value> {
    let url = Url::parse_with_params(url, query).unwrap();
    let response = client.get(url).send().await.ok()?;
    response.status().is_success().then_some(response)?.json().await.ok()
}

/// A span as Jaeger has it.
#[derive(Debug)]
pub struct Span {
    pub name: String,
    pub id: String,
    pub parent: String,
    pub kind: i64,
    /// The spans that it is linked to.
    pub links: Vec<String>,
    pub attributes: Vec<(String, String)>,
}

impl Span {
    fn read(span: &Value) -> Self {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let list = |name: &str| span[name].as_array().cloned().unwrap_or_default();
        let attribute = |pair: &Value| {
            let value = pair["value"].as_object().unwrap().values().next().unwrap();
            (text(&pair["key"]), value.as_str().map_or_else(|| value.to_string(), str::to_owned))
        };
        Self {
            name: text(&span["name"]),
            id: text(&span["spanId"]),
            parent: text(&span["parentSpanId"]),
            kind: span["kind"].as_i64().unwrap_or_default(),
            links: list("links").iter().map(|link| text(&link["spanId"])).collect(),
            attributes: list("attributes").iter().map(attribute).collect(),
        }
    }

    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }
}

/// The spans of a trace that have reached Jaeger.
pub async fn trace(client: &Client, jaeger: &str, id: &str) -> Vec<Span> {
    let Some(answer) = ask(client, &format!("{jaeger}/api/v3/traces/{id}"), &[]).await else { return Vec::new() };
    let each = |value: &Value, name: &str| value[name].as_array().cloned().unwrap_or_default();
    let scopes = each(&answer["result"], "resourceSpans").into_iter().flat_map(|one| each(&one, "scopeSpans"));
    scopes.flat_map(|scope| each(&scope, "spans")).map(|span| Span::read(&span)).collect()
}

/// A trace id of this test's own.
pub fn trace_id() -> String {
    crate::support::uuid_text()
}

/// The header that begins a trace at a caller, who wants it recorded.
pub fn traceparent(id: &str) -> String {
    format!("00-{id}-00f067aa0ba902b7-01")
}
