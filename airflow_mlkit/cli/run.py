"""`mlkit run`: a retrain on this machine."""

from __future__ import annotations

import getpass
import json
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Any

import typer
from pydantic import ValidationError

from airflow_mlkit.cli.console import err, out
from airflow_mlkit.cli.options import read_moment
from airflow_mlkit.exceptions import UserError

if TYPE_CHECKING:
    from airflow_mlkit.local.run_result import RunResult
    from airflow_mlkit.project import Project
    from airflow_mlkit.spec.run_parameters import RunParameters


def register(app: typer.Typer) -> None:
    """Add `mlkit run`."""
    app.command("run")(run)


def run(
    project: Annotated[Path, typer.Option(help="The project's folder.")] = Path(),
    environment: Annotated[str | None, typer.Option(help="A name from platform.yaml.")] = None,
    platform: Annotated[Path | None, typer.Option(help="The platform.yaml.")] = None,
    as_of: Annotated[
        datetime | None,
        typer.Option(
            parser=read_moment, metavar="DATE", help="The run's moment; the newest date in the data when not given."
        ),
    ] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="A parameter of the workflow, as max_depth=4; may be repeated.")
    ] = None,
    training_start: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Leave older rows out.")] = None,
    training_end: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Leave newer rows out.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the newest run, or with --run-id.")] = False,
    from_: Annotated[
        str | None, typer.Option("--from", help="Run this step of the newest run again, and what follows.")
    ] = None,
    run_id: Annotated[str | None, typer.Option(help="Which run --resume or --from goes on with.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Retrain the model, and promote it if it is good enough.

    The steps: extract, validate, split, train, evaluate, gate, promote; all on this machine. Ends with 0 when the model
    was SHIPPED or NOT SHIPPED, 2 for a mistake that you can mend, 1 when it failed.
    """
    from airflow_mlkit.cli.ask import ask_at
    from airflow_mlkit.cli.run_view import watch_run
    from airflow_mlkit.local.run_project import retrain
    from airflow_mlkit.project import load_project

    loaded = load_project(project, environment=environment, platform=platform)
    parameters = read_parameters(set_ or [], training_start, training_end)
    stop_on_sigterm()
    begun: list[str] = []
    with say_how_to_go_on(loaded, begun), watch_run(err) as (watch, live):
        result = retrain(
            loaded,
            as_of=as_of,
            parameters=parameters,
            resume=(run_id or "newest") if resume or from_ or run_id else None,
            first=from_,
            triggered_by=getpass.getuser(),
            announce=begun.append,
            watch=watch,
            ask=ask_at(err, live),
        )
    finish(result, as_json=as_json)


def finish(result: RunResult, *, as_json: bool) -> None:
    """Print how a run ended and leave with its exit code."""
    from airflow_mlkit.cli.run_view import print_summary

    if as_json:
        out.print_json(result.model_dump_json())
    else:
        print_summary(out, result)
    raise typer.Exit(result.exit_code)


def stop_on_sigterm() -> None:
    """Let SIGTERM unwind the process, so that the running steps are stopped in good order."""

    def stop(_signal: int, _frame: FrameType | None) -> None:
        raise SystemExit(128 + signal.SIGTERM)

    signal.signal(signal.SIGTERM, stop)


@contextmanager
def say_how_to_go_on(project: Project, begun: list[str]) -> Iterator[None]:
    """After Ctrl-C or SIGTERM: where the run is and how it goes on. `begun` holds its id as soon as it has one."""
    try:
        yield
    except (KeyboardInterrupt, SystemExit) as stopped:
        for run_id in begun:
            err.print(f"Interrupted. The run is {project.runs}/{run_id}", markup=False)
            err.print(f"Go on with it: mlkit run --resume --run-id {run_id}", markup=False)
        raise SystemExit(stopped.code if isinstance(stopped, SystemExit) else 128 + signal.SIGINT) from None


def read_parameters(pairs: list[str], start: datetime | None, end: datetime | None) -> RunParameters:
    """The run's parameters from the command line.

    Raises:
        UserError: when a pair is no name=value, or the dates are the wrong way round.
    """
    from airflow_mlkit.spec.run_parameters import RunParameters

    try:
        return RunParameters(
            training_start=start.date() if start else None,
            training_end=end.date() if end else None,
            params=dict(_read_pair(pair) for pair in pairs),
        )
    except ValidationError as error:
        raise UserError(f"{error.errors()[0]['msg']}.") from None


def _read_pair(pair: str) -> tuple[str, Any]:
    name, equals, text = pair.partition("=")
    if not equals or not name.strip():
        raise UserError(f"--set {pair}: write it as name=value, such as --set max_depth=4.")
    try:
        return name.strip(), json.loads(text)
    except json.JSONDecodeError:
        return name.strip(), text
