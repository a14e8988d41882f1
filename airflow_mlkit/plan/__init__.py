"""From a spec to a plan: pure, and tested against golden files. Imports neither pandas nor Airflow."""

from airflow_mlkit.plan.build import build_plan, find_environment
from airflow_mlkit.plan.pipeline_plan import (
    DagPlan,
    PipelinePlan,
    PlannedApproval,
    PlannedChannel,
    PlannedSize,
    PlannedStep,
)

__all__ = [
    "DagPlan",
    "PipelinePlan",
    "PlannedApproval",
    "PlannedChannel",
    "PlannedSize",
    "PlannedStep",
    "build_plan",
    "find_environment",
]
