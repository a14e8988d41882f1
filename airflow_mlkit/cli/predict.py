"""`mlkit predict`: score a batch with the champion, on this machine."""

from __future__ import annotations

import getpass
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from airflow_mlkit.cli.console import err
from airflow_mlkit.cli.options import read_moment
from airflow_mlkit.cli.run import finish, stop_on_sigterm


def register(app: typer.Typer) -> None:
    """Add `mlkit predict`."""
    app.command("predict")(predict)


def predict(
    project: Annotated[Path, typer.Option(help="The project's folder.")] = Path(),
    environment: Annotated[str | None, typer.Option(help="A name from platform.yaml.")] = None,
    platform: Annotated[Path | None, typer.Option(help="The platform.yaml.")] = None,
    as_of: Annotated[
        datetime | None,
        typer.Option(
            parser=read_moment, metavar="DATE", help="Which date is scored; the newest one in the data when not given."
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Score rows with the champion.

    Reads what `predict.source` in mlkit.yaml names, on this machine. Ends with 0 when the rows were scored, or skipped
    since there is no champion yet, 2 for a mistake that you can mend, 1 when it failed.
    """
    from airflow_mlkit.cli.run_view import watch_run
    from airflow_mlkit.local import run_project
    from airflow_mlkit.project import load_project

    loaded = load_project(project, environment=environment, platform=platform)
    stop_on_sigterm()
    with watch_run(err) as (watch, _):
        result = run_project.predict(loaded, as_of=as_of, triggered_by=getpass.getuser(), watch=watch)
    finish(result, as_json=as_json)
