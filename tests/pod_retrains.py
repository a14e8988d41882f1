"""Retrains whose steps are pods, and what a test makes go wrong in them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from airflow_mlkit.airflow.followed_pod import HOLES
from airflow_mlkit.airflow.standalone import LocalAirflow, LocalAirflowError
from airflow_mlkit.rundir import PodRecord, RunDirectory, safe_run_id
from tests.on_cluster import PodPlatform
from tests.projects import build_project, default_spec
from tests.suffering import describe_workflow, find_faults
from tests.waiting import wait_until

STEPS = ("extract", "validate", "split", "train", "evaluate", "gate", "promote")

_AT_ONCE = "from airflow_mlkit.airflow import pod_task\n\npod_task.WORKER_SECONDS = 0.0\n\n"
"""Each step is left to the triggerer, however short it is: a worker would wait for the first half minute itself."""

_SELDOM = {"AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "30"}
"""Dag files are read as often as by default: every few seconds, those of six projects take a fifth of this machine."""

MONTHLY = "0 0 1 * *"
"""When the projects are retrained by themselves: in a test never, unless it asks for a backfill."""

_DAG_FILE = "from airflow_mlkit.airflow import pipeline_dags\n\nglobals().update(pipeline_dags({folder!r}))\n"


class Retrain:
    """One retrain of a project whose steps are pods."""

    def __init__(self, project: PodProject, run_id: str, suffering: str) -> None:
        self.suffering, self._project = suffering, project.name
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
        log = self.log(self.suffering)
        tried = next((line for line in reversed(log.splitlines()) if line.startswith("tried: ")), "")
        outcome = str(self.task(self.suffering)["state"])
        reason = _find_reason(log.splitlines())
        return {
            "outcome": outcome,
            "reason": tried if outcome == "success" else f"{reason} ({tried})" if tried else reason,
            "pods": str(len(self.seen(self.suffering))),
            "seconds": f"{time.monotonic() - self._started:.0f}",
        }

    def task(self, step: str) -> dict[str, Any]:
        return self.airflow.task_instances(self.dag_id, self.run_id)[step]

    def pods(self, step: str) -> list[PodRecord]:
        """What became of the step's pods."""
        return self.directory.step(step).pods(1)

    def seen(self, step: str) -> set[str]:
        """The pods that worked on the step, as the cluster told of them."""
        return self.platform.seen.names_of(self._project, self.run_id, step)

    def causes(self, step: str) -> list[tuple[str, str]]:
        """The size of each pod of the step, and what became of it."""
        return [(pod.size, pod.cause) for pod in self.pods(step)]

    def worked(self, step: str) -> list[tuple[str, str]]:
        """The same, of the pods that began: one that was started ahead, and whose task came too late, did not."""
        return [(size, cause) for size, cause in self.causes(step) if cause != "unasked"]

    def log(self, step: str) -> str:
        """What the log of the task's last try says."""
        return read_log(self.airflow, self.dag_id, self.run_id, step, self.task(step)["try_number"])

    def counted(self, step: str) -> list[int]:
        """The numbers that a step printed, one a second, as its task's log has them when it is shown last."""
        _, _, shown = self.log(step).rpartition(HOLES)
        return [int(line.removeprefix("second ")) for line in shown.splitlines() if line.startswith("second ")]

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
        find_faults(self.platform.bucket, self.name).write_text(json.dumps(faults))
        run_id = self.airflow.trigger(self.dag_id, {"size": size} if size else {})
        self.started.append(Retrain(self, run_id, next(iter(faults), "extract")))
        return self.started[-1]

    def backfill(self, first: str, last: str) -> list[Retrain]:
        """Ask for the retrains of some past months, each as if it were that day."""
        find_faults(self.platform.bucket, self.name).write_text("{}")
        asked = {"dag_id": self.dag_id, "from_date": f"{first}T00:00:00Z", "to_date": f"{last}T00:00:00Z"}
        wait_until(lambda: self._ask_for_backfill({**asked, "max_active_runs": 5}), 60)
        path = f"/api/v2/dags/{self.dag_id}/dagRuns?run_type=backfill&order_by=logical_date"
        runs = self.airflow.request("GET", path)["dag_runs"]
        self.started += [Retrain(self, run["dag_run_id"], "extract") for run in runs]
        return self.started[-len(runs) :]

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
        # started ahead and never asked; of a task that was failed while it was deferred
        for pod in self.platform.pods():
            self.platform.cluster.free_pod(self.platform.namespace.name, pod["metadata"]["name"])
            self.platform.delete_pod(pod["metadata"]["name"])
        wait_until(lambda: not self.platform.pods(), 60)


def _find_reason(log: Sequence[str]) -> str:
    """The first line of what Airflow ends the log of a failed task with; the last one of a log that was cut off."""
    marks = [place for place, line in enumerate(log) if line.startswith("::group::Post Execute")]
    last = log[marks[-1] :] if marks else log[-1:]
    said = [line for line in last if not line.startswith(("::", "tried: "))]
    return said[0] if said else ""


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
def slots(airflow: LocalAirflow, number: int) -> Iterator[None]:
    """An Airflow carries out so many tasks at a time, for a while."""
    path = "/api/v2/pools/default_pool"
    before = airflow.request("GET", path)["slots"]
    airflow.request("PATCH", f"{path}?update_mask=slots", json={"pool": "default_pool", "slots": number})
    try:
        yield
    finally:
        airflow.request("PATCH", f"{path}?update_mask=slots", json={"pool": "default_pool", "slots": before})


@contextmanager
def serve_project(platform: PodPlatform, folder: Path, name: str, **environment: Any) -> Iterator[PodProject]:
    """A project whose evaluation is short of memory, and the Airflow that retrains it and sweeps its pods.

    Args:
        platform: where its pods run.
        folder: for its files and Airflow's.
        name: of the project.
        environment: what its environment `cluster` has beside what all have.
    """
    known = {"AIRFLOW__MLKIT__PLATFORM": str(folder / name / "platform.yaml")}
    with serve_projects(platform, folder, [name], known, {"evaluate": "tiny"}, **environment) as (project,):
        yield project


@contextmanager
def serve_projects(
    platform: PodPlatform,
    folder: Path,
    names: Sequence[str],
    settings: Mapping[str, str] = {},
    sizes: Mapping[str, str] = {},
    **environment: Any,
) -> Iterator[list[PodProject]]:
    """Projects with an image each, and the one Airflow that retrains them.

    Args:
        platform: where their pods run.
        folder: for their files and Airflow's.
        names: of the projects.
        settings: of Airflow, beside those that the platform needs.
        sizes: of steps that have one of their own.
        environment: what the environment `cluster` has beside what all have.
    """
    dags = folder / "dags"
    dags.mkdir()
    images = [_build(platform, folder / name, dags / f"{name}.py", sizes, environment) for name in names]
    with platform.airflow(folder / "airflow", dags, **{**_SELDOM, **settings}) as airflow:
        served = [
            PodProject(name, folder / name, image, airflow, platform, environment)
            for name, image in zip(names, images, strict=True)
        ]
        for project in served:
            airflow.wait_for_dag(project.dag_id)
        try:
            yield served
        finally:
            for process in (each for project in served for each in project.components):
                _stop(process)


def _build(
    platform: PodPlatform, folder: Path, dag_file: Path, sizes: Mapping[str, str], environment: dict[str, Any]
) -> str:
    """Write a project's files, and build its image. Returns the image."""
    workflow = describe_workflow(find_faults(platform.bucket, folder.name))
    spec = {**default_spec(), "name": folder.name}
    spec["train"] = {**spec["train"], "sizes": {**sizes}, "schedule": {"cron": MONTHLY}}
    project = build_project(folder, rows=1200, spec=spec, workflow=workflow)
    at_once = _AT_ONCE if environment.get("deferrable") else ""
    dag_file.write_text(at_once + _DAG_FILE.format(folder=str(project)))
    return platform.install(project, **environment)


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:  # a triggerer waits for the triggers of a scheduler that is gone
        process.kill()
        process.wait()
