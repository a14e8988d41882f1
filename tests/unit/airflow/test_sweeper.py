"""Which pods are swept: those of finished tasks of this installation, and no others."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from airflow_mlkit.airflow.patience import ClusterRefused
from airflow_mlkit.airflow.step_pod import TaskKey
from airflow_mlkit.airflow.sweeper import Sweeper
from airflow_mlkit.plan.pod import FINALIZER
from airflow_mlkit.pods.step_pod import place_of
from airflow_mlkit.rundir import safe_run_id

RUNS = "gs://ml/runs"
KEY = TaskKey("cards-retrain", "manual__2026-01-01T00:00:00+00:00", "train")


def pod(name: str, key: TaskKey | None = KEY, runs: str = RUNS, dag: str = "", **metadata: Any) -> dict[str, Any]:
    place = place_of(f"{runs}/cards/{safe_run_id(dag + (key or KEY).run_id)}")
    described = {
        "name": name,
        "labels": {"mlkit.dev/project": "cards", "mlkit.dev/place": place},
        "annotations": key.annotations if key else {},
        "finalizers": [FINALIZER],
    }
    return {"metadata": described | metadata, "status": {"phase": "Running"}}


@dataclass
class Pods:
    """The pods of a namespace."""

    there: list[dict[str, Any]]
    removed: list[str] = field(default_factory=list)
    held: str = ""

    def find(self) -> list[dict[str, Any]]:
        return self.there

    def remove(self, name: str) -> None:
        if name == self.held:
            raise ClusterRefused("a webhook says no")
        self.removed.append(name)


def sweep(*there: dict[str, Any], state: str = "failed", runs: str = RUNS) -> list[str]:
    pods = Pods(list(there))
    named = Sweeper(pods, runs, lambda *_: state).sweep()  # type: ignore[arg-type]
    assert named == pods.removed
    return named


@pytest.mark.parametrize("state", ["success", "failed", "skipped", "upstream_failed", "removed"])
def test_the_pod_of_a_finished_task_is_removed(state: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "airflow_mlkit")
    assert sweep(pod("left"), state=state) == ["left"]
    said = "is not there any more" if state == "removed" else f"is {state}"
    assert f"removes left: its task (cards-retrain, {KEY.run_id}, train) {said}" in caplog.messages[0]


@pytest.mark.parametrize(
    "state",
    ["none", "scheduled", "queued", "running", "deferred", "up_for_retry", "up_for_reschedule", "restarting", "new"],
)
def test_a_task_that_goes_on_keeps_its_pod(state: str) -> None:
    assert sweep(pod("needed"), state=state) == []


def test_both_dags_of_a_project_are_looked_after() -> None:
    assert sweep(pod("scoring", dag="predict__")) == ["scoring"]


def test_pods_of_another_installation_are_none_of_ours() -> None:
    """There the run may be at work; here nobody has heard of it."""
    assert sweep(pod("other", runs="gs://other/runs"), state="removed") == []
    assert sweep(pod("below", runs=f"{RUNS}/team"), state="removed") == []


def test_runs_on_a_volume_are_known_too() -> None:
    assert sweep(pod("left", runs="/mlkit/runs"), runs="/mlkit/runs/") == ["left"]


def test_a_pod_that_was_started_ahead_and_never_claimed_is_swept_too() -> None:
    assert sweep(pod("unasked", finalizers=None)) == ["unasked"]


def test_a_pod_that_no_task_started_is_left_alone() -> None:
    by_hand = pod("by-hand", annotations={"mlkit.dev/dag-id": "cards-retrain", "mlkit.dev/map-index": "none"})
    assert sweep(by_hand, pod("unknown", key=None)) == []


def test_a_name_that_no_label_could_hold_is_asked_for_as_it_is() -> None:
    key = TaskKey('a "dag"', "läuft\n<b>", "train", 3)
    asked = []
    Sweeper(Pods([pod("left", key)]), RUNS, lambda *asking: asked.append(asking) or "failed").sweep()  # type: ignore[arg-type,func-returns-value]
    assert asked == [('a "dag"', "läuft\n<b>", "train", 3)]


def test_one_pod_that_cannot_be_removed_keeps_no_other_one(caplog: pytest.LogCaptureFixture) -> None:
    pods = Pods([pod("held"), pod("left")], held="held")
    with pytest.raises(ClusterRefused, match="1 of 2 pods were not removed"):
        Sweeper(pods, RUNS, lambda *_: "failed").sweep()  # type: ignore[arg-type]
    assert pods.removed == ["left"]
    assert "held stays: the cluster refuses: a webhook says no" in caplog.text
