"""Which metrics there are. The one place that knows where the list comes from."""

from __future__ import annotations

import re
import tomllib
from functools import cache

from . import settings

CATALOGUE = settings.FOLDER / "catalogue.yaml"
MORE = settings.FOLDER / "more-metrics.toml"
README = settings.REPOSITORY / "README.md"

_HISTOGRAM = re.compile(r"(duration|delay|wait_time|lateness)_seconds$")
_PARTS = ("_bucket", "_count", "_sum")


@cache
def known() -> dict[str, str]:
    """Each metric and its type: counter, gauge, histogram. Those that recording rules make are gauges."""
    more = tomllib.loads(MORE.read_text("utf-8"))
    service = _catalogue() if CATALOGUE.exists() else {**_readme(), **more["service"]}
    return {**service, **more["brokers"], **more["prometheus"], **_recorded()}


def kind(name: str) -> str:
    """The type of what a selector names, or nothing where there is no such metric. A part of a histogram is a counter."""
    metrics = known()
    if name in metrics:
        return "" if metrics[name] == "histogram" else metrics[name]
    for part in _PARTS:
        if name.endswith(part) and metrics.get(name.removesuffix(part)) == "histogram":
            return "counter"
    return ""


def guess(name: str) -> str:
    """The type by the name, where the list does not tell it."""
    if name.endswith("_total"):
        return "counter"
    return "histogram" if _HISTOGRAM.search(name) else "gauge"


def _readme() -> dict[str, str]:
    text = README.read_text("utf-8").split("<!-- metrics -->")[1].split("<!-- /metrics -->")[0]
    return {name: guess(name) for name in re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE)}


def _catalogue() -> dict[str, str]:
    """Reads what it needs of the YAML: a `name:` (or a key that is a name) and the `type:` or `kind:` beside or below it."""
    found: dict[str, str] = {}
    last = ""
    for line in CATALOGUE.read_text("utf-8").splitlines():
        name = re.search(r"(?:^|[\s{,])name: *['\"]?([a-z][a-z0-9_]*)", line)
        name = name or re.match(r" {0,2}([a-z0-9]+_[a-z0-9_]+): *$", line)
        if name:
            last = name.group(1)
            found[last] = guess(last)
        told = re.search(r"(?:type|kind|instrument): *['\"]?(counter|gauge|histogram)\b", line)
        if told and last:
            found[last] = told.group(1)
    return found


def _recorded() -> dict[str, str]:
    names: dict[str, str] = {}
    for file in sorted(settings.RULES.glob("*.yml")):
        for name in re.findall(r"^\s*- record: *(\S+)", file.read_text("utf-8"), re.MULTILINE):
            names[name] = "gauge"
    return names
