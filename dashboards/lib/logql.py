"""What a linter needs of LogQL: whether it can be right, and the ranges that it uses."""

from __future__ import annotations

import re

STAGES = frozenset("json logfmt pattern regexp unpack decolorize line_format label_format drop keep unwrap".split())

_STRING = re.compile(r'"(?:[^"\\]|\\.)*"|`[^`]*`')
_SELECTOR = re.compile(r"\{\s*\w+\s*(?:=~|!~|!=|=)\s*\"\"(?:\s*,\s*\w+\s*(?:=~|!~|!=|=)\s*\"\")*\s*\}")
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


def ranges(text: str) -> list[str]:
    """The ranges in square brackets."""
    return re.findall(r"\[([^\]]+)\]", _STRING.sub('""', text))
