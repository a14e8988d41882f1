"""What a retrain costs beside the same work by hand: `python benchmarks/retrain.py [--rounds 3] [--days 60]`.

Runs `benchmarks/by_hand.py` and `mlkit run` in turn on the same payments, and prints the medians, by the clock and in
CPU seconds (user and system, of all processes), and the ratios pair by pair. Both begin with an empty registry. By hand
it is one process, which imports each library once; the kit's seven steps are seven processes.
"""

from __future__ import annotations

import argparse
import json
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from payments_project import make_payments_project, mlkit

HERE = Path(__file__).parent


class Cost(NamedTuple):
    """What one retrain took."""

    seconds: float
    cpu_seconds: float


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--days", type=int, default=60)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        make_payments_project(work, options.days)
        pairs = [(measure(run_by_hand, work), measure(run_mlkit, work)) for _ in range(options.rounds + 1)][1:]
    print(f"{options.days * 150:,} rows, {options.rounds} rounds after one warm-up, medians\n")
    print("| | clock s | CPU s |\n| --- | ---: | ---: |")
    for name, costs in zip(("by hand, one process", "mlkit run"), zip(*pairs, strict=True), strict=True):
        clock, cpu = (statistics.median(values) for values in zip(*costs, strict=True))
        print(f"| {name} | {clock:.1f} | {cpu:.1f} |")
    print(f"| ratio | {ratio(pairs, 0)} | {ratio(pairs, 1)} |")


def measure(run: Callable[[Path], None], work: Path) -> Cost:
    """What it takes, its child processes included, where nothing was registered before."""
    (work / "mlflow.db").unlink(missing_ok=True)
    for folder in (work / "artifacts", work / "payments" / ".mlkit"):
        shutil.rmtree(folder, ignore_errors=True)
    started, used = time.perf_counter(), cpu_seconds_of_children()
    run(work)
    return Cost(time.perf_counter() - started, cpu_seconds_of_children() - used)


def cpu_seconds_of_children() -> float:
    """CPU seconds of all child processes that have ended, and of theirs."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def run_by_hand(work: Path) -> None:
    """The script."""
    command = [sys.executable, HERE / "by_hand.py", work / "payments.csv", work]
    ended = subprocess.run(command, check=False, capture_output=True, text=True)
    if ended.returncode:
        sys.exit(ended.stderr)


def run_mlkit(work: Path) -> None:
    """`mlkit run`."""
    result = json.loads(mlkit("run", "--json", cwd=work / "payments"))
    if result["state"] != "SHIPPED":
        sys.exit(result["reason"])


def ratio(pairs: list[tuple[Cost, Cost]], number: int) -> str:
    """The median of the pairs' ratios, with the least and the greatest."""
    ratios = [kit[number] / by_hand[number] for by_hand, kit in pairs]
    return f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"


if __name__ == "__main__":
    main()
