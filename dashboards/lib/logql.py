"""What a linter needs of LogQL: whether it can be right, and the ranges that it uses."""

from __future__ import annotations

import re
from collections.abc import Iterator

STAGES = frozenset("json logfmt pattern regexp unpack decolorize line_format label_format drop keep unwrap".split())

_STRING = re.compile(r'"(?:[^"\\]|\\.)*"|`[^`]*`')
_SELECTOR = re.compile(r"\{\s*\w+\s*(?:=~|!~|!=|=)\s*\"\"(?:\s*,\s*\w+\s*(?:=~|!~|!=|=)\s*\"\")*\s*\}")
_MATCHER = re.compile(r'\b(\w+)\s*(=~|!~|!=|=)\s*("(?:[^"\\]|\\.)*"|`[^`]*`)')
# As tracing-loki labels the lines that the service copies.
_LEVELS = ("trace", "debug", "info", "warn", "error")
_PAIRS = {")": "(", "]": "[", "}": "{"}


class Wrong(ValueError):
    """The text is no LogQL."""


def check(text: str) -> None:
    """Raises `Wrong` where the text cannot be LogQL."""
    bare = _STRING.sub('""', text)
    if '"' in bare.replace('""', "") or "`" in bare:
        raise Wrong("a string does not end")
    _balanced(bare)
    if not _SELECTOR.search(bare):
        raise Wrong('there is no stream selector such as {service_name="todo"}')
    # A pipe begins a stage (a name), a filter of labels (a name with a comparison), or a filter of lines (|= |~).
    for stage in re.finditer(r"\|(?![=~|])\s*(\w*)\s*(\S?)", bare):
        word, after = stage.groups()
        if word not in STAGES and after not in ("=", "!", ">", "<"):
            raise Wrong(f"`| {word}` is no stage")


def _balanced(text: str) -> None:
    open_: list[str] = []
    for sign in text:
        if sign in _PAIRS.values():
            open_.append(sign)
        elif sign in _PAIRS and (not open_ or open_.pop() != _PAIRS[sign]):
            raise Wrong(f"`{sign}` closes nothing")
    if open_:
        raise Wrong(f"`{open_[-1]}` is not closed")


def finds_nothing(text: str) -> Iterator[str]:
    """A sentence for each filter that no line of the service passes.

    A line in Loki has its level as a label in small letters, and its target as the field `_target`; only what a collector
    takes from standard output has a level in capitals and a `target`.
    """
    matchers = _MATCHER.findall(text)
    for name, sign, quoted in matchers:
        if name == "level" and not _is_level(sign, quoted[1:-1]):
            yield f"`level{sign}{quoted}`: in Loki a level is written as {', '.join(_LEVELS)}"
    names = {name for name, _, _ in matchers}
    if "target" in names and "_target" not in names:
        yield "`target`: in Loki it is called `_target`"


def _is_level(sign: str, wanted: str) -> bool:
    """Whether it names a level, and every level that it names is named as Loki has it."""
    if "~" not in sign:
        return wanted in _LEVELS
    small = [level for level in _LEVELS if re.fullmatch(wanted, level)]
    meant = [level for level in _LEVELS if re.fullmatch(wanted.removeprefix("(?i)"), level, re.IGNORECASE)]
    return bool(small) and small == meant


def in_text(text: str) -> list[str]:
    """The searches in a page of Markdown: those in fences and those within a line."""
    # Three backquotes are an odd number as well as one, so what stands in any of them has an odd place.
    quoted = text.split("`")[1::2]
    return [search.removeprefix("logql\n") for search in quoted if re.search(r"\{\s*service_name\s*=", search)]


def ranges(text: str) -> list[str]:
    """The ranges in square brackets."""
    return re.findall(r"\[([^\]]+)\]", _STRING.sub('""', text))
