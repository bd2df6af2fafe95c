"""Queries with Grafana's variables replaced, as they can be asked without Grafana."""

from __future__ import annotations

import re

ANY = ".+"
VALUES = {
    "__rate_interval": "1m",
    "__interval": "1m",
    "__auto": "1m",
    "__range": "1h",
    "__interval_ms": "60000",
    "__range_s": "3600",
}


def replace(expr: str) -> str:
    """Grafana's own variables become durations, the dashboard's own match everything."""
    return re.sub(r"\$(?:\{([A-Za-z_]\w*)\}|([A-Za-z_]\w*))", lambda found: VALUES.get(found[1] or found[2], ANY), expr)
