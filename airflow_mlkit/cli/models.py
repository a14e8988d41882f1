"""`mlkit models`: the champions, the versions, and everything that is known of one."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.table import Table

from airflow_mlkit.cli.console import on_one_line, out, print_line
from airflow_mlkit.cli.freeze import describe_freeze
from airflow_mlkit.cli.options import EnvironmentOption, JsonOption, PlatformOption, ProjectOption
from airflow_mlkit.cli.version_view import print_plain, print_version
from airflow_mlkit.gates.numbers import short

if TYPE_CHECKING:
    from airflow_mlkit.registry.catalogue import ModelSummary
    from airflow_mlkit.registry.version_list import VersionSummary
    from airflow_mlkit.rundir.records import Record

MAX_METRICS = 2

models = typer.Typer(
    help="List the champions or the versions, show all that is known of one, or how two differ.",
    invoke_without_command=True,
)


def register(app: typer.Typer) -> None:
    """Add `mlkit models`."""
    app.add_typer(models, name="models")


@models.callback()
def _without_command(
    context: typer.Context,
    project: ProjectOption = Path(),
    environment: EnvironmentOption = None,
    platform: PlatformOption = None,
    as_json: JsonOption = False,
) -> None:
    if context.invoked_subcommand is None:
        list_(project, environment, platform, as_json)


@models.command("list")
def list_(
    project: ProjectOption = Path(),
    environment: EnvironmentOption = None,
    platform: PlatformOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the models, each with its champion."""
    from airflow_mlkit.project import load_project
    from airflow_mlkit.registry.catalogue import list_models

    loaded = load_project(project, environment=environment, platform=platform)
    found = list_models(loaded)
    if as_json:
        _print_json(found)
    elif found:
        out.print(_table(found))
        _print_freezes(found)
    else:
        out.print(f"There is no champion of {loaded.spec.name} yet. mlkit run trains the first one.")


@models.command("versions")
def versions(
    project: ProjectOption = Path(),
    environment: EnvironmentOption = None,
    platform: PlatformOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the versions of the project's model: what can be promoted, and rolled back to."""
    from airflow_mlkit.project import load_project
    from airflow_mlkit.registry.version_list import list_versions

    loaded = load_project(project, environment=environment, platform=platform)
    found = list_versions(loaded)
    if as_json:
        _print_json(found)
    elif found:
        for version in found:
            _print_summary(version)
        print_plain("A run that was held back is registered when a person promotes it: mlkit promote --run.")
    else:
        print_plain(f"No version of {loaded.spec.name} is registered yet. mlkit run trains the first one.")


@models.command("show")
def show(
    version: Annotated[str | None, typer.Argument(help="Its number in MLflow; the champion when not given.")] = None,
    project: ProjectOption = Path(),
    environment: EnvironmentOption = None,
    platform: PlatformOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show all that is known of a version: data, code, gates, who promoted it."""
    from airflow_mlkit.project import load_project
    from airflow_mlkit.registry.catalogue import describe_version

    found = describe_version(load_project(project, environment=environment, platform=platform), version)
    if as_json:
        out.print_json(found.model_dump_json())
    else:
        print_version(found)


@models.command("diff")
def diff(
    a: Annotated[str, typer.Argument(help="A version's number, champion or anchor.")],
    b: Annotated[str, typer.Argument(help="The other one.")],
    code: Annotated[bool, typer.Option("--code", help="Print the changed lines of the code too.")] = False,
    whole: Annotated[bool, typer.Option("--all", help="Print every line, not one screen.")] = False,
    project: ProjectOption = Path(),
    environment: EnvironmentOption = None,
    platform: PlatformOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show what differs between two versions: spec, params, data, code, libraries, metrics, slices."""
    from airflow_mlkit.cli.diff_view import print_diff
    from airflow_mlkit.project import load_project
    from airflow_mlkit.registry.version_diff import diff_versions

    found = diff_versions(load_project(project, environment=environment, platform=platform), a, b)
    if as_json:
        out.print_json(found.model_dump_json())
    else:
        print_diff(found, code=code, whole=whole)


def _print_json(found: Sequence[Record]) -> None:
    out.print_json(json.dumps([each.model_dump(mode="json") for each in found]))


def _table(found: list[ModelSummary]) -> Table:
    table = Table(box=None, pad_edge=False)
    for title in ("model", "champion", "as of", "metrics", "promoted", "by"):
        table.add_column(title, no_wrap=title != "metrics")
    for model in found:
        table.add_row(
            model.model_name,
            f"version {model.champion_version}",
            f"{model.as_of:%Y-%m-%d}" if model.as_of else "",
            _shorten(model.metrics),
            f"{model.promoted_at:%Y-%m-%d %H:%M}",
            escape(on_one_line(model.promoted_by)),
        )
    return table


def _print_summary(version: VersionSummary) -> None:
    head = f"version {version.model_version}  "
    print_line("; ".join(filter(None, (", ".join(version.standing), _shorten(version.metrics)))), head=head)
    registered = f"{version.registered:%Y-%m-%d %H:%M}" if version.registered else ""
    run = f"run {version.run_id}" if version.run_id else ""
    model = f"model {version.model_id[:12]}" if version.model_id else ""
    print_line(", ".join(filter(None, (registered, run, model))), head=" " * len(head))
    if version.trouble:
        print_line(version.trouble, head=f"{' ' * len(head)}! ")


def _print_freezes(found: list[ModelSummary]) -> None:
    for model in found:
        if model.freeze:
            print_plain(f"{model.model_name}: {describe_freeze(model.freeze)}")


def _shorten(metrics: dict[str, float | None]) -> str:
    shown = [f"{name} {short(value)}" for name, value in metrics.items() if value is not None]
    return ", ".join(shown[:MAX_METRICS])
