"""A step's pods in a cluster: found, started, looked at, released, though the API server may be away for a while."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, TypeVar

from kubernetes.client import ApiException, CoreV1Api

from airflow_mlkit.airflow.patience import PAUSE_SECONDS, Patience, cluster_errors, has_expired
from airflow_mlkit.cluster.refusal import words_of
from airflow_mlkit.plan.pod import FINALIZER, LABEL
from airflow_mlkit.pods.verdict import Pod

OWNER = f"{LABEL}/owner"
"""The annotation that names whom a pod belongs to: a try of its task, and which worker waits or waited for it last."""

_NOT_FOUND, _CONFLICT, _UNPROCESSABLE = 404, 409, 422
_TIMEOUT = {"_request_timeout": (10, 60)}
"""Seconds to connect and to wait for the next byte: an API server may take a question and never answer it."""

GONE_POLL_SECONDS = 0.25

Answer = TypeVar("Answer")


@dataclass(frozen=True)
class TaskKey:
    """Which task a pod was started for, as Airflow knows it: a label cannot hold every name."""

    dag_id: str
    run_id: str
    task_id: str
    map_index: int = -1

    @property
    def annotations(self) -> dict[str, str]:
        """How it stands on the pod."""
        return {f"{LABEL}/{name.replace('_', '-')}": str(value) for name, value in asdict(self).items()}

    @classmethod
    def of(cls, pod: Pod) -> TaskKey | None:
        """That of a pod; None where it has none."""
        said = pod["metadata"].get("annotations") or {}
        try:
            given = {field.name: said[f"{LABEL}/{field.name.replace('_', '-')}"] for field in fields(cls)}
            return cls(**given | {"map_index": int(given["map_index"])})
        except (KeyError, ValueError):
            return None

    def __str__(self) -> str:
        mapped = f" [{self.map_index}]" if self.map_index >= 0 else ""
        return f"{self.dag_id}, {self.run_id}, {self.task_id}{mapped}"


@dataclass(frozen=True)
class StepPods:
    """The pods of one step of one run.

    `client` gives a client; after `renew`, one with fresh credentials. `labels` are those that all of them have.
    """

    client: Callable[[], CoreV1Api]
    renew: Callable[[], None]
    namespace: str
    labels: Mapping[str, str]

    def find(self) -> list[Pod]:
        """Those that are there, oldest first, whatever became of them."""
        selector = ",".join(f"{key}={value}" for key, value in sorted(self.labels.items()))
        found = self._ask(
            lambda client: client.list_namespaced_pod(self.namespace, label_selector=selector, **_TIMEOUT)
        )
        pods: list[Pod] = [self._plain(pod) for pod in found.items] if found else []
        return sorted(pods, key=lambda pod: str(pod["metadata"]["creationTimestamp"]))

    def start(self, pod: Pod, *, follows_another: bool = False) -> bool:
        """Start a pod. One of its name that is there is taken for it: an answer got lost, or somebody was first.

        Args:
            pod: as it is sent.
            follows_another: a pod was removed just now, and a quota may count it for some seconds more.

        Returns:
            Whether it was started now.

        Raises:
            ClusterRefused: when it is forbidden, by a policy or a quota, or is no pod that could be.
        """
        patience = Patience(with_quota=follows_another)
        started = self._ask(
            lambda client: client.create_namespaced_pod(self.namespace, pod, **_TIMEOUT), (_CONFLICT,), patience
        )
        return started is not None

    def read(self, name: str) -> Pod | None:
        """A pod as it is now; None when it is not there any more."""
        found = self._ask(lambda client: client.read_namespaced_pod(name, self.namespace, **_TIMEOUT))
        return self._plain(found) if found else None

    def start_if_possible(self, pod: Pod) -> str | None:
        """Start a pod that nobody waits for. Returns why it was not possible, if it was not."""
        try:
            self.client().create_namespaced_pod(self.namespace, pod, **_TIMEOUT)
        except cluster_errors() as error:
            return str(words_of(error))
        return None

    def claim(self, name: str, owner: str) -> None:
        """Note to whom a pod belongs from now on, and keep it until it is judged."""
        body = {"metadata": {"annotations": {OWNER: owner}, "finalizers": [FINALIZER]}}
        # one that is being deleted takes no finalizer any more
        known = (_NOT_FOUND, _UNPROCESSABLE)
        self._ask(lambda client: client.patch_namespaced_pod(name, self.namespace, body, **_TIMEOUT), known=known)

    def remove(self, name: str, grace: int | None = None) -> None:
        """Let a pod go, with the finalizer that kept it.

        Args:
            name: the pod's.
            grace: seconds that its step has to end in; the pod's own when not given.
        """
        options = _TIMEOUT if grace is None else {**_TIMEOUT, "grace_period_seconds": grace}
        self._ask(lambda client: client.delete_namespaced_pod(name, self.namespace, **options))
        self._ask(lambda client: client.patch_namespaced_pod(name, self.namespace, WITHOUT_FINALIZER, **_TIMEOUT))

    def wait_until_gone(self, name: str, seconds: float) -> bool:
        """Whether a pod that was removed was gone after at most some seconds."""
        until = time.monotonic() + seconds
        while self.read(name) is not None:
            if time.monotonic() > until:
                return False
            time.sleep(GONE_POLL_SECONDS)
        return True

    def _ask(
        self,
        question: Callable[[CoreV1Api], Answer],
        known: Collection[int] = (_NOT_FOUND,),
        patience: Patience | None = None,
    ) -> Answer | None:
        """The API server's answer, however long it is away; None where it answers `known`."""
        patience = patience or Patience()
        while True:
            try:
                return question(self.client())
            except cluster_errors() as error:
                if isinstance(error, ApiException) and error.status in known and not _is_at_odds(error):
                    return None
                trouble = error
            patience.bear(trouble)
            if has_expired(trouble):
                self.renew()
            time.sleep(PAUSE_SECONDS)

    def _plain(self, pod: Any) -> Pod:
        plain: Pod = self.client().api_client.sanitize_for_serialization(pod)
        return plain


def _is_at_odds(error: ApiException) -> bool:
    """Whether a create was refused for something that changed meanwhile, such as a quota, and not for its name."""
    return error.status == _CONFLICT and "AlreadyExists" not in str(error.body)


WITHOUT_FINALIZER = {"metadata": {"$deleteFromPrimitiveList/finalizers": [FINALIZER]}}
"""A strategic merge patch that leaves other people's finalizers alone."""


def find_owner(pod: Pod) -> str | None:
    """Whom a pod belongs to; None for one that was started ahead and that nobody has claimed."""
    owner: str | None = (pod["metadata"].get("annotations") or {}).get(OWNER)
    return owner
