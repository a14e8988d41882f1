"""From a planned step to the pod that carries it out, as the data that Kubernetes reads. Pure."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from typing import Any

from airflow_mlkit.plan.pipeline_plan import PlannedSize
from airflow_mlkit.rundir.tries import POD_VARIABLE
from airflow_mlkit.spec.environment import PodEnvironment
from airflow_mlkit.spec.quantity import format_cores

LABEL = "mlkit.dev"
MANAGED = {"app.kubernetes.io/managed-by": "mlkit"}
"""The label of every pod of the kit."""

FINALIZER = f"{LABEL}/verdict"
"""Keeps a pod that has ended until it was read why: an evicted or deleted one is gone within a second otherwise."""

CONTAINER = "step"
PROJECT_FOLDER = "/project"
"""Where the project lies in its image."""

USER = 1000
GRACE_SECONDS = 30
"""From SIGTERM to SIGKILL: a step stops within a second or two, its log goes to the bucket."""

GPU = "nvidia.com/gpu"
_LABEL_VALUE = re.compile(r"[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?")
_READABLE = 50


def label_value(text: str) -> str:
    """A text as the value of a label: at most 63 letters, digits, `-`, `_` and `.`.

    Whatever had to be changed gets a part of its hash, so that two texts never share a label
    (https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/).

    >>> label_value("churn"), label_value("risk-ml@example.com")
    ('churn', 'risk-ml-example.com-cb323032')
    """
    if _LABEL_VALUE.fullmatch(text):
        return text
    readable = re.sub(r"[^A-Za-z0-9_.]+", "-", text)[:_READABLE].strip("-._")
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return f"{readable}-{digest}" if readable else digest


def build_pod(
    place: PodEnvironment,
    size: PlannedSize,
    *,
    name: str,
    image: str,
    command: Sequence[str],
    labels: Mapping[str, str],
    environment: Mapping[str, str],
) -> dict[str, Any]:
    """The pod of one try of a step.

    It keeps to Kubernetes' restricted Pod Security Standard
    (https://kubernetes.io/docs/concepts/security/pod-security-standards/), and has no token of a service account.

    Args:
        place: the environment in which it starts.
        size: what it may use.
        name: of the pod.
        image: what it runs in.
        command: what it runs.
        labels: what tells it from others; each value is made one that a label can have.
        environment: further environment variables; no secret, for everybody who sees the pod sees them.
    """
    own = {f"{LABEL}/{key}": label_value(text) for key, text in labels.items()}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name,
            "namespace": place.namespace,
            "annotations": dict(place.annotations),
            "labels": {**place.labels, **MANAGED, **own},
            "finalizers": [FINALIZER],
        },
        "spec": {
            "restartPolicy": "Never",
            "automountServiceAccountToken": False,
            "enableServiceLinks": False,
            "terminationGracePeriodSeconds": GRACE_SECONDS,
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": USER,
                "runAsGroup": USER,
                "fsGroup": USER,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            **_describe_identity(place),
            **_describe_node(size),
            **_describe_time_limit(size),
            "containers": [_describe_container(place, size, image, command, environment)],
            "volumes": _describe_volumes(place),
        },
    }


def _describe_identity(place: PodEnvironment) -> dict[str, Any]:
    given = {
        "serviceAccountName": place.service_account,
        "priorityClassName": place.priority_class,
        "imagePullSecrets": [{"name": name} for name in place.image_pull_secrets],
    }
    return {key: value for key, value in given.items() if value}


def _describe_node(size: PlannedSize) -> dict[str, Any]:
    """Where it may run: a toleration alone lets it in, a selector or an affinity keeps it there."""
    pool = size.pool
    affinity = pool.affinity.model_dump(mode="json")
    if size.resources.whole_node:
        kept_off = affinity.get("podAntiAffinity", {})
        rules = [*kept_off.get(_REQUIRED, ()), _OTHER_STEPS_ON_THE_NODE]
        affinity["podAntiAffinity"] = {**kept_off, _REQUIRED: rules}
    given = {
        "nodeSelector": dict(pool.node_selector),
        "affinity": affinity,
        "tolerations": [each.model_dump(mode="json") for each in pool.tolerations],
    }
    return {key: value for key, value in given.items() if value}


_REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
_OTHER_STEPS_ON_THE_NODE = {
    "topologyKey": "kubernetes.io/hostname",
    "labelSelector": {"matchLabels": dict(MANAGED)},
    "namespaceSelector": {},  # those of every team
}


def _describe_time_limit(size: PlannedSize) -> dict[str, Any]:
    limit = size.resources.time_limit
    return {"activeDeadlineSeconds": int(limit.total_seconds())} if limit else {}


def _describe_container(
    place: PodEnvironment, size: PlannedSize, image: str, command: Sequence[str], environment: Mapping[str, str]
) -> dict[str, Any]:
    own = {"HOME": "/tmp", "OMP_NUM_THREADS": str(max(1, int(size.resources.cpu))), **environment}  # noqa: S108
    container = {
        "name": CONTAINER,
        "image": image,
        "command": list(command),
        "workingDir": PROJECT_FOLDER,
        "env": [_OWN_NAME, *({"name": key, "value": value} for key, value in {**place.env, **own}.items())],
        "envFrom": [{"secretRef": {"name": name}} for name in place.env_from_secrets],
        "resources": _describe_resources(size),
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}, *_describe_mounts(place)],  # noqa: S108
        "terminationMessagePolicy": "FallbackToLogsOnError",
    }
    return {key: value for key, value in container.items() if value}


_OWN_NAME = {"name": POD_VARIABLE, "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}


def _describe_resources(size: PlannedSize) -> dict[str, dict[str, str]]:
    """What cannot be given back, memory and disk, is asked for as much as is allowed; idle cores may be used by all."""
    asked = size.resources
    firm = {"memory": asked.memory}
    if asked.ephemeral_storage:
        firm["ephemeral-storage"] = asked.ephemeral_storage
    if asked.gpu:
        firm[GPU] = str(asked.gpu)
    return {"requests": {"cpu": format_cores(asked.cpu), **firm}, "limits": firm}


def _describe_volumes(place: PodEnvironment) -> list[dict[str, Any]]:
    volumes: list[dict[str, Any]] = [{"name": "tmp", "emptyDir": {}}]
    if place.volume:
        volumes.append({"name": "runs", "persistentVolumeClaim": {"claimName": place.volume.claim}})
    for number, name in enumerate(place.files_from_secrets):
        # for the group, which is that of the step (fsGroup)
        volumes.append({"name": f"secret-{number}", "secret": {"secretName": name, "defaultMode": 0o440}})
    return volumes


def _describe_mounts(place: PodEnvironment) -> list[dict[str, Any]]:
    mounts: list[dict[str, Any]] = []
    if place.volume:
        mounts.append({"name": "runs", "mountPath": place.volume.path})
    for number, folder in enumerate(place.files_from_secrets.values()):
        mounts.append({"name": f"secret-{number}", "mountPath": folder, "readOnly": True})
    return mounts
