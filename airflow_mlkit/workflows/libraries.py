"""The libraries that a model was made with."""

from __future__ import annotations

import platform
import re
import sys
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, packages_distributions, version
from pathlib import Path

from airflow_mlkit.__about__ import __version__
from airflow_mlkit.project import Project
from airflow_mlkit.workflows.imports import read_imports

LIBRARIES = ("numpy", "pandas", "pyarrow", "scikit-learn", "scipy", "skops", "xgboost")
"""The distributions that any model's numbers may depend on."""

_OTHER_BUILDS = {"xgboost": "xgboost-cpu"}
"""Distributions of the same library for machines without graphics cards. Their numbers are the same on a processor."""

_KNOWN_MODULES = {name.replace("scikit-learn", "sklearn") for name in LIBRARIES} | {"airflow_mlkit"}


def library_versions(project: Project | None = None) -> dict[str, str]:
    """The version of Python, of the kit and of each library here that a model may depend on.

    Args:
        project: what its package imports is named too.
    """
    return versions_of([*LIBRARIES, *(_imported_distributions(project) if project else ())])


def versions_of(libraries: Iterable[str]) -> dict[str, str]:
    """The version of Python, of the kit and of those of these libraries that are installed here."""
    own = {"python": platform.python_version(), "airflow-mlkit": __version__}
    found = {name: _version(name) for name in libraries if name not in own}
    return own | {name: text for name, text in found.items() if text}


def installed_distributions() -> dict[str, str]:
    """Every distribution that can be imported here, with its version, by its normalised name.

    Read from the names of the dist-info folders: opening each of some hundred would cost a step more than a second.
    """
    found: dict[str, str] = {}
    for entry in reversed([Path(place or ".") for place in sys.path]):
        for folder in entry.glob("*.dist-info") if entry.is_dir() else ():
            name, _, number = folder.name.removesuffix(".dist-info").rpartition("-")
            found[re.sub(r"[-_.]+", "-", name).lower()] = number
    return dict(sorted(found.items()))


def _imported_distributions(project: Project) -> list[str]:
    """The distributions of what the project's package imports, beside those that are named anyway."""
    named = {name for path in project.code_files.values() for name in read_imports(path)}
    modules = {name.partition(".")[0] for name in named}
    foreign = modules - _KNOWN_MODULES - set(sys.stdlib_module_names) - {project.spec.package}
    homes = packages_distributions() if foreign else {}  # opens every dist-info folder
    return sorted({home for module in foreign for home in homes.get(module, ())} - set(LIBRARIES))


def _version(distribution: str) -> str | None:
    try:
        return version(distribution)
    except PackageNotFoundError:  # a slim image
        other = _OTHER_BUILDS.get(distribution)
        return _version(other) if other else None
