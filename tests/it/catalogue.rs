//! The telemetry catalogue: its page, what the source names, and what a process emits.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::time::Duration;

use futures::stream::{self, StreamExt as _};
use reqwest::{Client, Method};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::emitted::{Told, told};
use crate::process::{Process, token};
use crate::support::PASSWORD;
use crate::tour::{after, source};

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/telemetry.md");

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Catalogue {
    values: BTreeMap<String, Values>,
    metric: Vec<Metric>,
    span: Vec<Span>,
    log: Vec<Log>,
}

/// What a label may be: some texts, or a pattern.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Values {
    #[serde(default)]
    all: Vec<String>,
    #[serde(default)]
    text: String,
    #[serde(default)]
    pattern: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Metric {
    name: String,
    r#type: String,
    #[serde(default)]
    unit: String,
    room: String,
    #[serde(default)]
    labels: BTreeMap<String, Label>,
    #[serde(default)]
    needs: String,
    meaning: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Span {
    name: String,
    shown: String,
    kind: String,
    room: String,
    attributes: BTreeSet<String>,
    meaning: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Log {
    message: String,
    level: String,
    room: String,
    fields: BTreeSet<String>,
    meaning: String,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Label {
    Set(String),
    All(Vec<String>),
}

impl Catalogue {
    fn read() -> Self {
        toml::from_str(include_str!("../../dashboards/catalogue.toml")).unwrap()
    }

    fn metric(&self, name: &str) -> Option<&Metric> {
        self.metric.iter().find(|metric| metric.name == name)
    }

    fn allows(&self, label: &Label, value: &str) -> bool {
        match label {
            Label::All(all) => all.iter().any(|one| one == value),
            Label::Set(name) => {
                let values = &self.values[name];
                values.all.iter().any(|one| one == value)
                    || !values.pattern.is_empty() && regex::Regex::new(&values.pattern).unwrap().is_match(value)
            }
        }
    }

    fn told(&self, label: &Label) -> String {
        let list = |all: &[String]| all.iter().map(|one| format!("`{one}`")).collect::<Vec<_>>().join(" ");
        match label {
            Label::All(all) => list(all),
            Label::Set(name) if self.values[name].all.is_empty() => self.values[name].text.clone(),
            Label::Set(name) => list(&self.values[name].all),
        }
    }

    fn page(&self) -> String {
        let mut page = String::from(
            "# What the service tells of itself\n\nMade of [`dashboards/catalogue.toml`](../dashboards/catalogue.toml) (`make schemas` \
             writes it anew); a test compares that file with\nwhat the program emits. Durations are histograms whose buckets end at 1, \
             2.5, 5, 10, 20, 50, 100, 200 and 500 ms, and 1, 2.5, 5, 10, 30 and\n60 s. *Needs* is what must happen before a metric is \
             there at all.\n\n| metric | type | room | labels | what it means |\n|---|---|---|---|---|\n",
        );
        for metric in &self.metric {
            let labels: Vec<_> =
                metric.labels.iter().map(|(name, label)| format!("`{name}`: {}", self.told(label))).collect();
            let unit = if metric.unit.is_empty() { String::new() } else { format!(", {}", metric.unit) };
            let needs = if metric.needs.is_empty() { String::new() } else { format!(". Needs {}", metric.needs) };
            writeln!(
                page,
                "| `{}` | {}{unit} | {} | {} | {}{needs} |",
                metric.name,
                metric.r#type,
                metric.room,
                labels.join("; "),
                metric.meaning
            )
            .unwrap();
        }
        self.page_of_spans(&mut page);
        self.page_of_logs(&mut page);
        page
    }

    fn page_of_spans(&self, page: &mut String) {
        page.push_str(
            "\n## Spans\n\nOf requests whose trace is recorded (`telemetry.trace_sample_ratio`, or the caller's own decision), by OTLP to \
             `telemetry.otlp_endpoint`; a request that failed\nor took `telemetry.trace_slow_ms` is recorded with its statements in \
             any case.\n\n| span | kind | room | attributes | what it is |\n|---|---|---|---|---|\n",
        );
        for span in &self.span {
            let attributes: Vec<_> = span.attributes.iter().map(String::as_str).collect();
            let Span { shown, kind, room, meaning, .. } = span;
            writeln!(page, "| {shown} | {kind} | {room} | `{}` | {meaning} |", attributes.join("` `")).unwrap();
        }
    }

    fn page_of_logs(&self, page: &mut String) {
        page.push_str(
            "\n## Log events\n\nA JSON object a line on stdout, and the same in Loki where `telemetry.loki_url` is set. Each has `timestamp`, \
             `level`, `target` and\n`message`, the fields given here, and `trace_id` and `span_id` where it belongs to a recorded trace. Libraries' lines are \
             not listed.\n\n| message | level | room | fields | what it means |\n|---|---|---|---|---|\n",
        );
        for Log { message, level, room, fields, meaning } in &self.log {
            let fields: Vec<_> = fields.iter().map(|field| format!("`{field}`")).collect();
            writeln!(page, "| {message} | {level} | {room} | {} | {meaning} |", fields.join(" ")).unwrap();
        }
    }

    /// The spans and the log events, as they are read from the source.
    fn told_of(&self) -> BTreeMap<Told, BTreeSet<String>> {
        let told =
            |room: &str, kind: &str, text: &str| Told { room: room.into(), kind: kind.into(), text: text.into() };
        let spans = self.span.iter().map(|span| (told(&span.room, "span", &span.name), span.attributes.clone()));
        let logs = self.log.iter().map(|log| (told(&log.room, &log.level, &log.message), log.fields.clone()));
        spans.chain(logs).collect()
    }
}

#[test]
fn every_span_and_log_event_of_the_source_is_listed_and_the_other_way_round() {
    let (listed, used) = (Catalogue::read().told_of(), told());
    assert!(used.len() > 50, "{used:?}");
    for (one, fields) in &used {
        assert_eq!(listed.get(one), Some(fields), "{one:?} is in the source; what the catalogue says is on the left");
    }
    let unused: Vec<_> = listed.keys().filter(|one| !used.contains_key(one)).collect();
    assert!(unused.is_empty(), "listed, and not in the source: {unused:?}");
}

#[test]
fn the_page_is_what_the_catalogue_says() {
    let page = Catalogue::read().page();
    if std::env::var_os("TODO_WRITE_SCHEMAS").is_some() {
        std::fs::write(PAGE, &page).unwrap();
    }
    assert_eq!(std::fs::read_to_string(PAGE).unwrap(), page, "docs/telemetry.md: run `make schemas`");
}

#[test]
fn every_metric_of_the_source_is_listed_and_the_other_way_round() {
    let files = source();
    let describing = files.iter().filter(|text| text.contains("describe_"));
    let used: BTreeSet<_> = describing.flat_map(|text| after(text, ": &str =")).map(str::to_owned).collect();
    let catalogue = Catalogue::read();
    // The last ones come from a library.
    let listed = catalogue.metric.iter().map(|metric| metric.name.clone()).filter(|name| !name.starts_with("process_"));
    let listed: BTreeSet<_> = listed.collect();
    assert_eq!(listed.difference(&used).collect::<Vec<_>>(), [""; 0], "listed, and not in the source");
    assert_eq!(used.difference(&listed).collect::<Vec<_>>(), [""; 0], "in the source, and not listed");
}

/// Those of the brokers and of Prometheus itself are listed beside the dashboards.
#[test]
fn every_metric_that_an_alert_asks_for_is_listed() {
    let more: toml::Table = toml::from_str(include_str!("../../dashboards/more-metrics.toml")).unwrap();
    let others: BTreeSet<_> =
        more.values().flat_map(|part| part.as_table().unwrap().keys()).map(String::as_str).collect();
    let catalogue = Catalogue::read();
    let selector = regex::Regex::new("([a-zA-Z_:][a-zA-Z0-9_:]*)\\{").unwrap();
    let mut asked = 0;
    for entry in std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/alerts/rules")).unwrap() {
        let text = std::fs::read_to_string(entry.unwrap().path()).unwrap();
        // Not in comments, nor in the texts of notifications.
        let code = text.lines().filter(|line| !line.trim_start().starts_with('#') && !line.contains("{{"));
        for (_, [name]) in code.flat_map(|line| selector.captures_iter(line)).map(|found| found.extract()) {
            let own = ["_bucket", "_sum", "_count"].iter().find_map(|part| name.strip_suffix(part)).unwrap_or(name);
            // Those with a colon are made by the rules.
            let of_others = name.contains(':')
                || others.contains(name)
                || ["alertmanager_", "prometheus_"].iter().any(|tool| name.starts_with(tool));
            assert!(
                of_others || catalogue.metric(name).or(catalogue.metric(own)).is_some(),
                "{name} is alerted on, and not listed"
            );
            asked += 1;
        }
    }
    assert!(asked > 100, "{asked}");
}

/// A sample's family and labels.
type Sample<'a> = (&'a str, Vec<(&'a str, &'a str)>);

/// The families of an exposition with their types, and each sample's family and labels.
fn parsed(text: &str) -> (BTreeMap<&str, &str>, Vec<Sample<'_>>) {
    let types: BTreeMap<_, _> = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' ')).collect();
    let samples = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).map(|line| {
        let end = line.find(['{', ' ']).unwrap();
        let labels = line.find('{').map_or("", |at| &line[at + 1..line.rfind('}').unwrap()]);
        let labels = labels
            .split("\",")
            .filter_map(|pair| pair.split_once("=\""))
            .map(|(name, value)| (name, value.trim_end_matches('"')));
        let family = &line[..end];
        let histogram = ["_bucket", "_sum", "_count"]
            .iter()
            .find_map(|part| family.strip_suffix(part).filter(|name| types.contains_key(name)));
        (histogram.unwrap_or(family), labels.filter(|(name, _)| *name != "le").collect())
    });
    let samples = samples.collect();
    (types, samples)
}

/// What a person does on an ordinary day, and what goes wrong.
pub async fn a_day(client: &Client, process: &Process) {
    let token = token(client, &process.api, "ann@example.org").await;
    let call = async |method: Method, path: &str, body: Value| {
        let request = client.request(method, format!("{}{path}", process.api)).bearer_auth(&token);
        let request = if body.is_null() { request } else { request.json(&body) };
        let answer = request.header("if-match", "*").send().await.unwrap();
        (answer.status().as_u16(), answer.json::<Value>().await.unwrap_or_default())
    };
    for n in 0..3 {
        let (status, task) = call(Method::POST, "/api/v1/tasks", json!({ "title": format!("t{n}") })).await;
        assert_eq!(status, 201, "{task}");
        let path = format!("/api/v1/tasks/{}/complete", task["id"].as_str().unwrap());
        assert_eq!(call(Method::POST, &path, Value::Null).await.0, 200);
    }
    assert_eq!(call(Method::POST, "/api/v1/tasks", json!({ "title": "" })).await.0, 422);
    assert_eq!(call(Method::GET, "/no/such/thing", Value::Null).await.0, 404);
    assert_eq!(
        call(
            Method::PUT,
            "/api/v1/me/password",
            json!({ "currentPassword": PASSWORD, "newPassword": "another horse of course" })
        )
        .await
        .0,
        204
    );
    let wrong = client
        .post(format!("{}/api/v1/sessions", process.api))
        .json(&json!({ "email": "ann@example.org", "password": "wrong wrong" }));
    assert_eq!(wrong.send().await.unwrap().status(), 401);
}

#[tokio::test]
async fn what_a_process_emits_is_listed_and_what_is_listed_is_emitted() {
    let folder = tempfile::tempdir().unwrap();
    let process = Process::start(folder.path(), &["telemetry.probe_seconds=1".to_owned()]);
    let client = Client::builder().timeout(Duration::from_secs(10)).build().unwrap();
    a_day(&client, &process).await;
    let catalogue = Catalogue::read();
    let metrics = async || client.get(format!("{}/metrics", process.admin)).send().await.unwrap().text().await.unwrap();
    let missing = |text: &str| {
        let (types, _) = parsed(text);
        let listed =
            catalogue.metric.iter().filter(|metric| metric.needs.is_empty() && !types.contains_key(&*metric.name));
        listed.map(|metric| metric.name.clone()).collect::<Vec<_>>()
    };
    // Some come with the next look of a worker.
    let deadline = std::time::Instant::now() + Duration::from_secs(40);
    while !missing(&metrics().await).is_empty() && std::time::Instant::now() < deadline {
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let text = metrics().await;
    assert_eq!(missing(&text), [""; 0], "listed, and not emitted");
    let (types, samples) = parsed(&text);
    for (name, kind) in types {
        let metric = catalogue.metric(name).unwrap_or_else(|| panic!("{name} is emitted, and not listed"));
        assert_eq!(metric.r#type, kind, "{name}");
    }
    for (name, labels) in samples {
        let metric = catalogue.metric(name).unwrap_or_else(|| panic!("{name} is emitted, and not listed"));
        let names: BTreeSet<_> = labels.iter().map(|(name, _)| *name).collect();
        assert_eq!(names, metric.labels.keys().map(String::as_str).collect(), "the labels of {name}");
        for (label, value) in labels {
            assert!(catalogue.allows(&metric.labels[label], value), "{name}: {label} is {value}");
        }
    }
    check_lines(&catalogue, &process.lines.lock().unwrap());
    assert_eq!(tokio::task::spawn_blocking(move || process.terminate()).await.unwrap(), Some(0));
}

/// What a process wrote: each line is listed, with its fields.
fn check_lines(catalogue: &Catalogue, lines: &[String]) {
    let of_all = ["timestamp", "level", "target", "message", "trace_id", "span_id"];
    let mut known = 0;
    for line in lines {
        let line: BTreeMap<String, Value> =
            serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        let text = |name: &str| line[name].as_str().unwrap();
        if text("target") != "todo" && !text("target").starts_with("todo::") {
            continue;
        }
        let same = |log: &&Log| log.message == text("message") && log.level.eq_ignore_ascii_case(text("level"));
        let log = catalogue.log.iter().find(same).unwrap_or_else(|| panic!("written, and not listed: {line:?}"));
        for field in line.keys().filter(|field| !of_all.contains(&field.as_str())) {
            assert!(log.fields.contains(field), "written with `{field}`, which is not listed: {line:?}");
        }
        known += 1;
    }
    assert!(known > 10, "{lines:?}");
}

/// Labels are bounded sets: ten thousand ids, paths that are none and methods that nobody knows make no new series.
#[tokio::test]
async fn ten_thousand_ids_make_no_series() {
    let folder = tempfile::tempdir().unwrap();
    let process = Process::start(folder.path(), &[]);
    let client = Client::builder().timeout(Duration::from_secs(20)).build().unwrap();
    let ids = todo::kernel::Ids::system(todo::kernel::Clock::system());
    let visit = async |n: usize| {
        let id = ids.uuid();
        let (method, path) = match n % 4 {
            0 => (Method::GET, format!("/api/v1/tasks/{id}")),
            1 => (Method::DELETE, format!("/api/v1/projects/{id}?x={n}")),
            2 => (Method::GET, format!("/no/{id}/such/{n}")),
            _ => (Method::from_bytes(format!("M{n}").as_bytes()).unwrap(), format!("/api/v1/tasks/{id}")),
        };
        let answer = client.request(method, format!("{}{path}", process.api)).header("x-request-id", format!("r{n}"));
        assert!(answer.send().await.unwrap().status().is_client_error());
    };
    let series = async || {
        let text = client.get(format!("{}/metrics", process.admin)).send().await.unwrap().text().await.unwrap();
        let names = text.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.rsplit_once(' '));
        let http = names.map(|(name, _)| name).filter(|name| name.starts_with("http_") || name.starts_with("rate_"));
        // A client may open a connection that it does not use, which is ended for it.
        let http = http.filter(|name| !name.starts_with("http_server_connection_errors_total"));
        http.map(str::to_owned).collect::<BTreeSet<_>>()
    };
    for n in 0..40 {
        visit(n).await;
    }
    let before = series().await;
    stream::iter(40..10_040).for_each_concurrent(16, visit).await;
    let after = series().await;
    assert_eq!(after.difference(&before).collect::<Vec<_>>(), [""; 0]);
    assert!(before.iter().any(|name| name.contains("http_request_method=\"_OTHER\"")), "{before:?}");
    assert_eq!(tokio::task::spawn_blocking(move || process.terminate()).await.unwrap(), Some(0));
}
