"""The pod of a project's step: which image, command, labels and environment it has."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
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


@dataclass(frozen=True)
class PodIdentity:
    """What tells one pod of a step from the others: for which run it is started, and for which time.

    Args:
        run_dir: the URI of the run directory.
        run_id: the run, as Airflow calls it.
        generation: which asking it is.
        attempt: which try of its task.
        number: how many pods this asking had before.
    """

    run_dir: str
    run_id: str
    generation: int = 1
    attempt: int = 1
    number: int = 0

    @property
    def labels(self) -> dict[str, str]:
        """How it stands on the pod, by the names without `mlkit.dev/`."""
        known = {"run": self.run_id, "try": str(self.attempt), "generation": str(self.generation)}
        return {**known, PLACE: place_of(self.run_dir)}

    @property
    def options(self) -> dict[str, str]:
        """How `mlkit step` is told of it."""
        return {"--run-dir": self.run_dir, "--generation": str(self.generation), "--run-id": self.run_id}


def describe_step_pod(
    project: Project,
    dag: DagPlan,
    step: str,
    size: PlannedSize,
    *,
    identity: PodIdentity,
    options: Mapping[str, str],
) -> dict[str, Any]:
    """The pod in which one try of a step runs.

    Args:
        project: whose environment has pods.
        dag: the one that the step is part of.
        step: its name.
        size: what it may use; another than the step's own where that was too small.
        identity: what it is started for.
        options: of `mlkit step`, beside those that follow from the others.

    Raises:
        SpecError: when its steps are no pods.
        ProjectError: when there is no image that a cluster can run.
    """
    place, spec = find_pod_environment(project), project.spec
    fixed = {"--project": PROJECT_FOLDER, "--environment": project.plan.environment, "--size": size.name}
    given = {**fixed, **options, **identity.options}
    known = {"project": spec.name, "team": spec.owner, "dag": dag.dag_id, "step": step, "size": size.name}
    return build_pod(
        place,
        size,
        name=make_pod_name(spec.name, step, identity),
        image=choose_image(project, size.resources.gpu),
        command=["mlkit", "step", step, *(f"{option}={value}" for option, value in given.items())],
        labels={**known, **identity.labels},
        environment={PLATFORM_VARIABLE: project.platform.for_one(project.plan.environment)},
    )


def make_pod_name(project: str, step: str, identity: PodIdentity) -> str:
    """The name of a step's pod: at most 63 characters, as a host name has.

    The same makes the same name, so that of two who start the same pod one finds it there.

    Args:
        project: its name.
        step: its name.
        identity: what it is started for.
    """
    marks = (place_of(identity.run_dir), identity.generation, identity.attempt, identity.number)
    mark = hashlib.sha256("\n".join(map(str, marks)).encode()).hexdigest()
    return f"{project[:40]}-{step}-{mark[:12]}"
