"""The linter's own test: each rule is shown something wrong, and must find it."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Any

from . import alerts, settings, values
from .linting import Board, Rule
from .links import logs

Json = dict[str, Any]
Change = Callable[[Json], object]
BASE = "todo-http"


def _panel(board: Json, kind: str = "timeseries") -> Json:
    return next(panel for panel in board["panels"] if panel["type"] == kind)


def _variable(board: Json, name: str) -> Json:
    return next(variable for variable in board["templating"]["list"] if variable["name"] == name)


def _without(board: Json, name: str) -> None:
    board["templating"]["list"].remove(_variable(board, name))


def _expr(text: str, kind: str = "timeseries") -> Change:
    """The first panel of the kind asks this."""
    return lambda board: _panel(board, kind)["targets"][0].update(expr=text)


def _first(**values: Any) -> Change:
    """The first panel has these values."""
    return lambda board: _panel(board).update(values)


def _link(url: str) -> Change:
    return lambda board: _panel(board)["links"].append({"title": "x", "url": url})


def _all_links_away(board: Json) -> None:
    panel = _panel(board)
    panel["links"] = []
    panel["fieldConfig"]["defaults"].pop("links", None)


def _no_exemplars(board: Json) -> None:
    for panel in board["panels"]:
        for target in panel.get("targets", []):
            target["exemplar"] = False


def _annotations_away(board: Json) -> None:
    board["annotations"]["list"] = []


J = 'job=~"$job", instance=~"$instance"'
LOKI = '{service_name="todo"}'
BACKLOG = f"max (outbox_backlog{{{J}}})"

CASES: list[tuple[str, str, Change]] = [
    ("template-datasource-rule", "no variable prometheus", lambda b: _without(b, "prometheus")),
    ("template-datasource-rule", "another label", lambda b: _variable(b, "loki").update(label="Logs")),
    ("template-datasource-rule", "loki comes first", lambda b: b["templating"]["list"].reverse()),
    ("template-job-rule", "no variable job", lambda b: _without(b, "job")),
    ("template-job-rule", "only one job may be chosen", lambda b: _variable(b, "job").update(multi=False)),
    ("template-instance-rule", "no variable instance", lambda b: _without(b, "instance")),
    ("template-instance-rule", "all is .*", lambda b: _variable(b, "instance").update(allValue=".*")),
    ("template-label-promql-rule", "no function", lambda b: _variable(b, "job").update(query="up")),
    ("template-label-promql-rule", "broken", lambda b: _variable(b, "job").update(query="label_values(up{, job)")),
    ("template-on-time-change-reload-rule", "read once", lambda b: _variable(b, "job").update(refresh=1)),
    ("panel-datasource-rule", "a fixed one", _first(datasource={"type": "prometheus", "uid": "prometheus"})),
    ("panel-datasource-rule", "of another type", _first(datasource={"type": "loki", "uid": "${prometheus}"})),
    ("panel-title-description-rule", "no title", _first(title="")),
    ("panel-title-description-rule", "no description", _first(description="")),
    ("panel-units-rule", "no unit", lambda b: _panel(b)["fieldConfig"]["defaults"].pop("unit")),
    (
        "panel-units-rule",
        "a unit that is not there",
        lambda b: _panel(b)["fieldConfig"]["defaults"].update(unit="secs"),
    ),
    ("panel-no-targets-rule", "no query", _first(targets=[])),
    ("target-logql-rule", "not closed", _expr(LOKI + " | json | line_format (", "logs")),
    ("target-logql-rule", "no selector", _expr('|= "x"', "logs")),
    ("target-logql-rule", "no such stage", _expr(LOKI + " | jsn", "logs")),
    ("target-logql-auto-rule", "a fixed range", _expr(f"sum(rate({LOKI}[5m]))", "logs")),
    ("target-promql-rule", "not closed", _expr("sum(up")),
    ("target-promql-rule", "no matcher", _expr("up{job=todo}")),
    ("target-rate-interval-rule", "a fixed range", _expr(f"rate(auth_sign_ins_total{{{J}}}[5m])")),
    ("target-job-rule", "no job", _expr('up{instance=~"$instance"}')),
    ("target-job-rule", "a fixed job", _expr('up{job="todo", instance=~"$instance"}')),
    ("target-instance-rule", "no instance", _expr('up{job=~"$job"}')),
    ("target-counter-agg-rule", "a bare counter", _expr(f"sum(auth_sign_ins_total{{{J}}})")),
    ("target-counter-agg-rule", "under delta", _expr(f"delta(auth_sign_ins_total{{{J}}}[$__rate_interval])")),
    ("uneditable-dashboard", "editable", lambda b: b.update(editable=True)),
    ("grid-rule", "over another", _first(gridPos={"h": 30, "w": 24, "x": 0, "y": 0})),
    ("grid-rule", "too far right", _first(gridPos={"h": 8, "w": 8, "x": 20, "y": 900})),
    ("description-rule", "too short", _first(description="Requests.")),
    ("description-rule", "not what to do", _first(description="Requests per second. **Normal:** as always.")),
    ("unique-id-rule", "an id twice", _first(id=1)),
    ("unique-id-rule", "a refId twice", lambda b: _panel(b)["targets"].append(dict(_panel(b)["targets"][0]))),
    ("unique-id-rule", "a title twice", _first(title="Duration")),
    ("unique-id-rule", "an unknown uid", lambda b: b.update(uid="todo-lost")),
    ("link-rule", "no link", _all_links_away),
    ("link-rule", "no such dashboard", _link("/d/todo-lost?x=1")),
    ("link-rule", "no such runbook", _link(f"{settings.RUNBOOK_URL}/Lost.md")),
    ("link-rule", "another site", _link("https://example.com/")),
    ("link-rule", "broken Explore", _link("/explore?schemaVersion=1&panes=%7B")),
    ("link-rule", "not linked to the others", lambda b: b.update(links=[])),
    ("search-rule", "a level in capitals", _expr(LOKI + ' | json | level="ERROR"', "logs")),
    ("search-rule", "one of two in capitals", _expr(LOKI + ' | json | level=~"WARN|error"', "logs")),
    ("search-rule", "a target that is not there", _expr(LOKI + ' | json | target=~".*probe.*"', "logs")),
    ("search-rule", "a link to such a search", lambda b: _panel(b)["links"].append(logs('| level="WARN"').to_json())),
    ("metric-known-rule", "not in the catalogue", _expr(f"outbox_lost{{{J}}}")),
    ("metric-known-rule", "a histogram without a part", _expr(f"outbox_publish_delay_seconds{{{J}}}")),
    ("counter-rule", "a bare count", _expr(f"sum(outbox_publish_delay_seconds_count{{{J}}})")),
    ("counter-rule", "a gauge under rate", _expr(f"rate(outbox_backlog{{{J}}}[$__rate_interval])")),
    ("window-rule", "increase over a fixed range", _expr(f"increase(auth_sign_ins_total{{{J}}}[1h])")),
    ("legend-rule", "no legend", lambda b: _panel(b)["targets"][0].update(legendFormat="__auto")),
    (
        "legend-rule",
        "a label that is gone",
        lambda b: _panel(b)["targets"][0].update(expr=BACKLOG, legendFormat="{{topic}}"),
    ),
    ("exemplar-rule", "no exemplars", _no_exemplars),
    ("settings-rule", "another time zone", lambda b: b.update(timezone="utc")),
    ("settings-rule", "no annotations", _annotations_away),
]

# Pages of Markdown: what is right in them is not found, what is wrong is.
RIGHT_PAGES = [
    f'See `{LOKI} | json | level=~"(?i)(warn|error)" |= "x"`.',
    f'```logql\n{LOKI} | json | level="error" | _target=~".*probe.*"\n```',
    'The metric `log_events_total{job="todo",level="ERROR"}` is none.',
]
WRONG_PAGES = [
    f'See `{LOKI} | json | level="ERROR"`.',
    f'See `sum(count_over_time({LOKI} | json\n| level=~"WARN|ERROR" [10m]))`.',
    f'1. A list.\n\n   ```logql\n   {LOKI} | json | level="warning"\n   ```',
    f'See `{LOKI} | json | level!="INFO"`.',
    f'See `{LOKI} | json | target="kafka"`.',
    f"See `{LOKI} | jsn`.",
]



# Rules as in alerts/rules, with the dashboard that the alert leads to: those that are found, and those that are not.
RULES_OF_ALERTS = """
      - record: backlog:of:all
        expr: max(outbox_backlog{job="todo"})
      - alert: Shown
        expr: |-
          backlog:of:all > 5
          and rate(auth_sign_ins_total{job="todo"}[5m]) > 0
        annotations:
          dashboard_url: https://grafana.example.org/d/todo-events
      - alert: Elsewhere
        expr: backlog:of:all > 5
        annotations:
          dashboard_url: >-
            https://grafana.example.org/d/todo-kafka
      - alert: Oldest
        expr: time() - min(outbox_sampled_timestamp_seconds{job="todo"}) > 60
        annotations:
          dashboard_url: https://grafana.example.org/d/todo-events
      - alert: Watchdog
        expr: max(outbox_backlog) > 5
        annotations:
          dashboard_url: https://grafana.example.org/d/todo-events
"""
# Values of labels, right ones first.
RULES_OF_VALUES = """
      - alert: Right
        expr: |-
          rate(auth_tokens_refused_total{job="todo",reason!="expired"}[5m]) > 1
          and rate(http_server_request_duration_seconds_count{http_response_status_code=~"5..",http_route="/api/v1/tasks"}[5m]) > 0
        annotations:
          action: 'Open `/rules`. `invalid`, `unknown`: look. See `todo`'
      - alert: Matcher
        expr: sum(rate(auth_tokens_refused_total{reason="revoked"}[5m])) > 1
      - alert: OneOfTwo
        expr: sum(rate(auth_sign_ins_total{outcome=~"succeeded|wrong_password"}[5m])) > 1
      - alert: Told
        expr: sum by (reason) (rate(auth_tokens_refused_total[5m])) > 1
        annotations:
          action: >-
            `invalid`: compare the keys.
            `revoked`: find it.
"""
FOUND_OF_VALUES = ("Matcher: ", "OneOfTwo: ", "Told: it tells what to do about `revoked`")
FOUND_OF_ALERTS = ("Elsewhere leads to todo-kafka", "Watchdog is in NOT_DRAWN", "todo-events, panel 'Sampled'")


def _of_alerts(boards: Sequence[Board]) -> tuple[int, int]:
    results = [(f"searches: {page!r}", not alerts.wrong_searches(page)) for page in RIGHT_PAGES]
    results += [(f"searches: {page!r}", bool(alerts.wrong_searches(page))) for page in WRONG_PAGES]
    rules = alerts.rules_in(RULES_OF_ALERTS)
    found = alerts.not_shown(rules, boards) + alerts.other_ages(rules, boards)
    for sentence in FOUND_OF_ALERTS:
        results.append((f"alerts: {sentence}", any(wrong.startswith(sentence) for wrong in found)))
    strange = values.unknown(alerts.rules_in(RULES_OF_VALUES), [])
    for sentence in FOUND_OF_VALUES:
        results.append((f"values: {sentence}", any(wrong.startswith(sentence) for wrong in strange)))
    expected = len(FOUND_OF_ALERTS) + len(FOUND_OF_VALUES)
    results.append(("alerts: nothing else", len(found) + len(strange) == expected))
    for what, right in results:
        print(f"{'ok  ' if right else 'MISS'} {what}")
    return sum(right for _, right in results), sum(not right for _, right in results)


def run(rules: Sequence[Rule], boards: Sequence[Board]) -> tuple[int, int]:
    """Each case on a copy of a real dashboard: how many were found, how many not. A rule without a case counts as not found."""
    base = next(board for board in boards if board.uid == BASE)
    by_name = {rule.name: rule for rule in rules}
    passed, failed = _of_alerts(boards)
    for name, what, change in CASES:
        bad = Board(copy.deepcopy(base.json), base.uids)
        change(bad.json)
        found = set(by_name[name].findings(bad)) - set(by_name[name].findings(base))
        print(f"{'ok  ' if found else 'MISS'} {name}: {what}")
        passed, failed = passed + bool(found), failed + (not found)
    for name in sorted(set(by_name) - {name for name, _, _ in CASES}):
        print(f"MISS {name}: no case shows it something wrong")
        failed += 1
    return passed, failed
