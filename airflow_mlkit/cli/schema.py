"""`mlkit schema`: the JSON Schemas of mlkit.yaml and platform.yaml, for editors."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from airflow_mlkit.exceptions import UserError


class Which(StrEnum):
    """The two files that have a schema."""

    PIPELINE = "pipeline"
    PLATFORM = "platform"


def register(app: typer.Typer) -> None:
    """Add `mlkit schema`."""
    app.command("schema")(schema)


def schema(
    which: Annotated[
        Which, typer.Argument(help="pipeline for mlkit.yaml, platform for platform.yaml.")
    ] = Which.PIPELINE,
    output: Annotated[Path | None, typer.Option(help="Write it to this file.")] = None,
) -> None:
    """Print the JSON Schema of mlkit.yaml or platform.yaml."""
    from airflow_mlkit.spec.schema import schema_text

    text = schema_text(which.value)
    if output is None:
        typer.echo(text, nl=False)
        return
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UserError(
            f"{output} cannot be written: {error.strerror}.", hint="Name a file in a folder that is there."
        ) from None
