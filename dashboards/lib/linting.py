"""What all rules of the linter share: the dashboard as they see it, a finding, the list of rules."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from . import promql, settings

Json = dict[str, Any]
EXCLUSIONS = settings.FOLDER / "lint-exclusions.toml"

# Grafana's names of the units that these dashboards use. Another one is added here when it is needed.
UNITS = frozenset(
    "none short string percent percentunit s ms dtdurations bytes decbytes Bps bps ops reqps cps bool dateTimeFromNow".split()
)


@dataclass(frozen=True)
class Finding:
    """What is wrong, and where. `panel` is empty when it is the whole dashboard."""

    rule: str
    dashboard: str
    panel: str
    message: str

    def __str__(self) -> str:
        where = f"{self.dashboard}, panel '{self.panel}'" if self.panel else self.dashboard
        return f"{where}: {self.message} [{self.rule}]"


@dataclass(frozen=True)
class Target:
    """A query, with the panel that it belongs to."""

    panel: Json
    json: Json

    @property
    def expr(self) -> str:
        """The text of the query."""
        return str(self.json.get("expr", ""))

    @property
    def source(self) -> str:
        """prometheus or loki."""
        return str(self.json.get("datasource", {}).get("type", ""))


@dataclass(frozen=True)
class Board:
    """A dashboard under the linter, and what it knows of the others."""

    json: Json
    uids: frozenset[str]

    @property
    def uid(self) -> str:
        """Its uid."""
        return str(self.json.get("uid", ""))

    @property
    def panels(self) -> list[Json]:
        """All panels without the headers of rows."""
        return [panel for panel in self.json.get("panels", []) if panel.get("type") != "row"]

    @property
    def variables(self) -> list[Json]:
        """The variables."""
        return list(self.json.get("templating", {}).get("list", []))

    def variable(self, name: str) -> Json | None:
        """The variable of this name."""
        return next((variable for variable in self.variables if variable.get("name") == name), None)

    def targets(self, source: str = "") -> Iterator[Target]:
        """The queries of all panels, or those of one kind of data source."""
        for panel in self.panels:
            for json in panel.get("targets") or []:
                target = Target(panel, json)
                if not source or target.source == source:
                    yield target

    def parsed(self) -> Iterator[tuple[Target, promql.Node]]:
        """The PromQL queries that can be read: those that cannot are the matter of target-promql-rule."""
        for target in self.targets("prometheus"):
            try:
                yield target, promql.parse(target.expr)
            except promql.Wrong:
                continue


# A rule says what is wrong: the title of the panel (or nothing) and a sentence.
Check = Callable[[Board], Iterator[tuple[str, str]]]


@dataclass(frozen=True)
class Rule:
    """A rule and what it is for."""

    name: str
    purpose: str
    check: Check

    def findings(self, board: Board) -> list[Finding]:
        """What it finds."""
        return [Finding(self.name, board.uid, panel, message) for panel, message in self.check(board)]


@dataclass(frozen=True)
class Exclusion:
    """A finding that is meant. Without a panel it is about all panels of the dashboard."""

    rule: str
    dashboard: str
    panel: str
    reason: str

    def covers(self, finding: Finding) -> bool:
        """Whether this finding is the one that is meant."""
        same = (finding.rule, finding.dashboard) == (self.rule, self.dashboard)
        return same and self.panel in ("", finding.panel)


def exclusions() -> list[Exclusion]:
    """Those of the file. Each wants a reason."""
    found: list[Exclusion] = []
    for entry in tomllib.loads(EXCLUSIONS.read_text("utf-8")).get("exclusion", []):
        for panel in entry.get("panels", [""]):
            found.append(Exclusion(entry["rule"], entry["dashboard"], panel, entry.get("reason", "")))
    return found


def title(panel: Json) -> str:
    """How a panel is called in a finding."""
    return str(panel.get("title") or f"#{panel.get('id')}")
