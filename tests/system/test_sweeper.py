"""The Dag that sweeps pods, in a real Airflow beside a real Kubernetes: what was left behind goes, all else stays."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.kubernetes import Cluster
from tests.on_cluster import serve_platform
from tests.pod_retrains import PodProject, serve_project, wait_until

pytestmark = [pytest.mark.needs("airflow", "kubernetes", "uv"), pytest.mark.timeout(900)]

SWEEPER = "mlkit-sweep-pods"
DAG_FILE = Path(__file__).parents[2] / "dags" / "sweep_pods.py"


@pytest.fixture(scope="module")
def swept(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[PodProject]:
    """A project beside the sweeper."""
    folder = tmp_path_factory.mktemp("swept")
    with (
        serve_platform(cluster, folder, "swept") as platform,
        serve_project(platform, folder, "swept", deferrable=True) as project,
    ):
        shutil.copy(DAG_FILE, folder / "swept" / "dags" / "sweep_pods.py")
        project.airflow.wait_for_dag(SWEEPER)
        yield project


def sweep(project: PodProject) -> str:
    """What the sweeper's log says."""
    run_id = project.airflow.trigger(SWEEPER)
    state = project.airflow.wait(SWEEPER, run_id)
    content = project.airflow.request("GET", f"/api/v2/dags/{SWEEPER}/dagRuns/{run_id}/taskInstances/sweep/logs/1")
    log = "\n".join(str(line.get("event", line)) for line in content["content"])
    assert state == "success", log
    return log


def names(project: PodProject) -> set[str]:
    return {pod["metadata"]["name"] for pod in project.platform.pods()}


def copy_elsewhere(project: PodProject, pod: dict[str, Any]) -> str:
    """The pod of a run of another installation, which nobody here has heard of."""
    described = json.loads(json.dumps(pod))
    metadata = {key: described["metadata"][key] for key in ("labels", "annotations", "finalizers", "namespace")}
    metadata["labels"]["mlkit.dev/place"] = "f" * 16
    spec = {"containers": [{**described["spec"]["containers"][0], "command": ["sleep", "300"]}]}
    kept = ("securityContext", "restartPolicy", "automountServiceAccountToken")
    spec |= {key: described["spec"][key] for key in kept}
    spec["containers"][0].pop("volumeMounts")
    given = {"apiVersion": "v1", "kind": "Pod", "metadata": {**metadata, "name": "elsewhere"}, "spec": spec}
    project.platform.cluster.kubectl("apply", "-f", "-", given=json.dumps(given))
    return "elsewhere"


def test_a_pod_is_swept_once_its_task_is_finished_and_not_before(swept):
    """The task is failed while no triggerer is there that would remove its pod."""
    retrain = swept.retrain(split={"sleep": 300})
    name = retrain.wait_for_pod("split")
    wait_until(lambda: retrain.task("split")["state"] == "deferred", 60)
    elsewhere = copy_elsewhere(swept, next(pod for pod in swept.platform.pods() if pod["metadata"]["name"] == name))
    log = sweep(swept)
    assert "0 removed" in log
    assert "1 of other installations" in log
    assert names(swept) >= {name, elsewhere}

    swept.kill("triggerer")
    retrain.mark("failed")
    log = sweep(swept)
    assert f"removes {name}: its task (swept-retrain, {retrain.run_id}, split) is failed; the pod: alive Running" in log
    wait_until(lambda: names(swept) == {elsewhere}, 60)
    assert "0 removed, 0 of tasks that go on" in sweep(swept)
