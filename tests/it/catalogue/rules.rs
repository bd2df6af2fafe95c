//! Alerts ask for metrics that are there: each name in an expression is listed, as the service's or as somebody else's.

use std::collections::BTreeSet;

use regex::Regex;

use super::Catalogue;

/// Words of PromQL that stand where a metric could.
const KEYWORDS: [&str; 14] = [
    "and",
    "or",
    "unless",
    "by",
    "without",
    "on",
    "ignoring",
    "group_left",
    "group_right",
    "offset",
    "bool",
    "atan2",
    "inf",
    "nan",
];
/// Those that may have `by (…)` between them and what they are over.
const AGGREGATIONS: [&str; 12] =
    ["sum", "min", "max", "avg", "count", "group", "stddev", "stdvar", "topk", "bottomk", "quantile", "count_values"];

/// The expressions of a file of rules: what stands behind `expr:`, there or in the block below it.
fn expressions(rules: &str) -> Vec<String> {
    let depth = |line: &str| line.len() - line.trim_start().len();
    let mut found = Vec::new();
    let mut lines = rules.lines().peekable();
    while let Some(line) = lines.next() {
        let Some(said) = line.trim_start().strip_prefix("expr:").map(str::trim) else { continue };
        let mut expression = if said.starts_with('|') { String::new() } else { said.to_owned() };
        while let Some(more) = lines.next_if(|more| more.trim().is_empty() || depth(more) > depth(line)) {
            expression.push('\n');
            expression.push_str(more.split_once(" #").map_or(more, |(code, _)| code));
        }
        found.push(expression);
    }
    found
}

/// The metrics that an expression names.
fn metrics(expression: &str) -> BTreeSet<String> {
    let without = |text: &str, what: &str, by: &str| Regex::new(what).unwrap().replace_all(text, by).into_owned();
    // Texts first: anything may stand in them. Then what is between braces and brackets, and lists of labels.
    let rest = without(expression, r#""(\\.|[^"\\])*"|'(\\.|[^'\\])*'"#, "''");
    let rest = without(&rest, r"\{[^}]*\}|\[[^\]]*\]", " ");
    let rest = without(&rest, r"\b(by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)", " ");
    let rest = without(&rest, r"\boffset\s+-?[0-9a-z]+", " ");
    let names = Regex::new(r"[a-zA-Z_:][a-zA-Z0-9_:]*|[0-9][0-9a-zA-Z_.]*").unwrap();
    let mut found = BTreeSet::new();
    for name in names.find_iter(&rest) {
        let (name, is_call) = (name.as_str(), rest[name.end()..].trim_start().starts_with('('));
        let word = KEYWORDS.contains(&&*name.to_lowercase()) || AGGREGATIONS.contains(&name);
        if !is_call && !word && !name.starts_with(|c: char| c.is_ascii_digit()) {
            found.insert(name.to_owned());
        }
    }
    found
}

#[test]
fn the_metrics_of_an_expression_are_found() {
    let of = |expression: &str| metrics(expression).into_iter().collect::<Vec<_>>();
    assert_eq!(of("max by (job) (scrape_duration_seconds) > 5"), ["scrape_duration_seconds"]);
    assert_eq!(of("1 - a:b:rate30d / (1 - a:c:ratio) > 1e3"), ["a:b:rate30d", "a:c:ratio"]);
    assert_eq!(of("rate(x_total{a=\"y{\", b!~'z|}'}[5m] offset 1h) and on (job) up == bool 0"), ["up", "x_total"]);
    assert_eq!(
        of("sum without (le)\n (h_bucket) * on (a) group_left (v) build_info or vector(1)"),
        ["build_info", "h_bucket"]
    );
    let rules =
        "- alert: X\n  expr: |-\n    a > 1 # b\n\n    or c\n  for: 5m\n- record: d\n  expr: e\n  labels: { f: g }\n";
    let all = expressions(rules);
    assert_eq!(all.iter().flat_map(|one| of(one)).collect::<Vec<_>>(), ["a", "c", "e"], "{all:?}");
}

/// Those of the brokers and of Prometheus itself are listed beside the dashboards; those with a colon are made by the rules.
#[test]
fn every_metric_that_an_alert_asks_for_is_listed() {
    let more: toml::Table = toml::from_str(include_str!("../../../dashboards/more-metrics.toml")).unwrap();
    let others: BTreeSet<_> =
        more.values().flat_map(|part| part.as_table().unwrap().keys()).map(String::as_str).collect();
    let (catalogue, mut recorded, mut asked) = (Catalogue::read(), BTreeSet::new(), BTreeSet::new());
    for entry in std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/alerts/rules")).unwrap() {
        let text = std::fs::read_to_string(entry.unwrap().path()).unwrap();
        let records = text.lines().filter_map(|line| line.trim_start().strip_prefix("- record:"));
        recorded.extend(records.map(|name| name.trim().to_owned()));
        asked.extend(expressions(&text).iter().flat_map(|expression| metrics(expression)));
    }
    for name in &asked {
        let own = ["_bucket", "_sum", "_count"].iter().find_map(|part| name.strip_suffix(part)).unwrap_or(name);
        let tool = ["alertmanager_", "prometheus_"].iter().any(|tool| name.starts_with(tool));
        let known = tool || recorded.contains(name) || others.contains(&**name);
        let part = catalogue.metric(own).is_some_and(|metric| metric.r#type == "histogram" || own == name);
        assert!(known || part, "{name} is alerted on, and not listed");
    }
    assert!(asked.len() > 60, "{}: {asked:?}", asked.len());
    for name in ["up", "scrape_duration_seconds", "slo:valid:rate5m", "loki_shipper_up"] {
        assert!(asked.contains(name), "{name} is in a rule, and was not found: {asked:?}");
    }
}
