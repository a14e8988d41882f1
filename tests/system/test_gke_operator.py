"""The operator for GKE, and its trigger, by the same rules. Who stands in for Google Cloud only knows the cluster."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.google_stand_in import CLUSTER, SETTINGS, install_stand_in
from tests.kubernetes import Cluster
from tests.on_cluster import serve_platform
from tests.pod_retrains import PodProject, serve_projects
from tests.waiting import wait_until

pytestmark = [pytest.mark.needs("airflow", "kubernetes", "uv"), pytest.mark.timeout(900)]


@pytest.fixture(params=[pytest.param("sync", marks=pytest.mark.fault), "deferrable"])
def cards(request: pytest.FixtureRequest, cluster: Cluster, tmp_path: Path) -> Iterator[PodProject]:
    mode = request.param
    with serve_platform(cluster, tmp_path, f"gke-{mode}") as platform:
        install_stand_in(tmp_path / "airflow", platform.namespace.kubeconfig)
        declared = {**CLUSTER, "deferrable": mode == "deferrable"}
        with serve_projects(platform, tmp_path, ["cards"], SETTINGS, **declared) as (project,):
            yield project
            project.end()


def test_a_lack_of_memory_a_deleted_pod_and_a_stop_are_told_apart_as_on_any_cluster(cards: PodProject) -> None:
    retrain = cards.retrain(split={"hold": 700})
    assert retrain.wait() == "success"
    assert retrain.causes("split") == [("small", "out_of_memory"), ("large", "done")]
    assert retrain.task("split")["operator"] == "GkeStepOperator"
    stopped = cards.retrain(split={"sleep": 300})
    first = stopped.wait_for_running("split")
    cards.platform.delete_pod(first)
    wait_until(lambda: stopped.find_running_pod("split") not in (None, first), 120)
    stopped.wait_for_waiting("split")
    assert stopped.causes("split") == [("small", "deleted")]
    stopped.mark("failed")
    wait_until(lambda: not cards.platform.pods(), 60)
