"""What each step of a retrain costs: `python benchmarks/steps.py [PROJECT] [--rounds 3]`.

Runs the steps of a copy of the project one after another, each as the process that Airflow starts, and prints the CPU
seconds (user and system: other work on the machine disturbs them less than the clock), the seconds by the clock and the
peak memory of each: the medians of the rounds after a warm-up. Each round begins without a champion, so that each
registers a version. Without PROJECT the one of `benchmarks/retrain.py` is made.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from payments_project import make_payments_project

from airflow_mlkit.project import Project, load_project

DAYS = 60
HELD_BACK = 20


class Cost(NamedTuple):
    """What one process took."""

    cpu_seconds: float
    seconds: float
    peak_mib: float


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("project", type=Path, nargs="?")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        project = options.project or make_payments_project(work, DAYS)
        rounds = [measure_run(project, work / str(n)) for n in range(options.rounds + 1)][1:]
    costs = {name: middle([costs[name] for costs in rounds]) for name in rounds[0]}
    print_table(costs, options.rounds)


def middle(costs: list[Cost]) -> Cost:
    """The median of each number."""
    return Cost(*map(statistics.median, zip(*costs, strict=True)))


def measure_run(original: Path, copy: Path) -> dict[str, Cost]:
    """The costs of all steps of one run in a fresh copy of the project, in the plan's order."""
    shutil.copytree(original, copy, ignore=shutil.ignore_patterns(".mlkit", ".venv"))
    project, python = load_project(copy), load_project(original).python
    run = f"{project.runs}/benchmark"
    return {step.name: measure_step(project, python, step.name, run) for step in project.plan.retrain.steps}


def measure_step(project: Project, python: str, name: str, run: str) -> Cost:
    """The cost of one step's process.

    Raises:
        SystemExit: when the step failed.
    """
    command = [python, "-m", "airflow_mlkit", "step", name, "--run-dir", run, "--project", str(project.folder)]
    log = project.folder / "benchmark.log"
    started = time.perf_counter()
    with log.open("w") as output, subprocess.Popen(command, stdout=output, stderr=output) as process:
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    seconds = time.perf_counter() - started
    if process.returncode not in (0, HELD_BACK):
        sys.exit(log.read_text())
    return Cost(used.ru_utime + used.ru_stime, seconds, used.ru_maxrss / 1024)


def print_table(costs: dict[str, Cost], rounds: int) -> None:
    """One line a step, and the sum."""
    print(f"{rounds} rounds after one warm-up, medians\n")
    print("| step | CPU s | clock s | peak MiB |\n| --- | ---: | ---: | ---: |")
    for name, cost in costs.items():
        print(f"| {name} | {cost.cpu_seconds:.2f} | {cost.seconds:.2f} | {cost.peak_mib:.0f} |")
    cpu, clock = sum(cost.cpu_seconds for cost in costs.values()), sum(cost.seconds for cost in costs.values())
    print(f"| all | {cpu:.2f} | {clock:.2f} | {max(cost.peak_mib for cost in costs.values()):.0f} |")


if __name__ == "__main__":
    main()
