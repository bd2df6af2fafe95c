"""Small sketches of what a panel draws. They show the kind of the panel, never figures: the shapes are made of its title."""

from __future__ import annotations

import math
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from xml.sax.saxutils import escape

Json = dict[str, Any]

INK, SOFT, LINE, PAPER = "#2b3440", "#6b7684", "#d5dbe3", "#ffffff"
GREEN, AMBER, RED = "#3d9a50", "#d9a400", "#d0443e"
SERIES = ["#3b7dd8", "#e08a1e", "#3d9a50", "#9467bd", "#c94f6d", "#2a9d9d", "#8c6d46", "#7f8894"]
NARROW, WIDE = "iljtfrI.,:;'|!()[] ", "mwMW%@"
NAMED = {"green": GREEN, "yellow": AMBER, "orange": "#e08a1e", "red": RED, "blue": SERIES[0], "text": SOFT}


@dataclass(frozen=True)
class Box:
    """Where a sketch goes, in pixels."""

    x: float
    y: float
    w: float
    h: float


class Noise:
    """A row of numbers from 0 to 1 that is the same for the same title, on every machine."""

    def __init__(self, seed: str) -> None:
        self.state = zlib.crc32(seed.encode()) or 1

    def next(self) -> float:
        """The next one: a linear congruential generator (the constants of Numerical Recipes)."""
        self.state = (self.state * 1664525 + 1013904223) % 2**32
        return self.state / 2**32


def width(text: str, size: float, bold: bool = False) -> float:
    """About how wide a text is in a wide sans-serif font."""
    narrow = sum(0.36 for sign in text if sign in NARROW)
    wide = sum(0.92 for sign in text if sign in WIDE)
    others = sum(0.63 for sign in text if sign not in NARROW + WIDE)
    return (narrow + wide + others) * size * (1.12 if bold else 1)


def text(x: float, y: float, words: str, size: float, fill: str = INK, *, room: float = 1e9, extra: str = "") -> str:
    """A line of text, cut off with an ellipsis where there is no room."""
    shown = words
    bold = "font-weight" in extra
    while shown and width(shown + ("…" if shown != words else ""), size, bold) > room:
        shown = shown[:-1]
    if shown != words:
        shown = shown.rstrip() + "…"
    return f'<text x="{x:g}" y="{y:g}" font-size="{size:g}" fill="{fill}"{extra}>{escape(shown)}</text>'


def rect(x: float, y: float, wide: float, high: float, fill: str, opacity: float) -> str:
    """A filled rectangle."""
    size = f'width="{wide:.1f}" height="{high:.1f}"'
    return f'<rect x="{x:g}" y="{y:.1f}" {size} fill="{fill}" fill-opacity="{opacity:.2f}"/>'


def _curve(noise: Noise, box: Box, level: float, swing: float, points: int = 36) -> list[tuple[float, float]]:
    phase, speed = noise.next() * 6.3, 1 + noise.next() * 2
    found = []
    for i in range(points):
        share = i / (points - 1)
        value = level + swing * math.sin(phase + speed * share * 6.3) + swing * 0.5 * (noise.next() - 0.5)
        found.append((round(box.x + share * box.w, 1), round(box.y + box.h * (1 - min(max(value, 0.02), 0.98)), 1)))
    return found


def _path(points: Sequence[tuple[float, float]]) -> str:
    return "M" + " L".join(f"{x:g} {y:g}" for x, y in points)


def _axes(box: Box) -> list[str]:
    lines = []
    for i in range(4):
        y = round(box.y + box.h * i / 3, 1)
        lines.append(f'<path d="M{box.x:g} {y:g}H{box.x + box.w:g}" stroke="{LINE}" stroke-width="1"/>')
    return lines


def lines(panel: Json, box: Box, count: int) -> list[str]:
    """Lines, areas or bars, and the bounds of the thresholds as dashed lines."""
    noise = Noise(panel["title"])
    custom = panel["fieldConfig"]["defaults"]["custom"]
    stacked, bars = custom["stacking"]["mode"] == "normal", custom["drawStyle"] == "bars"
    drawn = _axes(box)
    for i in range(count):
        color = SERIES[i % len(SERIES)]
        level = 0.2 + 0.5 * (count - i) / (count + 1)
        if bars:
            drawn += _bars(noise, box, level, color, i, 1 if stacked else count)
            continue
        points = _curve(noise, box, level, 0.1)
        floor = box.y + box.h
        if stacked:
            area = _path([*points, (box.x + box.w, floor), (box.x, floor)])
            drawn.append(f'<path d="{area}Z" fill="{color}" fill-opacity="0.25"/>')
        drawn.append(f'<path d="{_path(points)}" fill="none" stroke="{color}" stroke-width="1.6"/>')
    if custom["thresholdsStyle"]["mode"] == "dashed":
        drawn += _bounds(panel, box)
    if any(target.get("exemplar") for target in panel["targets"]):
        drawn += _exemplars(noise, box)
    return drawn


def _bars(noise: Noise, box: Box, level: float, color: str, place: int, beside: int) -> list[str]:
    slots = 18
    wide = box.w / slots * 0.7 / beside
    drawn = []
    for i in range(slots):
        high = round(box.h * level * (0.4 + 0.6 * noise.next()), 1)
        x = round(box.x + box.w * i / slots + (wide * place if beside > 1 else 0), 1)
        drawn.append(rect(x, box.y + box.h - high, wide, high, color, 0.7))
    return drawn


def _bounds(panel: Json, box: Box) -> list[str]:
    steps = [step for step in panel["fieldConfig"]["defaults"]["thresholds"]["steps"] if step["value"] is not None]
    drawn = []
    for i, step in enumerate(steps):
        y = round(box.y + box.h * (0.34 - 0.26 * (i + 1) / len(steps)), 1)
        color = NAMED.get(step["color"], SOFT)
        drawn.append(
            f'<path d="M{box.x:g} {y:g}H{box.x + box.w:g}" stroke="{color}" stroke-width="1.2" stroke-dasharray="6 4"/>'
        )
    return drawn


def _exemplars(noise: Noise, box: Box) -> list[str]:
    drawn = []
    for _ in range(5):
        x, y = round(box.x + box.w * noise.next(), 1), round(box.y + box.h * (0.25 + 0.6 * noise.next()), 1)
        drawn.append(
            f'<path d="M{x:g} {y - 4:g}l4 4-4 4-4-4z" fill="{PAPER}" stroke="{SERIES[3]}" stroke-width="1.3"/>'
        )
    return drawn


def cells(panel: Json, box: Box) -> list[str]:
    """A heatmap: a band of dark cells with some others above."""
    noise = Noise(panel["title"])
    rows, columns = 9, max(16, int(box.w / 15))
    wide, high = box.w / columns, box.h / rows
    drawn = []
    for column in range(columns):
        middle = 5.6 + 0.9 * math.sin(column / 5) + noise.next() * 0.5
        for row in range(rows):
            share = max(0.0, 1 - abs(row - middle) / 2.4) ** 1.5 * (0.6 + 0.4 * noise.next())
            if row < middle - 2 and noise.next() < 0.07:
                share = 0.18
            if share > 0.04:
                x, y = round(box.x + column * wide, 1), round(box.y + row * high, 1)
                drawn.append(rect(x, y, wide - 1, high - 1, "#b5305f", share))
    return drawn + _exemplars(noise, box)


def figure(panel: Json, box: Box) -> list[str]:
    """A stat: a place for a figure in the colour of the first step, and a small hill where it has one."""
    options, steps = panel["options"], panel["fieldConfig"]["defaults"]["thresholds"]["steps"]
    good = next((step["color"] for step in steps if step["color"] == "green"), steps[0]["color"])
    color = NAMED.get(good, SOFT)
    drawn = []
    if options["graphMode"] == "area":
        low = Box(box.x, box.y + box.h * 0.55, box.w, box.h * 0.45)
        points = _curve(Noise(panel["title"]), low, 0.5, 0.2)
        area = _path([*points, (low.x + low.w, low.y + low.h), (low.x, low.y + low.h)])
        drawn.append(f'<path d="{area}Z" fill="{color}" fill-opacity="0.14"/>')
    middle, size = box.x + box.w / 2, min(26.0, box.h * 0.5)
    words = "‹version›" if options["textMode"] == "name" else "––"
    style = ' text-anchor="middle" font-weight="600"'
    drawn.append(text(middle, round(box.y + box.h * 0.5 + size * 0.3, 1), words, size, color, extra=style))
    return drawn


def rows(panel: Json, box: Box) -> list[str]:
    """A table: the real names of its columns, and grey bars for what stands in them."""
    names = _columns(panel)
    noise = Noise(panel["title"])
    first = 0.32 if len(names) < 6 else 0.14
    rest = (1 - first) / max(1, len(names) - 1)
    places = [box.x + box.w * (0 if i == 0 else first + rest * (i - 1)) for i in range(len(names))]
    bold = ' font-weight="600"'
    drawn = [
        text(round(place, 1), box.y + 10, name, 11, SOFT, extra=bold) for place, name in zip(places, names, strict=True)
    ]
    drawn.append(f'<path d="M{box.x:g} {box.y + 17:g}H{box.x + box.w:g}" stroke="{LINE}" stroke-width="1.5"/>')
    y = box.y + 27
    while y < box.y + box.h - 6:
        for i, place in enumerate(places):
            wide = box.w * (first if i == 0 else rest) * (0.3 + 0.5 * noise.next())
            drawn.append(f'<rect x="{place:.1f}" y="{y:g}" width="{wide:.1f}" height="7" rx="3.5" fill="{LINE}"/>')
        y += 19
    return drawn


def _columns(panel: Json) -> list[str]:
    for change in panel.get("transformations", []):
        if change["id"] == "organize" and change["options"]["renameByName"]:
            renamed = change["options"]["renameByName"]
            return [renamed[name] for name in sorted(renamed, key=change["options"]["indexByName"].__getitem__)]
        if change["id"] == "filterFieldsByName":
            return list(change["options"]["include"]["names"])
    return ["Name", "Value"]


def log_lines(panel: Json, box: Box) -> list[str]:
    """Log lines: the bar of the level, the time, the words."""
    noise = Noise(panel["title"])
    drawn = []
    y = box.y + 4
    while y < box.y + box.h - 6:
        color = RED if noise.next() < 0.4 else AMBER
        wide = (box.w - 130) * (0.3 + 0.65 * noise.next())
        drawn.append(f'<rect x="{box.x:g}" y="{y - 3:g}" width="3" height="13" fill="{color}"/>')
        drawn.append(f'<rect x="{box.x + 10:g}" y="{y:g}" width="96" height="7" rx="3.5" fill="{LINE}"/>')
        drawn.append(f'<rect x="{box.x + 118:g}" y="{y:g}" width="{wide:.1f}" height="7" rx="3.5" fill="#c3cbd6"/>')
        y += 19
    return drawn


def gauges(panel: Json, box: Box) -> list[str]:
    """Bars from left to right."""
    noise = Noise(panel["title"])
    drawn = []
    count = 5
    for i in range(count):
        y = round(box.y + box.h * i / count + 4, 1)
        high = round(box.h / count - 10, 1)
        drawn.append(f'<rect x="{box.x:g}" y="{y:g}" width="{box.w:g}" height="{high:g}" rx="3" fill="#eef1f5"/>')
        wide = round(box.w * (0.2 + 0.7 * noise.next()), 1)
        drawn.append(rect(box.x, y, wide, high, SERIES[0], 0.75))
    return drawn
