"""Whether the alerts and their runbooks fit the dashboards: addresses, what is shown there, and searches of the log."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from . import logql, promql, settings
from .linting import Board, title

PAGES = ("alerts", "docs", "infra", "dashboards")

# Alerts that lead to a dashboard which draws none of their metrics, and why.
NOT_DRAWN = {
    "Watchdog": "it asks nothing: it always fires",
    "ScrapeSlow": "of all jobs: Prometheus' own page of targets shows it",
    "PrometheusRulesFailing": "there is no dashboard of Prometheus itself",
    "PrometheusConfigBroken": "there is no dashboard of Prometheus itself",
    "PrometheusNotificationsDropped": "there is no dashboard of Prometheus itself",
    "AlertmanagerConfigBroken": "there is no dashboard of Alertmanager",
    "AlertmanagerNotificationsFailing": "there is no dashboard of Alertmanager",
}


@dataclass(frozen=True)
class Rule:
    """An alert or a recording rule. `dashboard` is the uid that an alert leads to."""

    name: str
    expr: str
    recorded: bool
    dashboard: str
    annotations: str = ""


def rules() -> list[Rule]:
    """All of alerts/rules."""
    texts = [file.read_text("utf-8") for file in sorted(settings.RULES.glob("*.yml"))]
    return [rule for text in texts for rule in rules_in(text)]


def rules_in(text: str) -> list[Rule]:
    """Those of a file. It relies on the form of ours: `expr: |-` or one line, two spaces a level."""
    found: list[Rule] = []
    for part in re.split(r"^(?= +- (?:alert|record): )", text, flags=re.MULTILINE)[1:]:
        head = re.match(r" +- (alert|record): (\S+)", part)
        expr = re.search(r"^( +)expr: (?:\|-\n((?:\1 +.*\n|\n)+)|(.*)\n)", part, re.MULTILINE)
        url = re.search(r"dashboard_url: *(?:>-\s*)?\S*/d/([\w-]+)", part)
        if head and expr:
            told = re.sub(r"\s+", " ", part.partition("annotations:")[2])
            found.append(Rule(head[2], expr[2] or expr[3], head[1] == "record", url[1] if url else "", told))
    return found


def family(name: str) -> str:
    """The metric; a histogram's parts are one."""
    return re.sub(r"_(bucket|count|sum)$", "", name)


def _metrics(expr: str) -> set[str]:
    """The metrics of an expression."""
    nodes = (node for node, _ in promql.walk(promql.parse(expr)))
    return {family(node.name) for node in nodes if isinstance(node, promql.Selector)}


def _through_records(names: set[str], every: Iterable[Rule]) -> set[str]:
    """These metrics, and those that the recorded ones among them are made of."""
    made = {name for rule in every if rule.recorded and rule.name in names for name in _metrics(rule.expr)}
    return names if made <= names else _through_records(names | made, every)


def not_shown(every: Sequence[Rule], boards: Iterable[Board]) -> list[str]:
    """A sentence for each alert whose dashboard has no panel of what it is about."""
    drawn = {
        board.uid: set[str]().union(*(_metrics(target.expr) for target, _ in board.parsed())) for board in boards
    }
    wrong: list[str] = []
    for rule in every:
        if rule.recorded or rule.dashboard not in drawn:
            continue
        shown = _through_records(_metrics(rule.expr), every) & drawn[rule.dashboard]
        if not shown and rule.name not in NOT_DRAWN:
            wrong.append(f"{rule.name} leads to {rule.dashboard}, where no panel draws any of its metrics [alerts]")
        if shown and rule.name in NOT_DRAWN:
            wrong.append(f"{rule.name} is in NOT_DRAWN of lib/alerts.py, and {rule.dashboard} draws {shown} [alerts]")
    return wrong


def alerts_that_disagree() -> list[str]:
    """A sentence for each address in alerts/rules that is not of the hosts in settings.toml or leads to no dashboard."""
    wrong: list[str] = []
    boards = {f"{settings.GRAFANA_URL}/d/{uid}" for uid in settings.TITLES}
    for file in sorted(settings.RULES.glob("*.yml")):
        text = file.read_text("utf-8")
        for kind, url in re.findall(r"(dashboard_url|runbook_url):\s*(?:>-\s*)?['\"]?(https?://[^\s'\"]+)", text):
            if kind == "dashboard_url" and url.split("?")[0] not in boards:
                wrong.append(
                    f"alerts/rules/{file.name}: {url} is no dashboard at grafana_url of settings.toml [alerts]"
                )
            if kind == "runbook_url" and not url.startswith(settings.RUNBOOK_URL + "/"):
                wrong.append(f"alerts/rules/{file.name}: {url} is not below runbook_url of settings.toml [alerts]")
    return wrong


def _ages(expr: str) -> dict[str, str]:
    """The timestamps that an expression compares with now, and whether it takes the newest (max) or the oldest (min)."""
    found: dict[str, str] = {}
    for node, _ in promql.walk(promql.parse(expr)):
        if isinstance(node, promql.Operation) and node.sign == "-" and promql.Call("time", ()) in node.sides:
            for side in node.sides:
                inner = side.arguments[0] if isinstance(side, promql.Call) and side.arguments else None
                if isinstance(side, promql.Call) and isinstance(inner, promql.Selector):
                    found[inner.name] = side.function
    return found


def other_ages(every: Sequence[Rule], boards: Iterable[Board]) -> list[str]:
    """A sentence for each panel that draws the newest of what an alert takes the oldest of, or the other way round: it
    would be green while the alert fires."""
    wanted: dict[str, tuple[str, str]] = {}
    for rule in every:
        wanted.update({metric: (function, rule.name) for metric, function in _ages(rule.expr).items()})
    return [
        f"{board.uid}, panel '{title(target.panel)}': {function} of {metric}, but {wanted[metric][1]} takes the"
        f" {wanted[metric][0]} [alerts]"
        for board in boards
        for target, _ in board.parsed()
        for metric, function in _ages(target.expr).items()
        if metric in wanted and wanted[metric][0] != function
    ]


def searches_that_find_nothing() -> list[str]:
    """A sentence for each search of the log, in any page that people read, that cannot find a line of the service."""
    pages = [settings.REPOSITORY / "README.md"]
    pages += [page for folder in PAGES for page in sorted((settings.REPOSITORY / folder).rglob("*.md"))]
    return [
        f"{page.relative_to(settings.REPOSITORY)}: {wrong} [searches]"
        for page in pages
        for wrong in wrong_searches(page.read_text("utf-8"))
    ]


def wrong_searches(text: str) -> list[str]:
    """What is wrong with the searches of a page."""
    wrong: list[str] = []
    for search in logql.in_text(text):
        try:
            logql.check(search)
        except logql.Wrong as error:
            wrong.append(f"{error}: {search}")
        wrong += [f"{search} finds nothing by {filter_}" for filter_ in logql.finds_nothing(search)]
    return wrong
