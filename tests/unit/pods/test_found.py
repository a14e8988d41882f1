"""Which of a step's pods is followed."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_mlkit.pods.found import choose_found
from airflow_mlkit.rundir import StepRecord


def pod(name: str, generation: int = 2) -> dict[str, Any]:
    return {"metadata": {"name": name, "labels": {"mlkit.dev/generation": str(generation)}}}


@pytest.mark.parametrize(
    ("judged", "published_by", "chosen", "others"),
    [
        ([], None, "a", ["old", "b"]),
        (["a"], None, "b", ["old", "a"]),
        (["a", "b"], None, None, ["old", "a", "b"]),
        ([], "b", "b", ["old", "a"]),
        (["b"], "b", None, ["old", "a", "b"]),
        ([], "a pod that is gone", None, ["old", "a", "b"]),
    ],
)
def test_one_pod_of_this_asking_is_followed_and_all_others_are_removed(
    judged: list[str], published_by: str | None, chosen: str | None, others: list[str]
) -> None:
    found = [pod("old", generation=1), pod("a"), pod("b")]
    published = published_by and StepRecord.model_construct(pod=published_by)
    followed, removed = choose_found(found, generation=2, judged=judged, published=published or None)
    assert (followed and followed["metadata"]["name"], removed) == (chosen, others)
