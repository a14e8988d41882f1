"""`mlkit image`: build the image that the project's pods run in, and look at which one counts."""

from __future__ import annotations

import json
import signal
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from airflow_mlkit.cli.console import err, on_one_line, out, print_line
from airflow_mlkit.cli.options import EnvironmentOption, JsonOption, PlatformOption, ProjectOption
from airflow_mlkit.exceptions import UserError

if TYPE_CHECKING:
    from airflow_mlkit.image.record import BuiltImage, Kind
    from airflow_mlkit.project import Project

_TERMINATED = 128 + signal.SIGTERM

image = typer.Typer(help="Build the image that the project's pods run in; show which one counts.", no_args_is_help=True)


class Which(StrEnum):
    """The kinds of images, and both of them."""

    CPU = "cpu"
    GPU = "gpu"
    ALL = "all"


def register(app: typer.Typer) -> None:
    """Add `mlkit image`."""
    app.add_typer(image, name="image")


@image.command("build")
def build(
    options: Annotated[
        list[str] | None,
        typer.Argument(metavar="-- OPTIONS", help="Of the builder, behind two dashes, such as -- --network host."),
    ] = None,
    kind: Annotated[Which | None, typer.Option(help="Those that the project's sizes need when not given.")] = None,
    push: Annotated[
        bool | None, typer.Option("--push/--no-push", help="Pushed where the environment has a registry.")
    ] = None,
    if_changed: Annotated[
        bool, typer.Option("--if-changed", help="Only those of which a file or the base has changed since.")
    ] = False,
    builder: Annotated[str | None, typer.Option(envvar="MLKIT_BUILDER", help="docker, podman or buildah.")] = None,
    project: ProjectOption = Path(),
    environment: EnvironmentOption = None,
    platform: PlatformOption = None,
    as_json: JsonOption = False,
) -> None:
    """Build the image of the project's steps, push it, and name it in image.json by its digest.

    Commit image.json: the Dags run the image that it names.
    """
    from airflow_mlkit.image.build import ImageBuild
    from airflow_mlkit.image.builder import find_builder
    from airflow_mlkit.project import load_project

    # a job that is cancelled ends with SIGTERM, and the builder is to end with it
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(_TERMINATED))
    loaded = load_project(project, environment=environment, platform=platform)
    kinds = _choose_kinds(kind, loaded)
    work = ImageBuild(
        project=loaded,
        builder=find_builder(builder),
        registry=_choose_registry(loaded, push),
        options=_check_options(options or []),
        tell=lambda line: err.print(line, markup=False, style="dim"),
    )
    wanted = work.outdated(kinds) if if_changed else kinds
    if not wanted:
        show(project, environment, platform, as_json)
        return
    err.print(f"Building with {work.builder.name}: {', '.join(wanted)}")
    record = work.carry_out(wanted)
    if as_json:
        out.print_json(record.model_dump_json())
        return
    for each in wanted:
        _print_image(each, record.images[each])
    if all(record.images[each].reference for each in wanted):
        out.print("image.json names it. Commit it: the Dags run what it names.")


@image.command("show")
def show(
    project: ProjectOption = Path(),
    environment: EnvironmentOption = None,
    platform: PlatformOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show which images the project's pods run in, and whether they are as the project is now."""
    from airflow_mlkit.image.record import read_image_record
    from airflow_mlkit.image.stale import find_stale
    from airflow_mlkit.project import load_project

    loaded = load_project(project, environment=environment, platform=platform)
    record = read_image_record(loaded.folder)
    if record is None:
        out.print("null" if as_json else "The project has no image of its own yet. mlkit image build makes it.")
        return
    stale = find_stale(loaded)
    if as_json:
        out.print_json(json.dumps({**record.model_dump(mode="json"), "stale": stale}))
        return
    for kind, built in record.images.items():
        _print_image(kind, built)
    if stale:
        print_line(stale, head="! ")


def _choose_kinds(kind: Which | None, project: Project) -> tuple[Kind, ...]:
    from airflow_mlkit.image.stale import needed_kinds

    match kind:
        case None:
            return needed_kinds(project)
        case Which.ALL:
            return ("cpu", "gpu")
        case Which.CPU:
            return ("cpu",)
        case Which.GPU:
            return ("gpu",)


def _choose_registry(project: Project, push: bool | None) -> str | None:
    """Where the images go.

    Raises:
        UserError: when they are to be pushed and the environment does not say where.
    """
    from airflow_mlkit.image.build import find_registry

    if push is False:
        return None
    registry = find_registry(project)
    if push and registry is None:
        raise UserError(
            f"The environment {project.plan.environment!r} names no registry to push to.",
            hint="platform.yaml says it: environments.NAME.registry. Choose the environment with --environment.",
        )
    return registry


def _check_options(options: list[str]) -> list[str]:
    """What goes to the builder as it is.

    Raises:
        UserError: when a word stands there that no builder's option begins with.
    """
    if options and not options[0].startswith("-"):
        raise UserError(
            f"{options[0]!r} is no option of a builder.",
            hint="--kind names a kind. Options of the builder go behind two dashes: -- --network host.",
        )
    return options


def _print_image(kind: Kind, built: BuiltImage) -> None:
    print_line(built.reference or f"{built.tag} (not pushed: no cluster can run it)", head=f"{kind}  ")
    commit = f"commit {on_one_line(built.commit)[:12]}" if built.commit else "no commit"
    dirty = ", with changes that were not committed" if built.clean is False else ""
    print_line(f"built {built.built:%Y-%m-%d %H:%M} UTC from {commit}{dirty}", head="     ")
