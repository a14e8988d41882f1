"""The pods that one try of a task starts: for its own step, and ahead for the steps that follow."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from airflow_mlkit.airflow.step_pod import OWNER, StepPods, TaskKey
from airflow_mlkit.airflow.step_task import Asking
from airflow_mlkit.exceptions import MLKitError
from airflow_mlkit.plan import DagPlan, PlannedSize, PlannedStep
from airflow_mlkit.plan.build import plan_sizes
from airflow_mlkit.pods.ahead import find_next_steps, let_wait, may_start_ahead
from airflow_mlkit.pods.step_pod import PodIdentity, describe_step_pod
from airflow_mlkit.project import Project
from airflow_mlkit.rundir import RunDirectory, store_errors


@dataclass(frozen=True)
class RunPods:
    """Describes pods, and starts those of the steps that follow.

    Args:
        project: whose steps they are.
        dag: the part of its plan that is carried out.
        key: the task.
        asking: what is asked of it.
        attempt: which try of the task this is.
        owner: whom the pod of its own step belongs to.
        options: of `mlkit step`, for each step of this run.
    """

    project: Project
    dag: DagPlan
    key: TaskKey
    asking: Asking
    attempt: int
    owner: str
    options: Mapping[str, str]

    @property
    def sizes(self) -> Sequence[PlannedSize]:
        """The size of the task's own step, and those that it grows to."""
        return self._find_sizes(self.dag.step(self.key.task_id))

    def describe(self, size: PlannedSize, number: int) -> dict[str, Any]:
        """The pod of the task's own step.

        Args:
            size: what it may use.
            number: how many pods this asking had before.
        """
        identity = PodIdentity(
            self.asking.run_dir, self.key.run_id, self.asking.generation, attempt=self.attempt, number=number
        )
        pod = self._describe(self.key.task_id, size, identity)
        pod["metadata"]["annotations"][OWNER] = self.owner
        return pod

    def start_ahead(self, pods: StepPods, say: Callable[[str], None]) -> None:
        """Start the pods of the steps that follow, where this is their first asking; they wait for their tasks.

        What hinders it is said by those tasks: the step of this one is done.
        """
        run = RunDirectory(self.asking.run_dir)
        hindrances: tuple[type[Exception], ...] = (MLKitError, *store_errors())
        try:
            for step in find_next_steps(self.dag, self.key.task_id, lambda name: bool(run.step(name).published())):
                if may_start_ahead(self.project, step) and not run.step(step.name).generations():
                    self._start_one_ahead(step, pods, say)
        except hindrances as error:
            say(f"no pod is started ahead: {error}")

    def _start_one_ahead(self, step: PlannedStep, pods: StepPods, say: Callable[[str], None]) -> None:
        identity = PodIdentity(self.asking.run_dir, self.key.run_id)
        pod = let_wait(self._describe(step.name, self._find_sizes(step)[0], identity))
        done = f"its pod {pod['metadata']['name']} is started ahead"
        say(f"{step.name}: {pods.start_if_possible(pod) or done}")

    def _describe(self, step: str, size: PlannedSize, identity: PodIdentity) -> dict[str, Any]:
        pod = describe_step_pod(self.project, self.dag, step, size, identity=identity, options=self.options)
        pod["metadata"]["annotations"] |= replace(self.key, task_id=step).annotations
        return pod

    def _find_sizes(self, planned: PlannedStep) -> Sequence[PlannedSize]:
        if self.asking.parameters is None:
            return (planned.size, *planned.grows_to)
        return plan_sizes(self.project.platform, self.project.name_size(planned, self.asking.parameters))
