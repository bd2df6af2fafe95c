"""A small parser for PromQL, so that the linter looks at selectors and functions and not at text.

It knows the whole grammar that dashboards use. What it cannot read raises `Wrong`. Grafana's variables are read as they
are: `[$__rate_interval]` is a range, `"$job"` a string.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

AGGREGATIONS = frozenset(
    "sum min max avg group stddev stdvar count count_values bottomk topk quantile limitk limit_ratio".split()
)
WITH_PARAMETER = frozenset("count_values bottomk topk quantile limitk limit_ratio".split())
# From the loosest to the tightest.
PRECEDENCE = [
    ["or"],
    ["and", "unless"],
    ["==", "!=", ">=", "<=", ">", "<"],
    ["+", "-"],
    ["*", "/", "%", "atan2"],
    ["^"],
]

_TOKEN = re.compile(
    r"""(?P<space>\s+|\#[^\n]*)
      | (?P<string>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|`[^`]*`)
      | (?P<duration>\d+(?:ms|[smhdwy])(?:\d+(?:ms|[smhdwy]))*\b|\$\w+|\$\{\w+\})
      | (?P<number>0x[0-9a-fA-F]+|(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?|\b(?:[Ii]nf|[Nn]a[Nn])\b)
      | (?P<name>[A-Za-z_:][A-Za-z0-9_:]*)
      | (?P<sign>=~|!~|!=|==|>=|<=|[-+*/%^()\[\]{},=<>@:])""",
    re.VERBOSE,
)


class Wrong(ValueError):
    """The text is no PromQL."""


@dataclass(frozen=True)
class Node:
    """An expression."""

    def children(self) -> list[Node]:
        """What it is made of."""
        return []


@dataclass(frozen=True)
class Literal(Node):
    """A number or a string."""

    text: str


@dataclass(frozen=True)
class Selector(Node):
    """`name{label="value"}`"""

    name: str
    matchers: tuple[tuple[str, str, str], ...]


@dataclass(frozen=True)
class Range(Node):
    """`inner[window]`, with a colon in the window for a subquery."""

    inner: Node
    window: str

    def children(self) -> list[Node]:
        return [self.inner]


@dataclass(frozen=True)
class Call(Node):
    """A function or an aggregation."""

    function: str
    arguments: tuple[Node, ...]
    labels: tuple[str, ...] = ()

    def children(self) -> list[Node]:
        return list(self.arguments)


@dataclass(frozen=True)
class Operation(Node):
    """Two sides and what is between them, or one side with a sign before it."""

    sign: str
    sides: tuple[Node, ...]

    def children(self) -> list[Node]:
        return list(self.sides)


def walk(node: Node, above: tuple[Node, ...] = ()) -> Iterator[tuple[Node, tuple[Node, ...]]]:
    """Each node with the nodes above it, the nearest first."""
    yield node, above
    for child in node.children():
        yield from walk(child, (node, *above))


def parse(text: str) -> Node:
    """The expression, or `Wrong`."""
    reader = _Reader(list(_tokens(text)))
    node = reader.expression(0)
    if reader.peek():
        raise Wrong(f"`{reader.peek()}` is not expected here")
    return node


def _tokens(text: str) -> Iterator[tuple[str, str]]:
    place = 0
    while place < len(text):
        found = _TOKEN.match(text, place)
        if not found:
            raise Wrong(f"`{text[place : place + 10]}` is no PromQL")
        place = found.end()
        if found.lastgroup != "space":
            yield found.lastgroup or "", found.group()


@dataclass
class _Reader:
    tokens: list[tuple[str, str]]
    place: int = field(default=0)

    def peek(self, ahead: int = 0) -> str:
        at = self.place + ahead
        return self.tokens[at][1] if at < len(self.tokens) else ""

    def kind(self) -> str:
        return self.tokens[self.place][0] if self.place < len(self.tokens) else ""

    def take(self, wanted: str = "") -> str:
        text = self.peek()
        if not text or (wanted and text != wanted):
            raise Wrong(f"`{wanted or 'something'}` is expected, not `{text or 'the end'}`")
        self.place += 1
        return text

    def expression(self, level: int) -> Node:
        """The operators of this level and of the tighter ones."""
        if level == len(PRECEDENCE):
            return self.unary()
        left = self.expression(level + 1)
        while self.peek().lower() in PRECEDENCE[level]:
            sign = self.take().lower()
            self.modifiers(sign)
            # `^` is the only one that groups to the right.
            left = Operation(sign, (left, self.expression(level if sign == "^" else level + 1)))
        return left

    def modifiers(self, sign: str) -> None:
        if self.peek() == "bool":
            if sign not in PRECEDENCE[2]:
                raise Wrong(f"`bool` does not go with `{sign}`")
            self.take()
        if self.peek() in ("on", "ignoring"):
            self.take()
            self.labels()
            if self.peek() in ("group_left", "group_right"):
                self.take()
                if self.peek() == "(":
                    self.labels()

    def labels(self) -> tuple[str, ...]:
        self.take("(")
        names: list[str] = []
        while self.peek() != ")":
            if self.kind() != "name":
                raise Wrong(f"`{self.peek()}` is no label")
            names.append(self.take())
            if self.peek() != ")":
                self.take(",")
        self.take(")")
        return tuple(names)

    def unary(self) -> Node:
        if self.peek() in ("+", "-"):
            sign = self.take()
            # -2^2 is -(2^2)
            return Operation(sign, (self.expression(len(PRECEDENCE) - 1),))
        return self.suffixes(self.primary())

    def suffixes(self, node: Node) -> Node:
        while True:
            if self.peek() == "[":
                node = Range(node, self.window())
            elif self.peek() == "offset":
                self.take()
                if self.peek() == "-":
                    self.take()
                if self.kind() != "duration":
                    raise Wrong("`offset` wants a duration")
                self.take()
            elif self.peek() == "@":
                self.take()
                self.take()
                if self.peek() == "(":
                    self.labels()
            else:
                return node

    def window(self) -> str:
        self.take("[")
        window = ""
        while self.peek() != "]":
            if self.kind() not in ("duration", "sign", "number"):
                raise Wrong(f"`{self.peek() or 'the end'}` is no duration")
            window += self.take()
        self.take("]")
        if not window:
            raise Wrong("the range is empty")
        return window

    def primary(self) -> Node:
        kind, text = self.kind(), self.peek()
        if text == "(":
            self.take()
            inner = self.expression(0)
            self.take(")")
            return inner
        if kind in ("number", "string", "duration"):
            return Literal(self.take())
        if text == "{":
            return self.selector("")
        if kind != "name":
            raise Wrong(f"`{text or 'the end'}` is not expected here")
        name = self.take()
        if name in AGGREGATIONS and self.peek() in ("(", "by", "without"):
            return self.aggregation(name)
        if self.peek() == "(":
            return Call(name, self.arguments())
        return self.selector(name)

    def aggregation(self, name: str) -> Node:
        labels: tuple[str, ...] = ()
        if self.peek() in ("by", "without"):
            self.take()
            labels = self.labels()
        arguments = self.arguments()
        if self.peek() in ("by", "without"):
            self.take()
            labels = self.labels()
        wanted = 2 if name in WITH_PARAMETER else 1
        if len(arguments) != wanted:
            raise Wrong(f"`{name}` wants {wanted} argument(s)")
        return Call(name, arguments, labels)

    def arguments(self) -> tuple[Node, ...]:
        self.take("(")
        found: list[Node] = []
        while self.peek() != ")":
            found.append(self.expression(0))
            if self.peek() != ")":
                self.take(",")
        self.take(")")
        return tuple(found)

    def selector(self, name: str) -> Node:
        matchers: list[tuple[str, str, str]] = []
        if self.peek() == "{":
            self.take()
            while self.peek() != "}":
                label = self.take()
                sign = self.take()
                if sign not in ("=", "!=", "=~", "!~") or self.kind() != "string":
                    raise Wrong(f"`{label}{sign}{self.peek()}` is no matcher")
                matchers.append((label, sign, self.take()[1:-1]))
                if self.peek() != "}":
                    self.take(",")
            self.take("}")
        if not name and not matchers:
            raise Wrong("a selector without a name wants a matcher")
        return Selector(name, tuple(matchers))
