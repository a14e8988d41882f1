"""`mlkit new`: the interview that ends with a project which runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add `mlkit new`."""
    app.command("new")(new)


def new(
    name: Annotated[str | None, typer.Option(help="The project's name: lower case letters, digits, hyphens.")] = None,
    predicts: Annotated[str | None, typer.Option(help="What the model predicts, in a sentence.")] = None,
    owner: Annotated[str | None, typer.Option(help="Who is asked when it breaks. From git when not given.")] = None,
    pattern: Annotated[
        str | None, typer.Option(help="batch scores rows on a schedule; live is trained; its server comes later.")
    ] = None,
    data: Annotated[str | None, typer.Option(help="The rows: a csv or parquet file, a folder, gs:// or s3://.")] = None,
    label: Annotated[str | None, typer.Option(help="The column to predict.")] = None,
    gpu: Annotated[bool | None, typer.Option("--gpu/--cpu", help="What to train on.")] = None,
    schedule: Annotated[str | None, typer.Option(help="How often: daily, weekly, monthly, never, or a cron.")] = None,
    approval: Annotated[str | None, typer.Option(help="none, or person: somebody says yes to each new model.")] = None,
    columns: Annotated[
        str | None, typer.Option(help="The names of a csv's columns where it has no header row: a,b,c.")
    ] = None,
    kind: Annotated[str | None, typer.Option(help="binary, multiclass or regression, where the data misleads.")] = None,
    holdout_salt: Annotated[
        str | None, typer.Option(help="The salt of the holdout's hash; the project's name when not given.")
    ] = None,
    output_dir: Annotated[Path, typer.Option(help="Where the project becomes a folder.")] = Path(),
    no_input: Annotated[bool, typer.Option("--no-input", help="Ask nothing; take defaults.")] = False,
) -> None:
    """Make a project from a data file and a few answers.

    What is not given as an option is asked, each question with a default. `mlkit run` works in the project at once.
    """
    from airflow_mlkit.scaffold.interview import Given, hold_interview
    from airflow_mlkit.scaffold.new_project import make_project
    from airflow_mlkit.scaffold.summary import print_summary

    given = Given(
        name=name,
        predicts=predicts,
        owner=owner,
        pattern=pattern,
        data=data,
        label=label,
        gpu=gpu,
        schedule=schedule,
        approval=approval,
        columns=columns,
        kind=kind,
        salt=holdout_salt,
    )
    answers, table = hold_interview(given, output_dir, asks=not no_input)
    print_summary(answers, make_project(answers, output_dir, table=table))
