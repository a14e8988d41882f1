"""`mlkit step`: one step of a run in this process. Pods, the local runner, Airflow and people all call this."""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from airflow_mlkit.cli.console import out
from airflow_mlkit.cli.options import read_moment
from airflow_mlkit.exceptions import StepTerminated, StoreError, UserError

if TYPE_CHECKING:
    from airflow_mlkit.rundir import Approval, RunRecord
    from airflow_mlkit.spec.run_parameters import RunParameters


def register(app: typer.Typer) -> None:
    """Add `mlkit step`."""
    app.command("step")(step)


def step(
    name: Annotated[str, typer.Argument(help="extract, validate, split, train, evaluate, gate, promote or predict.")],
    run_dir: Annotated[str, typer.Option(help="The run directory: a folder, gs:// or s3://.")],
    project: Annotated[Path, typer.Option(help="The project's folder.")] = Path(),
    environment: Annotated[str | None, typer.Option(help="A name from platform.yaml.")] = None,
    platform: Annotated[Path | None, typer.Option(help="The platform.yaml.")] = None,
    generation: Annotated[
        int | None, typer.Option(min=1, help="Retries of one asking share a number; the next one when not given.")
    ] = None,
    run_id: Annotated[str | None, typer.Option(help="For the step that begins a run: its name.")] = None,
    as_of: Annotated[
        datetime | None,
        typer.Option(parser=read_moment, metavar="DATE", help="For the step that begins a run: its moment."),
    ] = None,
    parameters: Annotated[str, typer.Option(help="For the step that begins a run: its parameters as JSON.")] = "{}",
    triggered_by: Annotated[str | None, typer.Option(help="For the step that begins a run: who asked for it.")] = None,
    size: Annotated[
        str | None, typer.Option(help="The size that this process was given, where it grew; for its record.")
    ] = None,
    approval: Annotated[
        str | None, typer.Option(help="For promote: what a person answered who was asked, as JSON.")
    ] = None,
    when_asked: Annotated[
        float | None, typer.Option(min=0, help="For a pod that is started ahead: wait so many seconds for the task.")
    ] = None,
) -> None:
    """Run one step again, with the inputs of a past run.

    The fast way to work on a step: `mlkit run` prints the run directory, and `mlkit step train --run-dir ...` trains
    again on the rows that were split there. Ends with 0 when it is done, 20 when it was held back, 2 for a user's
    mistake, 3 for the data, 74 where the run directory cannot be written, 143 after SIGTERM, and 1 for anything else.
    """
    # before the imports: Linux does not let SIGTERM end the first process of a container that does not ask for it
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(StepTerminated.exit_code))
    # before OpenMP is loaded: on a machine that does other work too, threads that wait by spinning take the core from
    # the thread that they wait for, and seconds of training become tens of seconds
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    from airflow_mlkit.project import load_project
    from airflow_mlkit.rundir import RunDirectory, store_errors
    from airflow_mlkit.steps.asked import wait_until_asked
    from airflow_mlkit.steps.preload import find_libraries, preload
    from airflow_mlkit.steps.run import find_step, run_step

    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s", level=logging.WARNING)
    loaded = load_project(project, environment=environment, platform=platform)
    planned = find_step(loaded, name)
    directory = RunDirectory(run_dir)
    if when_asked is not None:
        loading = preload(name, find_libraries(loaded, name))
        wait_until_asked(directory.step(name), generation or 1, when_asked, loading)
    if not directory.exists:
        if planned.reads:
            raise UserError(
                f"{run_dir} is no run directory, and {name} reads what {planned.reads[0]} published in one.",
                hint="mlkit run prints the one it uses. mlkit step extract begins a new one.",
            )
        begun = _begin(
            name=loaded.spec.name,
            run_id=run_id or directory.root.name,
            dag="predict" if name == "predict" else "retrain",
            as_of=as_of,
            environment=loaded.plan.environment,
            parameters=loaded.check_parameters(read_parameters(parameters)),
            triggered_by=triggered_by,
        )
        directory = RunDirectory.create(run_dir, begun)
    # a person's terminal keeps its progress bars; a test puts something else in its place
    owns_process = sys.stdout is sys.__stdout__ and not out.is_terminal
    answer = read_approval(approval)
    try:
        record = run_step(name, loaded, directory, generation, answer, size=size, owns_process=owns_process)
    except store_errors() as error:
        raise StoreError(f"{name}: {directory.root} cannot be written: {error}") from error
    if out.is_terminal and record.exit_code == 0:  # a person is there; a pod's log ends with the outcome
        from airflow_mlkit.cli.run_view import describe_summary

        out.print(describe_summary(name, record.summary), markup=False)
    raise typer.Exit(record.exit_code)


def _begin(**fields: Any) -> RunRecord:
    from airflow_mlkit.rundir import RunRecord

    return RunRecord(started=datetime.now(UTC), **fields)


def read_approval(text: str | None) -> Approval | None:
    """A person's answer from JSON.

    Raises:
        UserError: when it is none.
    """
    from pydantic import ValidationError

    from airflow_mlkit.rundir import Approval

    try:
        return Approval.model_validate_json(text) if text else None
    except ValidationError as error:
        detail = error.errors()[0]
        raise UserError(
            f"--approval {'.'.join(map(str, detail['loc']))}: {detail['msg']}.",
            hint="""Write it as '{"answer": "yes", "by": "ana", "at": "2026-03-02T09:00:00Z", "why": "..."}'.""",
        ) from None


def read_parameters(text: str) -> RunParameters:
    """A run's parameters from JSON.

    Raises:
        UserError: with every problem in a sentence.
    """
    from pydantic import ValidationError

    from airflow_mlkit.spec.run_parameters import RunParameters

    try:
        return RunParameters.model_validate(json.loads(text))
    except json.JSONDecodeError as error:
        raise UserError(
            f"--parameters is no JSON: {error.msg} at character {error.pos + 1}.",
            hint="""Write it as '{"params": {"max_depth": 4}}'.""",
        ) from None
    except ValidationError as error:
        said = [f"{' '.join(['--parameters', *map(str, each['loc'])])}: {each['msg']}" for each in error.errors()]
        raise UserError("\n".join(said)) from None
