"""Plays the demo: a project is made, Airflow starts, and three retrains are watched in the terminal."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from airflow_mlkit.airflow.standalone import FINAL, LocalAirflow
from airflow_mlkit.demo.story import CHAPTERS, Chapter
from airflow_mlkit.exceptions import StepError, UserError
from airflow_mlkit.project import Project, load_project
from airflow_mlkit.rundir import RunDirectory, StepRecord, safe_run_id
from airflow_mlkit.spec.data import PathSource

NAME = "card-payments"
DAG = f"{NAME}-retrain"
MARKER = ".made-by-mlkit-demo"
_MARKS = {
    "success": Text("✓", style="green"),
    "failed": Text("✗", style="bold red"),
    "skipped": Text("●", style="yellow"),
    "running": Text("▶", style="cyan"),
    "upstream_failed": Text("-", style="dim"),
}
_VERDICTS = {
    "success": Text("SHIPPED", style="bold green"),
    "skipped": Text("NOT SHIPPED", style="bold yellow"),
    "failed": Text("STOPPED", style="bold red"),
}


def play_demo(console: Console, folder: Path, *, port: int, stay: bool) -> None:
    """Make the project, start Airflow, show the retrains, and stay until Ctrl-C where that is wanted.

    Args:
        console: where it is shown.
        folder: where the project is made; what an earlier demo left there is removed.
        port: for Airflow's page; another one is taken when it is in use.
        stay: leave Airflow running until Ctrl-C.

    Raises:
        UserError: when the folder holds something else.
        StepError: when a retrain does not end as the story says.
    """
    started = time.monotonic()
    project = _make_project(console, folder)
    with _airflow(console, project, port) as airflow:
        for number, chapter in enumerate(CHAPTERS, start=1):
            _play(console, airflow, project, chapter, number)
            if number == 1:
                console.print(
                    f"[dim]{time.monotonic() - started:.0f} seconds from the data file to the first model.[/]"
                )
        _say_where(console, project, airflow if stay else None)
        if stay:
            _wait_for_ctrl_c(console)


def _make_project(console: Console, folder: Path) -> Project:
    _clear(folder)
    data = folder / "payments.csv"
    CHAPTERS[0].deliver(data)
    console.rule("[bold]a project from an interview[/]", align="left")
    answers = {
        "--name": NAME,
        "--data": data,
        "--label": "fraud",
        "--predicts": "Which card payments turn out to be fraud",
        "--owner": "risk-ml@example.com",
        "--output-dir": folder,
    }
    command = [sys.executable, "-m", "airflow_mlkit", "new", "--no-input"]
    subprocess.run([*command, *(str(word) for pair in answers.items() for word in pair)], check=True)
    return load_project(folder / NAME, environment="laptop")


def _clear(folder: Path) -> None:
    """Remove what an earlier demo made, and nothing else."""
    if folder.exists() and any(folder.iterdir()):
        if not (folder / MARKER).exists():
            raise UserError(f"{folder} is not empty and was not made by the demo.", hint="Name another with --folder.")
        shutil.rmtree(folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MARKER).touch()


@contextmanager
def _airflow(console: Console, project: Project, port: int) -> Iterator[LocalAirflow]:
    console.print()
    console.rule("[bold]a real Airflow[/]", align="left")
    airflow = LocalAirflow(project.folder.parent / "airflow", project.folder / "dags", port)
    try:
        with console.status("Airflow starts (about 20 seconds)"):
            airflow.start()
            airflow.wait_healthy()
            airflow.wait_for_dag(DAG)
        console.print(f"{airflow.url}   login [bold]{airflow.user}[/]   password [bold]{escape(airflow.password)}[/]")
        yield airflow
    finally:
        with console.status("Airflow stops"):
            airflow.stop()


def _play(console: Console, airflow: LocalAirflow, project: Project, chapter: Chapter, number: int) -> None:
    console.print()
    console.rule(f"[bold]retrain {number}: {chapter.title}[/]", align="left")
    console.print(chapter.story)
    chapter.deliver(_data_file(project))
    run_id = airflow.trigger(DAG, conf=chapter.conf, logical_date=chapter.as_of)
    tasks = _watch(console, airflow, project, run_id)
    state = str(tasks[chapter.last_step]["state"])
    console.print()
    console.print(_VERDICTS.get(state, Text(state)), end="  ")
    console.print(_reason(project, run_id, chapter.last_step), markup=False, soft_wrap=False)
    if state != chapter.ends:
        raise StepError(
            f"The demo's retrain {number} ended with {chapter.last_step} {state}, and not {chapter.ends}.",
            hint=f"Its run directory is {_run(project, run_id).root}.",
        )


def _data_file(project: Project) -> Path:
    source = project.spec.data.source
    if not isinstance(source, PathSource):
        raise StepError("The demo's project reads no file.")
    return project.folder / source.path


def _watch(console: Console, airflow: LocalAirflow, project: Project, run_id: str) -> dict[str, dict[str, Any]]:
    steps = [step.name for step in project.plan.retrain.steps]
    with Live(console=console, refresh_per_second=4, transient=False) as live:
        while True:
            tasks = airflow.task_instances(DAG, run_id)
            live.update(_table(steps, tasks))
            if airflow.dag_run(DAG, run_id)["state"] in FINAL:
                live.update(_table(steps, tasks := airflow.task_instances(DAG, run_id)))
                return tasks
            time.sleep(0.4)


def _table(steps: Sequence[str], tasks: dict[str, dict[str, Any]]) -> Table:
    table = Table(box=None, padding=(0, 1), show_header=False)
    for name in steps:
        task = tasks.get(name, {})
        state = task.get("state") or "waiting"
        table.add_row(_MARKS.get(state, Text("·", style="dim")), Text(name, style="bold"), state, _seconds(task))
    return table


def _seconds(task: dict[str, Any]) -> str:
    if not task.get("start_date") or task.get("state") == "upstream_failed":
        return ""
    start = datetime.fromisoformat(task["start_date"])
    end = datetime.fromisoformat(task["end_date"]) if task.get("end_date") else datetime.now(start.tzinfo)
    return f"{(end - start).total_seconds():.1f} s"


def _run(project: Project, run_id: str) -> RunDirectory:
    return RunDirectory(f"{project.runs}/{safe_run_id(run_id)}")


def _reason(project: Project, run_id: str, step: str) -> str:
    tries: list[StepRecord] = _run(project, run_id).step(step).tries()
    if not tries:
        return ""
    record = tries[-1]
    version = record.summary.get("model_version")
    return record.reason or (f"version {version} is the champion of {NAME}" if version else "")


def _say_where(console: Console, project: Project, airflow: LocalAirflow | None) -> None:
    console.print()
    console.rule("[bold]where to look[/]", align="left")
    page = {"Airflow": f"{airflow.url}/dags/{DAG}   ({airflow.user} / {airflow.password})"} if airflow else {}
    places = {
        "the project": f"{project.folder}",
        "its model": f"cd {project.folder} && mlkit models",
        "your own data": "mlkit new --data your-own.csv --label your_label",
    }
    for what, where in {**page, **places}.items():
        console.print(Text.assemble((f"{what:<14}", "dim"), where))


def _wait_for_ctrl_c(console: Console) -> None:
    console.print("\nAirflow stays until you press Ctrl-C.")
    try:
        while True:
            time.sleep(1)
    except KeyboardInterrupt:
        console.print()
