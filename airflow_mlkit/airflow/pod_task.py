"""A task whose step runs as a pod, and is started again where that helps."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException
from kubernetes.client import CoreV1Api

from airflow_mlkit.airflow.pod_log import PodLog
from airflow_mlkit.airflow.step_pod import OWNER, ClusterRefused, ClusterUnreachable, StepPods, make_pod_name
from airflow_mlkit.airflow.step_task import Asking, StepTask, end_task
from airflow_mlkit.cost.tried import measure_pod, tell_tried
from airflow_mlkit.exceptions import UserError
from airflow_mlkit.image.stale import find_stale
from airflow_mlkit.plan import PlannedSize
from airflow_mlkit.plan.build import plan_sizes
from airflow_mlkit.plan.pod import LABEL, MANAGED
from airflow_mlkit.pods.ending import conclude
from airflow_mlkit.pods.next_pod import AGAIN, NoMore, choose_next
from airflow_mlkit.pods.step_pod import describe_step_pod
from airflow_mlkit.pods.verdict import Cause, Pod, Verdict, find_state, judge
from airflow_mlkit.rundir import PodRecord, StepRecord
from airflow_mlkit.spec.environment import PodEnvironment

if TYPE_CHECKING:
    from airflow.sdk.definitions.context import Context

POLL_SECONDS = 1.0
KILL_GRACE_SECONDS = 5
PLACE = "place"
"""The label that tells one run's pods from all others."""


class PodStepTask(StepTask):
    """A task whose step runs as a pod. The operator that it is mixed into knows the way to the cluster: its `client`.

    A pod that lacked memory is followed by one of the size that it grows to; one that was preempted, evicted or
    deleted by another of the same size. What became of each pod stands in the run directory, so that a retry of the
    task goes on from there, with the pod that is there if one is. The step's own result decides over the task.
    """

    place: PodEnvironment
    client: Any
    _running: tuple[StepPods, str, str] | None = None
    _is_stopped = False

    def execute(self, context: Context) -> None:
        """Run the step's pods until one has carried it out, or none would."""
        asking = self.find_asking(context)
        try:
            record = self._carry_out(context, asking)
        except ClusterRefused as error:
            raise AirflowFailException(f"The cluster refuses: {error}") from None
        except UserError as error:
            raise AirflowFailException(str(error)) from None
        except ClusterUnreachable as error:
            raise AirflowException(str(error)) from None
        self._say_pods(asking)
        end_task(record.exit_code, record.reason or "")
        self.announce(context, record)

    def on_kill(self) -> None:
        """Remove the pod, unless another try of the task has taken it over, and start no other one."""
        self._is_stopped = True
        if self._running is None:
            return
        pods, name, owner = self._running
        pod = pods.read(name)
        if pod and (pod["metadata"].get("annotations") or {}).get(OWNER) == owner:
            pods.remove(name, KILL_GRACE_SECONDS)

    def _carry_out(self, context: Context, asking: Asking) -> StepRecord:
        pods = self._find_pods(asking)
        sizes = self._find_sizes(asking)
        while True:
            published = asking.directory.published(asking.generation)
            alive = self._find_alive(pods, asking, keep=published is None)
            if published:
                return published.record
            name = alive or self._start(context, pods, asking, sizes)
            self._end_when_stopped()
            verdict = self._follow(context, pods, asking, name)
            self._end_when_stopped()
            if verdict.cause not in (*AGAIN, Cause.DONE):
                self._give_up(asking, verdict)

    def _end_when_stopped(self) -> None:
        """Airflow goes on with `execute` after `on_kill`: a pod that it has removed must not be followed by another.

        Raises:
            AirflowException: when the task was stopped.
        """
        if self._is_stopped:
            self.on_kill()  # once more, for a pod that was just being started
            raise AirflowException(f"{self.task_id}: stopped, and its pod was removed")

    def _find_pods(self, asking: Asking) -> StepPods:
        labels = {**MANAGED, f"{LABEL}/{PLACE}": _place_of(asking), f"{LABEL}/step": self.task_id}
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

    def _find_sizes(self, asking: Asking) -> Sequence[PlannedSize]:
        planned = self.dag_plan.step(self.task_id)
        if asking.parameters is None:
            return (planned.size, *planned.grows_to)
        return plan_sizes(self.project.platform, self.project.name_size(planned, asking.parameters))

    def _find_alive(self, pods: StepPods, asking: Asking, *, keep: bool) -> str | None:
        """The pod of this asking that nobody has judged yet; all others are removed."""
        judged = {pod.pod for pod in asking.directory.pods(asking.generation)}
        generation = str(asking.generation)
        found = None
        for pod in pods.find():
            name = pod["metadata"]["name"]
            is_of_this_asking = pod["metadata"]["labels"].get(f"{LABEL}/generation") == generation
            if keep and found is None and is_of_this_asking and name not in judged:
                found = name
                self.log.info("found the pod %s of an earlier try", name)
            else:
                pods.remove(name)
        return found

    def _start(self, context: Context, pods: StepPods, asking: Asking, sizes: Sequence[PlannedSize]) -> str:
        chosen = choose_next(sizes, asking.directory.pods(asking.generation))
        if isinstance(chosen, NoMore):
            raise AirflowFailException(f"{self.task_id}: {chosen.reason}")
        pod = self._build(context, asking, chosen.size)
        name = str(pod["metadata"]["name"])
        self._running = (pods, name, _owner_of(context))
        pods.start(pod)
        if stale := find_stale(self.project):
            self.log.warning("%s This run has the project as it is in the image.", stale)
        asked = chosen.size.resources
        self.log.info("pod %s: size %s (%g CPU, %s)", name, chosen.size.name, asked.cpu, asked.memory)
        return name

    def _build(self, context: Context, asking: Asking, size: PlannedSize) -> dict[str, Any]:
        instance: Any = context["ti"]
        labels = {
            "run": context["run_id"],
            "try": str(instance.try_number),
            "generation": str(asking.generation),
            PLACE: _place_of(asking),
        }
        pod = describe_step_pod(
            self.project,
            self.dag_plan,
            self.task_id,
            size,
            name=make_pod_name(self.project.spec.name, self.task_id),
            options=self.step_options(context, asking),
            labels=labels,
        )
        pod["metadata"]["annotations"] = {OWNER: _owner_of(context)}
        return pod

    def _follow(self, context: Context, pods: StepPods, asking: Asking, name: str) -> Verdict:
        """Show the pod's log until it has ended, and write down what became of it."""
        owner = _owner_of(context)
        self._running = (pods, name, owner)
        pods.claim(name, owner)
        shown = PodLog(self._connect, self.place.namespace, name, self.say_line)
        pod, verdict = self._wait(pods, name)
        shown.finish(5.0 if verdict.cause in AGAIN else 15.0)
        outcome = _find_outcome(asking, name)
        verdict = conclude(verdict, outcome)
        record = _record_pod(name, pod, verdict)
        measured = measure_pod(record, outcome, self.project.platform, self.project.plan.backend)
        asking.directory.add_pod(asking.generation, measured)
        pods.remove(name, grace=0)
        self._running = None
        self.log.info("pod %s: %s%s", name, verdict.cause, f", {verdict.said}" if verdict.said else "")
        return verdict

    def _wait(self, pods: StepPods, name: str) -> tuple[Pod | None, Verdict]:
        """Look at a pod until nothing more becomes of it, or it has waited too long for a node."""
        started, said = time.monotonic(), ""
        seen: Pod | None = None
        while True:
            pod = pods.read(name)
            seen = pod or seen
            verdict = judge(pod, datetime.now(UTC))
            if verdict.is_final:
                return seen, verdict
            if verdict.cause is Cause.NO_NODE:
                if verdict.said != said:
                    self.log.info("waits for a node: %s", verdict.said)
                    said = verdict.said
                if time.monotonic() - started > self.place.node_wait.total_seconds():
                    return seen, verdict
            time.sleep(POLL_SECONDS)

    def _give_up(self, asking: Asking, verdict: Verdict) -> None:
        """End the task with what became of its last pod.

        Raises:
            AirflowFailException: always; no retry of the same pod would help.
        """
        self._say_pods(asking)
        size = asking.directory.pods(asking.generation)[-1].size
        raise AirflowFailException(_tell(self.task_id, size, verdict))

    def _say_pods(self, asking: Asking) -> None:
        """The pods that the step had, on which sizes, what became of them, and what they took."""
        self.log.info("tried: %s", tell_tried(asking.directory.pods(asking.generation)))


_TELLING = {
    Cause.FAILED: "{said}",
    Cause.NO_NODE: "{step}: no node for the size {size}: {said}",
    Cause.NOT_STARTED: "{step}: the pod cannot start: {said}",
    Cause.TIME_LIMIT: "{step}: ended by the time limit of the size {size}. {said}",
    Cause.OUT_OF_DISK: "{step}: more disk was needed than the size {size} has: {said}",
}


def _tell(step: str, size: str, verdict: Verdict) -> str:
    said = verdict.said or f"The step {step} ended with exit code {verdict.exit_code}."
    return _TELLING[verdict.cause].format(step=step, size=size, said=said)


def _place_of(asking: Asking) -> str:
    """A run's own mark: two installations may have runs of the same name in one namespace."""
    return hashlib.sha256(asking.run_dir.encode()).hexdigest()[:16]


def _owner_of(context: Context) -> str:
    instance: Any = context["ti"]
    return f"{instance.id}/{instance.try_number}"


def _find_outcome(asking: Asking, pod: str) -> StepRecord | None:
    return next((record for record in reversed(asking.tries()) if record.pod == pod), None)


def _record_pod(name: str, pod: Pod | None, verdict: Verdict) -> PodRecord:
    seen = pod or {"metadata": {"labels": {}}}
    state = find_state(seen)
    ran = state.get("terminated") or state.get("running") or {}
    return PodRecord(
        pod=name,
        size=seen["metadata"]["labels"].get(f"{LABEL}/size", "unknown"),
        cause=verdict.cause,
        said=verdict.said,
        exit_code=verdict.exit_code,
        node=(seen.get("spec") or {}).get("nodeName"),
        started=_moment(ran.get("startedAt")),
        ended=_moment(ran.get("finishedAt")),
    )


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
