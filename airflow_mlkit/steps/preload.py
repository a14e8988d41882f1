"""What a step's process loads before the step begins: libraries that the kit knows, and no code of the project."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Sequence
from contextlib import suppress

from airflow_mlkit.project import Project
from airflow_mlkit.registry.mlflow_client import set_defaults
from airflow_mlkit.steps.run import load_step
from airflow_mlkit.workflows.imports import read_first_imports

_WITH_WORKFLOW = ("split", "train", "evaluate")
"""The steps that load the project's workflow, in every run."""

_OF_WORKFLOWS = ("numpy", "pandas", "pyarrow", "scipy", "sklearn", "xgboost")
"""What a workflow may find loaded: nothing else than that becomes of loading it, and it may be forked afterwards. Of
others nobody knows what they do when they are imported: start a thread, take a graphics card, leave the process."""

_STORES = ("mlflow.store.model_registry.sqlalchemy_store", "mlflow.store.tracking.sqlalchemy_store")


def find_libraries(project: Project, step: str) -> list[str]:
    """The modules that a step needs beside the kit's own, and that it loads in the middle of its work.

    Those of the workflow are read from its files and not found by running them: its code begins with its step. What it
    imports after it has done something else is left to it: what it did may be meant for that library.
    """
    if step in _WITH_WORKFLOW:
        return sorted(name for name in _find_imports(project) if name.partition(".")[0] in _OF_WORKFLOWS)
    if step == "promote":
        return ["mlflow", *([] if project.mlflow.startswith("http") else _STORES)]
    return []


def preload(step: str, libraries: Sequence[str]) -> Iterator[str]:
    """Load what a step needs, one after the other, as far as somebody goes through their names.

    What cannot be loaded is told by the step itself, once it begins. SystemExit is let through: SIGTERM becomes one.
    """
    set_defaults()  # a workflow may import MLflow, too
    with suppress(Exception):
        load_step(step)
    yield step
    for name in libraries:
        with suppress(Exception):
            importlib.import_module(name)
        yield name


def _find_imports(project: Project) -> set[str]:
    found: set[str] = set()
    for path in project.code_files.values():
        with suppress(SyntaxError, ValueError, OSError):
            found |= read_first_imports(path)
    return found
