"""What retrains take in a real Airflow: `python benchmarks/in_airflow.py DATA.csv LABEL [--retrains 3]`.

Makes a project, starts a local Airflow on it, and triggers one retrain after the other. Prints for each how it ended,
the seconds from the trigger to the end as a person sees them, and the seconds of each task as Airflow reports them.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

from payments_project import mlkit

from airflow_mlkit.airflow.standalone import LocalAirflow
from airflow_mlkit.project import load_project


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("data", type=Path)
    parser.add_argument("label")
    parser.add_argument("--retrains", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        data = options.data.resolve()
        mlkit("new", "--no-input", "--name", "measured", "--data", data, "--label", options.label, cwd=work)
        plan = load_project(work / "measured").plan.retrain
        names = [step.name for step in plan.steps]
        print(f"| retrain | trigger to end, s | {' | '.join(names)} |\n| --- |{' ---: |' * (len(names) + 1)}")
        with LocalAirflow(work / "airflow", work / "measured" / "dags") as airflow:
            airflow.wait_healthy()
            airflow.wait_for_dag(plan.dag_id)
            for number in range(1, options.retrains + 1):
                print(f"| {number}, {retrain(airflow, plan.dag_id, names)} |", flush=True)


def retrain(airflow: LocalAirflow, dag_id: str, names: list[str]) -> str:
    """Trigger a retrain and wait for it: how it ended and what it took, as the cells of a table."""
    started = time.perf_counter()
    run_id = airflow.trigger(dag_id)
    state = airflow.wait(dag_id, run_id)
    seconds = time.perf_counter() - started
    tasks = airflow.task_instances(dag_id, run_id)
    shipped = tasks["promote"]["state"] == "success"
    ended = "shipped" if shipped else "not shipped" if state == "success" else state
    return " | ".join([ended, f"{seconds:.1f}", *(f"{tasks[name]['duration'] or 0:.1f}" for name in names)])


if __name__ == "__main__":
    main()
