"""What an operator may change, and the names that everything else agrees on."""

from __future__ import annotations

import tomllib
from pathlib import Path

FOLDER = Path(__file__).resolve().parent.parent
REPOSITORY = FOLDER.parent
JSON = FOLDER / "json"
PICTURES = FOLDER / "pictures"
RUNBOOKS = REPOSITORY / "alerts" / "runbooks"
RULES = REPOSITORY / "alerts" / "rules"

_settings = tomllib.loads((FOLDER / "settings.toml").read_text("utf-8"))

GRAFANA_URL: str = _settings["grafana_url"].rstrip("/")
RUNBOOK_URL: str = _settings["runbook_url"].rstrip("/")
SERVICE: str = _settings["service"]
JOB: str = _settings["job"]
BROKER_JOB: str = _settings["broker_job"]

# The dashboards in the order in which they are offered, with the title of their links.
TITLES: dict[str, str] = {
    "todo-landing": "Landing",
    "todo-http": "HTTP API",
    "todo-events": "Events",
    "todo-database": "Database and runtime",
    "todo-kafka": "Kafka brokers",
    "todo-business": "Business",
}

# The dashboards whose `job` variable holds the service. The brokers are another job: their dashboard takes no `job`.
OF_SERVICE = [uid for uid in TITLES if uid != "todo-kafka"]

# Name and label of the variable for each type of data source.
DATASOURCES: dict[str, str] = {"prometheus": "Prometheus", "loki": "Loki", "jaeger": "Jaeger"}
