"""`mlkit rollback`: a former champion is the champion again."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from airflow_mlkit.cli.console import out, print_line
from airflow_mlkit.cli.options import (
    ByOption,
    EnvironmentOption,
    JsonOption,
    ModelArgument,
    PlatformOption,
    ProjectOption,
    ReasonOption,
    load_named_project,
    read_word,
)

if TYPE_CHECKING:
    from airflow_mlkit.registry.by_hand import Change


def register(app: typer.Typer) -> None:
    """Add `mlkit rollback`."""
    app.command("rollback")(rollback)


def rollback(
    model: ModelArgument,
    reason: ReasonOption,
    to: Annotated[str | None, typer.Option("--to", help="A version; the champion before this one otherwise.")] = None,
    by: ByOption = None,
    project: ProjectOption = Path(),
    environment: EnvironmentOption = None,
    platform: PlatformOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make a former champion the champion again.

    The version is loaded and asked first. Scoring follows with its next start. The model that is rolled back from does
    not come back by itself, a better one does. The same command a second time changes nothing.
    """
    from airflow_mlkit.registry import by_hand

    loaded = load_named_project(model, project, environment, platform)
    print_change(by_hand.roll_back(loaded, read_word(by, reason), to), "ROLLED BACK", as_json=as_json)


def print_change(change: Change, title: str, *, as_json: bool) -> None:
    """What a person's word has changed, or that it had been said before."""
    if as_json:
        out.print_json(change.model_dump_json())
        return
    champion = change.champion
    if not change.changed:
        print_line(f"{champion.title} is the champion already, since {champion.promoted_at:%Y-%m-%d %H:%M}.")
        print_line(f"{champion.action} by {champion.promoted_by}: {champion.reason}", head="  ")
        return
    out.print(f"[bold green]{title}[/]", end="  ")
    print_line(f"{champion.title} is the champion (entry {champion.n}).")
    if change.replaced:
        print_line(f"version {change.replaced.model_version}", head="  instead of  ")
    print_line(f"{champion.promoted_by}: {champion.reason}", head="  by          ")
    print_line(change.asked, head="  asked       ")
    for note in change.notes:
        print_line(note, head="  although    ")
