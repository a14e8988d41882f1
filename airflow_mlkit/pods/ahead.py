"""Which steps' pods are started ahead: while the task of the step before ends, and Airflow has yet to start theirs.

A pod and the imports of its step take seconds, in which nobody works. A pod that was started ahead loads what its step
needs and waits; its step begins when its own task asks for it, and never before.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from airflow_mlkit.plan import DagPlan, PlannedStep
from airflow_mlkit.pods.step_pod import find_pod_environment
from airflow_mlkit.project import Project

WAIT_SECONDS = 60
"""How long such a pod waits for its task. A run that ends in between leaves it behind for so long."""

_LIMIT = "activeDeadlineSeconds"


def may_start_ahead(project: Project, step: PlannedStep) -> bool:
    """Whether the first pod of a step is: not of one that begins a run, nor of one before which a person is asked."""
    waits_for_a_person = step.name == "promote" and project.plan.approval is not None
    return find_pod_environment(project).start_ahead and bool(step.after) and not waits_for_a_person


def let_wait(pod: dict[str, Any]) -> dict[str, Any]:
    """A pod as it is started ahead: its step waits until it is asked for.

    It has no finalizer, so that one that nobody claims leaves nothing to be released, and its time limit is longer by
    the wait for its task.
    """
    metadata = {key: value for key, value in pod["metadata"].items() if key != "finalizers"}
    limit, (container,) = pod["spec"].get(_LIMIT), pod["spec"]["containers"]
    waiting = {**container, "command": [*container["command"], f"--when-asked={WAIT_SECONDS}"]}
    spec = pod["spec"] | {"containers": [waiting]} | ({_LIMIT: limit + WAIT_SECONDS} if limit else {})
    return {**pod, "metadata": metadata, "spec": spec}


def find_next_steps(dag: DagPlan, step: str, is_ready: Callable[[str], bool]) -> list[PlannedStep]:
    """The steps that follow one that is done, and that nothing else keeps from beginning.

    Args:
        dag: the steps.
        step: the one that is done.
        is_ready: whether another step that they wait for is done too.
    """
    after = [planned for planned in dag.steps if step in planned.after]
    return [planned for planned in after if all(is_ready(each) for each in planned.after if each != step)]
