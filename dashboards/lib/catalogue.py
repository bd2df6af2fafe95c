"""Which metrics there are. The one place that knows where the list comes from."""

from __future__ import annotations

import re
import tomllib
from functools import cache

from . import settings

CATALOGUE = settings.FOLDER / "catalogue.toml"
MORE = settings.FOLDER / "more-metrics.toml"

_PARTS = ("_bucket", "_count", "_sum")


@cache
def known() -> dict[str, str]:
    """Each metric and its type: counter, gauge, histogram. Those that recording rules make are gauges."""
    more = tomllib.loads(MORE.read_text("utf-8"))
    return {**_catalogue(), **more["brokers"], **more["prometheus"], **_recorded()}


def kind(name: str) -> str:
    """The type of what a selector names, or nothing where there is no such metric. A part of a histogram is a counter."""
    metrics = known()
    if name in metrics:
        return "" if metrics[name] == "histogram" else metrics[name]
    for part in _PARTS:
        if name.endswith(part) and metrics.get(name.removesuffix(part)) == "histogram":
            return "counter"
    return ""


def _catalogue() -> dict[str, str]:
    return {metric["name"]: metric["type"] for metric in tomllib.loads(CATALOGUE.read_text("utf-8"))["metric"]}


def _recorded() -> dict[str, str]:
    names: dict[str, str] = {}
    for file in sorted(settings.RULES.glob("*.yml")):
        for name in re.findall(r"^\s*- record: *(\S+)", file.read_text("utf-8"), re.MULTILINE):
            names[name] = "gauge"
    return names
