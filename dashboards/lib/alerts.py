"""Whether the alerts and their runbooks fit the dashboards: addresses, and searches of the log."""

from __future__ import annotations

import re

from . import logql, settings

PAGES = ("alerts", "docs", "infra", "dashboards")


def alerts_that_disagree() -> list[str]:
    """A sentence for each address in alerts/rules that is not of the hosts in settings.toml or leads to no dashboard."""
    wrong: list[str] = []
    boards = {f"{settings.GRAFANA_URL}/d/{uid}" for uid in settings.TITLES}
    for file in sorted(settings.RULES.glob("*.yml")):
        text = file.read_text("utf-8")
        for kind, url in re.findall(r"(dashboard_url|runbook_url):\s*(?:>-\s*)?['\"]?(https?://[^\s'\"]+)", text):
            if kind == "dashboard_url" and url.split("?")[0] not in boards:
                wrong.append(
                    f"alerts/rules/{file.name}: {url} is no dashboard at grafana_url of settings.toml [alerts]"
                )
            if kind == "runbook_url" and not url.startswith(settings.RUNBOOK_URL + "/"):
                wrong.append(f"alerts/rules/{file.name}: {url} is not below runbook_url of settings.toml [alerts]")
    return wrong


def searches_that_find_nothing() -> list[str]:
    """A sentence for each search of the log, in any page that people read, that cannot find a line of the service."""
    pages = [settings.REPOSITORY / "README.md"]
    pages += [page for folder in PAGES for page in sorted((settings.REPOSITORY / folder).rglob("*.md"))]
    return [
        f"{page.relative_to(settings.REPOSITORY)}: {wrong} [searches]"
        for page in pages
        for wrong in wrong_searches(page.read_text("utf-8"))
    ]


def wrong_searches(text: str) -> list[str]:
    """What is wrong with the searches of a page."""
    wrong: list[str] = []
    for search in logql.in_text(text):
        try:
            logql.check(search)
        except logql.Wrong as error:
            wrong.append(f"{error}: {search}")
        wrong += [f"{search} finds nothing by {filter_}" for filter_ in logql.finds_nothing(search)]
    return wrong
