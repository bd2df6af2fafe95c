//! The binary as an operator meets it.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::support::PASSWORD;

pub const TODO: &str = env!("CARGO_BIN_EXE_todo");

/// `todo serve` in a process of its own; killed when dropped.
pub struct Process {
    child: Child,
    pub api: String,
    pub admin: String,
    /// What it wrote on stdout since it was ready, a line each.
    pub lines: Arc<Mutex<Vec<String>>>,
}

impl Process {
    /// Starts it in `folder`, with the `process.toml` there if there is one, and waits until it is ready.
    pub fn start(folder: &Path, flags: &[String]) -> Self {
        Self::try_start(folder, flags).unwrap_or_else(|output| panic!("it did not start: {output}"))
    }

    pub fn try_start(folder: &Path, flags: &[String]) -> Result<Self, String> {
        Self::try_start_as("api,relay,worker", folder, flags)
    }

    /// With these roles only.
    pub fn start_as(roles: &str, folder: &Path, flags: &[String]) -> Self {
        Self::try_start_as(roles, folder, flags).unwrap_or_else(|output| panic!("it did not start: {output}"))
    }

    fn try_start_as(roles: &str, folder: &Path, flags: &[String]) -> Result<Self, String> {
        let mut command = Command::new(TODO);
        command.current_dir(folder).args(["serve", "--roles", roles]).stdout(Stdio::piped()).stderr(Stdio::piped());
        for flag in [
            "http.listen=127.0.0.1:0",
            "http.admin_listen=127.0.0.1:0",
            "telemetry.log_format=json",
            "telemetry.probe_seconds=0",
            "limits.user_per_minute=1000000",
            "limits.user_burst=1000000",
            "limits.address_per_minute=1000000",
            "limits.address_burst=1000000",
            "http.drain_pause_ms=100",
        ] {
            command.args(["--set", flag]);
        }
        for flag in flags {
            command.args(["--set", flag]);
        }
        // Lists of numbers can be given in a file only.
        if folder.join("process.toml").exists() {
            command.args(["--config", "process.toml"]);
        }
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut seen = String::new();
        for line in lines.by_ref() {
            let line = line.unwrap();
            let entry: Value = serde_json::from_str(&line).unwrap_or_default();
            if entry["message"] == "ready" {
                // Somebody must read what it says, or it would wait for the pipe.
                let said = Arc::<Mutex<Vec<String>>>::default();
                let keep = Arc::clone(&said);
                std::thread::spawn(move || {
                    for line in lines.map_while(Result::ok) {
                        keep.lock().unwrap().push(line);
                    }
                });
                let api = entry["api"].as_str().unwrap().to_owned(); // `off` without that role
                let admin = format!("http://{}", entry["admin"].as_str().unwrap());
                return Ok(Self { child, api, admin, lines: said });
            }
            seen.push_str(&line);
        }
        let output = child.wait_with_output().unwrap();
        Err(format!("{seen} {}", String::from_utf8_lossy(&output.stderr)))
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// kill -9.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    pub fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args([&format!("-{name}"), &pid]).status().unwrap().success());
    }

    /// SIGTERM; returns the exit code.
    pub fn terminate(mut self) -> Option<i32> {
        self.signal("TERM");
        let deadline = Instant::now() + Duration::from_mins(1);
        while Instant::now() < deadline {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code();
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("it did not stop within a minute");
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn todo(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(TODO).current_dir(folder).args(arguments).stdin(Stdio::null()).output().unwrap()
}

/// A new person's access token, from outside.
pub async fn token(client: &reqwest::Client, api: &str, email: &str) -> String {
    let body = json!({ "email": email, "password": PASSWORD });
    let response = client.post(format!("{api}/api/v1/users")).json(&body).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::CREATED);
    let pair: Value =
        client.post(format!("{api}/api/v1/sessions")).json(&body).send().await.unwrap().json().await.unwrap();
    pair["access_token"].as_str().unwrap().to_owned()
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let folder = tempfile::tempdir().unwrap();
    for arguments in [&["openapi"][..], &["check-config"], &["migrate"]] {
        // As `| head` does when it has seen enough.
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = Command::new(TODO).current_dir(folder.path()).args(arguments).stdout(writer).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && !said.contains("panicked"), "{arguments:?}: {said}");
    }
}

#[test]
fn a_wrong_configuration_is_told_whole_with_exit_78() {
    let folder = tempfile::tempdir().unwrap();
    let wrong = ["--set", "http.listen=7", "--set", "auth.access_token_seconds=0", "--set", "no.such=1"];
    for command in ["serve", "check-config"] {
        let output = todo(folder.path(), &[&[command][..], &wrong[..]].concat());
        let says = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(78), "{says}");
        for key in ["[http]", "auth.access_token_seconds", "no.such"] {
            assert!(says.contains(key), "{key}: {says}");
        }
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "nothing was opened");
    assert!(todo(folder.path(), &["check-config"]).status.success());
}

#[test]
fn commands_teach_and_the_descriptions_are_whole() {
    let folder = tempfile::tempdir().unwrap();
    let help = String::from_utf8(todo(folder.path(), &["--help"]).stdout).unwrap();
    for command in ["serve", "migrate", "check-config", "openapi", "events", "consume", "topics", "schemas", "user"] {
        assert!(help.contains(command), "{command}");
    }
    let openapi: Value = serde_json::from_slice(&todo(folder.path(), &["openapi"]).stdout).unwrap();
    assert_eq!(openapi["openapi"], "3.1.0");
    for path in ["/api/v1/tasks", "/api/v1/tasks/{id}/complete", "/api/v1/me", "/oauth2/token", "/api/v1/changes"] {
        assert!(openapi["paths"][path].is_object(), "{path}");
    }
    let ensure = todo(folder.path(), &["topics", "ensure"]);
    assert_eq!(ensure.status.code(), Some(1), "a cluster that nobody configured is not made in silence");
    assert!(String::from_utf8(ensure.stderr).unwrap().contains("events.broker=kafka"));
    let consume = todo(folder.path(), &["consume", "todo-events"]);
    let says = String::from_utf8(consume.stderr).unwrap();
    assert_eq!((consume.status.code(), says.lines().count()), (Some(1), 1), "{says}");
    assert!(says.contains("events.broker=kafka") && says.contains("todo events tail"), "{says}");
    let dry = todo(folder.path(), &["migrate", "--dry-run"]);
    assert!(String::from_utf8(dry.stdout).unwrap().contains("would apply 0001 core"));
    assert!(todo(folder.path(), &["migrate"]).status.success());
    assert!(String::from_utf8(todo(folder.path(), &["migrate"]).stdout).unwrap().contains("nothing to do"));
}

#[tokio::test]
async fn a_newer_schema_is_refused() {
    use sqlx::{Connection as _, Executor as _};
    let folder = tempfile::tempdir().unwrap();
    assert!(todo(folder.path(), &["migrate"]).status.success());
    let url = format!("sqlite:{}/data/todo.db", folder.path().display());
    let mut connection = sqlx::SqliteConnection::connect(&url).await.unwrap();
    let newer = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
                 VALUES (9999, 'the future', TRUE, x'00', 0)";
    connection.execute(newer).await.unwrap();
    drop(connection);
    let output =
        todo(folder.path(), &["serve", "--set", "http.listen=127.0.0.1:0", "--set", "http.admin_listen=127.0.0.1:0"]);
    let says = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(says.contains("9999") && says.contains("newer version"), "{says}");
}

#[tokio::test]
async fn a_stop_under_load_fails_no_request_that_was_accepted() {
    let folder = tempfile::tempdir().unwrap();
    let process = Process::start(folder.path(), &[]);
    let client = reqwest::Client::builder().timeout(Duration::from_secs(20)).build().unwrap();
    let token = token(&client, &process.api, "ann@example.org").await;
    let (created, failed) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
    let url = format!("{}/api/v1/tasks", process.api);
    let load: Vec<_> = (0..20)
        .map(|_| {
            let (client, token, url) = (client.clone(), token.clone(), url.clone());
            let (created, failed) = (Arc::clone(&created), Arc::clone(&failed));
            tokio::spawn(async move {
                loop {
                    let sent = client.post(&url).bearer_auth(&token).json(&json!({ "title": "x" })).send().await;
                    match sent {
                        Ok(response) if response.status() == StatusCode::CREATED => {
                            created.fetch_add(1, Ordering::SeqCst)
                        }
                        // A connection that is refused was never accepted; anything else counts.
                        Err(error) if error.is_connect() => break,
                        Err(error) if is_closed_idle(&error) => break,
                        _ => failed.fetch_add(1, Ordering::SeqCst),
                    };
                }
            })
        })
        .collect();
    while created.load(Ordering::SeqCst) < 50 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let code = tokio::task::spawn_blocking(move || process.terminate()).await.unwrap();
    for task in load {
        task.await.unwrap();
    }
    assert_eq!((code, failed.load(Ordering::SeqCst)), (Some(0), 0));
    // Each acknowledged write is there, and its event too; nothing waits.
    let status = todo(folder.path(), &["events", "status"]);
    assert!(String::from_utf8(status.stdout).unwrap().starts_with("waiting   0 event(s)"));
    let tail = todo(folder.path(), &["events", "tail", "--topic", "todo-events", "--json"]);
    let events = String::from_utf8(tail.stdout).unwrap().lines().count();
    assert_eq!(u32::try_from(events).unwrap(), created.load(Ordering::SeqCst));
}

#[tokio::test]
async fn keys_are_rotated_while_it_runs_and_old_tokens_go_on() {
    let folder = tempfile::tempdir().unwrap();
    let process = Process::start(folder.path(), &[]);
    let client = reqwest::Client::builder().timeout(Duration::from_secs(5)).build().unwrap();
    let old = token(&client, &process.api, "ann@example.org").await;
    let keys = async || {
        let url = format!("{}/.well-known/jwks.json", process.api);
        client.get(url).send().await.unwrap().json::<Value>().await.unwrap()["keys"].as_array().unwrap().len()
    };
    assert_eq!(keys().await, 1);
    let rotated = todo(folder.path(), &["user", "rotate-keys", "--activate-in", "0"]);
    assert!(rotated.status.success(), "{}", String::from_utf8_lossy(&rotated.stderr));
    crate::support::until("the new key is published", || async { keys().await == 2 }).await;
    let new = token(&client, &process.api, "bob@example.org").await;
    let kid = |token: &str| token.split('.').next().unwrap().to_owned();
    assert_ne!(kid(&old), kid(&new), "signed with the new key");
    for token in [old, new] {
        let me = client.get(format!("{}/api/v1/me", process.api)).bearer_auth(token).send().await.unwrap();
        assert_eq!(me.status(), StatusCode::OK);
    }
}

#[tokio::test]
async fn a_draining_service_is_alive_and_unready_and_still_answers() {
    let folder = tempfile::tempdir().unwrap();
    let process = Process::start(folder.path(), &["http.drain_pause_ms=3000".to_owned()]);
    let client = reqwest::Client::builder().timeout(Duration::from_secs(5)).build().unwrap();
    let (api, admin) = (process.api.clone(), process.admin.clone());
    process.signal("TERM");
    crate::support::until("readiness says that it drains", || async {
        let ready = client.get(format!("{admin}/readyz")).send().await.unwrap();
        ready.status() == StatusCode::SERVICE_UNAVAILABLE
            && ready.json::<Value>().await.unwrap()["status"] == "draining"
    })
    .await;
    assert_eq!(client.get(format!("{admin}/livez")).send().await.unwrap().status(), StatusCode::OK);
    assert_eq!(client.get(format!("{api}/api/openapi.json")).send().await.unwrap().status(), StatusCode::OK);
    assert_eq!(tokio::task::spawn_blocking(move || process.terminate()).await.unwrap(), Some(0));
}

/// The server closed an idle connection just as the client wrote on it: the request was never read.
fn is_closed_idle(error: &reqwest::Error) -> bool {
    let text = format!("{error:?}");
    text.contains("IncompleteMessage")
        || text.contains("ConnectionReset")
        || text.contains("BrokenPipe")
        || text.contains("ChannelClosed")
}
