//! The telemetry catalogue: its page, what the source names, and what a process emits.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use serde::Deserialize;

use crate::emitted::{Told, told};
use crate::tour::{after, rooms};

mod bounded;
mod day;
mod emits;
mod rules;
mod troubles;

pub use day::{a_day, flags};
pub use emits::{Checked, Needs};

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
        toml::from_str(include_str!("../../../dashboards/catalogue.toml")).unwrap()
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
            "\n## Log events\n\nA JSON object a line on stdout, and a copy in Loki where `telemetry.loki_url` is set; there `level` is a label in lower\n\
             case, and the target is `_target`. Each has `timestamp`, `level`, `target` and `message`, the fields given here, and `trace_id` and `span_id` inside a request and in what follows from one, whether or not its trace \
             is recorded. Libraries' lines are not listed.\n\n| message | level | room | fields | what it means |\n|---|---|---|---|---|\n",
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
        let spans = self.span.iter().map(|span| {
            let attributes = span.attributes.iter().cloned().chain([format!("otel.kind={}", span.kind)]);
            (told(&span.room, "span", &span.name), attributes.collect())
        });
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
    let mut used = BTreeMap::new();
    for (room, files) in rooms() {
        for text in files.iter().filter(|text| text.contains("describe_")) {
            used.extend(after(text, ": &str =").map(|name| (name.to_owned(), room.clone())));
        }
    }
    let catalogue = Catalogue::read();
    let listed = catalogue.metric.iter().map(|metric| (metric.name.clone(), metric.room.clone()));
    // The last ones come from a library.
    let listed: BTreeMap<_, _> = listed.filter(|(name, _)| !name.starts_with("process_")).collect();
    assert_eq!(listed.len(), catalogue.metric.iter().filter(|one| !one.name.starts_with("process_")).count(), "twice");
    let lacks = |all: &BTreeMap<String, String>, others: &BTreeMap<String, String>| {
        let missing = all.iter().filter(|(name, room)| others.get(*name) != Some(room));
        missing.map(|(name, room)| format!("{name} of {room}")).collect::<Vec<_>>()
    };
    assert_eq!(lacks(&listed, &used), [""; 0], "listed, and not in the source of that room");
    assert_eq!(lacks(&used, &listed), [""; 0], "in the source, and not listed with that room");
}

/// What the end of a metric's name says of its type and its unit, as Prometheus' conventions have it.
#[test]
fn the_unit_and_the_type_are_what_the_name_says() {
    for metric in &Catalogue::read().metric {
        let name = metric.name.strip_suffix("_total").unwrap_or(&metric.name);
        assert_eq!(metric.r#type == "counter", name != metric.name, "{}: a counter ends with _total", metric.name);
        let instant = name.ends_with("_timestamp_seconds") || name == "process_start_time_seconds";
        let unit = match name {
            _ if instant => "seconds since 1970",
            _ if name.ends_with("_seconds") => "seconds",
            _ if name.ends_with("_bytes") => "bytes",
            _ => "",
        };
        assert_eq!(metric.unit, unit, "{}", metric.name);
        assert!(metric.r#type != "histogram" || unit == "seconds", "{}: the buckets are of seconds", metric.name);
        assert!(["counter", "gauge", "histogram"].contains(&&*metric.r#type), "{}", metric.name);
    }
}

/// A route is its template: with an id in it, it would be a series for each id.
#[test]
fn the_patterns_take_no_ids() {
    let catalogue = Catalogue::read();
    let route = Label::Set("route".to_owned());
    for good in
        ["/", "/livez", "/api/v1/tasks/{id}/complete", "/.well-known/jwks.json", "/docs/{*file}", "/oauth2/token"]
    {
        assert!(catalogue.allows(&route, good), "{good}");
    }
    let id = crate::support::uuid_text();
    let hyphened = "a1b2c3d4-e5f6-4a1b-8c3d-ffeeddccbbaa";
    for bad in [&*id, hyphened, "42", "a7", "x.y.1", "{id}x", "%7Bid%7D", "A", "a b"] {
        for path in [format!("/api/v1/tasks/{bad}"), format!("/{bad}/complete"), bad.to_owned()] {
            assert!(!catalogue.allows(&route, &path), "{path}");
        }
    }
    for (name, values) in catalogue.values.iter().filter(|(_, values)| !values.pattern.is_empty()) {
        assert!(values.pattern.starts_with('^'), "{name} is held by what is in front");
        for id in [&*id, hyphened] {
            assert!(!catalogue.allows(&Label::Set(name.clone()), id), "{name} takes {id}");
        }
    }
}
