"""A task whose step runs as a pod, and is started again where that helps."""

from __future__ import annotations

import secrets
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast

from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException
from airflow.sdk import BaseOperator
from kubernetes.client import CoreV1Api

from airflow_mlkit.airflow.followed_pod import FollowedPod
from airflow_mlkit.airflow.patience import ClusterRefused, ClusterUnreachable
from airflow_mlkit.airflow.run_pods import RunPods
from airflow_mlkit.airflow.settings import Settings
from airflow_mlkit.airflow.step_pod import StepPods, TaskKey, find_owner
from airflow_mlkit.airflow.step_task import Asking, StepTask, StepWithPages, end_task, say_reason
from airflow_mlkit.airflow.task_state import RUNNING, find_task_state
from airflow_mlkit.cost.tried import measure_pod, tell_tried
from airflow_mlkit.exceptions import RunDirectoryError, UserError
from airflow_mlkit.image.stale import find_stale
from airflow_mlkit.plan import DagPlan
from airflow_mlkit.plan.pod import GRACE_SECONDS, LABEL, MANAGED
from airflow_mlkit.pods.found import choose_found
from airflow_mlkit.pods.next_pod import NoMore, choose_next, may_pass
from airflow_mlkit.pods.step_pod import PLACE, find_pod_environment, place_of
from airflow_mlkit.pods.telling import tell_end
from airflow_mlkit.pods.verdict import STOPPED, Cause, Pod, Verdict
from airflow_mlkit.pods.watch import PodWatch
from airflow_mlkit.project import Project
from airflow_mlkit.rundir import PodRecord, StepRecord
from airflow_mlkit.spec.environment import PodEnvironment

if TYPE_CHECKING:
    from airflow.sdk.definitions.context import Context

KILL_GRACE_SECONDS = 5
GONE_SECONDS = GRACE_SECONDS + 10.0
"""How long a pod that is removed is waited for. A dead node never tells that it is gone."""

WORKER_SECONDS = 30.0
"""How long a worker waits for a pod by itself before it leaves that to the triggerer, where it may: starting a task
again takes seconds, and most steps are over by then."""


class PodStepTask(StepTask, StepWithPages, BaseOperator):
    """A task whose step runs as a pod. The operator that it is mixed into knows the way to the cluster: its `client`.

    A pod that lacked memory is followed by one of the size that it grows to; one that was preempted, evicted or
    deleted by another of the same size. What became of each pod stands in the run directory, so that a retry of the
    task goes on from there, with the pod that is there if one is. The step's own result decides over the task.

    :param project: the project whose step it is
    :param dag_plan: the part of the project's plan that has a step named like the task
    :param settings: the `[mlkit]` options of this installation
    """

    ui_color = "#e6f1f4"
    template_fields: Sequence[str] = ("runs",)

    client: Any
    _running: tuple[StepPods, str] | None = None
    _owner = ""
    _is_stopped = False
    _may_defer = False
    _came_too_late = False
    """For the pod that was started ahead: Airflow has more to do than slots, and another one would wait in vain too."""

    def __init__(self, *, project: Project, dag_plan: DagPlan, settings: Settings, **kwargs: Any) -> None:
        place = find_pod_environment(project)
        given = {"on_failure_callback": say_reason, "on_retry_callback": say_reason, **kwargs}
        super().__init__(**self.describe_cluster(place), namespace=place.namespace, do_xcom_push=False, **given)
        self.project, self.dag_plan, self.settings, self.place = project, dag_plan, settings, place

    @staticmethod
    @abstractmethod
    def describe_cluster(place: PodEnvironment) -> dict[str, Any]:
        """The arguments of the provider's operator that say where the cluster is."""

    @abstractmethod
    def build_trigger(self, **given: Any) -> Any:
        """The trigger that waits for a pod of this cluster.

        Args:
            given: as of `StepPodTrigger`.
        """

    def execute(self, context: Context) -> None:
        """Run the step's pods until one has carried it out, or none would."""
        self._may_defer = self.place.deferrable
        self._run(context)

    def resume(self, context: Context, event: Mapping[str, Any] | None = None) -> None:
        """Go on where the triggerer has left off: the pod is found again as after any restart."""
        trouble = (event or {}).get("trouble")
        if trouble:
            self.log.warning("the triggerer cannot look at the pod, so the worker does: %s", trouble)
        self._may_defer = self.place.deferrable and not trouble
        self._run(context)

    def _run(self, context: Context) -> None:
        asking, instance = self.find_asking(context), cast("Any", context["ti"])
        key = TaskKey(instance.dag_id, instance.run_id, instance.task_id, instance.map_index)
        # a new one whenever a worker begins or resumes: what waited before it, and ends late, must leave the pod
        self._owner = f"{instance.id}/{instance.try_number}/{secrets.token_hex(4)}"
        options = self.step_options(context, asking)
        run = RunPods(self.project, self.dag_plan, key, asking, instance.try_number, self._owner, options)
        try:
            record = self._carry_out(run)
        except ClusterRefused as error:
            self.tried = _tell(asking)
            raise AirflowFailException(f"The cluster refuses: {error}") from None
        except (ClusterUnreachable, RunDirectoryError) as error:  # what was seen of the pod is not lost: it stays
            raise AirflowException(str(error)) from None
        except UserError as error:
            raise AirflowFailException(str(error)) from None
        self.log.info("tried: %s", _tell(asking))
        end_task(record.exit_code, record.reason or "")
        self.announce(context, record)

    def on_kill(self) -> None:
        """Remove the pod, unless another worker has taken it over, and start no other one."""
        self._is_stopped = True
        if self._running is None:
            return
        pods, name = self._running
        pod = pods.read(name)
        if pod and find_owner(pod) == self._owner:
            pods.remove(name, KILL_GRACE_SECONDS)

    def _carry_out(self, run: RunPods) -> StepRecord:
        asking, pods = run.asking, self._find_pods(run.asking)
        while True:
            published = asking.directory.published(asking.generation)
            unjudged, others = self._find_unjudged(pods, asking, published.record if published else None)
            self._remove(pods, others)
            if published and unjudged is None:
                return published.record
            if unjudged:
                name = str(unjudged["metadata"]["name"])
                self._take_over(pods, asking, name)
            else:
                name = self._start(run, pods, follows_another=bool(others))
            self._end_when_stopped()
            is_found_again = unjudged is not None and find_owner(unjudged) is not None
            pod = self._follow(run, pods, name, is_found=is_found_again)
            self._end_when_stopped()
            if may_pass(pod):
                self.tried = _tell(asking)
                raise AirflowException(tell_end(self.task_id, pod))

    def _end_when_stopped(self) -> None:
        """Airflow goes on with `execute` after `on_kill`: a pod that it has removed must not be followed by another.

        Raises:
            AirflowException: when the task was stopped.
        """
        if self._is_stopped:
            self.on_kill()  # once more, for a pod that was just being started
            raise AirflowException(f"{self.task_id}: stopped, and its pod was removed")

    def _end_when_unwanted(self, key: TaskKey) -> None:
        """A task that a person has stopped hears of it seconds later; deferred meanwhile, it would leave its pod.

        Raises:
            AirflowException: when the task was stopped.
        """
        state = find_task_state(key.dag_id, key.run_id, key.task_id, key.map_index)
        self._is_stopped = self._is_stopped or state != RUNNING
        self._end_when_stopped()

    def _find_pods(self, asking: Asking) -> StepPods:
        labels = {**MANAGED, f"{LABEL}/{PLACE}": place_of(asking.run_dir), f"{LABEL}/step": self.task_id}
        return StepPods(self._connect, self._renew, self.place.namespace, labels)

    def _connect(self) -> CoreV1Api:
        client: CoreV1Api = self.client
        # urllib3 would ask three times more, with a warning each time; the kit asks again by itself, and says so once
        client.api_client.rest_client.pool_manager.connection_pool_kw["retries"] = False
        return client

    def _renew(self) -> None:
        """Forget the client, whose credentials have expired."""
        for name in ("hook", "client"):
            self.__dict__.pop(name, None)

    def _find_unjudged(
        self, pods: StepPods, asking: Asking, published: StepRecord | None
    ) -> tuple[Pod | None, list[str]]:
        judged = {pod.pod for pod in asking.directory.pods(asking.generation)}
        return choose_found(pods.find(), generation=asking.generation, judged=judged, published=published)

    def _remove(self, pods: StepPods, names: Sequence[str]) -> None:
        """Remove pods of the step, and wait for their end: two must not work on it, nor count for a quota."""
        for name in names:
            pods.remove(name)
        for name in names:
            if not pods.wait_until_gone(name, GONE_SECONDS):
                self.log.warning("the pod %s is told to end, and is still there after %g s", name, GONE_SECONDS)

    def _take_over(self, pods: StepPods, asking: Asking, name: str) -> None:
        """Follow a pod that is there from now on: claimed first, so that a stop removes it."""
        self.log.info("found the pod %s", name)
        self._running = (pods, name)
        pods.claim(name, self._owner)
        self._end_when_stopped()
        asking.directory.ask(asking.generation, name)  # it may have been started ahead, and wait for this

    def _start(self, run: RunPods, pods: StepPods, *, follows_another: bool) -> str:
        had = run.asking.directory.pods(run.asking.generation)
        chosen = choose_next(self.task_id, run.sizes, had, self.place.interruptions)
        if isinstance(chosen, NoMore):
            self.tried = _tell(run.asking)
            raise AirflowFailException(chosen.reason)
        pod = run.describe(chosen.size, number=len(had))
        name = str(pod["metadata"]["name"])
        self._running = (pods, name)
        if not pods.start(pod, follows_another=follows_another or bool(had)):
            self._take_over(pods, run.asking, name)  # it was started ahead just now
        if stale := find_stale(self.project):
            self.log.warning("%s This run has the project as it is in the image.", stale)
        asked = chosen.size.resources
        self.log.info("pod %s: size %s (%g CPU, %s)", name, chosen.size.name, asked.cpu, asked.memory)
        return name

    def _follow(self, run: RunPods, pods: StepPods, name: str, *, is_found: bool) -> PodRecord:
        """Wait until the pod has ended, show its log, and write down what became of it."""
        asking = run.asking
        followed = FollowedPod(pods, name, asking, PodWatch(self.place.node_wait, self.log.info), self.say_line)
        seen = self._wait_by_turns(run.key, followed) if self._may_defer else followed.stay(is_found=is_found)
        was_stopped = self._is_stopped and seen.cause is Cause.DELETED
        verdict, record, outcome = followed.judge(STOPPED if was_stopped else seen)
        self._came_too_late = self._came_too_late or verdict.cause is Cause.UNASKED
        is_done = verdict.cause is Cause.DONE and verdict.exit_code == 0
        if is_done and not self._is_stopped and not self._came_too_late:
            run.start_ahead(pods, self.log.info)
        measured = measure_pod(record, outcome, self.project.platform, self.project.plan.backend)
        asking.directory.add_pod(asking.generation, measured)
        pods.remove(name, grace=0)
        self._running = None
        said = verdict.said.partition("\n")[0]
        self.log.info("pod %s: %s%s", name, verdict.cause, f", {said}" if said else "")
        return measured

    def _wait_by_turns(self, key: TaskKey, pod: FollowedPod) -> Verdict:
        """Wait here for a moment, then in the triggerer; show the log at the end.

        Raises:
            TaskDeferred: when it is the triggerer's turn.
        """
        verdict = pod.wait(WORKER_SECONDS)
        if not pod.is_over(verdict, datetime.now(UTC)):
            self._end_when_unwanted(key)
            self._leave_to_triggerer(pod.name)
        pod.show_log(verdict)
        return verdict

    def _leave_to_triggerer(self, name: str) -> None:
        wait = self.place.node_wait.total_seconds()
        trigger = self.build_trigger(pod=name, namespace=self.place.namespace, owner=self._owner, node_wait=wait)
        self.log.info("the triggerer waits for the pod %s from here on", name)
        self.defer(trigger=trigger, method_name="resume", timeout=self.execution_timeout)


def _tell(asking: Asking) -> str:
    """The pods that the step had, on which sizes, what became of them, and what they took."""
    return tell_tried(asking.directory.pods(asking.generation))
