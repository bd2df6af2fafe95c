"""The rules of Grafana's dashboard-linter, written anew: the same names, the same aims.

One thing differs. There the variables of data sources must be called `prometheus_datasource` and so on. Here they are called
as their type, `prometheus`, `loki`, `jaeger`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from . import logql, promql, settings
from .linting import UNITS, Board, Rule, title

Found = Iterator[tuple[str, str]]

RATES = ("rate", "irate", "increase")
WITHOUT_FIGURES = ("logs", "text", "alertlist")


def _datasources(board: Board) -> Found:
    for kind, label in settings.DATASOURCES.items():
        variable = board.variable(kind)
        if not variable or variable.get("type") != "datasource" or variable.get("query") != kind:
            yield "", f"there is no data source variable `{kind}` of type {kind}"
        elif variable.get("label") != label:
            yield "", f"the variable `{kind}` is labelled '{variable.get('label')}', not '{label}'"
    first = next((v for v in board.variables if v.get("type") == "datasource"), {})
    if first.get("name") != "prometheus":
        yield "", "the first data source variable is not `prometheus`"


def _chosen(board: Board, name: str) -> Found:
    variable = board.variable(name)
    if not variable:
        yield "", f"there is no variable `{name}`"
        return
    wanted = {"type": "query", "label": name.capitalize(), "multi": True, "includeAll": True, "allValue": ".+"}
    for key, value in wanted.items():
        if variable.get(key) != value:
            yield "", f"the variable `{name}` has {key} {variable.get(key)!r}, not {value!r}"
    if variable.get("datasource", {}).get("uid") != "${prometheus}":
        yield "", f"the variable `{name}` does not ask the chosen Prometheus"


def _template_queries(board: Board) -> Found:
    for variable in board.variables:
        if variable.get("type") != "query":
            continue
        text = variable.get("query")
        text = text.get("query", "") if isinstance(text, dict) else str(text)
        call = re.fullmatch(r"label_values\((?:(.+), *)?(\w+)\)", text)
        if not call:
            yield "", f"the variable `{variable.get('name')}` asks `{text}`, which is no label_values(…)"
            continue
        try:
            promql.parse(call.group(1) or "up")
        except promql.Wrong as error:
            yield "", f"the variable `{variable.get('name')}`: {error}"


def _reload(board: Board) -> Found:
    for variable in board.variables:
        if variable.get("type") == "query" and variable.get("refresh") != 2:
            yield "", f"the variable `{variable.get('name')}` is not read again when the time changes (refresh 2)"


def _panel_datasource(board: Board) -> Found:
    allowed = {f"${{{kind}}}" for kind in settings.DATASOURCES}
    for panel in board.panels:
        for part in [panel, *(panel.get("targets") or [])]:
            source = part.get("datasource") or {}
            if source.get("uid") not in allowed or source.get("uid") != f"${{{source.get('type')}}}":
                yield title(panel), f"uses the data source {source.get('uid')!r} and not a variable of its type"


def _title_and_description(board: Board) -> Found:
    for panel in board.panels:
        if not panel.get("title") or not panel.get("description"):
            yield title(panel), "has no title or no description"


def _units(board: Board) -> Found:
    for panel in board.panels:
        if panel.get("type") in WITHOUT_FIGURES:
            continue
        config = panel.get("fieldConfig", {})
        units = [config.get("defaults", {}).get("unit")]
        for override in config.get("overrides", []):
            units += [entry["value"] for entry in override["properties"] if entry["id"] == "unit"]
        for unit in units:
            if unit not in UNITS:
                yield title(panel), f"has the unit {unit!r}, which is none of those in lib/linting.py"


def _no_targets(board: Board) -> Found:
    for panel in board.panels:
        if panel.get("type") not in ("text", "alertlist") and not panel.get("targets"):
            yield title(panel), "asks nothing"


def _logql(board: Board) -> Found:
    for target in board.targets("loki"):
        try:
            logql.check(target.expr)
        except logql.Wrong as error:
            yield title(target.panel), f"{error}: {target.expr}"


def _logql_auto(board: Board) -> Found:
    for target in board.targets("loki"):
        for window in logql.ranges(target.expr):
            if window != "$__auto":
                yield title(target.panel), f"uses the range [{window}] and not [$__auto]"


def _promql(board: Board) -> Found:
    for target in board.targets("prometheus"):
        try:
            promql.parse(target.expr)
        except promql.Wrong as error:
            yield title(target.panel), f"{error}: {target.expr}"


def _rate_interval(board: Board) -> Found:
    for target, tree in board.parsed():
        for node, above in promql.walk(tree):
            if not isinstance(node, promql.Range) or not above or not isinstance(above[0], promql.Call):
                continue
            if above[0].function in ("rate", "irate") and node.window != "$__rate_interval":
                yield title(target.panel), f"uses {above[0].function} over [{node.window}] and not [$__rate_interval]"


def _matcher(board: Board, label: str) -> Found:
    for target, tree in board.parsed():
        for node, _ in promql.walk(tree):
            if isinstance(node, promql.Selector) and (label, "=~", f"${label}") not in node.matchers:
                yield title(target.panel), f'`{node.name}` is without {label}=~"${label}"'


def _counters(board: Board) -> Found:
    for target, tree in board.parsed():
        for node, above in promql.walk(tree):
            if isinstance(node, promql.Selector) and node.name.endswith("_total") and not is_counted(above):
                yield title(target.panel), f"the counter `{node.name}` is not under rate or increase"


def is_counted(above: tuple[promql.Node, ...]) -> bool:
    """Whether what stands above a selector is a range, and above that rate or increase."""
    if len(above) < 2 or not isinstance(above[0], promql.Range):
        return False
    return isinstance(above[1], promql.Call) and above[1].function in RATES


def _uneditable(board: Board) -> Found:
    if board.json.get("editable") is not False:
        yield "", "can be edited in the browser, where a change is lost"


RULES = [
    Rule("template-datasource-rule", "The data sources are variables.", _datasources),
    Rule("template-job-rule", "The job is a variable.", lambda board: _chosen(board, "job")),
    Rule("template-instance-rule", "The instance is a variable.", lambda board: _chosen(board, "instance")),
    Rule("template-label-promql-rule", "The queries of variables are PromQL.", _template_queries),
    Rule("template-on-time-change-reload-rule", "Variables are read again when the time changes.", _reload),
    Rule("panel-datasource-rule", "Each panel and query uses a data source variable.", _panel_datasource),
    Rule("panel-title-description-rule", "Each panel has a title and a description.", _title_and_description),
    Rule("panel-units-rule", "Each panel with figures has a unit.", _units),
    Rule("panel-no-targets-rule", "Each panel asks something.", _no_targets),
    Rule("target-logql-rule", "LogQL can be read.", _logql),
    Rule("target-logql-auto-rule", "LogQL uses $__auto.", _logql_auto),
    Rule("target-promql-rule", "PromQL can be read.", _promql),
    Rule("target-rate-interval-rule", "rate() uses $__rate_interval.", _rate_interval),
    Rule("target-job-rule", "Each selector is narrowed by job.", lambda board: _matcher(board, "job")),
    Rule("target-instance-rule", "Each selector is narrowed by instance.", lambda board: _matcher(board, "instance")),
    Rule("target-counter-agg-rule", "Counters stand under rate or increase.", _counters),
    Rule("uneditable-dashboard", "A dashboard cannot be edited in the browser.", _uneditable),
]
