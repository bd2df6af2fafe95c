"""Panels in Grafana's JSON. Each function makes one kind; what they have in common is in `Panel`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from .links import Link

Json = dict[str, Any]

GREEN, YELLOW, ORANGE, RED, BLUE, GREY = "green", "yellow", "orange", "red", "blue", "text"
PLUGIN = "11.6.0"


@dataclass(frozen=True)
class Query:
    """One target of a panel.

    `needs`: the optional part of the installation without which there is no data (kafka, tls, redis,
    loki, jmx; rules are the recording rules, probe is the synthetic probe).
    `may_be_empty`: why an empty answer is all right, for what cannot be written so that it shows 0.
    """

    expr: str
    legend: str = ""
    source: str = "prometheus"
    format: str = "time_series"
    instant: bool = False
    exemplar: bool = False
    needs: str = ""
    may_be_empty: str = ""

    def to_json(self, ref: str) -> Json:
        """Grafana's form."""
        target: Json = {
            "datasource": {"type": self.source, "uid": f"${{{self.source}}}"},
            "editorMode": "code",
            "expr": self.expr,
            "legendFormat": self.legend or "__auto",
            "refId": ref,
        }
        if self.source == "loki":
            return {**target, "queryType": "instant" if self.instant else "range"}
        return {
            **target,
            "exemplar": self.exemplar,
            "format": self.format,
            "instant": self.instant,
            "range": not self.instant,
        }


@dataclass(frozen=True)
class About:
    """What everybody asks of a panel at three in the morning."""

    what: str
    normal: str
    do: str

    def text(self) -> str:
        """The description, in Markdown."""
        return f"{self.what}\n\n**Normal:** {self.normal}\n\n**What to do:** {self.do}"


@dataclass(frozen=True)
class Panel:
    """A panel without its place: the row gives it that."""

    kind: str
    title: str
    about: About
    queries: Sequence[Query]
    links: Sequence[Link]
    w: int
    h: int
    defaults: Json = field(default_factory=dict)
    options: Json = field(default_factory=dict)
    overrides: Sequence[Json] = ()
    transformations: Sequence[Json] = ()

    def to_json(self, number: int, x: int, y: int) -> Json:
        """Grafana's form, at this place."""
        source = self.queries[0].source
        point = [link.to_json() for link in self.links if link.point]
        defaults = {**self.defaults, "links": point} if point else dict(self.defaults)
        panel: Json = {
            "id": number,
            "type": self.kind,
            "title": self.title,
            "description": self.about.text(),
            "datasource": {"type": source, "uid": f"${{{source}}}"},
            "gridPos": {"h": self.h, "w": self.w, "x": x, "y": y},
            "fieldConfig": {"defaults": defaults, "overrides": list(self.overrides)},
            "links": [link.to_json() for link in self.links if not link.point],
            "options": self.options,
            "pluginVersion": PLUGIN,
            "targets": [query.to_json(chr(ord("A") + i)) for i, query in enumerate(self.queries)],
        }
        if self.transformations:
            panel["transformations"] = list(self.transformations)
        return panel

    def needing(self, part: str) -> Panel:
        """The same, of which every query needs this part of the installation."""
        return replace(self, queries=[replace(query, needs=part) for query in self.queries])


def steps(*colors: tuple[float | None, str]) -> Json:
    """Thresholds: the first one has no bound."""
    return {"mode": "absolute", "steps": [{"color": color, "value": bound} for bound, color in colors]}


def high(warn: float, bad: float) -> Json:
    """The more, the worse."""
    return steps((None, GREEN), (warn, YELLOW), (bad, RED))


def low(bad: float, warn: float) -> Json:
    """The less, the worse: red below the first bound, yellow below the second."""
    return steps((None, RED), (bad, YELLOW), (warn, GREEN))


def any_is_bad() -> Json:
    """0 is good and all else is not."""
    return steps((None, GREEN), (1, RED))


def none() -> Json:
    """No judgement, only a figure."""
    return steps((None, BLUE))


def by_name(name: str, **properties: Any) -> Json:
    """An override for the field of this name; in the names of properties `__` stands for a dot."""
    return _override("byName", name, properties)


def by_pattern(pattern: str, **properties: Any) -> Json:
    """An override for the fields whose name matches."""
    return _override("byRegexp", f"/{pattern}/", properties)


def _override(matcher: str, option: str, properties: Json) -> Json:
    values = [{"id": name.replace("__", "."), "value": value} for name, value in properties.items()]
    return {"matcher": {"id": matcher, "options": option}, "properties": values}


def color(name: str) -> Json:
    """A fixed colour, as the value of an override."""
    return {"mode": "fixed", "fixedColor": name}


STATUS_COLORS = [
    by_pattern("^2", color=color(GREEN)),
    by_pattern("^3", color=color(BLUE)),
    by_pattern("^4", color=color(ORANGE)),
    by_pattern("^5", color=color(RED)),
]


def timeseries(
    title: str,
    unit: str,
    about: About,
    queries: Sequence[Query],
    links: Sequence[Link],
    *,
    w: int = 8,
    h: int = 8,
    thresholds: Json | None = None,
    stack: bool = False,
    bars: bool = False,
    top: float | None = None,
    decimals: int | None = None,
    overrides: Sequence[Json] = (),
) -> Panel:
    """Lines over time. With thresholds their bounds are drawn as dashed lines."""
    custom: Json = {
        "drawStyle": "bars" if bars else "line",
        "fillOpacity": 60 if bars else 25 if stack else 8,
        "lineWidth": 1,
        "showPoints": "never",
        "spanNulls": False,
        "stacking": {"group": "A", "mode": "normal" if stack else "none"},
        "thresholdsStyle": {"mode": "dashed" if thresholds else "off"},
    }
    defaults: Json = {
        "color": {"mode": "palette-classic"},
        "custom": custom,
        "min": 0,
        "thresholds": thresholds or none(),
        "unit": unit,
    }
    if top is not None:
        defaults["max"] = top
    if decimals is not None:
        defaults["decimals"] = decimals
    many = w >= 12
    legend: Json = {
        "calcs": ["mean", "max", "lastNotNull"] if many else ["max", "lastNotNull"],
        "displayMode": "table",
        "placement": "right" if w >= 24 else "bottom",
        "showLegend": True,
        "sortBy": "Last *",
        "sortDesc": True,
    }
    options = {"legend": legend, "tooltip": {"mode": "multi", "sort": "desc"}}
    return Panel("timeseries", title, about, queries, links, w, h, defaults, options, overrides)


def stat(
    title: str,
    unit: str,
    about: About,
    queries: Sequence[Query],
    links: Sequence[Link],
    *,
    w: int = 4,
    h: int = 4,
    thresholds: Json | None = None,
    decimals: int | None = None,
    name: bool = False,
    spark: bool = True,
) -> Panel:
    """One figure, coloured by its thresholds. With `name` the legend is shown and not the value."""
    defaults: Json = {"color": {"mode": "thresholds"}, "thresholds": thresholds or none(), "unit": unit}
    if decimals is not None:
        defaults["decimals"] = decimals
    options: Json = {
        "colorMode": "value",
        "graphMode": "area" if spark and not name else "none",
        "justifyMode": "center",
        "orientation": "auto",
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
        "textMode": "name" if name else "auto",
        "wideLayout": True,
    }
    return Panel("stat", title, about, queries, links, w, h, defaults, options)


def bargauge(
    title: str,
    unit: str,
    about: About,
    queries: Sequence[Query],
    links: Sequence[Link],
    *,
    w: int = 8,
    h: int = 8,
    thresholds: Json | None = None,
    top: float | None = None,
    decimals: int | None = None,
) -> Panel:
    """A bar for each series, longest at the value `top`."""
    defaults: Json = {"color": {"mode": "thresholds"}, "min": 0, "thresholds": thresholds or none(), "unit": unit}
    if top is not None:
        defaults["max"] = top
    if decimals is not None:
        defaults["decimals"] = decimals
    options: Json = {
        "displayMode": "lcd",
        "orientation": "horizontal",
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
        "showUnfilled": True,
        "valueMode": "color",
    }
    return Panel("bargauge", title, about, queries, links, w, h, defaults, options)


def heatmap(
    title: str, unit: str, about: About, query: Query, links: Sequence[Link], *, w: int = 12, h: int = 8
) -> Panel:
    """How often each bucket of a histogram was hit. A point of an exemplar leads to its trace."""
    options: Json = {
        "calculate": False,
        "cellGap": 1,
        "color": {"exponent": 0.5, "mode": "scheme", "scale": "exponential", "scheme": "Spectral", "steps": 64},
        "exemplars": {"color": "rgba(255,0,255,0.7)"},
        "filterValues": {"le": 1e-09},
        "legend": {"show": True},
        "rowsFrame": {"layout": "auto"},
        "tooltip": {"mode": "single", "yHistogram": True},
        "yAxis": {"axisPlacement": "left", "reverse": False, "unit": unit},
    }
    query = replace(query, format="heatmap", legend="{{le}}", exemplar=True)
    return Panel("heatmap", title, about, [query], links, w, h, {"unit": unit}, options)


def table(
    title: str,
    about: About,
    columns: Sequence[tuple[str, str, Query]],
    links: Sequence[Link],
    *,
    label: str,
    label_title: str,
    sort: str,
    w: int = 24,
    h: int = 9,
    thresholds: dict[str, Json] | None = None,
    label_links: Sequence[Link] = (),
) -> Panel:
    """A row for each value of a label, a column (title, unit, query) for each query."""
    queries = [replace(query, format="table", instant=True) for _, _, query in columns]
    names = {f"Value #{chr(ord('A') + i)}": column for i, (column, _, _) in enumerate(columns)}
    organize: Json = {
        "excludeByName": {"Time": True},
        "indexByName": {label: 0, **{value: i + 1 for i, value in enumerate(names)}},
        "renameByName": {label: label_title, **names},
    }
    overrides = [by_name(label_title, custom__width=340, links=[link.to_json() for link in label_links])]
    for column, unit, _ in columns:
        properties: Json = {"unit": unit}
        if thresholds and column in thresholds:
            properties |= {"thresholds": thresholds[column], "custom__cellOptions": {"type": "color-text"}}
        overrides.append(by_name(column, **properties))
    options: Json = {"cellHeight": "sm", "showHeader": True, "sortBy": [{"desc": True, "displayName": sort}]}
    defaults: Json = {"custom": {"align": "auto", "filterable": True}, "thresholds": none(), "unit": columns[0][1]}
    changes = [{"id": "merge", "options": {}}, {"id": "organize", "options": organize}]
    return Panel("table", title, about, queries, links, w, h, defaults, options, overrides, changes)


def logs(title: str, about: About, query: Query, links: Sequence[Link], *, w: int = 24, h: int = 9) -> Panel:
    """Log lines. The data source makes a link to the trace of each trace_id (see provisioning/)."""
    options: Json = {
        "dedupStrategy": "none",
        "enableLogDetails": True,
        "prettifyLogMessage": False,
        "showCommonLabels": False,
        "showLabels": False,
        "showTime": True,
        "sortOrder": "Descending",
        "wrapLogMessage": True,
    }
    return Panel("logs", title, about, [replace(query, source="loki")], links, w, h, {}, options)


def log_table(
    title: str, about: About, query: Query, links: Sequence[Link], *, columns: Sequence[str], trace: Link, h: int = 8
) -> Panel:
    """Log lines as a table of the labels that `| json` makes; the cell of `trace_id` leads to the trace."""
    shown = {name: i + 1 for i, name in enumerate(columns)}
    changes: list[Json] = [
        {"id": "extractFields", "options": {"format": "json", "keepTime": True, "replace": True, "source": "labels"}},
        {"id": "filterFieldsByName", "options": {"include": {"names": ["Time", *columns]}}},
        {"id": "organize", "options": {"indexByName": {"Time": 0, **shown}, "renameByName": {}, "excludeByName": {}}},
    ]
    overrides = [
        by_name("trace_id", links=[trace.to_json()], custom__width=290),
        by_name("http_route", custom__width=280),
        by_name("Time", custom__width=180),
    ]
    defaults: Json = {"custom": {"align": "auto", "filterable": True}, "thresholds": none(), "unit": "string"}
    options: Json = {"cellHeight": "sm", "showHeader": True, "sortBy": [{"desc": True, "displayName": "Time"}]}
    queries = [replace(query, source="loki")]
    return Panel("table", title, about, queries, links, 24, h, defaults, options, overrides, changes)
