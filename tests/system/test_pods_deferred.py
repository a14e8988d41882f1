"""The same with `deferrable: true`: the triggerer waits for the pods, on a real Kubernetes with a real scheduler.

tests/system/test_faults.py has the rest, in both modes.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.kubernetes import Cluster
from tests.on_cluster import serve_platform
from tests.pod_retrains import STEPS, PodProject, Retrain, serve_project, wait_until

pytestmark = [pytest.mark.needs("airflow", "kubernetes", "uv"), pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def served(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[PodProject]:
    folder = tmp_path_factory.mktemp("deferred")
    with (
        serve_platform(cluster, folder, "deferred") as platform,
        serve_project(platform, folder, "late", deferrable=True) as project,
    ):
        yield project


@pytest.fixture
def late(served: PodProject) -> Iterator[PodProject]:
    """A project without a run, and without a pod."""
    yield served
    served.end()


def wait_for_deferral(retrain: Retrain, step: str) -> str:
    """The name of the step's pod, once it runs and nobody but the triggerer waits for it."""
    name = retrain.wait_for_pod(step)
    wait_until(lambda: retrain.task(step)["state"] == "deferred", 60)
    return name


def test_a_retrain_ships_a_model_and_no_worker_waits(late):
    retrain = late.retrain()
    assert retrain.wait() == "success"
    grown = {"evaluate": [("tiny", "out_of_memory"), ("small", "done")]}
    assert {step: retrain.causes(step) for step in STEPS} == {step: [("small", "done")] for step in STEPS} | grown
    log = retrain.log("train")
    assert "the triggerer waits for the pod" in log
    assert "train: done after" in log
    assert "tried: small: done" in log
    assert late.platform.pods() == []


def test_a_step_that_lacks_memory_runs_again_on_the_size_that_it_grows_to(late):
    retrain = late.retrain(split={"hold": 700})
    assert retrain.wait_for("split") == "success"
    assert retrain.causes("split") == [("small", "out_of_memory"), ("large", "done")]
    assert retrain.task("split")["try_number"] == 1


def test_a_run_that_is_failed_by_a_person_has_no_pod_seconds_later(late):
    retrain = late.retrain(split={"sleep": 300})
    wait_for_deferral(retrain, "split")
    retrain.mark("failed")
    wait_until(lambda: not late.platform.pods(), 30)


def test_a_log_that_its_node_has_rotated_is_shown_whole(late):
    """60,000 lines, 12 MB: the node keeps them in files of 10 MB and gives the newest."""
    retrain = late.retrain(split={"print_lines": 60_000, "width": 200, "sleep": 12})
    assert retrain.wait_for("split") == "success"
    (log,) = late.airflow.home.glob(f"logs/*/run_id={retrain.run_id}/task_id=split/attempt=1.log")
    lines = [json.loads(line)["event"] for line in log.read_text().splitlines()]
    numbers = [int(line.split(" ")[1].rstrip(".")) for line in lines if line.startswith("line ")]
    assert numbers == [*range(60_000)]


def test_the_schedulers_words_are_in_the_log_while_a_pod_waits_for_a_node(late):
    retrain = late.retrain(size="two-gpus")
    waiting = "waits for a node: 0/3 nodes are available"
    wait_until(lambda: retrain.task("extract")["state"] == "deferred" and waiting in retrain.log("extract"), 60)
    assert retrain.wait_for("extract") == "failed"
    assert retrain.causes("extract") == [("two-gpus", "no_node")]
    assert "extract: no node for the size two-gpus" in retrain.log("extract")
