"""A dashboard: rows of panels, the variables, the annotations of deploys, the links to the others."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from . import settings
from .expr import J
from .panels import Panel

Json = dict[str, Any]
COLUMNS = 24


@dataclass(frozen=True)
class Row:
    """A titled row. Its panels flow from left to right, and to the next line when the 24 columns are full."""

    title: str
    panels: Sequence[Panel]


@dataclass(frozen=True)
class Variable:
    """A variable whose choices are the values of a label."""

    name: str
    label: str
    query: str
    about: str = ""
    default: str = ""

    def to_json(self) -> Json:
        """Grafana's form: several or all may be chosen, the choices are read again when the time changes."""
        return {
            "allValue": ".+",
            "current": {"selected": True, "text": [self.default or "All"], "value": [self.default or "$__all"]},
            "datasource": {"type": "prometheus", "uid": "${prometheus}"},
            "definition": self.query,
            "description": self.about,
            "hide": 0,
            "includeAll": True,
            "label": self.label,
            "multi": True,
            "name": self.name,
            "options": [],
            "query": {"qryType": 1, "query": self.query, "refId": f"variable-{self.name}"},
            "refresh": 2,
            "regex": "",
            "sort": 1,
            "type": "query",
        }


@dataclass(frozen=True)
class Dashboard:
    """`marker`: a metric that every target of this dashboard's job has; the variables `job` and `instance` are made of it."""

    uid: str
    title: str
    description: str
    rows: Sequence[Row]
    marker: str = "build_info"
    variables: Sequence[Variable] = ()
    time: str = "now-6h"
    extra_tags: Sequence[str] = field(default_factory=tuple)

    def place(self) -> list[Json]:
        """The panels with their places and numbers, row by row."""
        placed: list[Json] = []
        y = 0
        for row in self.rows:
            placed.append(_row_header(row.title, len(placed) + 1, y))
            y += 1
            x = line = 0
            for panel in row.panels:
                if x + panel.w > COLUMNS:
                    x, y, line = 0, y + line, 0
                placed.append(panel.to_json(len(placed) + 1, x, y))
                x += panel.w
                line = max(line, panel.h)
            y += line
        return placed

    def all_variables(self) -> list[Json]:
        """The data sources, then job and instance, then the dashboard's own."""
        chosen = 'job=~"$job"'
        # Not All by itself: that would count every target of Prometheus in `up` and `process_*`.
        job = settings.JOB if self.uid in settings.OF_SERVICE else settings.BROKER_JOB
        common = [
            Variable("job", "Job", f"label_values({self.marker}, job)", "The scrape job of Prometheus.", job),
            Variable(
                "instance", "Instance", f"label_values({self.marker}{{{chosen}}}, instance)", "One or more processes."
            ),
        ]
        sources = [_source(kind, label) for kind, label in settings.DATASOURCES.items()]
        return sources + [variable.to_json() for variable in (*common, *self.variables)]

    def links(self) -> list[Json]:
        """One link to each of the other dashboards, then the runbooks."""
        links = [self._link_to(uid) for uid in settings.TITLES if uid != self.uid]
        links.append(_link("Runbooks", settings.RUNBOOK_URL, icon="doc", blank=True))
        return links

    def _link_to(self, uid: str) -> Json:
        # The job of the brokers is not the job of the service: no choice is carried to them or from them.
        same = uid in settings.OF_SERVICE and self.uid in settings.OF_SERVICE
        url = f"/d/{uid}" if same else f"/d/{uid}?var-prometheus=${{prometheus}}"
        return _link(settings.TITLES[uid], url, variables=same, time=True)

    def to_json(self) -> Json:
        """The whole dashboard, as Grafana imports it."""
        return {
            "annotations": {"list": [_built_in(), *_deploys(self.marker)]},
            "description": self.description,
            "editable": False,
            "fiscalYearStartMonth": 0,
            "graphTooltip": 1,
            "id": None,
            "links": self.links(),
            "liveNow": False,
            "panels": self.place(),
            "refresh": "30s",
            "schemaVersion": 39,
            "tags": ["todo", "generated", *self.extra_tags],
            "templating": {"list": self.all_variables()},
            "time": {"from": self.time, "to": "now"},
            "timepicker": {"refresh_intervals": ["10s", "30s", "1m", "5m", "15m"]},
            "timezone": "browser",
            "title": self.title,
            "uid": self.uid,
            "version": 1,
            "weekStart": "",
        }

    def text(self) -> str:
        """The file: the same bytes for the same dashboard."""
        return json.dumps(self.to_json(), indent=2, ensure_ascii=False) + "\n"


def _row_header(title: str, number: int, y: int) -> Json:
    place = {"h": 1, "w": COLUMNS, "x": 0, "y": y}
    return {"id": number, "type": "row", "title": title, "collapsed": False, "gridPos": place, "panels": []}


def _source(kind: str, label: str) -> Json:
    return {
        "current": {"selected": False, "text": label, "value": kind},
        "hide": 0,
        "includeAll": False,
        "label": label,
        "multi": False,
        "name": kind,
        "options": [],
        "query": kind,
        "refresh": 1,
        "regex": "",
        "type": "datasource",
    }


def _link(
    title: str, url: str, *, icon: str = "dashboard", blank: bool = False, variables: bool = False, time: bool = False
) -> Json:
    return {
        "asDropdown": False,
        "icon": icon,
        "includeVars": variables,
        "keepTime": time,
        "tags": [],
        "targetBlank": blank,
        "title": title,
        "tooltip": "",
        "type": "link",
        "url": url,
    }


def _built_in() -> Json:
    return {
        "builtIn": 1,
        "datasource": {"type": "grafana", "uid": "-- Grafana --"},
        "enable": True,
        "hide": True,
        "iconColor": "rgba(0, 211, 255, 1)",
        "name": "Annotations & Alerts",
        "type": "dashboard",
    }


def _annotation(name: str, expr: str, title: str, text: str, color: str) -> Json:
    return {
        "datasource": {"type": "prometheus", "uid": "${prometheus}"},
        "enable": True,
        "expr": expr,
        "hide": False,
        "iconColor": color,
        "name": name,
        "step": "60s",
        "tagKeys": "version,instance",
        "textFormat": text,
        "titleFormat": title,
        "useValueForTime": False,
    }


def _deploys(marker: str) -> list[Json]:
    """New versions, and processes that started again. With the brokers only the latter: they have no version here."""
    start = f"process_start_time_seconds{{{J}}}"
    restarts = _annotation("Restarts", f"changes({start}[5m]) > 0", "Restart", "{{instance}} started again", "orange")
    if marker != "build_info":
        return [restarts]
    now = f"count by (version) (build_info{{{J}}})"
    before = f"count by (version) (build_info{{{J}}} offset 5m)"
    return [
        _annotation("Deploys", f"{now} unless on (version) {before}", "Deploy", "Version {{version}}", "blue"),
        restarts,
    ]
