"""Prometheus' own parser on every query, where promtool is at hand."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from . import variables
from .linting import Board, title


def find() -> str | None:
    """The program, by PROMTOOL or by the PATH."""
    return os.environ.get("PROMTOOL") or shutil.which("promtool")


def check(boards: list[Board]) -> list[str] | None:
    """A sentence for each query that promtool refuses; None without promtool."""
    program = find()
    if not program:
        return None
    places: list[str] = []
    rules: list[str] = []
    for board in boards:
        asked = [(f"panel '{title(target.panel)}'", target.expr) for target in board.targets("prometheus")]
        marks = board.json.get("annotations", {}).get("list", [])
        asked += [(f"annotation '{mark['name']}'", mark["expr"]) for mark in marks if "expr" in mark]
        for place, expr in asked:
            # JSON strings are YAML strings.
            rules.append(f"  - record: query:{len(places)}\n    expr: {json.dumps(variables.replace(expr))}\n")
            places.append(f"{board.uid}, {place}")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "queries.yml"
        file.write_text("groups:\n- name: queries\n  rules:\n" + "".join(rules), "utf-8")
        ran = subprocess.run(
            [program, "check", "rules", "--lint=none", str(file)],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
    if ran.returncode == 0:
        return []
    wrong = [line for line in (ran.stdout + ran.stderr).splitlines() if "query:" in line or "rror" in line]
    return [re.sub(r"query:(\d+)", lambda found: places[int(found[1])], line) + " [promtool]" for line in wrong] or [
        ran.stderr
    ]
