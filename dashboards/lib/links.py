"""Where one goes on from a panel: another dashboard, a runbook, the traces, the logs."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cache
from urllib.parse import quote

from . import settings

_VARIABLE = re.compile(r"(\$\{[^}]+\})")


@dataclass(frozen=True)
class Link:
    """`point`: belongs to a point of the drawing (its labels may be used), not to the panel as a whole."""

    title: str
    url: str
    outside: bool = False
    point: bool = False

    def to_json(self) -> dict[str, object]:
        """Grafana's form, the same for links of panels and of points."""
        return {"title": self.title, "url": self.url, "targetBlank": self.outside}


def board(uid: str, *, here: str = "") -> Link:
    """Another dashboard, at the same time and with the same choices. That of the brokers has another job."""
    carried = "${__all_variables}" if uid != "todo-kafka" and here != "todo-kafka" else "var-prometheus=${prometheus}"
    return Link(f"Dashboard: {settings.TITLES[uid]}", f"/d/{uid}?{carried}&${{__url_time_range}}")


def board_of_label(uid: str, label: str, variable: str, words: str) -> Link:
    """Another dashboard, narrowed to the value that a label has at this point."""
    chosen = f"var-{variable}=${{__field.labels.{label}}}"
    kept = "${prometheus:queryparam}&${loki:queryparam}&${jaeger:queryparam}&${job:queryparam}&${instance:queryparam}"
    return Link(words, f"/d/{uid}?{kept}&{chosen}&${{__url_time_range}}", point=True)


@cache
def _runbooks() -> dict[str, str]:
    """The file (and heading) of each alert's runbook, as the alerts in alerts/rules name it."""
    found: dict[str, str] = {}
    for file in sorted(settings.RULES.glob("*.yml")):
        for alert in re.split(r"^\s*- alert: *", file.read_text("utf-8"), flags=re.MULTILINE)[1:]:
            # The address stands on the same line or, where it is long, on the next one.
            url = re.search(r"runbook_url:\s*(?:>-\s*)?['\"]?\S*/runbooks/([^\s'\"]+)", alert)
            if url:
                found[alert.split()[0]] = url.group(1)
    return found


def runbook(alert: str) -> Link:
    """What to do when this alert fires."""
    if alert not in _runbooks():
        raise SystemExit(f"No alert {alert} with a runbook_url is in {settings.RULES}.")
    return Link(f"Runbook: {alert}", f"{settings.RUNBOOK_URL}/{_runbooks()[alert]}", outside=True)


def _explore(title: str, kind: str, query: dict[str, object]) -> Link:
    """Grafana's Explore, at the time that is shown. Variables stay as they are, all else is encoded."""
    source = f"${{{kind}}}"
    pane = {
        "datasource": source,
        "queries": [{"refId": "A", "datasource": {"type": kind, "uid": source}, **query}],
        "range": {"from": "${__from}", "to": "${__to}"},
    }
    text = json.dumps({"a": pane}, separators=(",", ":"))
    parts = (part if part.startswith("${") else quote(part, safe="") for part in _VARIABLE.split(text))
    return Link(title, "/explore?schemaVersion=1&orgId=1&panes=" + "".join(parts), point=True)


def traces(tags: str = "", *, slow: str = "") -> Link:
    """The service's traces in Jaeger; `tags` in logfmt, `slow` the least duration."""
    query: dict[str, object] = {"queryType": "search", "service": settings.SERVICE, "limit": 50}
    if tags:
        query["tags"] = tags
    if slow:
        query["minDuration"] = slow
    return _explore("Traces in Jaeger", "jaeger", query)


def logs(rest: str = "", *, title: str = "Log lines in Loki") -> Link:
    """The service's log lines in Loki; `rest` follows the stream selector."""
    expr = f'{{service_name="{settings.SERVICE}"}} {rest}'.strip()
    return _explore(title, "loki", {"expr": expr, "queryType": "range"})


def errors() -> Link:
    """The lines of level error and warn."""
    return logs('| json | level=~"(?i)(error|warn)"', title="Errors and warnings in Loki")


def logs_of(part: str) -> Link:
    """The lines of a part of the program: `_target` in what it copies to Loki itself, `target` in what a collector takes
    from its standard output."""
    return logs(f'| json | _target=~".*{part}.*" or target=~".*{part}.*"')


def trace_of_row() -> Link:
    """The trace whose id stands in this cell of a table."""
    return _explore("This trace in Jaeger", "jaeger", {"query": "${__value.raw}"})
