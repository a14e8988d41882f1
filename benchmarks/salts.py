"""How much a score depends on which rows are held out: `python benchmarks/salts.py DATA.csv LABEL [--salts 10]`.

For each salt it makes a project (`mlkit new --holdout-salt`) and retrains it (`mlkit run`), each in a folder and with a
registry of its own, and prints the metric of the project's first gate: the mean and the range.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
from pathlib import Path

from payments_project import mlkit

from airflow_mlkit.project import load_project


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("data", type=Path)
    parser.add_argument("label")
    parser.add_argument("--salts", type=int, default=10)
    options = parser.parse_args()
    found = []
    for number in range(options.salts):
        metric, value, state = score(options.data.resolve(), options.label, f"salt-{number}")
        print(f"salt-{number}: {metric} {value:.4f}, {state}", flush=True)
        found.append(value)
    print(f"\n{options.salts} salts: {metric} {statistics.mean(found):.3f} ({min(found):.3f} to {max(found):.3f})")


def score(data: Path, label: str, salt: str) -> tuple[str, float, str]:
    """The first gate's metric of a new project with this salt, its value, and how the retrain ended."""
    with tempfile.TemporaryDirectory() as folder:
        answers = ("--name", "measured", "--data", data, "--label", label, "--holdout-salt", salt)
        mlkit("new", "--no-input", *answers, cwd=Path(folder))
        project = Path(folder) / "measured"
        metric = next(gate.metric for gate in load_project(project).spec.gates if hasattr(gate, "metric"))
        result = json.loads(mlkit("run", "--json", cwd=project))
        return metric, result["metrics"][metric], result["state"]


if __name__ == "__main__":
    main()
