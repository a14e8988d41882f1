"""Options that several commands share, and what they mean."""

from __future__ import annotations

import getpass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from airflow_mlkit.exceptions import UserError

if TYPE_CHECKING:
    from airflow_mlkit.project import Project
    from airflow_mlkit.registry.word import Word

ProjectOption = Annotated[Path, typer.Option("--project", help="The project's folder.")]
EnvironmentOption = Annotated[str | None, typer.Option("--environment", help="A name from platform.yaml.")]
PlatformOption = Annotated[Path | None, typer.Option("--platform", help="The platform.yaml.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print it as JSON.")]
ModelArgument = Annotated[str, typer.Argument(help="The model's name, as in mlkit.yaml.")]
ReasonOption = Annotated[str, typer.Option("--reason", help="Why, for whoever reads the log.")]
ByOption = Annotated[str | None, typer.Option("--by", help="Who says so; you when not given.")]


def read_word(by: str | None, reason: str) -> Word:
    """Who says so, and why.

    Raises:
        UserError: when one of them is not known or empty.
    """
    from airflow_mlkit.registry.word import Word

    return Word(_find_user() if by is None else by, reason)


def read_moment(text: str) -> datetime:
    """A moment as people type it; in UTC where no zone was said.

    Raises:
        typer.BadParameter: when it is none.
    """
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        raise typer.BadParameter(f"{text!r} is no day and no moment. Write 2026-12-01 or 2026-12-01T08:00.") from None
    return moment.replace(tzinfo=moment.tzinfo or UTC)


def load_named_project(model: str, project: Path, environment: str | None, platform: Path | None) -> Project:
    """The project in a folder, whose model a person has named to be sure of it.

    Raises:
        UserError: when the project makes another model.
    """
    from airflow_mlkit.project import load_project
    from airflow_mlkit.spec.nearest import did_you_mean

    loaded = load_project(project, environment=environment, platform=platform)
    if model != loaded.spec.name:
        raise UserError(
            f"The project in {loaded.folder} makes no model {model!r}{did_you_mean(model, [loaded.spec.name])}",
            hint="Name its model, or the other project: --project.",
        )
    return loaded


def _find_user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):  # a container's user without a name; each Python has its own error for it
        raise UserError("This user has no name.", hint="Say who you are: --by.") from None
