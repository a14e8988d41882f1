"""What a retrain on pods takes beside the same one as processes: `python -m benchmarks.on_pods DATA.csv LABEL`.

Makes a project, and retrains it in a real Airflow, first with pods of the test cluster (tests/cluster), then with
processes that write to the same bucket and MLflow, then with processes that write to this disk. Prints of each task the
seconds before its step (Airflow's worker, the pod, Python and its imports), of the step, and after it. Beside them a
bare pod of the same image that does nothing, and a task of KubernetesPodOperator without settings, for such a pod.
"""

from __future__ import annotations

import argparse
import json
import logging
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

from airflow_mlkit.airflow.standalone import LocalAirflow
from airflow_mlkit.project import load_project
from airflow_mlkit.rundir import RunDirectory, safe_run_id
from benchmarks.payments_project import mlkit
from tests.kubernetes import Cluster, describe_pod, serve_cluster
from tests.on_cluster import PodPlatform, serve_platform

SETTINGS = {"AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.1"}
NAME = "measured"

BY_HAND = '''"""A task that runs a pod which does nothing."""

from airflow.providers.cncf.kubernetes.operators.pod import KubernetesPodOperator
from airflow.sdk import DAG

POD = {pod!r}

with DAG("by-hand", schedule=None):
    KubernetesPodOperator(task_id="nothing", namespace={namespace!r}, pod_template_dict=POD)
'''


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("data", type=Path)
    parser.add_argument("label")
    parser.add_argument("--retrains", type=int, default=3)
    parser.add_argument("--deferrable", action="store_true")
    options = parser.parse_args()
    logging.getLogger("werkzeug").setLevel(logging.WARNING)  # a line for each request to moto
    with tempfile.TemporaryDirectory() as folder, serve_cluster() as cluster:
        work = Path(folder)
        mlkit("new", "--no-input", "--name", NAME, "--data", options.data.resolve(), "--label", options.label, cwd=work)
        with named_size(work / NAME, "large"), serve_platform(cluster, work, "measured-runs") as platform:
            image = platform.install(work / NAME, **{"deferrable": True} if options.deferrable else {})
            bare = measure_bare_pod(cluster, platform, image)
            on_pods = measure_on_pods(platform, work, image, options.retrains, bare)
            with on_this_machine(work, "same-place", platform, image) as airflow:
                same_place = retrain(airflow, work / NAME, options.retrains, platform.bucket / "local" / NAME).seconds
        (work / NAME / "platform.yaml").unlink()
        with on_this_machine(work, "own-disk") as airflow:
            own_disk = retrain(airflow, work / NAME, options.retrains, None).seconds
    print(f"retrain on pods {on_pods:.1f} s")
    print(f"as processes, writing to the same bucket and MLflow {same_place:.1f} s: {on_pods / same_place:.2f} x")
    print(f"as processes, writing to this disk {own_disk:.1f} s: {on_pods / own_disk:.2f} x")


@contextmanager
def named_size(project: Path, size: str) -> Iterator[None]:
    """A project that names a size of the test cluster, for a while."""
    spec = project / "mlkit.yaml"
    before = spec.read_text()
    spec.write_text(before.replace("size: cpu-small", f"size: {size}"))
    yield
    spec.write_text(before)


def measure_on_pods(platform: PodPlatform, work: Path, image: str, retrains: int, bare: float) -> float:
    """Print what a step costs beyond the bare pod. Returns the median of the seconds of a retrain."""
    print(f"a bare pod of the image, create to Succeeded: {bare:.1f} s")
    with platform.airflow(work / "on-pods", work / NAME / "dags", **SETTINGS) as airflow:
        by_hand = measure_by_hand(airflow, platform, image, work / NAME / "dags" / "by_hand.py")
        print(f"a task of KubernetesPodOperator for such a pod: {by_hand:.1f} s")
        measured = retrain(airflow, work / NAME, retrains, platform.bucket / "runs" / NAME)
    beyond = statistics.median(measured.beyond_extract)
    print(f"the task of extract, whose pod is not started ahead, beyond its step: {beyond:.1f} s", end=", ")
    print(f"{beyond - bare:.1f} s more than the bare pod")
    return measured.seconds


@contextmanager
def on_this_machine(
    work: Path, name: str, platform: PodPlatform | None = None, image: str = ""
) -> Iterator[LocalAirflow]:
    """An Airflow whose steps are processes, with the run directory and the MLflow of a platform if one is given."""
    if platform:
        runs = f"s3://{platform.bucket.path.strip('/')}/local"
        laptop = {"backend": "local", "runs": runs, "mlflow": platform.mlflow}
        declared = platform.declare(image) | {"environments": {"laptop": laptop}}
        (work / NAME / "platform.yaml").write_text(json.dumps(declared))
    keys = platform.keys if platform else {}
    with LocalAirflow(work / name, work / NAME / "dags", extra_env={**SETTINGS, **keys}) as airflow:
        airflow.wait_healthy()
        yield airflow


@dataclass(frozen=True)
class Measured:
    """The median of the seconds from trigger to end, and what the first step's task took beyond its step, each time."""

    seconds: float
    beyond_extract: list[float]


def retrain(airflow: LocalAirflow, project: Path, retrains: int, runs: Any) -> Measured:
    """Retrain so many times, and print what each step took the last time."""
    dag_id = load_project(project).plan.retrain.dag_id
    airflow.wait_for_dag(dag_id)
    took, beyond = [], []
    for _ in range(retrains):
        started = time.perf_counter()
        run_id = airflow.trigger(dag_id)
        state = airflow.wait(dag_id, run_id)
        took.append(time.perf_counter() - started)
        print(f"{state} after {took[-1]:.1f} s", flush=True)
        assert state == "success", "what failed is not to be timed"
        parts = list(part(airflow, dag_id, run_id, RunDirectory(runs_of(project, runs) / safe_run_id(run_id))))
        beyond.append(next(before + after for name, _, before, _, after in parts if name == "extract"))
    print_parts(parts)
    return Measured(statistics.median(took), beyond)


def runs_of(project: Path, runs: Any) -> Any:
    """Where the runs of a project lie, if nothing else is said."""
    return runs or project / ".mlkit" / "runs" / NAME


def part(
    airflow: LocalAirflow, dag_id: str, run_id: str, directory: RunDirectory
) -> Iterator[tuple[str, datetime, float, float, float]]:
    """Of each task its beginning, and the seconds before its step, of its step and after it."""
    for name, task in airflow.task_instances(dag_id, run_id).items():
        began, ended = (datetime.fromisoformat(task[each]) for each in ("start_date", "end_date"))
        first, last = directory.step(name).tries(1)[0], directory.step(name).tries(1)[-1]
        moments = (began, first.started, last.ended, ended)
        yield name, began, *((later - earlier).total_seconds() for earlier, later in pairwise(moments))


def print_parts(parts: Sequence[tuple[str, datetime, float, float, float]]) -> None:
    """A retrain, step by step, in seconds; when each task began, counted from the first."""
    parts = sorted(parts, key=lambda each: each[1])
    print("| task | began | before its step | step | after it |\n| --- | ---: | ---: | ---: | ---: |")
    for name, began, before, step, after in parts:
        since = (began - parts[0][1]).total_seconds()
        print(f"| {name} | {since:.1f} | {before:.1f} | {step:.1f} | {after:.1f} |", flush=True)


def measure_bare_pod(cluster: Cluster, platform: PodPlatform, image: str, times: int = 5) -> float:
    """The median of the seconds from the creation of a pod that does nothing to its success."""
    took = []
    for number in range(times + 1):
        pod = describe_pod(f"bare-{number}", ["true"], image, nodeSelector={"mlkit.dev/pool": "general"})
        started = time.perf_counter()
        cluster.create_pod(platform.namespace, pod)
        cluster.wait_for_success(platform.namespace, f"bare-{number}")
        took.append(time.perf_counter() - started)
    return statistics.median(took[1:])  # the first one pulls the image


def measure_by_hand(airflow: LocalAirflow, platform: PodPlatform, image: str, dag_file: Path, times: int = 3) -> float:
    """The median of the seconds of a KubernetesPodOperator's task whose pod does nothing."""
    pod = describe_pod("by-hand", ["true"], image, nodeSelector={"mlkit.dev/pool": "general"})
    dag_file.write_text(BY_HAND.format(pod=pod, namespace=platform.namespace.name))
    airflow.wait_for_dag("by-hand")
    took = []
    for _ in range(times):
        run_id = airflow.trigger("by-hand")
        assert airflow.wait("by-hand", run_id) == "success"
        took.append(float(airflow.task_instances("by-hand", run_id)["nothing"]["duration"]))
    dag_file.unlink()
    return statistics.median(took)


if __name__ == "__main__":
    main()
