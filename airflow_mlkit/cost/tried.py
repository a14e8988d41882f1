"""What was tried for a step: on which sizes, what became of it, how much memory it took, and what it cost."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from decimal import Decimal

from airflow_mlkit.cost.size_record import record_size
from airflow_mlkit.cost.spent import cost_of
from airflow_mlkit.rundir import PodRecord, StepRecord
from airflow_mlkit.spec.platform import PlatformSpec

_OUT_OF_MEMORY = "out_of_memory"


def measure_pod(pod: PodRecord, outcome: StepRecord | None, platform: PlatformSpec, backend: str) -> PodRecord:
    """A pod's record with what it asked for, and the memory that its step needed where that is known.

    Args:
        pod: what became of it.
        outcome: what the step in it wrote; None when it could not.
        platform: whose sizes have their prices.
        backend: where it ran.
    """
    size = platform.sizes.get(pod.size)
    asked = size and record_size(platform, pod.size, size, backend)
    return pod.model_copy(update={"asked": asked, "peak_memory_mib": outcome and outcome.peak_memory_mib})


def tell_tried(pods: Sequence[PodRecord]) -> str:
    """The pods of a step on one line, the oldest first.

    Such as `cpu-small: out of memory after 12 s, needed more than 4Gi; cpu-large: done after 34 s, peak 5,120 MiB;
    together 0.05 EUR`.
    """
    return "; ".join([*map(_tell_pod, pods), *_tell_cost(pods)]) or "none"


def _tell_pod(pod: PodRecord) -> str:
    seconds = seconds_of(pod)
    after = "" if seconds is None else f" after {seconds:.0f} s"
    memory = tell_memory(pod)
    needed = memory and f", {'needed' if pod.cause == _OUT_OF_MEMORY else 'peak'} {memory}"
    return f"{pod.size}: {pod.cause.replace('_', ' ')}{after}{needed}"


def tell_memory(pod: PodRecord) -> str:
    """How much it needed; empty where nobody knows. One that was killed for it had no time to say how much."""
    if pod.cause == _OUT_OF_MEMORY and pod.asked:
        return f"more than {pod.asked.memory}"
    return "" if pod.peak_memory_mib is None else f"{pod.peak_memory_mib:,.0f} MiB"


def _tell_cost(pods: Sequence[PodRecord]) -> list[str]:
    amounts = tell_money(pods)
    # a node that died says nothing of when its pods ended
    is_whole = all(pod.started is None or pod.ended for pod in pods)
    return [f"together {'' if is_whole else 'at least '}{amounts}"] if amounts else []


def tell_money(pods: Sequence[PodRecord]) -> str:
    """What pods cost, as far as that is known; empty where nothing is."""
    money: dict[str, Decimal] = defaultdict(Decimal)
    for pod in pods:
        seconds = seconds_of(pod)
        if seconds is not None and pod.asked and pod.asked.price_per_hour is not None:
            money[pod.asked.currency or ""] += cost_of(seconds, pod.asked)
    return " and ".join(f"{amount:.2g} {currency}".rstrip() for currency, amount in money.items())


def seconds_of(pod: PodRecord) -> float | None:
    """How long it ran; None where it never did, or nobody knows."""
    return max(0.0, (pod.ended - pod.started).total_seconds()) if pod.ended and pod.started else None
