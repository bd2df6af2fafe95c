"""The three objectives: the share of what was bad, how fast the budget burns, and what is left of it.

The figures come from the recording rules in alerts/rules/slo-recording.yml, so that a panel and an alert never disagree.
They are of the whole service: the choice of job and instance does not narrow them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from . import settings
from .expr import ZERO

# Streams stay open for hours: they are in no objective. (The admin port is not counted in these metrics at all.)
NO_STREAMS = 'http_route!~"/api/v1/events|/api/v1/notifications/(events|stream)"'

_FILE = settings.RULES / "slo-recording.yml"


def _target(name: str) -> float:
    """The objective, read from its one place: the rule `slo:objective:ratio` with the label of this name."""
    text = _FILE.read_text("utf-8") if _FILE.exists() else ""
    for rule in re.split(r"^\s*- record: ", text, flags=re.MULTILINE):
        value = re.search(r"expr: vector\(([\d.]+)\)", rule)
        if rule.startswith("slo:objective:ratio") and value and re.search(rf"slo: {name}\b", rule):
            return float(value.group(1))
    raise SystemExit(f"{_FILE} has no rule slo:objective:ratio for {name}.")


@dataclass(frozen=True)
class Objective:
    """`target`: the share that must be good over 30 days."""

    name: str
    what: str
    target: float

    @property
    def sentence(self) -> str:
        """The promise."""
        return f"{self.target * 100:g} % of {self.what}"

    @property
    def budget(self) -> float:
        """The share that may be bad."""
        return round(1 - self.target, 6)

    @property
    def alert(self) -> str:
        """The alert that pages first."""
        return f"Todo{self.name.capitalize()}Burn14x"

    def _month(self) -> str:
        # The same sums as slo:error_ratio:rate30d, which is recorded only every five minutes.
        chosen = f'{{slo="{self.name}"}}[30d]'
        return f"sum_over_time(slo:bad:rate5m{chosen}) / (sum_over_time(slo:valid:rate5m{chosen}) > 0)"

    def _allowed(self) -> str:
        return f'(1 - slo:objective:ratio{{slo="{self.name}"}})'

    def good(self) -> str:
        """The indicator: the share that was good over 30 days."""
        return f"1 - {self._month()}"

    def left(self) -> str:
        """What is left of the budget: 1 is all of it, below 0 it is overspent."""
        return f"1 - ({self._month()}) / {self._allowed()}"

    def burn(self, window: str) -> str:
        """1 uses the budget up in exactly 30 days. 0 without traffic: nothing burns."""
        return f'(slo:error_ratio:rate{window}{{slo="{self.name}"}} / {self._allowed()}) or on () {ZERO}'


AVAILABILITY = Objective(
    "availability", "requests over 30 days get no 5xx (a request that is shed gets 503).", _target("availability")
)
LATENCY = Objective("latency", "requests over 30 days that get no 5xx are answered within 0.2 s.", _target("latency"))
FRESHNESS = Objective(
    "freshness",
    "events over 30 days are acknowledged by Kafka within 10 s of their change.",
    _target("freshness"),
)
ALL = (AVAILABILITY, LATENCY, FRESHNESS)
