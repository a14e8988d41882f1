"""What a retrain on pods takes beside the same one as processes: `python -m benchmarks.on_pods DATA.csv LABEL`.

Makes a project, and retrains it in a real Airflow, first with pods of the test cluster (tests/cluster), then with
processes that write to the same bucket and MLflow, then with processes that write to this disk. Prints for each step
the seconds of its task, of its container and of the step itself; their differences are what Airflow, Kubernetes and the
start of Python cost. Beside them a bare pod of the same image that does nothing, and a task of KubernetesPodOperator
without settings, for such a pod.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
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
    with tempfile.TemporaryDirectory() as folder, serve_cluster() as cluster:
        work = Path(folder)
        mlkit("new", "--no-input", "--name", NAME, "--data", options.data.resolve(), "--label", options.label, cwd=work)
        spec = work / NAME / "mlkit.yaml"
        spec.write_text(spec.read_text().replace("size: cpu-small", "size: large"))  # as the test cluster's are called
        with serve_platform(cluster, work, "measured-runs") as platform:
            deferrable = {"deferrable": True} if options.deferrable else {}
            image = platform.install(work / NAME, **deferrable)
            print(f"a bare pod of the image, create to Succeeded: {measure_bare_pod(cluster, platform, image):.1f} s")
            with platform.airflow(work / "on-pods", work / NAME / "dags", **SETTINGS) as airflow:
                by_hand = measure_by_hand(airflow, platform, image, work / NAME / "dags" / "by_hand.py")
                print(f"a task of KubernetesPodOperator for such a pod: {by_hand:.1f} s")
                on_pods = retrain(airflow, work / NAME, options.retrains, platform.bucket / "runs" / NAME)
            with on_this_machine(work, "same-place", platform, image) as airflow:
                same_place = retrain(airflow, work / NAME, options.retrains, platform.bucket / "local" / NAME)
        (work / NAME / "platform.yaml").unlink()
        spec.write_text(spec.read_text().replace("size: large", "size: cpu-small"))
        with on_this_machine(work, "own-disk") as airflow:
            own_disk = retrain(airflow, work / NAME, options.retrains, None)
    print(f"retrain on pods {on_pods:.1f} s")
    print(f"as processes, writing to the same bucket and MLflow {same_place:.1f} s: {on_pods / same_place:.2f} x")
    print(f"as processes, writing to this disk {own_disk:.1f} s: {on_pods / own_disk:.2f} x")


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


def retrain(airflow: LocalAirflow, project: Path, retrains: int, runs: Any) -> float:
    """Retrain so many times and print what each step took. Returns the median of the seconds from trigger to end."""
    dag_id = load_project(project).plan.retrain.dag_id
    airflow.wait_for_dag(dag_id)
    took = []
    for _ in range(retrains):
        started = time.perf_counter()
        run_id = airflow.trigger(dag_id)
        state = airflow.wait(dag_id, run_id)
        took.append(time.perf_counter() - started)
        print(f"{state} after {took[-1]:.1f} s", flush=True)
    place = runs or project / ".mlkit" / "runs" / NAME
    print_steps(airflow, dag_id, run_id, RunDirectory(place / safe_run_id(run_id)))
    return statistics.median(took)


def print_steps(airflow: LocalAirflow, dag_id: str, run_id: str, directory: RunDirectory) -> None:
    """The last retrain, step by step, in seconds; when each task began, counted from the first."""
    tasks = sorted(airflow.task_instances(dag_id, run_id).items(), key=lambda each: str(each[1]["start_date"]))
    began = datetime.fromisoformat(tasks[0][1]["start_date"])
    print("| step | began | task | container | step |\n| --- | ---: | ---: | ---: | ---: |")
    for name, task in tasks:
        pods, tries = directory.step(name).pods(1), directory.step(name).tries(1)
        container = sum((pod.ended - pod.started).total_seconds() for pod in pods if pod.ended and pod.started)
        own = sum((record.ended - record.started).total_seconds() for record in tries)
        began_after = (datetime.fromisoformat(task["start_date"]) - began).total_seconds()
        print(f"| {name} | {began_after:.1f} | {task['duration'] or 0:.1f} | {container:.1f} | {own:.1f} |", flush=True)


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
        airflow.wait("by-hand", run_id)
        took.append(float(airflow.task_instances("by-hand", run_id)["nothing"]["duration"]))
    dag_file.unlink()
    return statistics.median(took)


if __name__ == "__main__":
    main()
