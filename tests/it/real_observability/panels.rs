//! Nothing is drawn, and nothing is alerted on, that nobody emits: every query of every panel and every selector of every rule
//! has an answer from the real Prometheus and the real Loki.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;
use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};

use todo::kernel::Clock;

use super::ask;
use super::sampling::{Holder, me};
use super::whole::Stack;
use crate::support::until;

const TOP: &str = env!("CARGO_MANIFEST_DIR");
const PATIENCE: Duration = Duration::from_secs(90);

/// What the panels show goes on happening while they are looked at: rates need it. One request of them fails.
async fn a_day(stack: &Stack) {
    let (_, task) = stack.send(Method::POST, "/api/v1/tasks", &json!({ "title": "x" }), None).await;
    let path = format!("/api/v1/tasks/{}/complete", task["id"].as_str().unwrap());
    assert_eq!(stack.send(Method::POST, &path, &Value::Null, None).await.0, 200);
    crate::process::token(&stack.client, &stack.process.api, &format!("{}@example.org", crate::support::uuid_text()))
        .await;
}

/// A write whose connection to the database breaks.
async fn a_failure(stack: &Stack) {
    let mut holder = Holder::take(&stack.database, &me(&stack.client, &stack.process.api, &stack.token).await).await;
    let body = json!({ "title": "x" });
    let failing = stack.send(Method::POST, "/api/v1/tasks", &body, None);
    let ((status, _), holder) = tokio::join!(failing, async {
        holder.end_who_waits().await;
        holder
    });
    holder.release().await;
    assert_eq!(status / 100, 5);
}

/// What goes wrong now and then: a limit that is met, a certificate that cannot be read, a receiver that is not there. And a
/// reminder.
async fn a_bad_day(stack: &Stack) {
    let wrong = json!({ "email": "bob@example.org", "password": "wrong wrong" });
    let sign_in = async || {
        let request = stack.client.post(format!("{}/api/v1/sessions", stack.process.api)).json(&wrong);
        request.send().await.unwrap().status()
    };
    until("a limit is met", || async { sign_in().await == 429 }).await;
    std::fs::write(&stack.certificate, "not a certificate").unwrap();
    let nobody = json!({ "url": "http://127.0.0.1:9/hook", "eventTypes": ["TASK_CREATED"] });
    assert_eq!(stack.send(Method::POST, "/api/v1/webhooks", &nobody, None).await.0, 201);
    let soon = (Clock::system().now() + Duration::from_secs(2)).to_rfc3339();
    let reminded = json!({ "title": "x", "reminders": [{ "at": soon }] });
    let (status, answer) = stack.send(Method::POST, "/api/v1/tasks", &reminded, None).await;
    assert_eq!(status, 201, "{answer}");
}

/// Whether an answer is there and is a number wherever it is one.
fn alive(answer: &Value) -> bool {
    let series = answer["data"]["result"].as_array().cloned().unwrap_or_default();
    !series.is_empty() && series.iter().all(|one| one["value"][1] != "NaN")
}

pub async fn panels_are_alive(stack: &Stack) {
    let output = Command::new(format!("{TOP}/dashboards/queries")).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let queries: Vec<Value> =
        String::from_utf8(output.stdout).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(queries.len() > 150, "{}", queries.len());
    a_failure(stack).await;
    let (mut silent, deadline) = (queries, Instant::now() + PATIENCE);
    while !silent.is_empty() && Instant::now() < deadline {
        a_day(stack).await;
        let mut still = Vec::new();
        for query in silent {
            let url = match query["datasource"].as_str().unwrap() {
                "prometheus" => format!("{}/api/v1/query", stack.prometheus.url(0)),
                // Lines can be asked for over a time only.
                _ => format!("{}/loki/api/v1/query_range", stack.loki),
            };
            let answer = ask(&stack.client, &url, &[("query", query["expr"].as_str().unwrap())]).await;
            if !answer.is_some_and(|answer| alive(&answer)) {
                still.push(query);
            }
        }
        silent = still;
    }
    let told: Vec<_> =
        silent.iter().map(|one| format!("{} / {}: {}", one["dashboard"], one["panel"], one["expr"])).collect();
    assert!(told.is_empty(), "{} queries have no answer:\n{}", told.len(), told.join("\n"));
}

/// The selectors in what Prometheus made of an expression.
fn selectors(tree: &Value, found: &mut BTreeSet<String>) {
    match tree {
        Value::Object(node) => {
            if node.get("type").is_some_and(|kind| kind == "vectorSelector" || kind == "matrixSelector") {
                let matcher = |one: &Value| {
                    let text = |name: &str| one[name].as_str().unwrap().to_owned();
                    format!("{}{}\"{}\"", text("name"), text("type"), text("value"))
                };
                let all = node["matchers"].as_array().unwrap().iter().filter(|one| one["name"] != "__name__");
                let all: Vec<_> = all.map(matcher).collect();
                found.insert(format!("{}{{{}}}", node["name"].as_str().unwrap(), all.join(", ")));
            }
            node.values().for_each(|child| selectors(child, found));
        }
        Value::Array(children) => children.iter().for_each(|child| selectors(child, found)),
        _ => {}
    }
}

/// Every selector of the rules that Prometheus has loaded, those of records too.
async fn of_the_rules(stack: &Stack) -> BTreeSet<String> {
    let base = stack.prometheus.url(0);
    let rules = ask(&stack.client, &format!("{base}/api/v1/rules"), &[]).await.unwrap();
    let groups = rules["data"]["groups"].as_array().unwrap().iter();
    let rules: Vec<_> = groups.flat_map(|group| group["rules"].as_array().unwrap()).collect();
    assert!(rules.len() > 80, "{}", rules.len());
    let mut found = BTreeSet::new();
    for rule in rules {
        assert_ne!(rule["health"], "err", "{rule}");
        let query = rule["query"].as_str().unwrap();
        let tree = ask(&stack.client, &format!("{base}/api/v1/parse_query"), &[("query", query)]).await.unwrap();
        selectors(&tree["data"], &mut found);
    }
    found
}

/// What only a trouble emits, each with the trouble: it must be a selector of a rule. It need not be silent: on a busy machine
/// some of them happen.
fn troubles() -> BTreeMap<String, String> {
    toml::from_str(include_str!("troubles.toml")).unwrap()
}

pub async fn selectors_are_alive(stack: &Stack) {
    let (troubles, deadline) = (troubles(), Instant::now() + PATIENCE);
    let all = of_the_rules(stack).await;
    a_bad_day(stack).await;
    let unknown: Vec<_> = troubles.keys().filter(|selector| !all.contains(*selector)).collect();
    assert!(unknown.is_empty(), "in troubles.toml, and in no rule: {unknown:?}");
    let url = format!("{}/api/v1/query", stack.prometheus.url(0));
    let silent = async || {
        let mut silent = BTreeSet::new();
        for selector in &all {
            let answer = ask(&stack.client, &url, &[("query", selector)]).await.unwrap_or_default();
            if !answer["data"]["result"][0].is_object() {
                silent.insert(selector.clone());
            }
        }
        silent
    };
    let excused: BTreeSet<_> = troubles.keys().cloned().collect();
    let mut found = silent().await;
    while !found.is_subset(&excused) && Instant::now() < deadline {
        a_day(stack).await;
        found = silent().await;
    }
    assert_eq!(found.difference(&excused).collect::<Vec<_>>(), [""; 0], "rules ask for them, and nobody emits them");
}
