"""Our own rules: the layout, the words, the links, the metrics."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from itertools import combinations
from typing import Any
from urllib.parse import unquote

from . import catalogue, logql, promql, settings
from .linting import Board, Rule, title
from .rules_common import is_counted

Json = dict[str, Any]
Found = Iterator[tuple[str, str]]

SHORTEST = 20
WINDOWS = ("$__rate_interval", "$__range")
WITH_LEGEND = ("timeseries", "stat", "bargauge", "heatmap")


def _grid(board: Board) -> Found:
    placed = board.json.get("panels", [])
    for panel in placed:
        place = panel["gridPos"]
        if place["x"] < 0 or place["w"] < 1 or place["h"] < 1 or place["x"] + place["w"] > 24:
            yield title(panel), f"does not fit into 24 columns: {place}"
    for one, other in combinations(placed, 2):
        if _overlap(one["gridPos"], other["gridPos"]):
            yield title(one), f"lies over '{title(other)}'"


def _overlap(one: Json, other: Json) -> bool:
    beside = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
    apart = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
    return not beside and not apart


def _description(board: Board) -> Found:
    for panel in board.panels:
        text = str(panel.get("description", ""))
        if len(text) < SHORTEST:
            yield title(panel), f"has a description of {len(text)} characters, fewer than {SHORTEST}"
        for part in ("**Normal:**", "**What to do:**"):
            if part not in text:
                yield title(panel), f"the description does not say {part}"


def _ids(board: Board) -> Found:
    seen: set[int] = set()
    for panel in board.json.get("panels", []):
        if panel["id"] in seen:
            yield title(panel), f"has the id {panel['id']}, as another panel"
        seen.add(panel["id"])
        refs = [target.get("refId") for target in panel.get("targets") or []]
        if len(refs) != len(set(refs)):
            yield title(panel), f"has two queries with the same refId: {refs}"
    titles = [title(panel) for panel in board.panels]
    for twice in sorted({name for name in titles if titles.count(name) > 1}):
        yield twice, "has the title of another panel"
    if board.uid not in settings.TITLES:
        yield "", f"the uid '{board.uid}' is not in lib/settings.py"


def _links(board: Board) -> Found:
    for panel in board.panels:
        links = list(_links_of(panel))
        if not links:
            yield title(panel), "leads nowhere: it has no link"
        for link in links:
            wrong = _wrong_link(link, board)
            if wrong:
                yield title(panel), wrong
    others = {str(link.get("url", "")).split("?")[0] for link in board.json.get("links", [])}
    for uid in sorted(board.uids - {board.uid}):
        if f"/d/{uid}" not in others:
            yield "", f"has no link to {uid}"
    for link in board.json.get("links", []):
        wrong = _wrong_link(str(link.get("url", "")), board)
        if wrong:
            yield "", wrong


def _links_of(panel: Json) -> Iterator[str]:
    config = panel.get("fieldConfig", {})
    for link in [*panel.get("links", []), *config.get("defaults", {}).get("links", [])]:
        yield str(link["url"])
    for override in config.get("overrides", []):
        for entry in override["properties"]:
            if entry["id"] == "links":
                yield from (str(link["url"]) for link in entry["value"])


def _wrong_link(url: str, board: Board) -> str:
    """What is wrong with a link, or nothing."""
    if url.startswith("/d/"):
        uid = re.split(r"[?/]", url[3:])[0]
        return "" if uid in board.uids else f"leads to the dashboard '{uid}', which is not there"
    if url.startswith("/explore?"):
        return _wrong_pane(url, board)
    if url == settings.RUNBOOK_URL:
        return ""
    if url.startswith(settings.RUNBOOK_URL + "/"):
        return _wrong_runbook(url.removeprefix(settings.RUNBOOK_URL + "/"))
    return f"leads to '{url}', which the linter does not know"


def _wrong_pane(url: str, board: Board) -> str:
    text = unquote(url.split("panes=", 1)[-1])
    try:
        pane = json.loads(text)["a"]
    except (ValueError, KeyError):
        return f"leads to Explore with what is no JSON: {text}"
    variable = str(pane.get("datasource", "")).strip("${}")
    return "" if board.variable(variable) else f"leads to Explore with the data source '{pane.get('datasource')}'"


def _searches(board: Board) -> Found:
    for target in board.targets("loki"):
        for wrong in logql.finds_nothing(target.expr):
            yield title(target.panel), f"finds nothing by {wrong}"
    for panel in board.panels:
        for link in _links_of(panel):
            pane = unquote(link.split("panes=", 1)[-1])
            exprs = re.findall(r'"expr":"((?:[^"\\]|\\.)*)"', pane)
            for wrong in [found for expr in exprs for found in logql.finds_nothing(json.loads(f'"{expr}"'))]:
                yield title(panel), f"leads to a search that finds nothing by {wrong}"


def _wrong_runbook(path: str) -> str:
    name, _, anchor = path.partition("#")
    file = settings.RUNBOOKS / name
    if not file.exists():
        return f"leads to the runbook {name}, which is not in alerts/runbooks"
    headings = re.findall(r"^#+ +(.+?) *$", file.read_text("utf-8"), re.MULTILINE)
    anchors = {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
    return "" if not anchor or anchor in anchors else f"leads to {path}, and {name} has no such heading"


def _expressions(board: Board) -> Iterator[tuple[str, promql.Node]]:
    """Every PromQL: of targets, of variables, of annotations."""
    for target, tree in board.parsed():
        yield title(target.panel), tree
    for annotation in board.json.get("annotations", {}).get("list", []):
        if "expr" in annotation:
            yield "", promql.parse(annotation["expr"])
    for variable in board.variables:
        call = re.match(r"label_values\((.+), *\w+\)", str(variable.get("definition", "")))
        if call:
            yield "", promql.parse(call.group(1))


def _known(board: Board) -> Found:
    for panel, tree in _expressions(board):
        for node, _ in promql.walk(tree):
            if isinstance(node, promql.Selector) and not catalogue.kind(node.name):
                yield panel, f"the metric `{node.name}` is not in the catalogue"


def _counted(board: Board) -> Found:
    for target, tree in board.parsed():
        for node, above in promql.walk(tree):
            if not isinstance(node, promql.Selector):
                continue
            counted = is_counted(above)
            counter = catalogue.kind(node.name) == "counter"
            if counter and not counted:
                yield title(target.panel), f"the counter `{node.name}` is not under rate or increase"
            if counted and catalogue.kind(node.name) == "gauge":
                yield title(target.panel), f"the gauge `{node.name}` is under rate or increase"


def _windows(board: Board) -> Found:
    for target, tree in board.parsed():
        for node, above in promql.walk(tree):
            if not isinstance(node, promql.Range) or not above or not isinstance(above[0], promql.Call):
                continue
            if above[0].function == "increase" and node.window not in WINDOWS:
                yield title(target.panel), f"uses increase over [{node.window}], whatever time is shown"


def _legends(board: Board) -> Found:
    for target in board.targets("prometheus"):
        if target.panel["type"] in WITH_LEGEND and target.json.get("legendFormat", "__auto") == "__auto":
            yield title(target.panel), f"the query {target.json.get('refId')} has no legend"
    for target, tree in board.parsed():
        made = {label for node, _ in promql.walk(tree) if isinstance(node, promql.Call) for label in node.labels}
        made |= {
            node.text[1:-1] for node, _ in promql.walk(tree) if isinstance(node, promql.Literal) and node.text[0] == '"'
        }
        for label in re.findall(r"\{\{ *(\w+) *\}\}", str(target.json.get("legendFormat", ""))):
            if label not in made:
                yield title(target.panel), f"the legend shows `{label}`, which the query does not keep"


def _exemplars(board: Board) -> Found:
    for panel in board.panels:
        if panel["type"] not in ("timeseries", "heatmap"):
            continue
        queries = [target for target in panel.get("targets") or [] if "_bucket{" in target.get("expr", "")]
        links = " ".join(_links_of(panel))
        if queries and "jaeger" in links and not any(target.get("exemplar") for target in queries):
            yield title(panel), "draws a histogram and links to traces, but shows no exemplars"


def _settings(board: Board) -> Found:
    wanted = {"timezone": "browser", "refresh": "30s", "graphTooltip": 1}
    for key, value in wanted.items():
        if board.json.get(key) != value:
            yield "", f"has {key} {board.json.get(key)!r}, not {value!r}"
    if board.json.get("schemaVersion", 0) < 39:
        yield "", "has a schemaVersion older than 39, that of Grafana 11"
    if "todo" not in board.json.get("tags", []):
        yield "", "is without the tag `todo`"
    names = {annotation["name"] for annotation in board.json.get("annotations", {}).get("list", [])}
    if "Restarts" not in names:
        yield "", "does not show restarts as annotations"


RULES = [
    Rule("grid-rule", "No panel lies over another, all fit into 24 columns.", _grid),
    Rule("description-rule", "A description says what is normal and what to do.", _description),
    Rule("unique-id-rule", "No id and no title is there twice.", _ids),
    Rule("link-rule", "Each panel leads on, and to something that exists.", _links),
    Rule("search-rule", "LogQL asks for level and target as Loki has them.", _searches),
    Rule("metric-known-rule", "Each metric is in the catalogue.", _known),
    Rule("counter-rule", "Counters, and only they, stand under rate or increase.", _counted),
    Rule("window-rule", "increase() follows the time that is shown.", _windows),
    Rule("legend-rule", "Each line has a name that tells it from the others.", _legends),
    Rule("exemplar-rule", "Histograms that lead to traces show exemplars.", _exemplars),
    Rule("settings-rule", "All dashboards have the same settings.", _settings),
]
