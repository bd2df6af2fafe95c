//! A page, from the process that is gone to the message that somebody reads; and the ticket that stays away because of it.

use std::path::Path;
use std::sync::{Arc, Mutex};

use axum::extract::State;
use axum::http::{StatusCode, Uri};
use reqwest::Client;
use serde_json::{Value, json};

use super::{Server, ask, client};
use crate::process::Process;
use crate::support::{PASSWORD, server, until};

/// Where Slack, PagerDuty and the dead man's switch would be.
#[derive(Clone, Default)]
pub struct Inbox(Arc<Mutex<Vec<(String, Value)>>>);

impl Inbox {
    pub async fn open() -> (Self, String) {
        let take = |State(inbox): State<Self>, uri: Uri, body: axum::Json<Value>| async move {
            inbox.0.lock().unwrap().push((uri.path().to_owned(), body.0));
            // PagerDuty's answer to what it takes.
            (StatusCode::ACCEPTED, "ok")
        };
        let inbox = Self::default();
        let router = axum::Router::new().fallback(take).with_state(inbox.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await });
        (inbox, url)
    }

    /// What came to `path` and holds `text`.
    fn find(&self, path: &str, text: &str) -> Option<Value> {
        let all = self.0.lock().unwrap();
        all.iter().find(|(own, body)| own == path && body.to_string().contains(text)).map(|(_, body)| body.clone())
    }
}

/// Prometheus and Alertmanager on one process.
struct Watch {
    prometheus: Server,
    alertmanager: Server,
    inbox: Inbox,
}

impl Watch {
    async fn start(scripts: &str, folder: &Path, admin: &str) -> Self {
        let (inbox, url) = Inbox::open().await;
        let alertmanager = Server::reserve("alertmanager", scripts, folder, 1);
        let prometheus = Server::reserve("prometheus", scripts, folder, 1);
        let settings = [
            ("TODO_TEST_ALERTMANAGER_PORT", alertmanager.port.to_string()),
            ("TODO_TEST_SCRAPE", "1s".to_owned()),
            ("TODO_TEST_RUNBOOKS", "https://runbooks.test".to_owned()),
            ("TODO_TEST_GRAFANA", "https://grafana.test".to_owned()),
        ];
        tokio::task::block_in_place(|| {
            alertmanager.start(&[&url], &[]);
            prometheus.start(&[admin.trim_start_matches("http://")], &settings);
        });
        let watch = Self { prometheus, alertmanager, inbox };
        watch.hurry();
        watch
    }

    /// The page is to fire while the ticket still waits for company (30 s): 5 s instead of a minute. Nothing else changes.
    fn hurry(&self) {
        let rules = self.prometheus.folder.join("rules/service.yml");
        let shipped = std::fs::read_to_string(&rules).unwrap();
        assert_eq!(shipped.matches("for: 1m\n").count(), 1, "TodoAllInstancesDown alone waits for a minute");
        std::fs::write(&rules, shipped.replace("for: 1m\n", "for: 5s\n")).unwrap();
        self.prometheus.signal("HUP");
    }

    /// What Alertmanager says of an alert.
    async fn alert(&self, client: &Client, name: &str) -> Option<Value> {
        let filter = format!("alertname=\"{name}\"");
        let url = format!("{}/api/v2/alerts", self.alertmanager.url(0));
        ask(client, &url, &[("filter", filter.as_str())]).await?.as_array()?.first().cloned()
    }

    async fn suppressed(&self, client: &Client) -> bool {
        let url = format!("{}/metrics", self.alertmanager.url(0));
        let text = client.get(url).send().await.unwrap().text().await.unwrap();
        let line = "alertmanager_notifications_suppressed_total{reason=\"inhibition\"} ";
        text.lines().any(|own| own.strip_prefix(line).is_some_and(|count| count != "0"))
    }
}

/// Uses a refresh token of a new session twice: somebody has stolen it.
async fn replay(client: &Client, api: &str) {
    let body = json!({ "email": "ann@example.org", "password": PASSWORD });
    let session: Value =
        client.post(format!("{api}/api/v1/sessions")).json(&body).send().await.unwrap().json().await.unwrap();
    let refresh = session["refresh_token"].as_str().unwrap();
    // Once more alone it would be a client whose answer was lost; after its successor was used it is not.
    let mut newest = refresh.to_owned();
    for _ in 0..2 {
        let form = format!("grant_type=refresh_token&refresh_token={newest}");
        let request = client.post(format!("{api}/oauth2/token")).body(form);
        let answer = request.header("content-type", "application/x-www-form-urlencoded").send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
        let pair: Value = answer.json().await.unwrap();
        pair["refresh_token"].as_str().unwrap().clone_into(&mut newest);
    }
    let form = format!("grant_type=refresh_token&refresh_token={refresh}");
    let request = client.post(format!("{api}/oauth2/token")).body(form);
    let refused = request.header("content-type", "application/x-www-form-urlencoded").send().await.unwrap();
    assert_eq!(refused.status(), StatusCode::BAD_REQUEST);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn real_a_page_arrives_and_what_follows_from_it_stays_quiet() {
    let Some(scripts) = server("TODO_TEST_SERVERS") else { return };
    let (folder, client) = (tempfile::tempdir().unwrap(), client());
    let often = ["limits.sign_in_account_per_minute=1000", "limits.sign_in_address_per_minute=1000"].map(str::to_owned);
    let process = tokio::task::block_in_place(|| Process::start(folder.path(), &often));
    let watch = Watch::start(&scripts, folder.path(), &process.admin).await;
    crate::process::token(&client, &process.api, "ann@example.org").await;
    // An increase begins with the second sample.
    replay(&client, &process.api).await;
    let query = format!("{}/api/v1/query", watch.prometheus.url(0));
    until("Prometheus has seen the first replay", || async {
        let answer = ask(&client, &query, &[("query", "auth_refreshes_total{outcome=\"reused\"} == 1")]).await;
        answer.is_some_and(|answer| answer["data"]["result"][0].is_object())
    })
    .await;
    for _ in 0..12 {
        replay(&client, &process.api).await;
    }
    until("the ticket fires", || async { watch.alert(&client, "TodoRefreshTokensReused").await.is_some() }).await;
    process.kill();

    until("the page is on its way", || async { watch.inbox.find("/slack", "#todo-pages").is_some() }).await;
    let page = watch.inbox.find("/slack", "#todo-pages").unwrap();
    let (page, base) = (&page["attachments"][0], watch.alertmanager.url(0));
    assert_eq!(page["title"], "PAGE: No instance of todo answers [here]");
    assert_eq!(page["title_link"], "https://runbooks.test/TodoAllInstancesDown.md");
    assert_eq!(page["color"], "danger");
    let text = page["text"].as_str().unwrap();
    let says = format!(
        "0 instances answer Prometheus.\n*Do:* See whether the processes run and why they end: configuration (exit code 78), \
         database, or the machines.\n<https://runbooks.test/TodoAllInstancesDown.md|Runbook> · \
         <https://grafana.test/d/todo-landing|Dashboard> · \
         <{base}/#/silences/new?filter=%7Balertname%3D%22TodoAllInstancesDown%22%7D|Silence> · <{}/graph?",
        watch.prometheus.url(0)
    );
    assert!(text.starts_with(&says) && text.ends_with("|Query>"), "{text}\n{says}");
    until("PagerDuty has it too", || async { watch.inbox.find("/pagerduty", "No instance of todo").is_some() }).await;
    let pager = watch.inbox.find("/pagerduty", "No instance of todo").unwrap();
    assert_eq!((&pager["event_action"], &pager["payload"]["severity"]), (&json!("trigger"), &json!("critical")));
    assert_eq!(pager["links"][0]["href"], "https://runbooks.test/TodoAllInstancesDown.md");
    until("the switch outside hears the watchdog", || async {
        watch.inbox.find("/dead-mans-switch", "Watchdog").is_some()
    })
    .await;
    quiet(&client, &watch).await;
}

/// The ticket's time comes, and nobody is told.
async fn quiet(client: &Client, watch: &Watch) {
    until("the ticket's notification is held back", || async { watch.suppressed(client).await }).await;
    let ticket = watch.alert(client, "TodoRefreshTokensReused").await.unwrap();
    let page = watch.alert(client, "TodoAllInstancesDown").await.unwrap();
    assert_eq!(ticket["status"]["state"], "suppressed");
    assert_eq!(ticket["status"]["inhibitedBy"], json!([page["fingerprint"]]));
    assert_eq!(watch.inbox.find("/slack", "Refresh tokens"), None);
}
