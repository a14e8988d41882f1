"""`mlkit step`: one step of a run in this process. Pods, the local runner, Airflow and people all call this."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError

from airflow_mlkit.exceptions import UserError


def register(app: typer.Typer) -> None:
    """Add `mlkit step`."""
    app.command("step")(step)


def step(
    name: Annotated[str, typer.Argument(help="extract, validate, split, train, evaluate, gate, promote or predict.")],
    run_dir: Annotated[str, typer.Option(help="The run directory: a folder, gs:// or s3://.")],
    project: Annotated[Path, typer.Option(help="The project's folder.")] = Path(),
    environment: Annotated[str | None, typer.Option(help="A name from platform.yaml.")] = None,
    platform: Annotated[Path | None, typer.Option(help="The platform.yaml.")] = None,
    generation: Annotated[int | None, typer.Option(min=1, help="Which asking for this step it is.")] = None,
    run_id: Annotated[str | None, typer.Option(help="For the step that begins a run.")] = None,
    as_of: Annotated[datetime | None, typer.Option(help="For the step that begins a run: its moment.")] = None,
    parameters: Annotated[str, typer.Option(help="For the step that begins a run: its parameters as JSON.")] = "{}",
    triggered_by: Annotated[str | None, typer.Option(help="For the step that begins a run: who asked for it.")] = None,
) -> None:
    """Run one step of a run in this process."""
    from airflow_mlkit.project import load_project
    from airflow_mlkit.rundir import RunDirectory
    from airflow_mlkit.steps.run import run_step

    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s", level=logging.WARNING)
    logging.getLogger("airflow_mlkit").setLevel(logging.INFO)
    loaded = load_project(project, environment=environment, platform=platform)
    directory = RunDirectory(run_dir)
    if not directory.exists:
        record = _record(loaded.spec.name, directory, name, loaded.plan.environment, run_id, as_of, parameters, triggered_by)
        directory = RunDirectory.create(run_dir, record)
    raise typer.Exit(run_step(name, loaded, directory, generation).exit_code)


def _record(
    name: str,
    directory: Any,
    step: str,
    environment: str,
    run_id: str | None,
    as_of: datetime | None,
    parameters: str,
    triggered_by: str | None,
) -> Any:
    from airflow_mlkit.rundir import RunRecord

    try:
        return RunRecord.model_validate(
            {
                "name": name,
                "run_id": run_id or directory.root.name,
                "dag": "predict" if step == "predict" else "retrain",
                "as_of": as_of.replace(tzinfo=as_of.tzinfo or UTC) if as_of else None,
                "environment": environment,
                "parameters": json.loads(parameters),
                "triggered_by": triggered_by,
                "started": datetime.now(UTC),
            }
        )
    except (ValidationError, json.JSONDecodeError) as error:
        first = error.errors()[0]["msg"] if isinstance(error, ValidationError) else str(error)
        raise UserError(f"--parameters: {first}.") from None
