"""The documentation tab of a Dag: the project's README and its spec."""

from __future__ import annotations

import re
from pathlib import Path

from airflow_mlkit.exceptions import ProjectError
from airflow_mlkit.image.stale import find_stale
from airflow_mlkit.project import SPEC_FILE, Project

MAX_CHARACTERS = 60_000
"""A Dag's documentation is stored with each version of the Dag."""


def dag_documentation(project: Project) -> str:
    """Markdown: README.md, where there is one, and mlkit.yaml as it stands; above them, that the image is an older one.

    It is said and does not stop the runs: which image runs was decided when image.json was committed, and where code
    arrives before the image that is built of it, every retrain between the two would fail.
    """
    readme = _read(project.folder / "README.md") or f"# {project.spec.name}\n\n{project.spec.description}"
    return f"{_say_stale(project)}{readme.strip()}\n\n## {SPEC_FILE}\n\n{_fenced(_read(project.folder / SPEC_FILE))}\n"


def _say_stale(project: Project) -> str:
    if project.plan.backend == "local":
        return ""
    try:
        stale = find_stale(project)
    except ProjectError as error:  # no pod starts then, and each task says why
        stale = str(error)
    return f"> **Before the next run:** {stale}\n\n" if stale else ""


def _read(path: Path) -> str:
    if not path.is_file():
        return ""
    text = path.read_text(encoding="utf-8-sig", errors="replace")
    return text if len(text) <= MAX_CHARACTERS else f"{text[:MAX_CHARACTERS]}\n\n(shortened)"


def _fenced(text: str) -> str:
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}yaml\n{text.rstrip()}\n{fence}"
