"""Airflow: Dags from plans, and a local Airflow. The only room that says `import airflow`.

A project's Dag file is three lines:

    from airflow_mlkit.airflow import pipeline_dags

    globals().update(pipeline_dags(__file__))
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow_mlkit.airflow.factory import pipeline_dags

__all__ = ["pipeline_dags"]


def __getattr__(name: str) -> Any:
    # Airflow's provider manager and `mlkit` import this package too; neither should pay for the SDK, or need Airflow
    if name != "pipeline_dags":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from airflow_mlkit.extras import needs_extra

    with needs_extra("airflow", "building Dags"):
        from airflow_mlkit.airflow.factory import pipeline_dags

    return pipeline_dags
