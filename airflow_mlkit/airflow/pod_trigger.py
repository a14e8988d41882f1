"""Waits in the triggerer for a step's pod, so that no worker has to."""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, suppress
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

from airflow.providers.cncf.kubernetes.hooks.kubernetes import AsyncKubernetesHook
from airflow.triggers.base import BaseTrigger, TriggerEvent
from asgiref.sync import sync_to_async
from kubernetes_asyncio.client import ApiClient, ApiException, CoreV1Api

from airflow_mlkit.airflow.patience import PAUSE_SECONDS, ClusterRefused, ClusterUnreachable, Patience, cluster_errors
from airflow_mlkit.airflow.step_pod import WITHOUT_FINALIZER, find_owner
from airflow_mlkit.airflow.task_state import DEFERRED, FINISHED, find_task_state
from airflow_mlkit.pods.verdict import Pod, judge
from airflow_mlkit.pods.watch import PodWatch

KILL_GRACE_SECONDS = 5
"""How long a step may take to end when its task was stopped."""

SETTLE_SECONDS = 5.0
"""How long after its beginning a trigger fires at the earliest. A task that is queued again before Airflow's scheduler
has heard of the end of the worker that deferred it is taken for one that was lost, and gets another try."""

MAX_PAUSE_SECONDS = 10.0
_PAUSE_OF_AGE = 0.05
_ANSWER_SECONDS = 30
_NOT_FOUND = 404
_REMOVALS: set[asyncio.Task[None]] = set()
"""Those that go on; the event loop itself does not hold them."""


class StepPodTrigger(BaseTrigger):
    """Looks at a step's pod until nothing more becomes of it, or it has waited too long for a node.

    What became of it is judged by the task, which is resumed then. A task that is stopped, failed or cleared meanwhile
    takes its pod with it. A triggerer that is restarted, or whose work another one takes over, leaves the pod alone.

    :param pod: its name
    :param namespace: where it is
    :param owner: whom it belongs to as long as no worker has taken it back
    :param node_wait: how many seconds it may wait for a node
    """

    def __init__(self, *, pod: str, namespace: str, owner: str, node_wait: float) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.pod, self.namespace, self.owner, self.node_wait = pod, namespace, owner, node_wait
        self._has_fired = False

    @property
    @abstractmethod
    def hook(self) -> Any:
        """The provider's hook that leads to the cluster; forgotten when its credentials may have expired."""

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """What another triggerer makes it from."""
        place = {"pod": self.pod, "namespace": self.namespace, "owner": self.owner, "node_wait": self.node_wait}
        return f"{type(self).__module__}.{type(self).__qualname__}", {**place, **self.describe_cluster()}

    @abstractmethod
    def describe_cluster(self) -> dict[str, Any]:
        """The further arguments of the constructor."""

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Wait. The event has `trouble` where the cluster does not let the triggerer look."""
        self.log.info("waits for the pod %s; its log is shown here once it has ended", self.pod)
        with suppress(Exception):  # its first answer takes Airflow's API seconds: not when a person stops the task
            await self._find_state()
        event, settled = {"pod": self.pod}, asyncio.get_running_loop().time() + SETTLE_SECONDS
        try:
            await self._wait()
        except (ClusterRefused, ClusterUnreachable) as error:
            event["trouble"] = str(error)
        except Exception as error:  # whatever it is, the worker can still look at the pod
            self.log.exception("the triggerer cannot wait for the pod %s", self.pod)
            event["trouble"] = f"{type(error).__name__}: {error}"
        await asyncio.sleep(settled - asyncio.get_running_loop().time())
        self._has_fired = True
        yield TriggerEvent(event)  # type: ignore[no-untyped-call]

    async def cleanup(self) -> None:
        """Take the pod away when that is what its task's end asks for.

        Airflow calls this whenever a trigger ends, from 3.1 on; its `on_kill`, new in 3.3, also for a trigger that went
        to another triggerer. So the task's own state is asked for. What fails here is left to the sweeper.
        """
        if self._has_fired or self.task_instance is None:
            return
        # the triggerer cancels a trigger once more with each second that it takes to end
        removal = asyncio.create_task(self._remove_with_its_task())
        _REMOVALS.add(removal)
        removal.add_done_callback(_REMOVALS.discard)
        await asyncio.shield(removal)

    async def _remove_with_its_task(self) -> None:
        state = await self._find_state()
        if state != DEFERRED:
            await self._ask(lambda client: self._remove(client, state), Patience())

    async def _find_state(self) -> str:
        instance: Any = self.task_instance
        asked = (instance.dag_id, instance.run_id, instance.task_id, instance.map_index)
        return await sync_to_async(find_task_state)(*asked)

    async def _remove(self, client: ApiClient, state: str) -> None:
        pod = await _read(client, self.pod, self.namespace)
        if pod is not None and self._may_go(pod, state):
            self.log.info("the task is %s: removes the pod %s", state, self.pod)
            await _remove(client, self.pod, self.namespace)

    def _may_go(self, pod: Pod, state: str) -> bool:
        """A pod that has ended may be about to be judged by its task, which another triggerer has resumed."""
        is_ours = find_owner(pod) == self.owner
        return is_ours and (state in FINISHED or not judge(pod, datetime.now(UTC)).is_final)

    def _connect(self) -> AbstractAsyncContextManager[ApiClient]:
        connection: AbstractAsyncContextManager[ApiClient] = self.hook.get_conn()
        return connection

    async def _wait(self) -> None:
        watch, patience = PodWatch(timedelta(seconds=self.node_wait), self.log.info), Patience()
        await self._ask(lambda client: self._look(client, watch, patience), patience)

    async def _ask(self, question: Callable[[ApiClient], Awaitable[None]], patience: Patience) -> None:
        """Put a question to the API server, however long it is away; each time with fresh credentials."""
        while True:
            try:
                async with self._connect() as client:
                    await question(client)
                return
            except cluster_errors() as trouble:
                patience.bear(trouble)
            self.__dict__.pop("hook", None)
            await asyncio.sleep(PAUSE_SECONDS)

    async def _look(self, client: ApiClient, watch: PodWatch, patience: Patience) -> None:
        """Look again and again with one client, the less often the older the pod is."""
        while True:
            pod = await _read(client, self.pod, self.namespace)
            patience.forget()
            now = datetime.now(UTC)
            if watch.is_over(watch.look(pod, now), now):
                return
            age = watch.age(now).total_seconds()
            await asyncio.sleep(min(MAX_PAUSE_SECONDS, max(1.0, _PAUSE_OF_AGE * age)))


class KubernetesStepPodTrigger(StepPodTrigger):
    """Waits for a pod of the cluster that a connection of Airflow leads to.

    :param connection: the connection
    :param given: as of `StepPodTrigger`
    """

    def __init__(self, *, connection: str, **given: Any) -> None:
        super().__init__(**given)
        self.connection = connection

    def describe_cluster(self) -> dict[str, Any]:
        """The further argument of the constructor."""
        return {"connection": self.connection}

    @cached_property
    def hook(self) -> AsyncKubernetesHook:
        """Of the connection."""
        return AsyncKubernetesHook(conn_id=self.connection)


async def _read(client: ApiClient, pod: str, namespace: str) -> Pod | None:
    try:
        found = await CoreV1Api(client).read_namespaced_pod(pod, namespace, _request_timeout=_ANSWER_SECONDS)
    except ApiException as error:
        if error.status == _NOT_FOUND:
            return None
        raise
    plain: Pod = client.sanitize_for_serialization(found)
    return plain


async def _remove(client: ApiClient, pod: str, namespace: str) -> None:
    pods = CoreV1Api(client)
    grace = KILL_GRACE_SECONDS
    try:
        await pods.delete_namespaced_pod(pod, namespace, grace_period_seconds=grace, _request_timeout=_ANSWER_SECONDS)
        await pods.patch_namespaced_pod(pod, namespace, WITHOUT_FINALIZER, _request_timeout=_ANSWER_SECONDS)
    except ApiException as error:
        if error.status != _NOT_FOUND:
            raise
