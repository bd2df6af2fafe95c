//! What a process emits is listed, and what is listed is emitted.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use reqwest::Client;
use serde_json::Value;

use super::{Catalogue, Log, day, troubles};
use crate::kafka::certificate;
use crate::process::Process;
use crate::telemetry::{Collector, loki};

/// What must happen before a metric is there, and where that happens: in the tests of this folder, which need no server, and
/// beside all the real servers. What happens nowhere is what nobody can bring about.
pub struct Needs(&'static str, bool, bool);

const NEEDS: [Needs; 23] = [
    Needs("Kafka", false, true),
    Needs("Loki", true, true),
    Needs("Loki away", true, false),
    Needs("Redis", false, true),
    Needs("TLS", true, true),
    Needs("a broker or a database away", true, false),
    Needs("a certificate that changes", true, true),
    Needs("a client that goes away", true, false),
    Needs("a connection that breaks", true, false),
    Needs("a database away", true, false),
    Needs("a full pool", true, false),
    Needs("a limit that is met", true, true),
    Needs("a loss", true, false),
    Needs("a mistake in the program", false, false),
    Needs("a receiver that fails for good", true, false),
    Needs("a reminder", true, true),
    Needs("a series", true, false),
    Needs("a statement that fails", true, true),
    Needs("a stream", true, false),
    Needs("a webhook", true, true),
    Needs("an event whose effect fails", true, false),
    Needs("more lines than are copied", false, false),
    Needs("something to tell", true, true),
];

impl Needs {
    pub fn met_by_the_real_stack(&self) -> bool {
        self.2
    }
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
        let histogram = ["_bucket", "_sum", "_count"].iter().find_map(|part| {
            family.strip_suffix(part).filter(|name| types.get(name).is_some_and(|kind| *kind == "histogram"))
        });
        (histogram.unwrap_or(family), labels.filter(|(name, _)| *name != "le").collect())
    });
    let samples = samples.collect();
    (types, samples)
}

/// What was read of processes, each compared with the catalogue.
pub struct Checked {
    catalogue: Catalogue,
    seen: BTreeSet<String>,
}

impl Checked {
    pub fn new() -> Self {
        Self { catalogue: Catalogue::read(), seen: BTreeSet::new() }
    }

    /// Each family of an exposition has the type, the labels and the values that are listed.
    pub fn metrics(&mut self, text: &str) {
        let (types, samples) = parsed(text);
        for (name, kind) in &types {
            let metric = self.catalogue.metric(name).unwrap_or_else(|| panic!("{name} is emitted, and not listed"));
            assert_eq!(metric.r#type, *kind, "{name}");
        }
        for (name, labels) in samples {
            let metric = self.catalogue.metric(name).unwrap_or_else(|| panic!("{name} is emitted, and not listed"));
            let names: BTreeSet<_> = labels.iter().map(|(name, _)| *name).collect();
            assert_eq!(names, metric.labels.keys().map(String::as_str).collect(), "the labels of {name}");
            for (label, value) in labels {
                assert!(self.catalogue.allows(&metric.labels[label], value), "{name}: {label} is {value}");
            }
            self.seen.insert(name.to_owned());
        }
    }

    /// What should have been seen by now and was not: all that needs nothing, and that whose need was met.
    pub fn missing(&self, met: impl Fn(&Needs) -> bool) -> Vec<String> {
        let due = |needs: &str| needs.is_empty() || NEEDS.iter().any(|one| one.0 == needs && met(one));
        let listed = self.catalogue.metric.iter().filter(|metric| due(&metric.needs));
        listed.map(|metric| metric.name.clone()).filter(|name| !self.seen.contains(name)).collect()
    }

    /// Reads the metrics of a process until nothing is missing, at most so long: some come with the next look of a worker.
    pub async fn metrics_until(
        &mut self,
        client: &Client,
        process: &Process,
        met: impl Fn(&Needs) -> bool,
        patience: Duration,
    ) -> Vec<String> {
        let deadline = Instant::now() + patience;
        loop {
            self.metrics(&day::metrics(client, process).await);
            let missing = self.missing(&met);
            if missing.is_empty() || Instant::now() > deadline {
                return missing;
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    /// What a process wrote: each line is listed, with its fields.
    pub fn lines(&self, lines: &[String]) {
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
            let log =
                self.catalogue.log.iter().find(same).unwrap_or_else(|| panic!("written, and not listed: {line:?}"));
            for field in line.keys().filter(|field| !of_all.contains(&field.as_str())) {
                assert!(log.fields.contains(field), "written with `{field}`, which is not listed: {line:?}");
            }
            known += 1;
        }
        assert!(known > 10, "{lines:?}");
    }

    /// Each span that arrived is listed, with its kind and its attributes. Returns which of them came.
    fn spans(&self, collector: &Collector) -> BTreeSet<String> {
        let mut came = BTreeSet::new();
        for span in collector.spans() {
            let has = |key: &str| span.attributes.iter().any(|pair| pair.key == key);
            let name = match span.name.split_once(' ') {
                _ if has("db.query.summary") => "query",
                Some(("send", _)) => "publish",
                Some(("process", _)) => "process",
                Some(("webhook", "delivery")) => "webhook",
                None => "step",
                _ => "request",
            };
            let listed = self.catalogue.span.iter().find(|one| one.name == name).unwrap();
            let shown = name != "step" || listed.shown.split(", ").any(|one| one == span.name);
            assert!(shown, "{} is a step that is not listed", span.name);
            let kind = SpanKind::try_from(span.kind).unwrap().as_str_name().to_lowercase();
            assert_eq!(kind, format!("span_kind_{}", listed.kind), "{}", span.name);
            for pair in &span.attributes {
                assert!(listed.attributes.contains(&pair.key), "{} has `{}`, which is not listed", span.name, pair.key);
            }
            came.insert(name.to_owned());
        }
        came
    }
}

/// A need that is written another way would be met by nobody, and nobody would notice.
#[test]
fn every_need_is_known() {
    let catalogue = Catalogue::read();
    let listed: BTreeSet<_> = catalogue.metric.iter().map(|one| &*one.needs).filter(|one| !one.is_empty()).collect();
    assert_eq!(listed, NEEDS.iter().map(|one| one.0).collect());
}

#[tokio::test]
async fn what_a_process_emits_is_listed_and_what_is_listed_is_emitted() {
    let (collector, endpoint) = Collector::start().await;
    let (folder, bad_folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut flags = day::flags();
    flags.extend([
        "telemetry.probe_seconds=1".to_owned(),
        format!("telemetry.otlp_endpoint={endpoint}"),
        format!("telemetry.loki_url={}", loki().await.1),
    ]);
    let client = Client::builder().timeout(Duration::from_secs(10)).build().unwrap();
    let mut checked = Checked::new();
    // Once without anything, for what needs nothing must be there then, and nothing else.
    let quiet = tempfile::tempdir().unwrap();
    let process = Process::start(quiet.path(), &["telemetry.probe_seconds=1".to_owned()]);
    crate::process::token(&client, &process.api, "ann@example.org").await;
    checked.metrics(&day::metrics(&client, &process).await);
    let needy = checked.catalogue.metric.iter().filter(|one| !one.needs.is_empty() && checked.seen.contains(&one.name));
    assert_eq!(needy.map(|one| &one.name).collect::<Vec<_>>(), [""; 0], "there from the start, so they need nothing");
    process.kill();

    let process = Process::start(folder.path(), &flags);
    day::a_day(&client, &process).await;
    checked.metrics_until(&client, &process, |_| false, Duration::from_secs(40)).await;
    checked.lines(&process.lines.lock().unwrap());
    assert_eq!(tokio::task::spawn_blocking(move || process.terminate()).await.unwrap(), Some(0));
    let all: BTreeSet<_> = checked.catalogue.span.iter().map(|span| span.name.clone()).collect();
    assert_eq!(checked.spans(&collector), all, "the spans that came");

    certificate(bad_folder.path());
    let process = Process::start(bad_folder.path(), &troubles::flags(bad_folder.path()));
    troubles::a_bad_day(&process, bad_folder.path()).await;
    let missing = checked.metrics_until(&client, &process, |needs| needs.1, Duration::from_mins(1)).await;
    assert_eq!(missing, [""; 0], "listed, and not emitted");
    checked.lines(&process.lines.lock().unwrap());
    // Its database is in pieces: it need not end well.
    process.kill();
}
