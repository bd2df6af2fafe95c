"""A drawing of a dashboard's layout as SVG. It is no screenshot, and says so: the panels are real, the curves are not."""

from __future__ import annotations

from typing import Any
from xml.sax.saxutils import escape

from . import glyphs
from .glyphs import INK, LINE, PAPER, SERIES, SOFT, Box, text

Json = dict[str, Any]

COLUMN, UNIT, GAP, MARGIN, HEAD = 50, 26, 8, 20, 96
WORDS = {
    "percentunit": "%",
    "percent": "%",
    "s": "seconds",
    "ms": "milliseconds",
    "reqps": "requests/s",
    "ops": "per second",
    "cps": "lines/s",
    "bytes": "bytes",
    "Bps": "bytes/s",
    "dtdurations": "time",
    "short": "",
    "none": "",
    "string": "",
}
KINDS = {
    "timeseries": "time series",
    "stat": "stat",
    "heatmap": "heatmap",
    "table": "table",
    "logs": "logs",
    "bargauge": "bar gauge",
}


def draw(dashboard: Json) -> str:
    """The SVG; the same bytes for the same dashboard."""
    panels = dashboard["panels"]
    rows = max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in panels)
    wide, high = COLUMN * 24 + 2 * MARGIN, rows * UNIT + HEAD + MARGIN
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide} {high}" width="{wide}" height="{high}" role="img" '
        f'font-family="DejaVu Sans, Verdana, Helvetica, Arial, sans-serif">',
        f"<title>Layout of the dashboard {escape(dashboard['title'])}</title>",
        f'<rect width="{wide}" height="{high}" fill="#f1f3f6"/>',
        *_head(dashboard, wide),
    ]
    for panel in panels:
        out += _row(panel) if panel["type"] == "row" else _panel(panel)
    return "\n".join([*out, "</svg>"]) + "\n"


def _head(dashboard: Json, wide: int) -> list[str]:
    note = "Drawing of the layout, made of the JSON. Not a screenshot: the curves are placeholders."
    out = [
        text(MARGIN, 32, dashboard["title"], 20, INK, extra=' font-weight="700"'),
        text(wide - MARGIN, 30, note, 11, SOFT, extra=' text-anchor="end" font-style="italic"'),
        text(MARGIN, 52, dashboard["description"], 12, SOFT, room=wide - 2 * MARGIN),
    ]
    x = float(MARGIN)
    for variable in dashboard["templating"]["list"]:
        value = variable["current"]["text"]
        value = value if isinstance(value, str) else value[0]
        x = _chip(out, x, variable["name"], value)
    x = float(wide - MARGIN)
    for link in reversed(dashboard["links"]):
        words = link["title"] + (" ↗" if link["targetBlank"] else "")
        x -= glyphs.width(words, 11) + 14
        out.append(text(x, 78, words, 11, SERIES[0]))
    return out


def _chip(out: list[str], x: float, name: str, value: str) -> float:
    """The box of a variable; where the next one begins."""
    left, right = glyphs.width(name, 11) + 14, glyphs.width(value, 11) + 14
    out.append(
        f'<rect x="{x:.1f}" y="64" width="{left + right:.1f}" height="21" rx="3" fill="{PAPER}" stroke="{LINE}"/>'
        f'<path d="M{x + left:.1f} 64v21" stroke="{LINE}"/>'
    )
    out.append(text(round(x + 7, 1), 78.5, name, 11, SOFT))
    out.append(text(round(x + left + 7, 1), 78.5, value, 11, INK))
    return x + left + right + 8


def _row(panel: Json) -> list[str]:
    y = HEAD + panel["gridPos"]["y"] * UNIT
    return [
        f'<path d="M{MARGIN + 2} {y + 9}l5 6 5-6z" fill="{SOFT}"/>',
        text(MARGIN + 20, y + 17, panel["title"], 13, INK, extra=' font-weight="700"'),
    ]


def _panel(panel: Json) -> list[str]:
    place = panel["gridPos"]
    x, y = MARGIN + place["x"] * COLUMN, HEAD + place["y"] * UNIT
    w, h = place["w"] * COLUMN - GAP, place["h"] * UNIT - GAP
    unit = WORDS.get(panel["fieldConfig"]["defaults"].get("unit", "none"), "")
    kind = _corner(panel["title"], KINDS[panel["type"]], unit, w - 30)
    room = w - 24 - glyphs.width(kind, 9.5)
    summary = panel["description"].split("\n")[0]
    out = [
        "<g>",
        f"<title>{escape(panel['title'])}: {escape(summary)}</title>",
        f'<rect x="{x}" y="{y}" width="{w}" height="{h}" rx="4" fill="{PAPER}" stroke="{LINE}"/>',
        text(x + 10, y + 18, panel["title"], 12, INK, room=room, extra=' font-weight="600"'),
        text(x + w - 9, y + 18, kind, 9.5, SOFT, extra=' text-anchor="end"'),
    ]
    inner = Box(x + 12, y + 30, w - 24, h - 40)
    return [*out, *_sketch(panel, inner), "</g>"]


def _corner(title: str, kind: str, unit: str, room: float) -> str:
    """What stands in the right corner: the kind and the unit, or as much of it as the title leaves room for."""
    left = room - glyphs.width(title, 12, bold=True)
    choices = (" · ".join(part for part in (kind, unit) if part), unit, "")
    return next(words for words in choices if not words or glyphs.width(words, 9.5) <= left)


def _sketch(panel: Json, box: Box) -> list[str]:
    kind = panel["type"]
    if kind == "timeseries":
        names = [target["legendFormat"] for target in panel["targets"]]
        upper = Box(box.x, box.y, box.w, box.h - 20)
        return [*glyphs.lines(panel, upper, len(names) if len(names) > 1 else _few(names[0])), *_legend(names, box)]
    sketches = {
        "stat": glyphs.figure,
        "heatmap": glyphs.cells,
        "table": glyphs.rows,
        "logs": glyphs.log_lines,
        "bargauge": glyphs.gauges,
    }
    return sketches[kind](panel, box)


def _few(name: str) -> int:
    """A query with a label in its legend has several lines."""
    return 3 if "{{" in name else 1


def _legend(names: list[str], box: Box) -> list[str]:
    out: list[str] = []
    x = box.x
    y = box.y + box.h
    for i, name in enumerate(names):
        shown = name.replace("{{", "‹").replace("}}", "›")
        room = box.x + box.w - x - 16
        if room < 24:
            break
        out.append(f'<rect x="{x:.1f}" y="{y - 7:g}" width="10" height="4" rx="2" fill="{SERIES[i % len(SERIES)]}"/>')
        out.append(text(round(x + 14, 1), y - 1, shown, 10, SOFT, room=room))
        x += glyphs.width(shown, 10) + 28
    return out
