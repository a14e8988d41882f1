"""`mlkit check`: everything that can be known of a project without a run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from airflow_mlkit.cli.console import out
from airflow_mlkit.exceptions import MissingExtraError, MLKitError, SpecError, UserError
from airflow_mlkit.extras import must_be_installed, needs_extra

if TYPE_CHECKING:
    from airflow_mlkit.project import Project

_PARTS = {
    "workflow": ("airflow_mlkit.workflows.check", "check_workflow", "steps", "xgboost"),
    "suite": ("airflow_mlkit.validation.suite", "check_suite", "steps", "great_expectations"),
    "Dag": ("airflow_mlkit.airflow.check", "check_dag", "airflow", "airflow"),
}
"""For each part the function `(project) -> list[str]` that finds what is wrong, its extra, and a module of that."""


def register(app: typer.Typer) -> None:
    """Add `mlkit check`."""
    app.command("check")(check)


@dataclass(frozen=True)
class Finding:
    """What is wrong with one part of a project, or why it was not looked at."""

    part: str
    problems: list[str] = field(default_factory=list)
    skipped: str | None = None


def check(
    project: Annotated[Path, typer.Argument(help="The project's folder.")] = Path(),
    environment: Annotated[str | None, typer.Option(help="A name from platform.yaml.")] = None,
    platform: Annotated[Path | None, typer.Option(help="The platform.yaml.")] = None,
) -> None:
    """Say what is wrong with a project, without a run.

    Looks at mlkit.yaml, platform.yaml, the workflow, the suite and the Dag, and names every problem with its file and
    line. Ends with 0 when there is none, else with 2.
    """
    findings = []
    for finding in find_problems(project, environment=environment, platform=platform):
        _print(finding)
        findings.append(finding)
    if any(finding.problems for finding in findings):
        raise typer.Exit(UserError.exit_code)


def find_problems(
    folder: Path, *, environment: str | None = None, platform: Path | str | None = None
) -> Iterator[Finding]:
    """Look at each part of a project, as far as the parts before it allow.

    Args:
        folder: where its mlkit.yaml is.
        environment: a name from platform.yaml; MLKIT_ENVIRONMENT or `laptop` when not given.
        platform: the platform.yaml; MLKIT_PLATFORM or the project's own when not given.
    """
    from airflow_mlkit.project import SPEC_FILE, find_platform_file, load_project
    from airflow_mlkit.spec import load_platform, load_spec

    declared = [
        _look(SPEC_FILE, lambda: load_spec(folder / SPEC_FILE)),
        _look("platform", lambda: load_platform(find_platform_file(folder, platform))),
    ]
    yield from declared
    if any(finding.problems for finding in declared):
        return
    try:
        loaded = load_project(folder, environment=environment, platform=platform)
    except SpecError as error:
        yield _failed("plan", error)
        return
    yield Finding("plan")
    yield from _check_image(loaded)
    for part in _PARTS:
        yield _check_part(part, loaded, **({"platform": platform} if part == "Dag" else {}))
    yield from (Finding("notice", skipped=notice) for notice in loaded.plan.notices)


def _check_part(part: str, project: Project, **options: Any) -> Finding:
    module, function, extra, brought = _PARTS[part]
    try:
        must_be_installed(brought, extra=extra, purpose=f"checking the {part}")
        with needs_extra(extra, f"checking the {part}"):
            return Finding(part, getattr(import_module(module), function)(project, **options))
    except MissingExtraError as error:
        return Finding(part, skipped=f"skipped: {error}")
    except MLKitError as error:
        return _failed(part, error)


def _check_image(project: Project) -> Iterator[Finding]:
    """The image counts where steps are pods; elsewhere an old one is only said."""
    from airflow_mlkit.image.choose import choose_image
    from airflow_mlkit.image.lacking import find_lacking
    from airflow_mlkit.image.stale import find_stale, needed_kinds

    place = project.platform.environments[project.plan.environment]
    lacking: list[str] = []
    try:
        if place.backend != "local":
            lacking = find_lacking(project, place)
            for kind in needed_kinds(project):
                choose_image(project, gpus=int(kind == "gpu"))
        stale = find_stale(project)
    except MLKitError as error:
        yield Finding("image", [*_failed("image", error).problems, *lacking])
        return
    if place.backend != "local":
        yield Finding("image", [*([stale] if stale else []), *lacking])
    elif stale:
        yield Finding("image", skipped=stale)


def _look(part: str, load: Callable[[], object]) -> Finding:
    try:
        load()
    except SpecError as error:
        return _failed(part, error)
    return Finding(part)


def _failed(part: str, error: MLKitError) -> Finding:
    problems = error.problems if isinstance(error, SpecError) else [error.message]
    return Finding(part, [*problems, *([error.hint] if error.hint else [])])


def _print(finding: Finding) -> None:
    if finding.skipped:
        out.print(f"[yellow]![/] {finding.part:<10}", end=" ")
        out.print(finding.skipped.replace("\n", " "), markup=False)
    elif not finding.problems:
        out.print(f"[green]✓[/] {finding.part}")
    for index, problem in enumerate(finding.problems):
        mark = f"[red]✗[/] {finding.part:<10}" if index == 0 else " " * 12
        out.print(mark, end=" ")
        out.print(problem.replace("\n", f"\n{' ' * 13}"), markup=False)
