"""A golden path for machine learning on Airflow: from an interview to a promoted model.

Public names resolve on first use, so that importing the package costs nothing in a Dag file.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from airflow_mlkit.__about__ import __version__

if TYPE_CHECKING:
    from airflow_mlkit.plan import build_plan
    from airflow_mlkit.project import load_project
    from airflow_mlkit.spec import load_platform, load_spec
    from airflow_mlkit.workflows.base import Workflow

__all__ = ["Workflow", "__version__", "build_plan", "load_platform", "load_project", "load_spec"]

_HOMES = {
    "Workflow": "airflow_mlkit.workflows.base",
    "build_plan": "airflow_mlkit.plan",
    "load_platform": "airflow_mlkit.spec",
    "load_project": "airflow_mlkit.project",
    "load_spec": "airflow_mlkit.spec",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
