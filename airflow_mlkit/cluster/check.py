"""What the steps of an environment would meet in its cluster."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from airflow_mlkit.cluster.admission import ask_admission, build_trial_pod
from airflow_mlkit.cluster.door import Door, list_contexts, open_door
from airflow_mlkit.cluster.finding import EnvironmentOutlook, Finding, Level, SizeOutlook
from airflow_mlkit.cluster.fit import judge_fit
from airflow_mlkit.cluster.objects import check_objects, list_all
from airflow_mlkit.cluster.reach import look_from_here
from airflow_mlkit.exceptions import ClusterError, UserError
from airflow_mlkit.plan import PlannedSize
from airflow_mlkit.plan.build import plan_sizes
from airflow_mlkit.spec.environment import GkeEnvironment, PodEnvironment
from airflow_mlkit.spec.platform import PlatformSpec

UNSEEN = "not looked at"


def check_environment(
    platform: PlatformSpec, name: str, *, kubeconfig: Path | None = None, context: str | None = None
) -> EnvironmentOutlook:
    """Ask an environment's cluster what each size would meet. Nothing is started or changed.

    Args:
        platform: whose environment it is.
        name: of an environment whose steps are pods.
        kubeconfig: KUBECONFIG, ~/.kube/config or the pod's own account when not given.
        context: of the kubeconfig; on GKE the one that gcloud names after the cluster when not given, else the current.

    Raises:
        UserError: when there is no kubeconfig, or no such context.
    """
    place = platform.environments[name]
    assert place.backend != "local"
    outlook = EnvironmentOutlook(name=name, namespace=place.namespace)
    try:
        door = open_door(kubeconfig, context or _find_gke_context(place, kubeconfig))
        outlook = outlook.model_copy(update={"context": door.context, "server": door.server})
        tell_places = look_from_here(place)
        sizes = tuple(_check_sizes(door, platform, place))
        findings = (*_find_unseen(sizes), *check_objects(door, place), *tell_places())
    except ClusterError as error:
        return outlook.model_copy(update={"unreachable": error.message, "todo": error.hint or ""})
    return outlook.model_copy(update={"sizes": sizes, "findings": findings})


def _find_gke_context(place: PodEnvironment, kubeconfig: Path | None) -> str | None:
    """The name that gcloud gives to a cluster's context; None where the current one is taken.

    Raises:
        UserError: when there is none, so that another cluster would be asked.
    """
    if not isinstance(place, GkeEnvironment):
        return None
    name = f"gke_{place.project}_{place.location}_{place.cluster}"
    known = list_contexts(kubeconfig)
    if not known or name in known:  # without any, this may be a pod of the cluster
        return name if known else None
    raise UserError(
        f"The kubeconfig has no context {name}.",
        hint=f"Type: gcloud container clusters get-credentials {place.cluster} --location {place.location} "
        f"--project {place.project}. Or name another context: --context.",
    )


def _check_sizes(door: Door, platform: PlatformSpec, place: PodEnvironment) -> Iterator[SizeOutlook]:
    nodes = list_all(door, "/api/v1/nodes")
    daemon_sets = list_all(door, "/apis/apps/v1/daemonsets") or ()
    for name in platform.sizes:
        yield _check_size(door, plan_sizes(platform, name)[0], place, nodes, daemon_sets)


def _check_size(
    door: Door, size: PlannedSize, place: PodEnvironment, nodes: Sequence[Any] | None, daemon_sets: Sequence[Any]
) -> SizeOutlook:
    pod = build_trial_pod(place, size)
    admission, findings = ask_admission(door, place, pod)
    on_nodes, kept_off = (UNSEEN, []) if nodes is None else judge_fit(size, pod, nodes, daemon_sets)
    asked = size.resources
    return SizeOutlook(
        name=size.name,
        cpu=asked.cpu,
        memory=asked.memory,
        gpu=asked.gpu,
        pool=asked.pool,
        nodes=on_nodes,
        admission=admission,
        findings=(*findings, *kept_off),
    )


def _find_unseen(sizes: Sequence[SizeOutlook]) -> Iterator[Finding]:
    if any(size.nodes == UNSEEN for size in sizes):
        said = "not looked at, for you may not list nodes."
        yield Finding(
            level=Level.NOT_LOOKED_AT,
            about="nodes",
            said=said,
            todo="Ask somebody who may: it is a right of the cluster.",
        )
