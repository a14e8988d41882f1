"""`mlkit promote`: a version becomes the champion because a person says so."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from airflow_mlkit.cli.console import err, on_one_line
from airflow_mlkit.cli.options import (
    ByOption,
    EnvironmentOption,
    JsonOption,
    PlatformOption,
    ProjectOption,
    ReasonOption,
    read_word,
)
from airflow_mlkit.cli.rollback import print_change
from airflow_mlkit.exceptions import UserError

if TYPE_CHECKING:
    from airflow_mlkit.project import Project
    from airflow_mlkit.rundir import RunDirectory


def register(app: typer.Typer) -> None:
    """Add `mlkit promote`."""
    app.command("promote")(promote)


def promote(
    reason: ReasonOption,
    version: Annotated[str | None, typer.Argument(help="Its number in MLflow.")] = None,
    run: Annotated[str | None, typer.Option("--run", help="Instead: a run whose model was held back.")] = None,
    by: ByOption = None,
    project: ProjectOption = Path(),
    environment: EnvironmentOption = None,
    platform: PlatformOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make a version the champion, whatever its gates said.

    The version is loaded and asked first. Who says so, and why, stands in the champion log. A freeze does not stop it.
    """
    from airflow_mlkit.project import load_project
    from airflow_mlkit.registry import by_hand

    if (version is None) == (run is None):
        raise UserError(
            "Name either a version or --run.", hint="mlkit models versions lists them: mlkit promote 3 --reason ..."
        )
    word = read_word(by, reason)
    loaded = load_project(project, environment=environment, platform=platform)
    number = version or _register(loaded, run or "")
    print_change(by_hand.promote_version(loaded, number, word), "PROMOTED", as_json=as_json)


def _register(project: Project, run_id: str) -> str:
    """The number of a run's model in MLflow, after saying what its gates said."""
    from airflow_mlkit.steps.promote import register_run

    number, report = register_run(project, _find_run(project, run_id))
    err.print(on_one_line(f"Its gates said {report.decision.replace('_', ' ')}: {report.reason}"), markup=False)
    return number


def _find_run(project: Project, run_id: str) -> RunDirectory:
    """A run by its folder, as mlkit run prints it, or by its id in Airflow."""
    from airflow_mlkit.rundir import RunDirectory, safe_run_id

    for folder in (run_id, safe_run_id(run_id)):
        run = RunDirectory(f"{project.runs}/{folder}")
        if "/" not in folder and run.exists:
            return run
    raise UserError(f"There is no run {run_id!r} in {project.runs}.", hint="mlkit run prints the one it made.")
