"""`mlkit plan`: what will be done, in what order and where."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from airflow_mlkit.cli.console import err, out
from airflow_mlkit.exceptions import UserError

if TYPE_CHECKING:
    from rich.table import Table

    from airflow_mlkit.plan import DagPlan, PlannedStep
    from airflow_mlkit.project import Project
    from airflow_mlkit.spec.pipeline import Schedule


def register(app: typer.Typer) -> None:
    """Add `mlkit plan`."""
    app.command("plan")(plan)


def plan(
    project: Annotated[Path, typer.Argument(help="The project's folder.")] = Path(),
    environment: Annotated[str | None, typer.Option(help="A name from platform.yaml.")] = None,
    platform: Annotated[Path | None, typer.Option(help="The platform.yaml.")] = None,
    backend: Annotated[
        str | None, typer.Option(help="Instead of the environment: the one with this backend, such as kubernetes.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the plan as JSON.")] = False,
    as_yaml: Annotated[bool, typer.Option("--yaml", help="Print the steps' pods, as Kubernetes gets them.")] = False,
) -> None:
    """Show the steps, their order, and the size of each."""
    from airflow_mlkit.project import load_project
    from airflow_mlkit.registry.address import without_credentials

    chosen = environment or (backend and _find_environment(project, platform, backend))
    whole = load_project(project, environment=chosen, platform=platform)
    if as_yaml:
        _print_pods(whole)
        return
    loaded = whole.plan
    if as_json:
        typer.echo(without_credentials(loaded.model_dump_json(indent=2)))
        return
    out.print(f"[bold]{loaded.name}[/] in {loaded.environment} ({loaded.backend})")
    for dag in (loaded.retrain, loaded.predict):
        if dag is not None:
            out.print()
            out.print(_table(dag))
            for step in dag.steps:
                if step.outlet:
                    out.print(f" {step.name} updates the asset {step.outlet}", markup=False)
    places = f"\nruns       {loaded.runs}\nchampions  {loaded.champions}\nmlflow     {loaded.mlflow}"
    out.print(without_credentials(places), markup=False)
    for channel in loaded.channels:
        whom = f"{', '.join(channel.to)} by {channel.via}"
        out.print(f"tells      {whom} of {', '.join(channel.events)}", markup=False)
    for notice in loaded.notices:
        err.print(f"! {notice}", markup=False, style="yellow")


def _find_environment(project: Path, platform: Path | None, backend: str) -> str:
    from airflow_mlkit.project import load_project

    places = load_project(project, platform=platform, environment="laptop").platform.environments
    fitting = [name for name, place in places.items() if place.backend == backend]
    if len(fitting) == 1:
        return fitting[0]
    known = ", ".join(f"{name} ({place.backend})" for name, place in places.items())
    said = f"{len(fitting)} environments have the backend {backend}" if fitting else f"no environment has {backend}"
    raise UserError(f"{said}; platform.yaml has {known}.", hint="Name one: --environment.")


def _print_pods(project: Project) -> None:
    """Each step's first pod as it is sent; what a run says of itself is in capitals, such as RUN for its name.

    Airflow's own annotations, by which the sweeper finds a pod's task, are not there: no task is at hand.
    """
    from ruamel.yaml import YAML

    from airflow_mlkit.pods.ahead import let_wait, may_start_ahead
    from airflow_mlkit.pods.step_pod import PodIdentity, describe_step_pod

    yaml = YAML()
    yaml.explicit_start = True
    identity = PodIdentity(f"{project.runs}/RUN", "RUN")
    options = {"--as-of": "AS_OF", "--triggered-by": "WHO"}
    for dag in filter(None, (project.plan.retrain, project.plan.predict)):
        for step in dag.steps:
            pod = describe_step_pod(project, dag, step.name, step.size, identity=identity, options=options)
            yaml.dump(let_wait(pod) if may_start_ahead(project, step) else pod, sys.stdout)


def _table(dag: DagPlan) -> Table:
    from rich.table import Table

    table = Table(title=f"{dag.dag_id}: {_when(dag.schedule)}", title_justify="left", title_style="bold", box=None)
    gpus = any(step.size.resources.gpu for step in dag.steps)
    for column in ("step", "after", "reads", "size", "CPU", "memory", *(("GPU",) if gpus else ()), "pool"):
        table.add_column(column, header_style="dim", no_wrap=column != "reads", overflow="fold")
    for step in dag.steps:
        table.add_row(*_row(step, gpus))
    return table


def _row(step: PlannedStep, gpus: bool) -> tuple[str, ...]:
    size = step.size.resources
    gpu = (str(size.gpu or ""),) if gpus else ()
    declared = (step.size.name, f"{size.cpu:g}", size.memory, *gpu, size.pool)
    return (step.name, ", ".join(step.after), ", ".join(step.reads), *declared)


def _when(schedule: Schedule | None) -> str:
    if schedule is None:
        return "by hand"
    assets = f"assets {', '.join(schedule.assets)}" if schedule.assets else None
    return " or ".join(part for part in (schedule.cron, assets) if part)
