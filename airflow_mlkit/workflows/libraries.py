"""The libraries that a model was made with."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version

LIBRARIES = ("airflow-mlkit", "numpy", "pandas", "pyarrow", "scikit-learn", "scipy", "skops", "xgboost")
"""The distributions that a model's numbers may depend on."""


def library_versions() -> dict[str, str]:
    """The version of Python and of each library of `LIBRARIES` that is installed here."""
    found = {name: _version(name) for name in LIBRARIES}
    return {"python": platform.python_version(), **{name: text for name, text in found.items() if text}}


def _version(distribution: str) -> str | None:
    try:
        return version(distribution)
    except PackageNotFoundError:  # the kit run from a checkout, or a slim image
        return None
