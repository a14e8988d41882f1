"""Retrains whose steps are pods, and what a test makes go wrong in them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from string import Template
from typing import Any

import psutil

from airflow_mlkit.airflow.standalone import LocalAirflow, LocalAirflowError
from airflow_mlkit.rundir import PodRecord, RunDirectory, safe_run_id
from tests.on_cluster import PodPlatform
from tests.projects import build_project, default_spec
from tests.waiting import wait_until

STEPS = ("extract", "validate", "split", "train", "evaluate", "gate", "promote")

_AT_ONCE = "from airflow_mlkit.airflow import pod_task\n\npod_task.WORKER_SECONDS = 0.0\n\n"
"""Each step is left to the triggerer, however short it is: a worker would wait for the first half minute itself."""

MONTHLY = "0 0 1 * *"
"""When the projects are retrained by themselves: in a test never, unless it asks for a backfill."""

_FAULTS = "faults"

_WORKFLOW = Template('''
"""A model whose steps do what a file in the bucket says."""

import atexit
import json
import os
import signal
import subprocess
import sys
import time
from functools import cache

import numpy as np
from upath import UPath
from xgboost import XGBClassifier
from xgboost.callback import TrainingCallback

from airflow_mlkit import Workflow


class Slow(TrainingCallback):
    """Makes each round of a training take a second."""

    def after_iteration(self, model, epoch, evals_log):
        time.sleep(1)


class Cards(Workflow):
    """Finds fraud."""

    def features(self, dataframe):
        suffer()
        return dataframe

    def train(self, training_dataframe, validation_dataframe):
        suffer()
        model = XGBClassifier(n_estimators=20, random_state=self.seed, n_jobs=self.threads, enable_categorical=True)
        if find_fault().get("slowly"):
            model.set_params(callbacks=[Slow()])
            self.checkpoint._pause = 1.0  # a minute, where no test waits for it
        return self.checkpoint.fit(model, training_dataframe[self.feature_columns], training_dataframe[self.label])


@cache
def find_fault():
    """What the test wants to go wrong in the step that this process carries out."""
    step = sys.argv[sys.argv.index("step") + 1]
    return json.loads(UPath("$faults").read_text()).get(step, {})


@cache
def suffer():
    """Let it go wrong, once in each of the step's pods."""
    fault = find_fault()
    if mebibytes := fault.get("hold"):
        held = np.ones(mebibytes << 17)
        print(f"holds {held.nbytes >> 20} MiB", flush=True)
    if mebibytes := fault.get("hold_in_child"):
        child = f"import time; held = b'x' * ({mebibytes} << 20); time.sleep(1)"
        subprocess.run([sys.executable, "-c", child], check=True)
    for number in range(fault.get("print_lines", 0)):
        print(f"line {number}".ljust(fault.get("width", 0), "."))
    for _ in range(fault.get("print_megabytes_on_a_line", 0)):
        print("x" * (1 << 20), end="", flush=True)
    if seconds := fault.get("sleep"):
        print("sleeps", flush=True)
        time.sleep(seconds)
    if fault.get("die_after_publishing"):
        atexit.register(os.kill, os.getpid(), signal.SIGKILL)
    if fault.get("leave"):
        os._exit(0)
    if fault.get("fail"):
        raise ValueError("these features cannot be made")
''')


class Retrain:
    """One retrain of a project whose steps are pods."""

    def __init__(self, project: PodProject, run_id: str, suffering: str) -> None:
        self.suffering = suffering
        self._started = time.monotonic()
        self._waiting = "deferred" if project.is_deferrable else "running"
        self.airflow, self.platform, self.dag_id, self.run_id = (
            project.airflow,
            project.platform,
            project.dag_id,
            run_id,
        )
        self.directory = RunDirectory(project.platform.bucket / "runs" / project.name / safe_run_id(run_id))

    def state(self) -> str:
        return str(self.airflow.dag_run(self.dag_id, self.run_id)["state"])

    def wait(self, seconds: float = 600) -> str:
        """How it ended."""
        return str(self.airflow.wait(self.dag_id, self.run_id, seconds))

    def wait_for(self, step: str, seconds: float = 300) -> str:
        """How one of its steps ended; the rest of it goes on."""
        return str(wait_until(lambda: self._ending(step), seconds))

    def _ending(self, step: str) -> str | None:
        state = self.task(step)["state"]
        return state if state in ("success", "failed", "skipped", "upstream_failed") else None

    def mark(self, state: str) -> None:
        path = f"/api/v2/dags/{self.dag_id}/dagRuns/{self.run_id}"
        self.airflow.request("PATCH", path, json={"state": state})

    def mark_task(self, step: str, state: str) -> None:
        path = f"/api/v2/dags/{self.dag_id}/dagRuns/{self.run_id}/taskInstances/{step}"
        self.airflow.request("PATCH", path, json={"new_state": state})

    def clear(self, step: str) -> None:
        """Ask for a step anew, whatever it is at."""
        body = {"dag_run_id": self.run_id, "task_ids": [step], "dry_run": False, "only_failed": False}
        self.airflow.request("POST", f"/api/v2/dags/{self.dag_id}/clearTaskInstances", json=body)

    def kill_worker(self, step: str) -> None:
        """SIGKILL for the process that waits for the step's pod. The pods' own processes are seen from here too."""
        worker = f"airflow worker -- {self.task(step)['id']}"
        for process in psutil.process_iter(["cmdline"]):
            if worker in " ".join(process.info["cmdline"] or []):
                os.kill(process.pid, signal.SIGKILL)

    def print_failures(self) -> None:
        """The logs of the tasks that failed, for who reads a failed test."""
        for name, task in self.airflow.task_instances(self.dag_id, self.run_id).items():
            if task["state"] == "failed":
                sys.stdout.write(f"{name}\n{self.log(name)}\n")

    def tell(self) -> dict[str, str]:
        """How the step ended that a test made suffer, for people: outcome, the reason in its log, pods and seconds."""
        log = [line for line in self.log(self.suffering).splitlines() if not line.startswith("::")]
        tried = next((line for line in reversed(log) if line.startswith("tried: ")), "")
        outcome = str(self.task(self.suffering)["state"])
        return {
            "outcome": outcome,
            "reason": tried if outcome == "success" else " ".join([log[-1] if log else "", tried and f"({tried})"]),
            "pods": str(len(self.pods(self.suffering))),
            "seconds": f"{time.monotonic() - self._started:.0f}",
        }

    def task(self, step: str) -> dict[str, Any]:
        return self.airflow.task_instances(self.dag_id, self.run_id)[step]

    def pods(self, step: str) -> list[PodRecord]:
        """What became of the step's pods."""
        return self.directory.step(step).pods(1)

    def causes(self, step: str) -> list[tuple[str, str]]:
        """The size of each pod of the step, and what became of it."""
        return [(pod.size, pod.cause) for pod in self.pods(step)]

    def log(self, step: str) -> str:
        """What the log of the task's last try says."""
        return read_log(self.airflow, self.dag_id, self.run_id, step, self.task(step)["try_number"])

    def wait_for_pod(self, step: str) -> str:
        """The name of the step's pod, once it runs."""
        return str(wait_until(lambda: self.find_running_pod(step), 200))

    def wait_for_running(self, step: str) -> str:
        """The name of the step's pod, once it runs and who is to wait for it does: a worker, or only the triggerer."""
        name = self.wait_for_pod(step)
        self.wait_for_waiting(step)
        return name

    def wait_for_waiting(self, step: str) -> None:
        """Return once somebody waits for the step's pod: a worker, or only the triggerer.

        A task that is failed before its trigger has begun leaves its pod to the sweeper.
        """
        wait_until(lambda: self.task(step)["state"] == self._waiting, 60)
        if self._waiting == "deferred":
            wait_until(lambda: "its log is shown here once it has ended" in self.log(step), 60)

    def wait_for_work(self, step: str) -> str:
        """The name of the step's pod, once its step has begun there: before it loads, and waits until it is asked."""
        name = self.wait_for_running(step)
        wait_until((self.directory.step(step).root / "1" / "tries" / "1" / "started.json").exists, 60)
        return name

    def find_pods(self, step: str) -> list[str]:
        """The names of the step's pods that are there now, whatever they are at."""
        found = [pod["metadata"] for pod in self.platform.pods()]
        return [pod["name"] for pod in found if pod["labels"]["mlkit.dev/step"] == step]

    def find_running_pod(self, step: str) -> str | None:
        """The name of the step's pod, if one runs that its task has claimed: one that was started ahead only waits."""
        for pod in self.platform.pods():
            metadata, state = pod["metadata"], pod["status"].get("containerStatuses", [{}])[0].get("state", {})
            is_claimed = metadata.get("finalizers") and not metadata.get("deletionTimestamp")
            if metadata["labels"]["mlkit.dev/step"] == step and "running" in state and is_claimed:
                return str(metadata["name"])
        return None


@dataclass
class PodProject:
    """A project of the small cards, retrained by an Airflow whose steps are pods."""

    name: str
    folder: Path
    image: str
    airflow: LocalAirflow
    platform: PodPlatform
    environment: dict[str, Any]
    started: list[Retrain] = field(default_factory=list)
    components: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def dag_id(self) -> str:
        return f"{self.name}-retrain"

    @property
    def is_deferrable(self) -> bool:
        return bool(self.environment.get("deferrable"))

    def retrain(self, size: str | None = None, **faults: dict[str, Any]) -> Retrain:
        """Start a retrain, on a size of its own, in which some steps suffer something: `split={"hold": 700}`."""
        _faults_of(self.platform, self.name).write_text(json.dumps(faults))
        run_id = self.airflow.trigger(self.dag_id, {"size": size} if size else {})
        self.started.append(Retrain(self, run_id, next(iter(faults), "extract")))
        return self.started[-1]

    def backfill(self, first: str, last: str) -> list[Retrain]:
        """Ask for the retrains of some past months, each as if it were that day."""
        _faults_of(self.platform, self.name).write_text("{}")
        asked = {"dag_id": self.dag_id, "from_date": f"{first}T00:00:00Z", "to_date": f"{last}T00:00:00Z"}
        wait_until(lambda: self._ask_for_backfill({**asked, "max_active_runs": 5}), 60)
        path = f"/api/v2/dags/{self.dag_id}/dagRuns?run_type=backfill&order_by=logical_date"
        runs = self.airflow.request("GET", path)["dag_runs"]
        self.started += [Retrain(self, run["dag_run_id"], "extract") for run in runs]
        return self.started[-len(runs) :]

    @contextmanager
    def slots(self, number: int) -> Iterator[None]:
        """Airflow carries out so many tasks at a time, for a while."""
        path = "/api/v2/pools/default_pool"
        before = self.airflow.request("GET", path)["slots"]
        self.airflow.request("PATCH", f"{path}?update_mask=slots", json={"pool": "default_pool", "slots": number})
        try:
            yield
        finally:
            self.airflow.request("PATCH", f"{path}?update_mask=slots", json={"pool": "default_pool", "slots": before})

    def _ask_for_backfill(self, asked: dict[str, Any]) -> bool:
        """Airflow on SQLite refuses while anybody else writes."""
        try:
            self.airflow.request("POST", "/api/v2/backfills", json=asked)
        except LocalAirflowError as error:
            if "locked" not in str(error):
                raise
            return False
        return True

    @contextmanager
    def declared(self, image: str | None = None, **environment: Any) -> Iterator[None]:
        """Something else in platform.yaml, for a while."""
        self.platform.write(self.folder, image or self.image, **{**self.environment, **environment})
        try:
            yield
        finally:
            self.platform.write(self.folder, self.image, **self.environment)

    def kill(self, component: str) -> None:
        """SIGKILL for Airflow's scheduler or triggerer, whoever started it."""
        for process in find_processes(self.airflow, component):
            os.kill(process.pid, signal.SIGKILL)

    def start(self, component: str) -> None:
        """Start one again; it ends with the project."""
        with (self.airflow.home / f"{component}.log").open("ab") as log:
            command = [sys.executable, "-m", "airflow", component]
            environment = self.airflow.environment()
            self.components.append(subprocess.Popen(command, env=environment, stdout=log, stderr=log))

    def end(self) -> None:
        """Fail what still goes on, so that the next one may start."""
        for each in self.started:
            each.print_failures()
            if each.state() not in ("success", "failed"):
                each.mark("failed")
        self.started.clear()
        deadline = time.monotonic() + 20
        while any(pod["metadata"].get("finalizers") for pod in self.platform.pods()) and time.monotonic() < deadline:
            time.sleep(0.5)
        for (
            pod
        ) in self.platform.pods():  # started ahead and never asked; of a task that was failed while it was deferred
            self.platform.cluster.free_pod(self.platform.namespace.name, pod["metadata"]["name"])
            self.platform.delete_pod(pod["metadata"]["name"])
        wait_until(lambda: not self.platform.pods(), 60)


def find_processes(airflow: LocalAirflow, component: str) -> Iterator[psutil.Process]:
    """Those that run a component of an Airflow, whoever started them."""
    for process in psutil.process_iter(["cmdline", "environ"]):
        told, home = process.info["cmdline"] or [], (process.info["environ"] or {}).get("AIRFLOW_HOME")
        if home == str(airflow.home) and "airflow" in " ".join(told) and component in told:
            yield process


def read_log(airflow: LocalAirflow, dag_id: str, run_id: str, task: str, number: int = 1) -> str:
    """What the log of a task's try says, line by line."""
    path = f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task}/logs/{number}"
    content = airflow.request("GET", path)["content"]
    return "\n".join(str(line.get("event", line)) for line in content)


@contextmanager
def serve_project(platform: PodPlatform, folder: Path, name: str, **environment: Any) -> Iterator[PodProject]:
    """A project with an image of its own, and the Airflow that retrains it.

    Args:
        platform: where its pods run.
        folder: for its files and Airflow's.
        name: of the project.
        environment: what its environment `cluster` has beside what all have.
    """
    workflow = _WORKFLOW.substitute(faults=_faults_of(platform, name))
    spec = {**default_spec(), "name": name}
    spec["train"] = {**spec["train"], "sizes": {"evaluate": "tiny"}, "schedule": {"cron": MONTHLY}}
    project = build_project(folder / name, rows=1200, spec=spec, workflow=workflow)
    image = platform.install(project, **environment)
    if environment.get("deferrable"):
        dag_file = project / "dags" / "project.py"
        dag_file.write_text(_AT_ONCE + dag_file.read_text())
    known = {"AIRFLOW__MLKIT__PLATFORM": str(project / "platform.yaml")}
    with platform.airflow(folder / "airflow", project / "dags", **known) as airflow:
        airflow.wait_for_dag(f"{name}-retrain")
        served = PodProject(name, project, image, airflow, platform, environment)
        try:
            yield served
        finally:
            for process in served.components:
                _stop(process)


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:  # a triggerer waits for the triggers of a scheduler that is gone
        process.kill()
        process.wait()


def _faults_of(platform: PodPlatform, project: str) -> Any:
    return platform.bucket / _FAULTS / f"{project}.json"
