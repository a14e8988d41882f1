"""What an environment names in its namespace: is it there? What a person may not see is unknown, and never fine."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from airflow_mlkit.cluster.door import Denied, Door, Json, Missing
from airflow_mlkit.cluster.finding import Finding, Level
from airflow_mlkit.spec.environment import PodEnvironment, Volume

_MANY = ("ReadWriteMany",)
_ONE_NODE = ("ReadWriteOnce", "ReadWriteOncePod")
_WAITING = "WaitForFirstConsumer"
_SECRETS = ("env_from_secrets", "files_from_secrets", "image_pull_secrets")


@dataclass(frozen=True)
class Looked:
    """What became of looking for something: it is there (`found`), or a right is `lacking`, or neither."""

    found: Json | None = None
    lacking: str | None = None


def look(door: Door, path: str, *, metadata_only: bool = False) -> Looked:
    """Look for an object.

    Raises:
        ClusterError: when the cluster cannot be asked.
    """
    try:
        return Looked(door.get(path, metadata_only=metadata_only))
    except Denied as error:
        return Looked(lacking=error.right)
    except Missing:
        return Looked()


def list_all(door: Door, path: str) -> Sequence[Json] | None:
    """Everything of a kind; None where this person may not list it."""
    looked = look(door, path)
    return looked.found["items"] if looked.found else None


def check_objects(door: Door, place: PodEnvironment) -> Iterator[Finding]:
    """Look for the namespace, the secrets and the claim.

    The service account and the priority class are left to the dry run of a pod, which says whether they are there.
    """
    namespace = look(door, f"/api/v1/namespaces/{place.namespace}")
    if namespace.found is None and namespace.lacking is None:
        return  # every pod is refused for it, and that is said already
    if namespace.found and namespace.found["status"].get("phase") == "Terminating":
        said = f"the namespace {place.namespace} is being deleted."
        yield Finding(
            level=Level.PROBLEM, about="namespace", said=said, todo="Wait until it is gone, then make it again."
        )
    yield from _check_secrets(door, place)
    if place.volume:
        yield _check_claim(door, place.namespace, place.volume)


def _check_secrets(door: Door, place: PodEnvironment) -> Iterator[Finding]:
    unseen = []
    named = {key: tuple(getattr(place, key)) for key in _SECRETS}
    for key, names in named.items():
        for name in names:
            looked = look(door, f"/api/v1/namespaces/{place.namespace}/secrets/{name}", metadata_only=True)
            if looked.lacking:
                unseen.append(name)
            elif looked.found is None:
                yield _missing_secret(key, name, place.namespace)
            else:
                yield Finding(level=Level.FINE, about=f"secret {name}", said="is there.")
    if unseen:
        said = f"{', '.join(unseen)}: not looked at, for you may not read secrets in {place.namespace}."
        yield Finding(level=Level.NOT_LOOKED_AT, about="secrets", said=said)


def _missing_secret(key: str, name: str, namespace: str) -> Finding:
    if key != "image_pull_secrets":
        how = "in its environment" if key == "env_from_secrets" else "as files"
        said = f"is not there, and a step that has it {how} does not start."
        todo = f"kubectl create secret generic {name} -n {namespace} --from-literal=KEY=VALUE"
        return Finding(level=Level.PROBLEM, about=f"secret {name}", said=said, todo=todo)
    said = "is not there: images that are not public cannot be pulled with it."
    todo = f"kubectl create secret docker-registry {name} -n {namespace} --docker-server=... --docker-username=..."
    return Finding(level=Level.WARNING, about=f"secret {name}", said=said, todo=todo)


def _check_claim(door: Door, namespace: str, volume: Volume) -> Finding:
    about = f"claim {volume.claim}"
    looked = look(door, f"/api/v1/namespaces/{namespace}/persistentvolumeclaims/{volume.claim}")
    if looked.lacking:
        said = f"not looked at, for you may not {looked.lacking} in {namespace}."
        return Finding(level=Level.NOT_LOOKED_AT, about=about, said=said)
    if looked.found is None:
        todo = (
            "Make it with charts/mlkit-platform (environments.NAME.volume), or correct volume.claim in platform.yaml."
        )
        return Finding(level=Level.PROBLEM, about=about, said="is not there, and no step starts without it.", todo=todo)
    phase = looked.found["status"].get("phase")
    if phase != "Bound":
        return _unbound(door, about, looked.found, str(phase))
    return _judge_modes(about, looked.found["status"].get("accessModes") or [])


def _unbound(door: Door, about: str, claim: Json, phase: str) -> Finding:
    name = claim["spec"].get("storageClassName") or ""
    storage = look(door, f"/apis/storage.k8s.io/v1/storageclasses/{name}") if name else Looked()
    if phase == "Pending" and storage.found and storage.found.get("volumeBindingMode") == _WAITING:
        return Finding(level=Level.FINE, about=about, said="gets its volume when the first pod asks for it.")
    said = f"has no volume: it is {phase}, and no step starts before it is Bound."
    todo = f"kubectl describe pvc {claim['metadata']['name']} -n {claim['metadata']['namespace']} says why."
    return Finding(level=Level.PROBLEM, about=about, said=said, todo=todo)


def _judge_modes(about: str, modes: Sequence[str]) -> Finding:
    said = f"is bound, {', '.join(modes)}."
    if any(mode in _MANY for mode in modes):
        return Finding(level=Level.FINE, about=about, said=said)
    if any(mode in _ONE_NODE for mode in modes):
        todo = "Steps on a second node wait for it for ever. Use ReadWriteMany, unless there is one node only."
        return Finding(level=Level.WARNING, about=about, said=said, todo=todo)
    return Finding(level=Level.PROBLEM, about=about, said=said, todo="Steps write to it. Use ReadWriteMany.")
