"""Values of labels: those that alerts and panels name must be ones that the program gives."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator, Sequence
from functools import cache

from . import catalogue, promql
from .alerts import Rule, family
from .linting import Board, title

# What an alert tells somebody to do about each value: "`publish`, `producer`: look at Kafka. `lease`: …".
_TOLD = re.compile(r"`([a-z_]+)`(?=(?:, `[a-z_]+`)*:)")


@cache
def _values() -> dict[str, dict[str, tuple[frozenset[str], str]]]:
    """Of each metric, of each label: all values, or the pattern of them."""
    text = tomllib.loads(catalogue.CATALOGUE.read_text("utf-8"))
    found: dict[str, dict[str, tuple[frozenset[str], str]]] = {}
    for metric in text["metric"]:
        labels = found.setdefault(family(metric["name"]), {})
        for label, allowed in metric.get("labels", {}).items():
            named = text["values"][allowed] if isinstance(allowed, str) else {"all": allowed}
            labels[label] = frozenset(named.get("all", [])), named.get("pattern", "")
    return found


def _never(expr: str) -> Iterator[str]:
    """The matchers of an expression that no series of the program fits, or that exclude what there is not."""
    for node, _ in promql.walk(promql.parse(expr)):
        if not isinstance(node, promql.Selector):
            continue
        for label, sign, value in node.matchers:
            known, pattern = _values().get(family(node.name), {}).get(label, (frozenset(), ""))
            # Of an expression only the plain form `one|other` is looked at.
            words = value.split("|") if "~" in sign and re.fullmatch(r"[\w|-]+", value) else [value]
            if ("~" in sign and words == [value] and not re.fullmatch(r"[\w-]+", value)) or not (known or pattern):
                continue
            for word in words:
                if word not in known and not (pattern and re.search(pattern, word)):
                    yield f'{node.name}{{{label}{sign}"{value}"}}: `{word}` is no {label} of it'


def unknown(rules: Sequence[Rule], boards: Iterable[Board]) -> list[str]:
    """A sentence for each value that an alert or a panel names and the catalogue does not know."""
    wrong = [f"{rule.name}: {never} [values]" for rule in rules for never in _never(rule.expr)]
    for board in boards:
        for target, _ in board.parsed():
            wrong += [f"{board.uid}, panel '{title(target.panel)}': {never} [values]" for never in _never(target.expr)]
    for rule in rules:
        families = {family(name) for name in re.findall(r"[a-z_:]+", rule.expr)}
        known = {
            word for name in families for words, _ in _values().get(name, {}).values() for word in words
        }
        wrong += [
            f"{rule.name}: it tells what to do about `{word}`, which no label of its metrics is [values]"
            for word in _TOLD.findall(rule.annotations)
            if word not in known
        ]
    return wrong
