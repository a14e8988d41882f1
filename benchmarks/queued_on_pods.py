"""Many retrains queued at once on a cluster, by one Airflow: `python -m benchmarks.queued_on_pods --retrains 200`.

Airflow has PostgreSQL. Some small projects are asked for retrains all at once; those of one project follow each other.
Prints what was done in an hour, the memory of Airflow's scheduler and triggerer over time, and what was lost: a retrain
that did not end well, a step without exactly one pod, a pod that was left behind.
"""

from __future__ import annotations

import argparse
import logging
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from airflow_mlkit.airflow.standalone import LocalAirflow
from tests.databases import serve_postgresql
from tests.kubernetes import serve_cluster
from tests.on_cluster import serve_platform
from tests.pod_retrains import STEPS, PodProject, Retrain, find_processes, serve_projects

SETTINGS = {
    "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "1",
    "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "300",
}
"""Airflow's default, and Dag files that are read seldom: the local Airflow hurries, which takes a third of a core."""

NODE_WAIT = "15m"
"""The kit's default. Tests wait for 30 s, and the one node is full for longer when 200 retrains are queued."""

COMPONENTS = ("scheduler", "triggerer")
SECONDS = 10.0
"""How often the memory is measured."""

ENDED = "/api/v2/dags/~/dagRuns?state=success&state=failed&limit=1"


@dataclass
class Queue:
    """Retrains that were asked for at once, and what Airflow held meanwhile."""

    retrains: list[Retrain]
    memory: list[dict[str, float]] = field(default_factory=list)

    def wait(self, seconds: float) -> float:
        """Return after how many seconds the last one ended, or it was waited for long enough; measure meanwhile."""
        airflow, started, done = self.retrains[0].airflow, time.monotonic(), 0
        while done < len(self.retrains) and time.monotonic() - started < seconds:
            time.sleep(SECONDS)
            self.memory.append(_measure(airflow))
            before, done = done, int(airflow.request("GET", ENDED)["total_entries"])
            if done > before:
                print(f"{time.monotonic() - started:5.0f} s: {done} of {len(self.retrains)}", flush=True)
        return time.monotonic() - started

    def find_lost(self) -> list[str]:
        """What went wrong, a line each."""
        lost = [line for retrain in self.retrains for line in _look(retrain)]
        return lost + [f"left behind: {pod['metadata']['name']}" for pod in self.retrains[0].platform.pods()]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--retrains", type=int, default=200)
    parser.add_argument("--projects", type=int, default=10)
    parser.add_argument("--deferrable", action="store_true", help="the triggerer waits for each pod, from its start")
    parser.add_argument("--seconds", type=float, default=3 * 3600.0, help="to wait at most")
    options = parser.parse_args()
    logging.getLogger("werkzeug").setLevel(logging.WARNING)  # a line for each request to moto
    names = [f"queued-{number}" for number in range(options.projects)]
    with tempfile.TemporaryDirectory() as folder, serve_cluster() as cluster:
        work, declared = Path(folder), {"deferrable": options.deferrable, "node_wait": NODE_WAIT}
        with (
            serve_postgresql() as database,
            serve_platform(cluster, work, "queued-runs") as platform,
            serve_projects(platform, work, names, SETTINGS | database.airflow_settings, **declared) as projects,
        ):
            report(queue := Queue(list(_ask(projects, options.retrains))), queue.wait(options.seconds))


def _ask(projects: Sequence[PodProject], retrains: int) -> Iterator[Retrain]:
    return (projects[number % len(projects)].retrain() for number in range(retrains))


def report(queue: Queue, seconds: float) -> None:
    """Print what it took and what was lost."""
    done = sum(retrain.state() == "success" for retrain in queue.retrains)
    print(f"{done} of {len(queue.retrains)} retrains in {seconds:.0f} s: {3600 * done / seconds:.0f} an hour")
    for component in sorted({name for each in queue.memory for name in each}):
        seen = [each[component] for each in queue.memory if component in each]
        print(f"memory of the {component}: {seen[0]:.0f} MiB first, {max(seen):.0f} at most, {seen[-1]:.0f} last")
    pods = [pod.cause for retrain in queue.retrains for step in STEPS for pod in retrain.pods(step)]
    print(f"{len(pods)} pods, of which {pods.count('unasked')} were started ahead in vain")
    lost = queue.find_lost()
    print(f"lost: {len(lost)}", *lost, sep="\n")


def _look(retrain: Retrain) -> Iterator[str]:
    if (state := retrain.state()) != "success":
        yield f"{retrain.dag_id} {retrain.run_id}: {state}"
    tasks = retrain.airflow.task_instances(retrain.dag_id, retrain.run_id)
    for step in (step for step in STEPS if tasks[step]["state"] != "skipped"):
        if (causes := [cause for _, cause in retrain.worked(step)]) != ["done"]:
            yield f"{retrain.dag_id} {retrain.run_id}: the pods of {step}: {causes}"


def _measure(airflow: LocalAirflow) -> dict[str, float]:
    """What Airflow's components hold in MiB, and what they have started, such as workers; shared pages are shared."""
    found: dict[str, float] = {}
    for component in COMPONENTS:
        for process in find_processes(airflow, component):
            with suppress(psutil.Error):  # it has just ended
                found[component] = _held(process)
                found[f"{component}'s processes"] = sum(map(_held, process.children(recursive=True)))
    return found


def _held(process: psutil.Process) -> float:
    try:
        return float(process.memory_full_info().pss) / (1 << 20)
    except psutil.Error:
        return 0.0


if __name__ == "__main__":
    main()
