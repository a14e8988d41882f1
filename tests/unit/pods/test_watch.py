"""How long a pod is looked at: until it has ended, or has waited too long for a node since it was created."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from airflow_mlkit.pods.verdict import Cause
from airflow_mlkit.pods.watch import PodWatch

CREATED = datetime(2026, 1, 1, tzinfo=UTC)


def waiting(message: str) -> dict[str, Any]:
    condition = {"type": "PodScheduled", "status": "False", "message": message}
    return {
        "metadata": {"name": "p", "creationTimestamp": "2026-01-01T00:00:00Z"},
        "status": {"phase": "Pending", "conditions": [condition]},
    }


def test_a_wait_for_a_node_counts_from_the_pods_creation_whoever_looks_at_it() -> None:
    watch = PodWatch(timedelta(minutes=1), lambda _: None)
    for seconds, is_over in ((59, False), (61, True)):
        now = CREATED + timedelta(seconds=seconds)
        assert watch.is_over(watch.look(waiting("none fits"), now), now) is is_over


def test_the_schedulers_words_are_said_once_until_they_change() -> None:
    said: list[str] = []
    watch = PodWatch(timedelta(minutes=1), said.append)
    for message in ("none fits", "none fits", "too few cores"):
        watch.look(waiting(message), CREATED)
    assert said == ["waits for a node: none fits", "waits for a node: too few cores"]


def test_a_pod_that_is_gone_is_remembered_as_it_was() -> None:
    watch = PodWatch(timedelta(minutes=1), lambda _: None)
    watch.look(waiting("none fits"), CREATED)
    verdict = watch.look(None, CREATED)
    assert (verdict.cause, watch.is_over(verdict, CREATED)) == (Cause.DELETED, True)
    assert watch.pod is not None
    assert watch.pod["metadata"]["name"] == "p"
