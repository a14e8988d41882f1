"""Whether the nodes that are there can hold a size, and which of its pool's rules keeps it off."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from airflow_mlkit.cluster.finding import Finding, Level
from airflow_mlkit.cluster.scheduling import (
    find_lacking,
    find_unborne,
    has_room,
    is_chosen,
    requests_of,
    room_of,
)
from airflow_mlkit.plan import PlannedSize
from airflow_mlkit.plan.pod import GPU

_GIB = Decimal(1024**3)
_FROM_ZERO = "Fine where the pool is scaled up from zero."


def judge_fit(
    size: PlannedSize, pod: Mapping[str, Any], nodes: Sequence[Any], daemon_sets: Sequence[Any]
) -> tuple[str, list[Finding]]:
    """Whether nodes can hold the pod of a size.

    Args:
        size: whose pod it is.
        pod: as `build_pod` makes it.
        nodes: all nodes of the cluster.
        daemon_sets: all of them: their pods take a part of each node.

    Returns:
        How many nodes, for people; and what keeps it off them.
    """
    spec, pool = pod["spec"], size.resources.pool
    chosen = [node for node in nodes if is_chosen(spec, node)]
    if not chosen:
        return "none is there", [_no_node(size, len(nodes))]
    open_nodes = [node for node in chosen if not find_unborne(spec, node)]
    if not open_nodes:
        taints = sorted({taint for node in chosen for taint in find_unborne(spec, node)})
        return f"0 of {len(chosen)}", [_tainted(pool, len(chosen), taints)]
    asked = requests_of(spec)
    rooms = [room_of(node, daemon_sets) for node in open_nodes]
    holding = sum(has_room(asked, room) for room in rooms)
    said = f"{holding} of {len(chosen)}"
    if not holding:
        return said, [_too_large(size, asked, rooms)]
    return said, [_let_in_only(pool)] if size.pool.tolerations and not size.pool.keeps_its_pods else []


def _let_in_only(pool: str) -> Finding:
    said = f"the pool {pool} has tolerations, and nothing keeps its steps there: they may run on any other node."
    todo = f"Add pools.{pool}.node_selector, or a required nodeAffinity, in platform.yaml."
    return Finding(level=Level.WARNING, said=said, todo=todo)


def _no_node(size: PlannedSize, others: int) -> Finding:
    pool = size.resources.pool
    todo = f"{_FROM_ZERO} Else label its nodes, or correct node_selector and affinity of the pool."
    if size.pool.node and size.pool.node.lacks(size.resources):  # platform.yaml is refused then: for a reader of both
        todo = f"Its node in platform.yaml lacks {', '.join(size.pool.node.lacks(size.resources))}."
    return Finding(
        level=Level.WARNING, said=f"no node of the pool {pool} is there now ({others} others are).", todo=todo
    )


def _tainted(pool: str, number: int, taints: Sequence[str]) -> Finding:
    passing = [each for each in taints if each.startswith(("node.kubernetes.io/", "node.cloudprovider.kubernetes.io/"))]
    nodes = f"all {number} nodes" if number > 1 else "the one node"
    if len(passing) == len(taints):
        said = f"{nodes} of the pool {pool} cannot be used now: {', '.join(taints)}."
        return Finding(level=Level.WARNING, said=said, todo="kubectl get nodes says how they are.")
    lasting = [each for each in taints if each not in passing]
    said = f"the taint {', '.join(lasting)} keeps it off {nodes} of the pool {pool}."
    return Finding(
        level=Level.PROBLEM, said=said, todo=f"Add a toleration to pools.{pool}.tolerations in platform.yaml."
    )


def _too_large(size: PlannedSize, asked: Mapping[str, Decimal], rooms: Sequence[Mapping[str, Decimal]]) -> Finding:
    pool = size.resources.pool
    lacking = find_lacking(asked, rooms)
    if lacking.get(GPU) == 0:
        said = f"no node of the pool {pool} has {GPU}."
        todo = "Is this a pool of machines with GPUs, and does NVIDIA's device plugin run on it (kubectl get ds -A)?"
        return Finding(level=Level.PROBLEM, said=said, todo=todo)
    parts = [f"{_write(name, asked[name])} (the most is {_write_number(name, most)})" for name, most in lacking.items()]
    what = " and ".join(parts) or "as much of everything at once"
    said = f"no node of the pool {pool} that is there has {what}."
    todo = "Fine where the pool is scaled up with larger machines. Else make the size smaller."
    return Finding(level=Level.WARNING, said=said, todo=todo)


def _write(name: str, amount: Decimal) -> str:
    units = {"cpu": "cores", "memory": "GiB of memory", "ephemeral-storage": "GiB of disk"}
    return f"{_write_number(name, amount)} {units.get(name, name)}"


def _write_number(name: str, amount: Decimal) -> str:
    return f"{amount / _GIB:.1f}" if name in ("memory", "ephemeral-storage") else f"{amount.normalize():f}"
