"""A real Airflow starts the steps as pods on a real Kubernetes, and what goes wrong there is told apart."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from tests.kubernetes import Cluster
from tests.on_cluster import serve_platform
from tests.pod_retrains import STEPS, PodProject, serve_project, wait_until

pytestmark = [pytest.mark.needs("airflow", "kubernetes", "uv"), pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def served(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[PodProject]:
    folder = tmp_path_factory.mktemp("pods")
    with serve_platform(cluster, folder, "pods") as platform, serve_project(platform, folder, "cards") as project:
        yield project


@pytest.fixture
def cards(served: PodProject) -> Iterator[PodProject]:
    """A project without a run, and without a pod."""
    yield served
    served.end()


def test_a_retrain_is_seven_pods_and_ships_a_model(cards):
    retrain = cards.retrain()
    assert retrain.wait() == "success"
    grown = {"evaluate": [("tiny", "out_of_memory"), ("small", "done")]}
    assert {step: retrain.causes(step) for step in STEPS} == {step: [("small", "done")] for step in STEPS} | grown
    assert retrain.directory.published("promote").record.summary["model_version"] == "1"
    assert "tried: small: done" in retrain.log("train")
    assert cards.platform.pods() == []


def test_a_step_that_lacks_memory_runs_again_on_the_size_that_it_grows_to(cards):
    retrain = cards.retrain(split={"hold": 700})
    assert retrain.wait_for("split") == "success"
    assert retrain.causes("split") == [("small", "out_of_memory"), ("large", "done")]
    assert retrain.directory.published("split").record.size.name == "large"
    assert "tried: small: out of memory" in retrain.log("split")


def test_the_steps_own_mistake_fails_at_once_with_its_words(cards):
    retrain = cards.retrain(split={"fail": True})
    assert retrain.wait_for("split") == "failed"
    assert retrain.causes("split") == [("small", "failed")]
    assert retrain.task("split")["try_number"] == 1
    assert "these features cannot be made" in retrain.log("split")


def test_a_pod_that_is_deleted_by_hand_is_started_again(cards):
    retrain = cards.retrain(split={"sleep": 8})
    cards.platform.delete_pod(retrain.wait_for_pod("split"))
    assert retrain.wait_for("split") == "success"
    assert retrain.causes("split") == [("small", "deleted"), ("small", "done")]
    assert retrain.task("split")["try_number"] == 1


def test_a_worker_that_is_killed_leaves_a_pod_that_is_found_again(cards):
    retrain = cards.retrain(split={"sleep": 20})
    name = retrain.wait_for_pod("split")
    retrain.kill_worker("split")
    assert retrain.wait_for("split") == "success"
    assert [pod.pod for pod in retrain.pods("split")] == [name]


def test_a_cluster_that_gives_no_answer_for_a_while_costs_nothing(cards):
    retrain = cards.retrain(split={"sleep": 35})
    name = retrain.wait_for_pod("split")
    cards.platform.cluster.kill_api_server()
    time.sleep(25)
    cards.platform.cluster.start_api_server()
    assert retrain.wait_for("split") == "success"
    assert [(pod.pod, pod.cause) for pod in retrain.pods("split")] == [(name, "done")]
    assert retrain.task("split")["try_number"] == 1


def test_a_run_that_is_failed_by_a_person_has_no_pod_seconds_later(cards):
    retrain = cards.retrain(split={"sleep": 300})
    retrain.wait_for_pod("split")
    retrain.mark("failed")
    wait_until(lambda: not cards.platform.pods(), 30)


def test_a_size_that_no_node_has_is_told_in_the_schedulers_words(cards):
    retrain = cards.retrain(size="two-gpus")
    assert retrain.wait_for("extract") == "failed"
    assert retrain.causes("extract") == [("two-gpus", "no_node")]
    assert "Insufficient nvidia.com/gpu" in retrain.log("extract")
