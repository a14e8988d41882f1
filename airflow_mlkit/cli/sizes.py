"""`mlkit sizes`: which sizes past runs needed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from airflow_mlkit.cli.console import out
from airflow_mlkit.cli.options import EnvironmentOption, JsonOption, PlatformOption, ProjectOption
from airflow_mlkit.exceptions import UserError

if TYPE_CHECKING:
    from airflow_mlkit.sizing.past_runs import PastRuns
    from airflow_mlkit.spec import PlatformSpec

sizes = typer.Typer(help="Read past runs, and say who asks for too much or too little.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add `mlkit sizes`."""
    app.add_typer(sizes, name="sizes")


@sizes.callback()
def _group() -> None:
    """Read past runs, and say who asks for too much or too little."""


@sizes.command("advise")
def advise(
    every: Annotated[bool, typer.Option("--all", help="All projects whose runs lie there.")] = False,
    runs: Annotated[int, typer.Option(min=1, help="How many of the newest runs of each project are read.")] = 50,
    margin: Annotated[
        int, typer.Option(min=0, max=400, help="What is kept free above the highest peak, in per cent of it.")
    ] = 25,
    project: ProjectOption = Path(),
    environment: EnvironmentOption = None,
    platform: PlatformOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say for each step which size would do, told from the memory that it used in its newest runs, with the money.

    Reads the runs of the project, or those of all projects beside it; with a platform.yaml and no project, all of the
    environment. Changes nothing.
    """
    from airflow_mlkit.cli.sizes_view import print_advice
    from airflow_mlkit.sizing.advice import advise
    from airflow_mlkit.sizing.memory_use import find_memory_use
    from airflow_mlkit.sizing.report import Advice, record_sizes

    declared, place, backend, names = _find_places(project, environment, platform, every=every)
    read = list(_read(place, names, runs))
    advised = advise(
        find_memory_use(run for each in read for run in each.runs), record_sizes(declared, backend), margin / 100
    )
    found = Advice.of(place, read, advised, currency=declared.currency, margin=margin / 100)
    if as_json:
        out.print_json(found.model_dump_json())
    else:
        print_advice(found)


def _read(place: str, names: list[str], most: int) -> Iterator[PastRuns]:
    from airflow_mlkit.sizing.past_runs import read_past_runs

    for name in names:
        with out.status(f"reading the runs of {name}") if out.is_terminal else nullcontext():
            yield read_past_runs(f"{place}/{name}", name, most)


def _find_places(
    folder: Path, environment: str | None, platform: Path | None, *, every: bool
) -> tuple[PlatformSpec, str, str, list[str]]:
    """The platform, where all runs of its environment lie, its backend, and whose runs are read."""
    from airflow_mlkit.plan import find_environment
    from airflow_mlkit.project import DEFAULT_ENVIRONMENT, SPEC_FILE, find_platform_file, load_project
    from airflow_mlkit.sizing.past_runs import find_projects
    from airflow_mlkit.spec import load_platform

    if (folder / SPEC_FILE).exists():
        loaded = load_project(folder, environment=environment, platform=platform)
        place = loaded.runs.rpartition("/")[0]
        return loaded.platform, place, loaded.plan.backend, find_projects(place) if every else [loaded.spec.name]
    declared = load_platform(_must_be_there(find_platform_file(folder, platform), folder))
    name = environment or os.environ.get("MLKIT_ENVIRONMENT") or DEFAULT_ENVIRONMENT
    found = find_environment(declared, name)
    if "://" not in found.runs and not Path(found.runs).is_absolute():
        raise UserError(
            f"The runs of the environment {name} lie in each project's own folder ({found.runs}).",
            hint="Name the project: --project. Or another environment: --environment.",
        )
    place = found.runs.rstrip("/")
    return declared, place, found.backend, find_projects(place)


def _must_be_there(file: Path | None, folder: Path) -> Path:
    if file is None:
        raise UserError(
            f"There is neither an mlkit.yaml nor a platform.yaml in {folder.absolute()}.",
            hint="Name a project: --project. Or a platform: --platform.",
        )
    return file
