"""The pod of a project's step: which image, command, labels and environment it has."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from airflow_mlkit.exceptions import SpecError
from airflow_mlkit.image.choose import choose_image
from airflow_mlkit.plan import DagPlan, PlannedSize, find_environment
from airflow_mlkit.plan.pod import PROJECT_FOLDER, build_pod
from airflow_mlkit.project import PLATFORM_VARIABLE, Project
from airflow_mlkit.spec.environment import PodEnvironment

PLACE = "place"
"""The label that tells one run's pods from all others: two installations may have runs of one name in a namespace."""


def place_of(run_dir: str) -> str:
    """A run's own mark.

    Args:
        run_dir: the URI of its run directory.
    """
    return hashlib.sha256(run_dir.encode()).hexdigest()[:16]


def find_pod_environment(project: Project) -> PodEnvironment:
    """The environment of a project whose steps are pods.

    Raises:
        SpecError: when its steps are no pods.
    """
    place = find_environment(project.platform, project.plan.environment)
    if place.backend == "local":
        raise SpecError(
            [f"in the environment {project.plan.environment} steps are processes, not pods"],
            hint="Name another with --environment: one of platform.yaml with backend: kubernetes or gke.",
        )
    return place


def describe_step_pod(
    project: Project,
    dag: DagPlan,
    step: str,
    size: PlannedSize,
    *,
    name: str,
    options: Mapping[str, str],
    labels: Mapping[str, str],
) -> dict[str, Any]:
    """The pod in which one try of a step runs.

    Args:
        project: whose environment has pods.
        dag: the one that the step is part of.
        step: its name.
        size: what it may use; another than the step's own where that was too small.
        name: of the pod.
        options: of `mlkit step`: which run, which generation.
        labels: further ones, by their names without `mlkit.dev/`.

    Raises:
        SpecError: when its steps are no pods.
        ProjectError: when there is no image that a cluster can run.
    """
    place = find_pod_environment(project)
    given = {
        "--project": PROJECT_FOLDER,
        "--environment": project.plan.environment,
        "--size": size.name,
        **options,
    }
    spec = project.spec
    known = {"project": spec.name, "team": spec.owner, "dag": dag.dag_id, "step": step, "size": size.name}
    return build_pod(
        place,
        size,
        name=name,
        image=choose_image(project, size.resources.gpu),
        command=["mlkit", "step", step, *(f"{option}={value}" for option, value in given.items())],
        labels={**known, **labels},
        environment={PLATFORM_VARIABLE: project.platform.for_one(project.plan.environment)},
    )
