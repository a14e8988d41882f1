"""Releases and removes the pods of steps that no task waits for any more.

A task that Airflow lost for good leaves its pod behind: a deferred one that was failed while no triggerer ran, one
whose run or Dag was deleted. The pod may still be running; one that has ended is held by its finalizer.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException
from airflow.sdk import BaseOperator

from airflow_mlkit.airflow.cluster_client import connect_to
from airflow_mlkit.airflow.patience import ClusterRefused, ClusterUnreachable
from airflow_mlkit.airflow.run_place import run_directory_under
from airflow_mlkit.airflow.settings import read_settings
from airflow_mlkit.airflow.step_pod import StepPods, TaskKey
from airflow_mlkit.airflow.task_state import FINISHED, REMOVED, find_task_state
from airflow_mlkit.exceptions import UserError
from airflow_mlkit.plan import find_environment
from airflow_mlkit.plan.pod import LABEL, MANAGED
from airflow_mlkit.pods.step_pod import PLACE, place_of
from airflow_mlkit.pods.verdict import Pod, judge
from airflow_mlkit.spec import load_platform
from airflow_mlkit.spec.environment import PodEnvironment

if TYPE_CHECKING:
    from airflow.sdk.definitions.context import Context

log = logging.getLogger("airflow_mlkit.sweeper")

SERVICE_ACCOUNT = "mlkit-sweeper"
"""The account that the chart mlkit-platform makes for it."""


class SweepPodsOperator(BaseOperator):
    """Looks through the pods of the environment that this Airflow runs steps in, and sweeps those that were left.

    :param connection: Airflow's connection to the cluster; that of the environment when not given
    :param service_account: as whom the task runs where Airflow has the KubernetesExecutor; other executors ignore it
    """

    ui_color = "#e6f1f4"

    def __init__(
        self, *, connection: str | None = None, service_account: str | None = SERVICE_ACCOUNT, **kwargs: Any
    ) -> None:
        if service_account:
            kwargs.setdefault("executor_config", _run_as(service_account))
        super().__init__(**kwargs)
        self.connection, self.service_account = connection, service_account

    def execute(self, context: Context) -> None:  # noqa: ARG002  # it needs nothing of its own run
        """Look once.

        Raises:
            AirflowFailException: when this Airflow starts no pods, or the cluster refuses.
            AirflowException: when the cluster does not answer.
        """
        place = _find_place()
        client = _Client(place, self.connection)
        pods = StepPods(client.get, client.forget, place.namespace, MANAGED)
        try:
            Sweeper(pods, place.runs, find_task_state).sweep()
        except ClusterRefused as error:
            raise AirflowFailException(f"The cluster refuses: {error}") from None
        except ClusterUnreachable as error:
            raise AirflowException(str(error)) from None


@dataclass(frozen=True)
class Sweeper:
    """Tells pods that were left behind from those that are waited for.

    Attributes:
        pods: All pods of the kit in a namespace.
        runs: Where the runs of this installation lie; another one may have pods in the same namespace.
        find_state: The state of a task: as `find_task_state`.
    """

    pods: StepPods
    runs: str
    find_state: Callable[[str, str, str, int], str]

    def sweep(self) -> list[str]:
        """Release and remove what was left behind. Returns the names.

        Raises:
            ClusterRefused: when some of it could not be removed; the rest is.
        """
        found = self.pods.find()
        ours = [(pod, key) for pod in found if (key := TaskKey.of(pod)) and self._is_ours(pod, key)]
        left = [(pod, key, state) for pod, key in ours if (state := self._find_state(key)) in FINISHED]
        removed = [str(pod["metadata"]["name"]) for pod, key, state in left if self._remove(pod, key, state)]
        log.info(
            "%d pods of steps: %d removed, %d of tasks that go on, %d of other installations",
            *(len(found), len(removed), len(ours) - len(left), len(found) - len(ours)),
        )
        if len(removed) < len(left):
            raise ClusterRefused(f"{len(left) - len(removed)} of {len(left)} pods were not removed; the log has why")
        return removed

    def _is_ours(self, pod: Pod, key: TaskKey) -> bool:
        labels = pod["metadata"]["labels"]
        runs = f"{self._root}/{labels.get(f'{LABEL}/project')}"
        return labels.get(f"{LABEL}/{PLACE}") in [place_of(place) for place in _run_directories(runs, key.run_id)]

    @property
    def _root(self) -> str:
        return self.runs.rstrip("/") if "://" in self.runs else str(Path(self.runs).resolve())

    def _find_state(self, key: TaskKey) -> str:
        return self.find_state(key.dag_id, key.run_id, key.task_id, key.map_index)

    def _remove(self, pod: Pod, key: TaskKey, state: str) -> bool:
        """Whether it could be done."""
        name = str(pod["metadata"]["name"])
        why = "is not there any more" if state == REMOVED else f"is {state}"
        verdict = judge(pod, datetime.now(UTC))
        log.info("removes %s: its task (%s) %s; the pod: %s %s", name, key, why, verdict.cause, verdict.said)
        try:
            self.pods.remove(name)
        except ClusterRefused as error:
            log.error("%s stays: the cluster refuses: %s", name, error)
            return False
        return True


class _Client:
    """A client, and a new one once its credentials have expired."""

    def __init__(self, place: PodEnvironment, connection: str | None) -> None:
        self._place, self._connection = place, connection
        self._client: Any = None

    def get(self) -> Any:
        self._client = self._client or connect_to(self._place, self._connection)
        return self._client

    def forget(self) -> None:
        self._client = None


def _find_place() -> PodEnvironment:
    settings = read_settings()
    file = settings.platform or os.environ.get("MLKIT_PLATFORM")
    try:
        place = find_environment(load_platform(Path(file) if file else None), settings.environment)
    except UserError as error:
        raise AirflowFailException(str(error)) from None
    if place.backend == "local":
        raise AirflowFailException(
            f"In the environment {settings.environment} steps are no pods. Set [mlkit] environment and platform in "
            "airflow.cfg, as for the projects' own Dags."
        )
    return place


def _run_directories(runs: str, run_id: str) -> Iterator[str]:
    """Where a run may lie: both Dags of a project keep their runs side by side."""
    yield run_directory_under(runs, run_id)
    yield run_directory_under(runs, f"predict__{run_id}")


def _run_as(account: str) -> dict[str, Any]:
    from kubernetes.client import V1Container, V1Pod, V1PodSpec

    spec = V1PodSpec(containers=[V1Container(name="base")], service_account_name=account)
    return {"pod_override": V1Pod(spec=spec)}
