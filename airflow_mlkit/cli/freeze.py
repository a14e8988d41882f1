"""`mlkit freeze`: nothing is promoted automatically until a day."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from airflow_mlkit.cli.console import on_one_line, out
from airflow_mlkit.cli.options import (
    ByOption,
    EnvironmentOption,
    JsonOption,
    ModelArgument,
    PlatformOption,
    ProjectOption,
    ReasonOption,
    load_named_project,
    read_moment,
    read_word,
)

if TYPE_CHECKING:
    from airflow_mlkit.registry.freeze import FreezeEntry


def register(app: typer.Typer) -> None:
    """Add `mlkit freeze`."""
    app.command("freeze")(freeze)


def freeze(
    model: ModelArgument,
    until: Annotated[
        datetime,
        typer.Option(
            "--until", parser=read_moment, metavar="DATE", help="When it ends, in UTC; a day is its first minute."
        ),
    ],
    reason: ReasonOption,
    by: ByOption = None,
    project: ProjectOption = Path(),
    environment: EnvironmentOption = None,
    platform: PlatformOption = None,
    as_json: JsonOption = False,
) -> None:
    """Stop automatic promotion until a day.

    Retrains go on, and are held back with your reason. A person's promote and rollback still work. A later freeze takes
    the place of this one; mlkit unfreeze ends it.
    """
    from airflow_mlkit.registry import ChampionLog

    loaded = load_named_project(model, project, environment, platform)
    freezes = ChampionLog(loaded.champions).freezes
    entry = freezes.freeze(read_word(by, reason), until) or freezes.head()
    if as_json and entry:
        out.print_json(entry.model_dump_json())
    elif entry:
        out.print(f"{model}: {describe_freeze(entry)}", markup=False)


def describe_freeze(freeze: FreezeEntry) -> str:
    """A freeze for people, on one line."""
    from airflow_mlkit.data.moment import to_utc

    until = f" until {to_utc(freeze.until):%Y-%m-%d %H:%M} UTC" if freeze.until else ""
    what = f"nothing is promoted automatically{until}" if freeze.until else "promotion is no longer frozen"
    return on_one_line(f"{what}, says {freeze.by}: {freeze.reason}")
