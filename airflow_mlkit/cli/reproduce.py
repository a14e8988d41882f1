"""`mlkit reproduce`: a version is made again from what it tells of itself, and compared."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from airflow_mlkit.cli.console import err, on_one_line, out
from airflow_mlkit.cli.options import EnvironmentOption, JsonOption, PlatformOption, ProjectOption
from airflow_mlkit.cli.run import stop_on_sigterm

if TYPE_CHECKING:
    from airflow_mlkit.reproduction.reproduce import Reproduction


def register(app: typer.Typer) -> None:
    """Add `mlkit reproduce`."""
    app.command("reproduce")(reproduce)


def reproduce(
    version: Annotated[str, typer.Argument(help="Its number in MLflow, champion or anchor.")],
    keep: Annotated[bool, typer.Option("--keep", help="Leave the project and the run that were made, to look at.")] = (
        False
    ),
    here: Annotated[
        bool, typer.Option("--here", help="With the libraries of this Python, whatever their versions are.")
    ] = False,
    project: ProjectOption = Path(),
    environment: EnvironmentOption = None,
    platform: PlatformOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make a version again from its commit, snapshot, spec and library versions, and compare.

    In its image where there is one, else with the same versions in a virtual environment. Nothing of the project or the
    registry changes. Ends with 0 when it is the same model, 3 when the data differs, 1 when anything else does, 2 when
    it cannot be tried.
    """
    from airflow_mlkit.project import load_project
    from airflow_mlkit.reproduction import reproduce as again

    stop_on_sigterm()
    loaded = load_project(project, environment=environment, platform=platform)
    with err.status("") as status:

        def announce(doing: str) -> None:
            status.update(doing.replace("[", "\\["))
            if not err.is_terminal:
                err.print(doing, markup=False)

        result = again.reproduce(loaded, version, keep=keep, here=here, announce=announce)
    if as_json:
        out.print_json(result.model_dump_json())
    else:
        _print(result)
    raise typer.Exit(result.exit_code)


def _print(result: Reproduction) -> None:
    name = f"{result.model_name} version {result.model_version}"
    if result.same:
        head, style = "SAME", "bold green"
        said = f"{name} is model {result.model_id[:12]} again, in {result.seconds:.0f} s."
    else:
        head, style = "NOT THE SAME", "bold yellow"
        said = f"{name}: {result.difference.sentence if result.difference else ''}"
    out.print(f"[{style}]{head}[/]  ", end="")
    out.print(on_one_line(said), markup=False)
    pairs = (
        ("code", result.code),
        ("data", result.data),
        ("ran with", result.libraries),
        ("model id", result.model_id),
        ("made again", result.found_id if result.found_id != result.model_id else None),
        ("kept", result.kept),
        *(("note", note) for note in result.notes),
    )
    for title, text in pairs:
        if text:
            out.print(f"  {title:<11} {on_one_line(text)}", markup=False)
