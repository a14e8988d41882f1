"""A real Airflow starts the steps as pods on a real Kubernetes, and what goes wrong there is told apart."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import psutil
import pytest

from airflow_mlkit.airflow.standalone import LocalAirflow
from airflow_mlkit.rundir import PodRecord, RunDirectory, safe_run_id
from tests.kubernetes import Cluster
from tests.on_cluster import PodPlatform, serve_platform
from tests.projects import build_project

pytestmark = [pytest.mark.needs("airflow", "kubernetes"), pytest.mark.timeout(900)]

RETRAIN = "cards-retrain"

WORKFLOW = '''
"""A model whose features() does what a file in the bucket says."""

import json
import time

import numpy as np
from upath import UPath
from xgboost import XGBClassifier

from airflow_mlkit import Workflow


class Cards(Workflow):
    """Finds fraud."""

    def features(self, dataframe):
        fault = json.loads(UPath("s3://pods/fault.json").read_text())
        if mebibytes := fault.get("hold"):
            held = np.ones(mebibytes << 17)
            print(f"holds {held.nbytes >> 20} MiB", flush=True)
        if seconds := fault.get("sleep"):
            print("sleeps", flush=True)
            time.sleep(seconds)
        if fault.get("fail"):
            raise ValueError("these features cannot be made")
        return dataframe

    def train(self, training_dataframe, validation_dataframe):
        model = XGBClassifier(n_estimators=20, random_state=self.seed, n_jobs=self.threads, enable_categorical=True)
        return model.fit(training_dataframe[self.feature_columns], training_dataframe[self.label])
'''


@pytest.fixture(scope="module")
def platform(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[PodPlatform]:
    with serve_platform(cluster, tmp_path_factory.mktemp("platform"), "pods") as served:
        yield served


@pytest.fixture(scope="module")
def airflow(platform: PodPlatform, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalAirflow]:
    """One that knows the project `cards`."""
    project = build_project(tmp_path_factory.mktemp("projects") / "cards", rows=1200, workflow=WORKFLOW)
    platform.install(project)
    with platform.airflow(tmp_path_factory.mktemp("airflow"), project / "dags") as local:
        local.wait_for_dag(RETRAIN)
        yield local


@pytest.fixture
def run(airflow: LocalAirflow, platform: PodPlatform) -> Iterator[Callable[..., Run]]:
    """Starts a retrain, which is failed at the end if it goes on, so that the next one may start."""
    started: list[Run] = []

    def start(size: str | None = None, **fault: Any) -> Run:
        (platform.bucket / "fault.json").write_text(json.dumps(fault))
        conf = {"size": size} if size else {}
        started.append(Run(airflow, platform, airflow.trigger(RETRAIN, conf)))
        return started[-1]

    yield start
    for each in started:
        if each.state() not in ("success", "failed"):
            each.mark("failed")
        wait_until(lambda: not platform.pods(), 60)


class Run:
    """One retrain."""

    def __init__(self, airflow: LocalAirflow, platform: PodPlatform, run_id: str) -> None:
        self.airflow, self.platform, self.run_id = airflow, platform, run_id
        self.directory = RunDirectory(platform.bucket / "runs" / "cards" / safe_run_id(run_id))

    def state(self) -> str:
        return str(self.airflow.dag_run(RETRAIN, self.run_id)["state"])

    def wait(self) -> str:
        """How it ended; a log that a failed test shows is printed."""
        state = self.airflow.wait(RETRAIN, self.run_id, 600)
        for name, task in self.airflow.task_instances(RETRAIN, self.run_id).items():
            if task["state"] == "failed":
                sys.stdout.write(f"{name}\n{self.log(name)}\n")
        return state

    def mark(self, state: str) -> None:
        self.airflow.request("PATCH", f"/api/v2/dags/{RETRAIN}/dagRuns/{self.run_id}", json={"state": state})

    def task(self, name: str) -> dict[str, Any]:
        return self.airflow.task_instances(RETRAIN, self.run_id)[name]

    def pods(self, step: str) -> list[PodRecord]:
        return self.directory.step(step).pods(1)

    def log(self, step: str) -> str:
        """What the log of the task's last try says."""
        path = f"/api/v2/dags/{RETRAIN}/dagRuns/{self.run_id}/taskInstances/{step}/logs/{self.task(step)['try_number']}"
        content = self.airflow.request("GET", path)["content"]
        return "\n".join(str(line.get("event", line)) for line in content)

    def wait_for_pod(self, step: str) -> str:
        """The name of the step's pod, once it runs."""
        return str(wait_until(lambda: self._running_pod(step), 200))

    def _running_pod(self, step: str) -> str | None:
        for pod in self.platform.pods():
            labels, state = pod["metadata"]["labels"], pod["status"].get("containerStatuses", [{}])[0].get("state", {})
            if labels["mlkit.dev/step"] == step and "running" in state and not pod["metadata"].get("deletionTimestamp"):
                return str(pod["metadata"]["name"])
        return None


def wait_until(condition: Callable[[], Any], seconds: float) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, f"not within {seconds} seconds"
        time.sleep(0.5)
    return found


def causes(pods: list[PodRecord]) -> list[tuple[str, str]]:
    return [(pod.size, pod.cause) for pod in pods]


def test_a_retrain_is_seven_pods_and_ships_a_model(run, platform):
    retrain = run()
    assert retrain.wait() == "success"
    steps = ("extract", "validate", "split", "train", "evaluate", "gate", "promote")
    assert {name: causes(retrain.pods(name)) for name in steps} == {name: [("small", "done")] for name in steps}
    assert retrain.directory.published("promote").record.summary["model_version"] == "1"
    assert "pods: small done" in retrain.log("train")
    assert platform.pods() == []


def test_a_step_that_lacks_memory_runs_again_on_the_size_that_it_grows_to(run):
    retrain = run(hold=700)
    assert retrain.wait() == "success"
    assert causes(retrain.pods("split")) == [("small", "out_of_memory"), ("large", "done")]
    assert retrain.directory.published("split").record.size.name == "large"
    assert "pods: small out of memory" in retrain.log("split")


def test_the_steps_own_mistake_fails_at_once_with_its_words(run):
    retrain = run(fail=True)
    assert retrain.wait() == "failed"
    assert causes(retrain.pods("split")) == [("small", "failed")]
    assert retrain.task("split")["try_number"] == 1
    assert "these features cannot be made" in retrain.log("split")


def test_a_pod_that_is_deleted_by_hand_is_started_again(run, platform):
    retrain = run(sleep=20)
    name = retrain.wait_for_pod("split")
    platform.cluster.kubectl("delete", "pod", name, "-n", platform.namespace.name, "--wait=false")
    assert retrain.wait() == "success"
    assert causes(retrain.pods("split")) == [("small", "deleted"), ("small", "done")]
    assert retrain.task("split")["try_number"] == 1


def test_a_worker_that_is_killed_leaves_a_pod_that_is_found_again(run):
    retrain = run(sleep=30)
    name = retrain.wait_for_pod("split")
    # the pod's own processes have the run's name too, and are seen from here
    worker = f"airflow worker -- {retrain.task('split')['id']}"
    for process in psutil.process_iter(["cmdline"]):
        if worker in " ".join(process.info["cmdline"] or []):
            os.kill(process.pid, signal.SIGKILL)
    assert retrain.wait() == "success"
    assert [pod.pod for pod in retrain.pods("split")] == [name]


def test_a_cluster_that_gives_no_answer_for_a_while_costs_nothing(run, platform):
    retrain = run(sleep=40)
    name = retrain.wait_for_pod("split")
    platform.cluster.kill_api_server()
    time.sleep(25)
    platform.cluster.start_api_server()
    assert retrain.wait() == "success"
    assert [(pod.pod, pod.cause) for pod in retrain.pods("split")] == [(name, "done")]
    assert retrain.task("split")["try_number"] == 1


def test_a_run_that_is_failed_by_a_person_has_no_pod_seconds_later(run, platform):
    retrain = run(sleep=300)
    retrain.wait_for_pod("split")
    retrain.mark("failed")
    wait_until(lambda: not platform.pods(), 30)


def test_a_size_that_no_node_has_is_told_in_the_schedulers_words(run):
    retrain = run(size="two-gpus")
    assert retrain.wait() == "failed"
    assert causes(retrain.pods("extract")) == [("two-gpus", "no_node")]
    assert "Insufficient nvidia.com/gpu" in retrain.log("extract")
