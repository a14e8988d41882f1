"""The documentation tab of a Dag: the project's README and its spec."""

from __future__ import annotations

import re
from pathlib import Path

from airflow_mlkit.project import SPEC_FILE, Project

MAX_CHARACTERS = 60_000
"""A Dag's documentation is stored with each version of the Dag."""


def dag_documentation(project: Project) -> str:
    """Markdown: README.md, where there is one, and mlkit.yaml as it stands."""
    readme = _read(project.folder / "README.md") or f"# {project.spec.name}\n\n{project.spec.description}"
    return f"{readme.strip()}\n\n## {SPEC_FILE}\n\n{_fenced(_read(project.folder / SPEC_FILE))}\n"


def _read(path: Path) -> str:
    if not path.is_file():
        return ""
    text = path.read_text(encoding="utf-8-sig", errors="replace")
    return text if len(text) <= MAX_CHARACTERS else f"{text[:MAX_CHARACTERS]}\n\n(shortened)"


def _fenced(text: str) -> str:
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}yaml\n{text.rstrip()}\n{fence}"
