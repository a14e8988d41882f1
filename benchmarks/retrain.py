"""What a retrain costs beside the same work by hand: `python benchmarks/retrain.py [--rounds 3] [--days 60]`.

Runs `benchmarks/by_hand.py` and `mlkit run` in turn on the same payments, and prints the medians and the ratio pair by
pair.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from airflow_mlkit.demo.payments import make_payments, write_payments

HERE = Path(__file__).parent


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--days", type=int, default=60)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        write_payments(make_payments(options.days), work / "payments.csv")
        mlkit("new", "--no-input", "--name", "payments", "--data", work / "payments.csv", "--label", "fraud", cwd=work)
        pairs = [(time_by_hand(work), time_mlkit(work)) for _ in range(options.rounds + 1)][1:]
    by_hand, kit = zip(*pairs, strict=True)
    ratios = [b / a for a, b in pairs]
    print(f"{options.days * 150:,} rows, {options.rounds} rounds after one warm-up, seconds (median):")
    print(f"  by hand, one process   {statistics.median(by_hand):6.1f}")
    print(f"  mlkit run              {statistics.median(kit):6.1f}")
    print(f"  ratio                  {statistics.median(ratios):6.2f}   ({min(ratios):.2f} to {max(ratios):.2f})")


def time_by_hand(work: Path) -> float:
    """Seconds of the script, its process included."""
    started = time.perf_counter()
    subprocess.run(
        [sys.executable, HERE / "by_hand.py", work / "payments.csv", work], check=True, stdout=subprocess.DEVNULL
    )
    return time.perf_counter() - started


def time_mlkit(work: Path) -> float:
    """Seconds of `mlkit run`, its processes included."""
    started = time.perf_counter()
    result = json.loads(mlkit("run", "--json", cwd=work / "payments"))
    assert result["state"] in ("SHIPPED", "NOT_SHIPPED"), result["reason"]
    return time.perf_counter() - started


def mlkit(*arguments: object, cwd: Path) -> str:
    """Run the command and return what it prints."""
    command = [sys.executable, "-m", "airflow_mlkit", *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, check=True, capture_output=True, text=True).stdout


if __name__ == "__main__":
    main()
