"""Which nodes a pod could be put on, by the rules of Kubernetes' scheduler: selector, affinity, taints, resources.

https://kubernetes.io/docs/concepts/scheduling-eviction/assign-pod-node/ and .../taint-and-toleration/. What other pods
use at this moment is left out: a node that is full now is free later. What each DaemonSet keeps of it is not.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from kubernetes.utils.quantity import parse_quantity

Json = Mapping[str, Any]

_EVERYWHERE = (
    "node.kubernetes.io/not-ready",
    "node.kubernetes.io/unreachable",
    "node.kubernetes.io/disk-pressure",
    "node.kubernetes.io/memory-pressure",
    "node.kubernetes.io/pid-pressure",
    "node.kubernetes.io/unschedulable",
)
"""The taints that pods of DaemonSets bear by themselves (pkg/controller/daemon/util/daemonset_util.go)."""


def is_chosen(spec: Json, node: Json) -> bool:
    """Whether a pod's selector and its required node affinity name a node."""
    labels = node["metadata"].get("labels") or {}
    if any(labels.get(key) != value for key, value in (spec.get("nodeSelector") or {}).items()):
        return False
    affinity = (spec.get("affinity") or {}).get("nodeAffinity") or {}
    required = affinity.get("requiredDuringSchedulingIgnoredDuringExecution")
    return required is None or any(_holds(term, node) for term in required.get("nodeSelectorTerms") or [])


def _holds(term: Json, node: Json) -> bool:
    """Whether all of a term holds; an empty one holds nowhere."""
    labels = node["metadata"].get("labels") or {}
    expressions, fields = term.get("matchExpressions") or [], term.get("matchFields") or []
    if not expressions and not fields:
        return False
    names = {"metadata.name": node["metadata"]["name"]}
    return all(_compare(each, labels) for each in expressions) and all(_compare(each, names) for each in fields)


def _compare(expression: Json, labels: Mapping[str, str]) -> bool:
    holds = _OPERATORS.get(str(expression.get("operator")))
    values = [str(each) for each in expression.get("values") or []]
    return holds is not None and holds(labels.get(str(expression.get("key"))), values)


def _is_above(found: str | None, values: Sequence[str]) -> bool:
    return _are_whole(found, *values) and int(str(found)) > int(values[0])


def _is_below(found: str | None, values: Sequence[str]) -> bool:
    return _are_whole(found, *values) and int(str(found)) < int(values[0])


def _are_whole(*texts: str | None) -> bool:
    """Whether these are a label's value and one bound, both whole numbers; anything else matches no node."""
    return len(texts) == 2 and all(text is not None and _WHOLE.fullmatch(text) for text in texts)


_WHOLE = re.compile(r"-?[0-9]{1,19}")
_OPERATORS: Mapping[str, Callable[[str | None, Sequence[str]], bool]] = {
    "In": lambda found, values: found in values,
    "NotIn": lambda found, values: found not in values,
    "Exists": lambda found, _: found is not None,
    "DoesNotExist": lambda found, _: found is None,
    "Gt": _is_above,
    "Lt": _is_below,
}


def find_unborne(spec: Json, node: Json) -> list[str]:
    """The taints of a node that keep a pod off it, as kubectl writes them: `key=value:NoSchedule`."""
    tolerations = spec.get("tolerations") or []
    taints = [each for each in (node.get("spec") or {}).get("taints") or [] if each.get("effect") != "PreferNoSchedule"]
    return [_write_taint(taint) for taint in taints if not any(_bears(each, taint) for each in tolerations)]


def _bears(toleration: Json, taint: Json) -> bool:
    if toleration.get("effect") not in (None, "", taint.get("effect")):
        return False
    if toleration.get("key") not in (None, "", taint.get("key")):
        return False
    if toleration.get("operator") == "Exists":
        return True
    return bool(toleration.get("key")) and (toleration.get("value") or "") == (taint.get("value") or "")


def _write_taint(taint: Json) -> str:
    value = f"={taint['value']}" if taint.get("value") else ""
    return f"{taint.get('key')}{value}:{taint.get('effect')}"


def requests_of(spec: Json) -> dict[str, Decimal]:
    """What the containers of a pod ask for together."""
    asked: dict[str, Decimal] = {}
    for container in spec.get("containers") or []:
        resources = container.get("resources") or {}
        for name, amount in {**(resources.get("limits") or {}), **(resources.get("requests") or {})}.items():
            asked[name] = asked.get(name, Decimal(0)) + parse_quantity(amount)
    return asked


def room_of(node: Json, daemon_sets: Iterable[Json] = ()) -> dict[str, Decimal]:
    """What a node has for pods that are not on every node: what it can give, less what each DaemonSet takes of it."""
    room = {name: parse_quantity(amount) for name, amount in (node["status"].get("allocatable") or {}).items()}
    for each in daemon_sets:
        spec = each["spec"]["template"]["spec"]
        if is_chosen(spec, node) and not find_unborne(_as_daemon(spec), node):
            for name, amount in requests_of(spec).items():
                room[name] = room.get(name, Decimal(0)) - amount
    return room


def _as_daemon(spec: Json) -> dict[str, Any]:
    everywhere = [{"key": key, "operator": "Exists"} for key in _EVERYWHERE]
    return {**spec, "tolerations": [*(spec.get("tolerations") or []), *everywhere]}


def find_lacking(asked: Mapping[str, Decimal], rooms: Sequence[Mapping[str, Decimal]]) -> dict[str, Decimal]:
    """What none of some nodes has as much of as is asked for, with the most that one has."""
    most = {name: max((room.get(name, Decimal(0)) for room in rooms), default=Decimal(0)) for name in asked}
    return {name: most[name] for name, amount in asked.items() if amount > most[name]}


def has_room(asked: Mapping[str, Decimal], room: Mapping[str, Decimal]) -> bool:
    """Whether a node that nobody else uses can hold what is asked for."""
    return all(amount <= room.get(name, Decimal(0)) for name, amount in asked.items())
