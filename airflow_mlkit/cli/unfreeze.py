"""`mlkit unfreeze`: promotion goes on by itself again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from airflow_mlkit.cli.console import out
from airflow_mlkit.cli.freeze import describe_freeze
from airflow_mlkit.cli.options import (
    ByOption,
    EnvironmentOption,
    JsonOption,
    ModelArgument,
    PlatformOption,
    ProjectOption,
    load_named_project,
    read_word,
)


def register(app: typer.Typer) -> None:
    """Add `mlkit unfreeze`."""
    app.command("unfreeze")(unfreeze)


def unfreeze(
    model: ModelArgument,
    reason: Annotated[str, typer.Option("--reason", help="Why, for whoever reads the log.")] = "it is over",
    by: ByOption = None,
    project: ProjectOption = Path(),
    environment: EnvironmentOption = None,
    platform: PlatformOption = None,
    as_json: JsonOption = False,
) -> None:
    """End a freeze before its day."""
    from airflow_mlkit.registry import ChampionLog

    loaded = load_named_project(model, project, environment, platform)
    said = ChampionLog(loaded.champions).freezes.unfreeze(read_word(by, reason))
    if as_json:
        out.print_json(said.model_dump_json() if said else "null")
    else:
        out.print(f"{model}: {describe_freeze(said) if said else 'promotion is not frozen'}", markup=False)
