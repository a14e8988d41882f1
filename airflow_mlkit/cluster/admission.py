"""Whether the API server would take the pod of a size: asked with a dry run, so that nothing is started."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from kubernetes.utils.quantity import parse_quantity

from airflow_mlkit.cluster.door import Denied, Door, Missing, Refused
from airflow_mlkit.cluster.finding import Finding, Level
from airflow_mlkit.plan import PlannedSize
from airflow_mlkit.plan.pod import build_pod
from airflow_mlkit.spec.environment import PodEnvironment

ACCEPTED, REFUSED, NOT_ASKED = "accepted", "refused", "not looked at"

_IMAGE = "registry.k8s.io/pause:3.10"
"""Where the environment names none. It is not pulled."""

_PREFIX = re.compile(r'^pods "[^"]*" is forbidden: ')
_QUOTA = re.compile(r"exceeded quota: (?P<name>[^,]+), requested: (?P<asked>.*), used: .*, limited: (?P<limit>.*)$")


def build_trial_pod(place: PodEnvironment, size: PlannedSize) -> dict[str, Any]:
    """A pod of a size as a step would have it, but for the command."""
    image = place.images.of(size.resources.gpu) or (f"{place.registry}/mlkit-check:1" if place.registry else _IMAGE)
    labels = {"project": "mlkit-check", "size": size.name}
    return build_pod(
        place,
        size,
        name=f"mlkit-check-{size.name}"[:63].rstrip("-"),
        image=image,
        command=["mlkit"],
        labels=labels,
        environment={},
    )


def ask_admission(door: Door, place: PodEnvironment, pod: Mapping[str, Any]) -> tuple[str, list[Finding]]:
    """What the API server says to a pod, in one word and in its own.

    Raises:
        ClusterError: when the cluster cannot be asked.
    """
    try:
        door.dry_run(place.namespace, pod)
    except Denied as error:
        said = f"you may not {error.right} in {place.namespace}, so that nobody knows what it would say to a pod."
        return NOT_ASKED, [Finding(level=Level.NOT_LOOKED_AT, said=said)]
    except (Missing, Refused) as error:
        words = _PREFIX.sub("", str(error))
        return REFUSED, [_explain(words, place)]
    return ACCEPTED, []


def _explain(words: str, place: PodEnvironment) -> Finding:
    if (quota := _QUOTA.search(words)) and not _is_too_large(quota["asked"], quota["limit"]):
        todo = "It is used up at this moment: a step that starts now fails at once. Wait, or raise the quota."
        return Finding(level=Level.WARNING, said=f"{words}.", todo=todo)
    todo = next(
        (todo for pattern, todo in _list_todos(place) if pattern in words), "It is a rule of the cluster's own."
    )
    return Finding(level=Level.PROBLEM, said=f"{words.rstrip('.')}.", todo=todo)


def _list_todos(place: PodEnvironment) -> Iterator[tuple[str, str]]:
    """What to do now, by what the cluster says; from what is sure to what is only likely."""
    account, priority = place.service_account or "default", place.priority_class
    chart = "with charts/mlkit-platform, or correct"
    yield "exceeded quota", "The quota of the namespace can never hold it. Raise the quota, or make the size smaller."
    yield (
        "must specify limits.cpu",
        "Take limits.cpu out of the quota: a step may use cores that are idle, and has no limit of them.",
    )
    yield "must specify", "Name ephemeral_storage in the size, or give the namespace a LimitRange with a default."
    yield "no PriorityClass", f"Make the PriorityClass {priority} {chart} priority_class in platform.yaml."
    yield "service account", f"Make the ServiceAccount {account} {chart} service_account in platform.yaml."
    yield (
        "namespaces ",
        f"Make the namespace {place.namespace} {chart} namespace in platform.yaml; or name another --context.",
    )
    yield "violates PodSecurity", "Steps keep to the standard `restricted`; this namespace wants something else still."
    yield "usage per", "Raise the LimitRange of the namespace, or change the size."
    yield (
        "unknown field",
        "Correct the key in the pool's affinity in platform.yaml: the cluster would drop it.",
    )
    yield "admission webhook", "Ask whoever runs that webhook of the cluster."


def _is_too_large(asked: str, limit: str) -> bool:
    """Whether a quota could not hold it even if nobody else used any of it."""
    wanted, limited = _read_amounts(asked), _read_amounts(limit)
    return any(
        parse_quantity(amount) > parse_quantity(limited[name]) for name, amount in wanted.items() if name in limited
    )


def _read_amounts(text: str) -> dict[str, str]:
    """`requests.memory=4Gi,pods=1`, as the quota's words have it."""
    pairs = (part.strip().partition("=") for part in text.split(","))
    return {name: amount for name, _, amount in pairs if amount}
