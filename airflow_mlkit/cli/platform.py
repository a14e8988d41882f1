"""`mlkit platform`: whether a platform.yaml holds in the cluster that it speaks of."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import nullcontext
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from airflow_mlkit.cli.console import out, print_line
from airflow_mlkit.cli.options import EnvironmentOption, JsonOption, PlatformOption
from airflow_mlkit.exceptions import ClusterError, SpecError, UserError

if TYPE_CHECKING:
    from airflow_mlkit.cluster.finding import EnvironmentOutlook
    from airflow_mlkit.spec import PlatformSpec

platform = typer.Typer(help="Ask the cluster what the sizes of platform.yaml would meet there.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add `mlkit platform`."""
    app.add_typer(platform, name="platform")


@platform.callback()
def _group() -> None:
    """Ask the cluster what the sizes of platform.yaml would meet there."""


@platform.command("check")
def check(
    environment: EnvironmentOption = None,
    kubeconfig: Annotated[
        Path | None, typer.Option(help="KUBECONFIG, ~/.kube/config or this pod's own account when not given.")
    ] = None,
    context: Annotated[str | None, typer.Option(help="Of the kubeconfig; its current one when not given.")] = None,
    platform: PlatformOption = None,
    as_json: JsonOption = False,
) -> None:
    """Ask the cluster what each size would meet there, for each environment with pods. Nothing is started or changed.

    A pod of each size is sent as a dry run, its pool's nodes are looked at, and whether secrets and the volume are
    there. Where you may not look it says so. Ends with 0 when no step would fail by it, with 2 when one would, and with
    1 when a cluster could not be asked.
    """
    from airflow_mlkit.cli.platform_view import print_outlook, print_settings
    from airflow_mlkit.extras import needs_extra

    with needs_extra("kubernetes", "asking a cluster"):
        from airflow_mlkit.cluster.check import check_environment

    declared = _load(platform)
    outlooks = []
    for name in _choose(declared, environment):
        with out.status(f"asking the cluster of {name}") if out.is_terminal else nullcontext():
            outlook = check_environment(declared, name, kubeconfig=kubeconfig, context=context)
        outlooks.append(outlook)
        if not as_json:
            print_outlook(outlook)
    missing = _check_airflow(declared) if outlooks else None
    if as_json:
        environments = [each.model_dump(mode="json") for each in outlooks]
        out.print_json(json.dumps({"environments": environments, "airflow": missing}))
    elif outlooks:
        print_settings(missing)
    else:
        print_line("No environment of this platform.yaml has pods: there is no cluster to ask.")
    raise typer.Exit(_exit_code(outlooks))


def _load(given: Path | None) -> PlatformSpec:
    from airflow_mlkit.project import PLATFORM_FILE, find_platform_file
    from airflow_mlkit.spec import load_platform

    file = find_platform_file(Path(), given)
    if file is None:
        raise UserError(f"There is no {PLATFORM_FILE} here.", hint="Name it: --platform, or MLKIT_PLATFORM.")
    return load_platform(file)


def _choose(declared: PlatformSpec, environment: str | None) -> Iterator[str]:
    from airflow_mlkit.plan import find_environment

    if environment and find_environment(declared, environment).backend == "local":
        raise SpecError(
            [f"in the environment {environment} steps are processes on this machine: there is no cluster to ask"],
            hint="Name one with backend: kubernetes or gke.",
        )
    names = [environment] if environment else declared.environments
    yield from (name for name in names if declared.environments[name].backend != "local")


def _check_airflow(declared: PlatformSpec) -> list[str] | None:
    """What Airflow lacks: settings, a triggerer; None where this is no Airflow that runs pipelines as pods.

    Airflow itself is imported only where it is configured: it would write a configuration otherwise.
    """
    home = Path(os.environ.get("AIRFLOW_HOME") or "~/airflow").expanduser()
    is_named = "AIRFLOW__MLKIT__ENVIRONMENT" in os.environ
    if not (is_named or (home / "airflow.cfg").exists()) or find_spec("airflow") is None:
        return None
    from airflow_mlkit.airflow.settings import find_api_server, find_missing_settings, read_settings
    from airflow_mlkit.airflow.triggerer import check_triggerer

    environment = read_settings().environment
    place = declared.environments.get(environment)
    if place is None or place.backend == "local":
        return None
    gaps = [str(gap) for gap in find_missing_settings(declared)]
    return [*gaps, *check_triggerer(declared, environment, find_api_server())]


def _exit_code(outlooks: list[EnvironmentOutlook]) -> int:
    if any(each.unreachable for each in outlooks):
        return ClusterError.exit_code
    return UserError.exit_code if any(each.problems for each in outlooks) else 0
