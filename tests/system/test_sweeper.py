"""The Dag that sweeps pods, in a real Airflow beside a real Kubernetes: what was left behind goes, all else stays."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.pod_retrains import PodProject, read_log
from tests.waiting import wait_until

pytestmark = [pytest.mark.needs("airflow", "kubernetes", "uv"), pytest.mark.timeout(900)]

SWEEPER = "mlkit-sweep-pods"
DAG_FILE = Path(__file__).parents[2] / "dags" / "sweep_pods.py"


def sweep(project: PodProject) -> str:
    """What the sweeper's log says."""
    run_id = project.airflow.trigger(SWEEPER)
    state = project.airflow.wait(SWEEPER, run_id)
    log = read_log(project.airflow, SWEEPER, run_id, "sweep")
    assert state == "success", log
    return log


def names(project: PodProject) -> set[str]:
    return {pod["metadata"]["name"] for pod in project.platform.pods()}


@contextmanager
def copied_elsewhere(project: PodProject, pod: dict[str, Any]) -> Iterator[str]:
    """The pod of a run of another installation, which nobody here has heard of."""
    metadata = {key: pod["metadata"][key] for key in ("annotations", "finalizers", "namespace")}
    metadata["labels"] = {**pod["metadata"]["labels"], "mlkit.dev/place": "f" * 16}
    kept = ("securityContext", "restartPolicy", "automountServiceAccountToken")
    spec = {key: pod["spec"][key] for key in kept}
    container = {key: value for key, value in pod["spec"]["containers"][0].items() if key != "volumeMounts"}
    spec["containers"] = [{**container, "command": ["sleep", "300"]}]
    given = {"apiVersion": "v1", "kind": "Pod", "metadata": {**metadata, "name": "elsewhere"}, "spec": spec}
    cluster = project.platform.cluster
    cluster.kubectl("apply", "-f", "-", given=json.dumps(given))
    try:
        yield "elsewhere"
    finally:
        project.platform.delete_pod("elsewhere")
        cluster.free_pod(project.platform.namespace.name, "elsewhere")


@pytest.fixture
def sweeper(cards: PodProject) -> Iterator[PodProject]:
    """A project beside the sweeper, whose triggerer may die."""
    dag_file = Path(shutil.copy(DAG_FILE, cards.airflow.dags_folder / "sweep_pods.py"))
    cards.airflow.wait_for_dag(SWEEPER)
    yield cards
    dag_file.unlink()
    cards.start("triggerer")


@pytest.mark.parametrize("served", ["deferrable"], indirect=True)
def test_pod_of_a_finished_task_is_swept_and_no_other(sweeper):
    """The task is failed while no triggerer is there that would remove its pod."""
    retrain = sweeper.retrain(split={"sleep": 300})
    name = retrain.wait_for_running("split")
    pod = next(pod for pod in sweeper.platform.pods() if pod["metadata"]["name"] == name)
    with copied_elsewhere(sweeper, pod) as elsewhere:
        log = sweep(sweeper)
        assert "0 removed" in log
        assert "1 of other installations" in log
        assert names(sweeper) >= {name, elsewhere}

        sweeper.kill("triggerer")
        retrain.mark("failed")
        log = sweep(sweeper)
        key = f"(cards-retrain, {retrain.run_id}, split)"
        assert f"removes {name}: its task {key} is failed; the pod: alive Running" in log
        wait_until(lambda: names(sweeper) == {elsewhere}, 60)
        assert "0 removed, 0 of tasks that go on" in sweep(sweeper)
