"""`mlkit adopt`: a model that lives in MLflow already becomes the first champion."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from airflow_mlkit.cli.console import err, on_one_line, out, print_line
from airflow_mlkit.cli.options import (
    ByOption,
    EnvironmentOption,
    JsonOption,
    PlatformOption,
    ProjectOption,
    ReasonOption,
    read_moment,
    read_word,
)
from airflow_mlkit.cli.rollback import print_change
from airflow_mlkit.exceptions import UserError
from airflow_mlkit.gates.numbers import short

if TYPE_CHECKING:
    from airflow_mlkit.local.adopt import Adoption

_MAX_METRICS = 4


def register(app: typer.Typer) -> None:
    """Add `mlkit adopt`."""
    app.command("adopt")(adopt)


def adopt(
    model: Annotated[str, typer.Argument(help="models:/NAME/VERSION or models:/NAME@ALIAS, in the project's MLflow.")],
    reason: ReasonOption,
    trained_until: Annotated[
        datetime | None,
        typer.Option(
            parser=read_moment, metavar="DATE", help="Your word: it has learned from no row dated later. In UTC."
        ),
    ] = None,
    unseen_because: Annotated[
        str | None, typer.Option(help="Your word: it has learned from no row of the holdout, and why.")
    ] = None,
    classes: Annotated[
        str | None, typer.Option(help="The label's values in the order in which the model gives them, as no,yes.")
    ] = None,
    by: ByOption = None,
    project: ProjectOption = Path(),
    environment: EnvironmentOption = None,
    platform: PlatformOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make a model that lives in MLflow already the first champion.

    Takes over native XGBoost models, and scikit-learn ones in skops' format; nothing is ever unpickled. The model
    scores the project's holdout first. What it may have learned from decides from when on a retrain can be compared
    with it.
    """
    from airflow_mlkit.project import load_project

    word = read_word(by, reason)
    if trained_until and unseen_because:
        raise UserError("Say either --trained-until or --unseen-because.")
    loaded = load_project(project, environment=environment, platform=platform)

    from airflow_mlkit.local import adopt as adopting
    from airflow_mlkit.registry.adoption import TrainingWord
    from airflow_mlkit.registry.word import Word

    unseen = Word(word.by, unseen_because).reason if unseen_because is not None else None
    training = TrainingWord(trained_until, unseen)
    said = tuple(value.strip() for value in classes.split(",")) if classes else ()
    request = adopting.Request(model, word, training, said)
    with _only_warnings_shown():
        found = adopting.adopt(
            loaded, request, lambda step: err.print(f"  {on_one_line(step)}", style="dim", markup=False)
        )
    if as_json:
        out.print_json(found.model_dump_json())
    else:
        print_change(found.change, "ADOPTED", as_json=False)
        _print_adoption(found)


@contextmanager
def _only_warnings_shown() -> Iterator[None]:
    """Each step's log lies in its folder; here its name is enough."""
    handler = logging.StreamHandler()
    handler.setLevel(logging.WARNING)
    logging.getLogger().addHandler(handler)
    try:
        yield
    finally:
        logging.getLogger().removeHandler(handler)


def _print_adoption(found: Adoption) -> None:
    champion = found.change.champion
    shown = [f"{name} {short(value)}" for name, value in found.metrics.items() if value is not None][:_MAX_METRICS]
    lines = {
        "taken from": f"{champion.adopted_from}, {found.estimator}, registered {found.registered:%Y-%m-%d %H:%M} UTC",
        "holdout": f"{found.rows:,} rows: {', '.join(shown)}",
        "your word": _tell_word(found),
        "next": found.outlook,
    }
    for name, text in lines.items():
        if text:
            print_line(text, head=f"  {name:<12}")
    for note in found.notes:
        print_line(note, head="  mind        ")


def _tell_word(found: Adoption) -> str:
    champion = found.change.champion
    if champion.trained_until:
        return f"it learned from no row after {champion.trained_until:%Y-%m-%d %H:%M} UTC"
    return f"it has seen no row of the holdout: {champion.unseen_because}" if champion.unseen_because else ""
