"""The dashboards, one file each."""

from __future__ import annotations

from ..dashboard import Dashboard
from . import business, database, events, http, kafka, landing


def all_dashboards() -> list[Dashboard]:
    """All of them, in the order in which they are offered."""
    return [module.dashboard() for module in (landing, http, events, database, kafka, business)]
