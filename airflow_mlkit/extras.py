"""Optional dependencies: a missing one answers with the exact `pip install` to type."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

from airflow_mlkit.exceptions import MissingExtraError

DISTRIBUTION = "airflow-mlkit"

BUCKET_EXTRAS = {"s3": "s3", "s3a": "s3", "gs": "gcs", "gcs": "gcs"}
"""For each scheme of a bucket's address the extra that brings what opens it."""


@contextmanager
def needs_extra(extra: str, purpose: str) -> Iterator[None]:
    """Turn an ImportError inside the block into the `pip install` that mends it.

    >>> with needs_extra("steps", "training a model"):
    ...     import xgboost

    Args:
        extra: the extra of this distribution that brings the dependency, such as `steps`.
        purpose: what it is needed for, as the object of "needed for".

    Raises:
        MissingExtraError: when an import in the block finds nothing.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        package = (error.name or "a package").partition(".")[0]
        raise MissingExtraError(
            f"{package} is not installed, and is needed for {purpose}.",
            hint=f"Type: pip install '{DISTRIBUTION}[{extra}]'",
        ) from error


def import_extra(module: str, *, extra: str, purpose: str) -> ModuleType:
    """Import a module that an extra brings.

    Raises:
        MissingExtraError: when it is not installed.
    """
    with needs_extra(extra, purpose):
        return importlib.import_module(module)


def must_be_installed(module: str, *, extra: str, purpose: str) -> None:
    """Ask for a module that an extra brings, without the time that importing it takes.

    Raises:
        MissingExtraError: when it is not installed.
    """
    with needs_extra(extra, purpose):
        if importlib.util.find_spec(module) is None:
            raise ModuleNotFoundError(name=module)


def find_errors(*names: tuple[str, str]) -> tuple[type[Exception], ...]:
    """The errors of libraries that are loaded; one that is not has raised none.

    Args:
        names: the module of each error, and its name there.
    """
    loaded = ((sys.modules.get(module), name) for module, name in names)
    return tuple(getattr(module, name) for module, name in loaded if module)
