"""What a step's process loads before the step begins: libraries, and none of the project's own code."""

from __future__ import annotations

import ast
import importlib
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from airflow_mlkit.project import Project
from airflow_mlkit.registry.mlflow_client import set_defaults
from airflow_mlkit.steps.run import load_step

_WITH_WORKFLOW = ("split", "train", "evaluate")
"""The steps that load the project's workflow, in every run."""

_STORES = ("mlflow.store.model_registry.sqlalchemy_store", "mlflow.store.tracking.sqlalchemy_store")


def find_libraries(project: Project, step: str) -> list[str]:
    """The modules that a step needs beside the kit's own, and that it loads in the middle of its work.

    Those of the workflow are read from its files and not found by running them: its code begins with its step.
    """
    if step in _WITH_WORKFLOW:
        named = {name for path in project.code_files.values() for name in _find_imports(path)}
        return sorted(name for name in named if not _is_beside(project.folder, name))
    if step == "promote":
        return ["mlflow", *([] if project.mlflow.startswith("http") else _STORES)]
    return []


def preload(step: str, libraries: Sequence[str]) -> Iterator[str]:
    """Load what a step needs, one after the other, as far as somebody goes through their names.

    What cannot be loaded is told by the step itself, once it begins.
    """
    set_defaults()  # a workflow may import MLflow, too
    with suppress(Exception):
        load_step(step)
    yield step
    for name in libraries:
        with suppress(Exception):
            importlib.import_module(name)
        yield name


def _is_beside(folder: Path, name: str) -> bool:
    """Whether a module lies in the project's folder, in its package or, which its step refuses, outside of it."""
    package = folder / name.partition(".")[0]
    return package.exists() or package.with_suffix(".py").exists()


def _find_imports(path: Path) -> Iterator[str]:
    """The modules that a file imports when it is imported, by their full names."""
    with suppress(SyntaxError, ValueError, OSError):
        for statement in ast.parse(path.read_bytes()).body:
            if isinstance(statement, ast.Import):
                yield from (alias.name for alias in statement.names)
            elif isinstance(statement, ast.ImportFrom) and statement.module and not statement.level:
                yield statement.module
