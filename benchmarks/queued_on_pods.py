"""Many retrains queued at once on a cluster, by one Airflow: `python -m benchmarks.queued_on_pods --retrains 200`.

Some small projects are asked for retrains all at once; those of one project follow each other. Prints what was done in
an hour, the memory of Airflow's scheduler and triggerer over time, and what was lost: a retrain that did not end well,
a step without exactly one pod, a pod that was left behind.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from airflow_mlkit.airflow.standalone import LocalAirflow
from airflow_mlkit.rundir import RunDirectory, safe_run_id
from tests.kubernetes import serve_cluster
from tests.on_cluster import PodPlatform, serve_platform
from tests.pod_retrains import STEPS, find_processes
from tests.projects import build_project, default_spec

SETTINGS = {"AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.1"}
COMPONENTS = ("scheduler", "triggerer")
SECONDS = 10.0
"""How often the memory is measured."""


@dataclass
class Retrains:
    """What was asked for, and what it took."""

    airflow: LocalAirflow
    platform: PodPlatform
    asked: list[tuple[str, str]]
    memory: list[dict[str, float]] = field(default_factory=list)

    def wait(self, seconds: float) -> float:
        """Return after how many seconds the last one ended; measure meanwhile."""
        started = time.monotonic()
        waiting = list(self.asked)
        while waiting and time.monotonic() - started < seconds:
            time.sleep(SECONDS)
            self.memory.append(_measure(self.airflow))
            done = [each for each in waiting if self._state(*each) in ("success", "failed")]
            waiting = [each for each in waiting if each not in done]
            if done:
                after = time.monotonic() - started
                print(f"{after:5.0f} s: {len(self.asked) - len(waiting)} of {len(self.asked)}", flush=True)
        return time.monotonic() - started

    def find_lost(self) -> list[str]:
        """What went wrong, a line each."""
        lost = [line for name, run_id in self.asked for line in self._look(name, run_id)]
        return lost + [f"left behind: {pod['metadata']['name']}" for pod in self.platform.pods()]

    def _state(self, name: str, run_id: str) -> str:
        return str(self.airflow.dag_run(f"{name}-retrain", run_id)["state"])

    def _look(self, name: str, run_id: str) -> list[str]:
        run, state = self.directory(name, run_id), self._state(name, run_id)
        pods = {step: [pod.cause for pod in run.step(step).pods(1)] for step in STEPS}
        odd = [f"{name} {run_id}: the pods of {step}: {causes}" for step, causes in pods.items() if causes != ["done"]]
        return odd + ([f"{name} {run_id}: {state}"] if state != "success" else [])

    def directory(self, name: str, run_id: str) -> RunDirectory:
        """Where a retrain's steps met."""
        return RunDirectory(self.platform.bucket / "runs" / name / safe_run_id(run_id))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--retrains", type=int, default=200)
    parser.add_argument("--projects", type=int, default=10)
    parser.add_argument("--deferrable", action="store_true")
    parser.add_argument("--seconds", type=float, default=3 * 3600.0, help="to wait at most")
    options = parser.parse_args()
    names = [f"queued-{number}" for number in range(options.projects)]
    with tempfile.TemporaryDirectory() as folder, serve_cluster() as cluster:
        work = Path(folder)
        with serve_platform(cluster, work, "queued-runs") as platform:
            for name in names:
                project = build_project(work / name, rows=1200, spec={**default_spec(), "name": name})
                platform.install(project, **({"deferrable": True} if options.deferrable else {}))
            with platform.airflow(work / "airflow", write_dag_file(work, names), **SETTINGS) as airflow:
                for name in names:
                    airflow.wait_for_dag(f"{name}-retrain")
                chosen = [names[number % len(names)] for number in range(options.retrains)]
                retrains = Retrains(airflow, platform, [(name, airflow.trigger(f"{name}-retrain")) for name in chosen])
                report(retrains, retrains.wait(options.seconds))


def write_dag_file(work: Path, names: Sequence[str]) -> Path:
    """One Dag file for all projects. Returns its folder."""
    folder = work / "dags"
    folder.mkdir()
    lines = [f"globals().update(pipeline_dags({str(work / name)!r}))" for name in names]
    (folder / "projects.py").write_text("from airflow_mlkit.airflow import pipeline_dags\n\n" + "\n".join(lines) + "\n")
    return folder


def report(retrains: Retrains, seconds: float) -> None:
    """Print what it took and what was lost."""
    print(f"{len(retrains.asked)} retrains in {seconds:.0f} s: {3600 * len(retrains.asked) / seconds:.0f} an hour")
    for component in sorted({name for each in retrains.memory for name in each}):
        seen = [each[component] for each in retrains.memory if component in each]
        print(f"memory of the {component}: {seen[0]:.0f} MiB first, {max(seen):.0f} at most, {seen[-1]:.0f} last")
    lost = retrains.find_lost()
    print(f"lost: {len(lost)}", *lost, sep="\n")


def _measure(airflow: LocalAirflow) -> dict[str, float]:
    """What Airflow's components hold in MiB, and what they have started, such as workers; shared pages are shared."""
    found: dict[str, float] = {}
    for component in COMPONENTS:
        for process in find_processes(airflow, component):
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
