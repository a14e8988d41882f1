"""`mlkit airflow`: a local Airflow on one project, until Ctrl-C."""

from __future__ import annotations

import signal
import time
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.table import Table

from airflow_mlkit.cli.console import err, out
from airflow_mlkit.exceptions import ProjectError

if TYPE_CHECKING:
    from airflow_mlkit.airflow.standalone import LocalAirflow
    from airflow_mlkit.project import Project

DAG_FILE = "from airflow_mlkit.airflow import pipeline_dags\n\nglobals().update(pipeline_dags(__file__))"


def register(app: typer.Typer) -> None:
    """Add `mlkit airflow`."""
    app.command("airflow")(airflow)


def airflow(
    project: Annotated[Path, typer.Option(help="The project's folder.")] = Path(),
    environment: Annotated[str | None, typer.Option(help="A name from platform.yaml.")] = None,
    platform: Annotated[Path | None, typer.Option(help="The platform.yaml.")] = None,
    port: Annotated[int, typer.Option(min=1, max=65535, help="For the web page; another one if it is taken.")] = 8080,
    once: Annotated[bool, typer.Option("--once", help="End again as soon as everything is up.")] = False,
) -> None:
    """Start a local Airflow on this project.

    Prints its address and login. Ctrl-C ends it, with all its processes.
    """
    from airflow_mlkit.extras import must_be_installed
    from airflow_mlkit.project import load_project

    must_be_installed("airflow", extra="airflow", purpose="a local Airflow")
    from airflow_mlkit.airflow.standalone import LocalAirflow

    loaded = load_project(project, environment=environment, platform=platform)
    home, asked = loaded.folder / ".mlkit" / "airflow", loaded.plan.approval.ask if loaded.plan.approval else ()
    local = LocalAirflow(home, _dags_folder(loaded), port, name_place(loaded), asked)
    signal.signal(signal.SIGTERM, _interrupt)
    with suppress(KeyboardInterrupt), local:
        _serve(loaded, local, wanted_port=port, once=once)
    err.print("Airflow has ended.")


def name_place(project: Project) -> dict[str, str]:
    """The variables by which the Dag files and the steps find the place that was named here, from whatever folder."""
    named = {"MLKIT_ENVIRONMENT": project.plan.environment}
    if project.platform_file:
        named["MLKIT_PLATFORM"] = str(project.platform_file)
    return named


def _dags_folder(project: Project) -> Path:
    folder = project.folder / "dags"
    if not any(folder.glob("*.py")):
        raise ProjectError(f"{project.folder} has no Dag file.", hint=f"Write {folder / 'pipeline.py'}:\n\n{DAG_FILE}")
    return folder


def _serve(project: Project, local: LocalAirflow, *, wanted_port: int, once: bool) -> None:
    with err.status("Airflow starts; this takes about half a minute. Ctrl-C ends it."):
        local.wait_healthy()
        local.wait_for_dag(project.plan.retrain.dag_id)
    if local.port != wanted_port:
        err.print(f"Port {wanted_port} is taken.")
    out.print(_describe(project, local))
    if not once:
        err.print("Ctrl-C ends Airflow and all its processes.")
        while True:
            local.check_running()
            time.sleep(0.5)


def _describe(project: Project, local: LocalAirflow) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_row("address", f"{local.url}/dags/{project.plan.retrain.dag_id}")
    table.add_row("login", f"{escape(local.user)} / {escape(local.password)}")
    if local.people:
        table.add_row("to say yes", f"log in as {escape(' or '.join(local.people))}, with the same password")
    table.add_row("log", escape(str(local.log_file)))
    return table


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
