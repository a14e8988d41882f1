"""The size that a step asks for in one run, with what its pool's nodes offer and cost at this moment."""

from __future__ import annotations

from airflow_mlkit.cost.size_record import record_size
from airflow_mlkit.plan import PlannedStep
from airflow_mlkit.project import Project
from airflow_mlkit.rundir import RunDirectory, SizeRecord


def find_asked_size(project: Project, run: RunDirectory, planned: PlannedStep, given: str | None = None) -> SizeRecord:
    """What a step of a run asks for: its own size, the run's, or that of mlkit.yaml.

    Args:
        project: whose platform names the sizes and the pools.
        run: its parameters may name a size.
        planned: the step.
        given: the size that it was given instead.
    """
    platform = project.platform
    name = given or project.name_size(planned, run.record.parameters)
    # a run that began on another machine may name a size that this platform.yaml has no longer
    size = platform.sizes.get(name, planned.size.resources)
    known = name if name in platform.sizes else planned.size.name
    return record_size(platform, known, size, project.plan.backend)
