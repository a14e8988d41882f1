"""When a trigger that ends takes its pod along: where its task was stopped, and never where only the triggerer was."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

import pytest

from airflow_mlkit.airflow import pod_trigger
from airflow_mlkit.airflow.pod_trigger import KubernetesStepPodTrigger
from airflow_mlkit.airflow.step_pod import OWNER


class Cluster:
    """One pod, and how slowly it is removed."""

    def __init__(self, phase: str = "Running", owner: str = "ti/1") -> None:
        self.seconds, self.removed = 0.0, False
        state = {"running": {}} if phase == "Running" else {"terminated": {"exitCode": 0}}
        self.pod = {
            "metadata": {"annotations": {OWNER: owner}, "creationTimestamp": "2026-01-01T00:00:00Z"},
            "status": {"phase": phase, "containerStatuses": [{"name": "step", "state": state}]},
        }

    async def read(self, *_: Any) -> dict[str, Any]:
        return self.pod

    async def remove(self, *_: Any) -> None:
        await asyncio.sleep(self.seconds)
        self.removed = True


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pod_trigger, "SETTLE_SECONDS", 0.0)


def build(monkeypatch: pytest.MonkeyPatch, cluster: Cluster, state: str) -> KubernetesStepPodTrigger:
    """A trigger whose task is in a state."""

    @asynccontextmanager
    async def connect(_: Any) -> AsyncIterator[None]:
        yield None

    monkeypatch.setattr(KubernetesStepPodTrigger, "_connect", connect)
    monkeypatch.setattr(pod_trigger, "_read", cluster.read)
    monkeypatch.setattr(pod_trigger, "_remove", cluster.remove)
    monkeypatch.setattr(pod_trigger, "find_task_state", lambda *_: state)
    trigger = KubernetesStepPodTrigger(connection="c", pod="p", namespace="ml", owner="ti/1", node_wait=60)
    trigger.task_instance = SimpleNamespace(dag_id="d", run_id="r", task_id="t", map_index=-1)
    return trigger


@pytest.mark.parametrize("state", ["failed", "success", "removed", "none", "queued", "running"])
def test_a_task_that_was_stopped_or_cleared_takes_its_pod_along(monkeypatch: pytest.MonkeyPatch, state: str) -> None:
    cluster = Cluster()
    asyncio.run(build(monkeypatch, cluster, state).cleanup())
    assert cluster.removed


def test_a_triggerer_that_is_restarted_or_gives_its_work_away_leaves_the_pod(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = Cluster()
    asyncio.run(build(monkeypatch, cluster, "deferred").cleanup())
    assert not cluster.removed


def test_a_pod_that_another_try_has_taken_over_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = Cluster(owner="ti/2")
    asyncio.run(build(monkeypatch, cluster, "failed").cleanup())
    assert not cluster.removed


def test_a_pod_that_has_ended_is_left_to_the_task_that_judges_it(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = Cluster(phase="Succeeded")
    asyncio.run(build(monkeypatch, cluster, "queued").cleanup())
    assert not cluster.removed
    asyncio.run(build(monkeypatch, cluster, "failed").cleanup())
    assert cluster.removed


def test_a_pod_that_has_ended_resumes_the_task_and_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = Cluster(phase="Succeeded")
    trigger = build(monkeypatch, cluster, "queued")

    async def run() -> list[Any]:
        events = [event.payload async for event in trigger.run()]
        await trigger.cleanup()
        return events

    assert asyncio.run(run()) == [{"pod": "p"}]
    assert not cluster.removed


def test_a_pod_that_ends_at_once_resumes_its_task_when_airflow_has_settled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pod_trigger, "SETTLE_SECONDS", 0.5)
    trigger = build(monkeypatch, Cluster(phase="Succeeded"), "deferred")

    async def run() -> float:
        began = asyncio.get_running_loop().time()
        async for _ in trigger.run():
            return asyncio.get_running_loop().time() - began
        return 0.0

    assert asyncio.run(run()) >= 0.5


def test_a_trigger_that_is_cancelled_again_and_again_removes_the_pod_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Airflow's triggerer does that each second, until the trigger has ended."""
    cluster = Cluster()
    cluster.seconds = 0.2
    trigger = build(monkeypatch, cluster, "failed")

    async def run() -> None:
        cleaning = asyncio.create_task(trigger.cleanup())
        await asyncio.sleep(0.1)
        cleaning.cancel()
        await asyncio.sleep(0.5)

    asyncio.run(run())
    assert cluster.removed


def test_what_the_triggerer_cannot_see_is_told_to_the_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    trigger = build(monkeypatch, Cluster(), "deferred")

    async def broken(*_: Any) -> None:
        raise ValueError("no such connection")

    monkeypatch.setattr(pod_trigger, "_read", broken)

    async def run() -> list[Any]:
        return [event.payload async for event in trigger.run()]

    assert asyncio.run(run()) == [{"pod": "p", "trouble": "ValueError: no such connection"}]


def test_another_triggerer_makes_the_same_trigger(monkeypatch: pytest.MonkeyPatch) -> None:
    classpath, given = build(monkeypatch, Cluster(), "deferred").serialize()
    assert classpath == "airflow_mlkit.airflow.pod_trigger.KubernetesStepPodTrigger"
    assert KubernetesStepPodTrigger(**given).serialize() == (classpath, given)
