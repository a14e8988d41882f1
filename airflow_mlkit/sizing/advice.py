"""Which size would do for a step, and what that would change. Pure.

    need  = the highest peak of its runs + margin; more than each size that was too small
    would = the smallest size that has so much memory, and as many graphics cards

A smaller size is advised after `LEAST` runs only, and only where it is cheaper. Peak memory is measured and cores are
not: one with fewer cores may take longer, which is said and not counted.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from enum import StrEnum
from statistics import median

from airflow_mlkit.cost.spent import cost_of, price_of_an_hour
from airflow_mlkit.rundir.records import Record, SizeRecord
from airflow_mlkit.sizing.memory_use import MemoryUse
from airflow_mlkit.spec.quantity import to_gib

MARGIN = 0.25
"""What is kept free above the highest peak: a table that grows by a quarter still fits."""

LEAST = 3
"""How many runs have to be measured before a smaller size is advised. One that was too small needs one run."""

_MONTH = timedelta(days=30)
_MIB_PER_GIB = 1024


class Verdict(StrEnum):
    """How the size of a step goes with what it used."""

    FITS = "fits"
    TIGHT = "tight"
    """It was enough up to now, and less than the margin is left."""

    TOO_LARGE = "too_large"
    TOO_SMALL = "too_small"
    TOO_LITTLE_EVERYWHERE = "too_little_everywhere"
    """It lacked memory, and no size of the platform has more."""

    TOO_FEW_RUNS = "too_few_runs"
    """A smaller size would do for what was seen, which is not much."""

    NOT_MEASURED = "not_measured"


class StepAdvice(Record):
    """What is advised for a step of a project.

    Attributes:
        asked: the name of the size that it asks for now; None from before sizes were kept.
        runs: how often a run asked for it.
        measured: how many of those say how much memory was used.
        median_mib: of the peaks, in MiB; `most_mib` the highest one.
        lacks: how often a try was killed for lack of memory, on the sizes `lacked_on`.
        seconds: median of the tries that did the work.
        advised: the name of the size that would do; None where the present one does, or none does.
        fewer_cores: whether it has fewer than the present one, so that the step may take longer.
        costs: of a run now, on average, with the tries that lacked memory; `would_cost` on the advised size in the same
            time. None where a pool has no price.
        runs_a_month: how often it ran, over the time that was looked at; None where that is less than two days.
    """

    project: str
    step: str
    verdict: Verdict
    asked: str | None
    asked_memory: str | None
    runs: int
    measured: int
    median_mib: float | None
    most_mib: float | None
    lacks: int
    lacked_on: tuple[str, ...]
    seconds: float
    advised: str | None = None
    advised_memory: str | None = None
    fewer_cores: bool = False
    costs: float | None = None
    would_cost: float | None = None
    runs_a_month: float | None = None

    @property
    def saves_a_month(self) -> float | None:
        """What the advised size would save; below 0 where it costs more. None where nobody can tell."""
        if self.costs is None or self.would_cost is None or self.runs_a_month is None:
            return None
        return (self.costs - self.would_cost) * self.runs_a_month


@dataclass(frozen=True)
class _Judged:
    verdict: Verdict
    size: SizeRecord | None = None


def advise(uses: Iterable[MemoryUse], sizes: Mapping[str, SizeRecord], margin: float = MARGIN) -> list[StepAdvice]:
    """Say for each step which size would do.

    Args:
        uses: what the steps used.
        sizes: all of the platform, by their names, with what they cost now.
        margin: what is kept free above the highest peak, as a part of it.
    """
    return [_advise(use, sizes, margin) for use in uses]


def _advise(use: MemoryUse, sizes: Mapping[str, SizeRecord], margin: float) -> StepAdvice:
    asked = _as_it_is_now(use.asked, sizes)
    judged = _judge(use, asked, sizes, margin) if asked else _Judged(Verdict.NOT_MEASURED)
    would, costs = judged.size, _average_cost(use, sizes)
    return StepAdvice(
        project=use.project,
        step=use.step,
        verdict=judged.verdict,
        asked=asked.name if asked else None,
        asked_memory=asked.memory if asked else None,
        runs=len(use.askings),
        measured=len(use.peaks),
        median_mib=use.median_peak,
        most_mib=use.most,
        lacks=use.lacks,
        lacked_on=tuple(sorted(use.lacked_on)),
        seconds=median(each.work_seconds for each in use.askings),
        advised=would.name if would else None,
        advised_memory=would.memory if would else None,
        fewer_cores=bool(would and asked and would.cpu < asked.cpu),
        costs=costs,
        would_cost=_average_cost_on(use, would) if would and costs is not None else None,
        runs_a_month=_count_a_month(use),
    )


def _judge(use: MemoryUse, asked: SizeRecord, sizes: Mapping[str, SizeRecord], margin: float) -> _Judged:
    lacked = [_memory(sizes[name]) for name in use.lacked_on if name in sizes]
    if use.most is None and not lacked:
        return _Judged(Verdict.NOT_MEASURED)
    need = (use.most or 0.0) * (1 + margin)
    fitting = _find_smallest(sizes.values(), asked, need, lacked)
    if any(amount >= _memory(asked) for amount in lacked):
        return _Judged(Verdict.TOO_SMALL, fitting) if fitting else _Judged(Verdict.TOO_LITTLE_EVERYWHERE)
    if need > _memory(asked):
        return _Judged(Verdict.TIGHT)
    if fitting is None or not _is_better(fitting, asked):
        return _Judged(Verdict.FITS)
    return _Judged(Verdict.TOO_LARGE, fitting) if len(use.peaks) >= LEAST else _Judged(Verdict.TOO_FEW_RUNS)


def _find_smallest(
    sizes: Iterable[SizeRecord], asked: SizeRecord, need: float, lacked: Collection[float]
) -> SizeRecord | None:
    """The smallest size with enough memory and as many graphics cards; of several as large, the cheapest."""
    fitting = [
        size
        for size in sizes
        if size.gpu == asked.gpu and _memory(size) >= need and all(_memory(size) > amount for amount in lacked)
    ]
    return min(fitting, key=lambda size: (_memory(size), price_of_an_hour(size), -size.cpu, size.name), default=None)


def _is_better(size: SizeRecord, asked: SizeRecord) -> bool:
    """Whether a size has less memory and costs no more; where prices are not known, the memory alone counts."""
    if _memory(size) >= _memory(asked):
        return False
    if size.price_per_hour is None or asked.price_per_hour is None or size.currency != asked.currency:
        return True
    return price_of_an_hour(size) <= price_of_an_hour(asked)


def _as_it_is_now(size: SizeRecord | None, sizes: Mapping[str, SizeRecord]) -> SizeRecord | None:
    return sizes.get(size.name, size) if size else None


def _average_cost(use: MemoryUse, sizes: Mapping[str, SizeRecord]) -> float | None:
    """Of a run, with today's prices and every try; None where one of them has no price."""
    total = Decimal(0)
    for one in (one for each in use.askings for one in each.tries):
        size = _as_it_is_now(one.size, sizes)
        if size is None or size.price_per_hour is None:
            return None
        total += cost_of(one.seconds, size)
    return float(total / len(use.askings))


def _average_cost_on(use: MemoryUse, size: SizeRecord) -> float | None:
    """Of a run, had each asking been done by one try on a size, in the time of the one that did it."""
    if size.price_per_hour is None:
        return None
    return float(sum(cost_of(each.work_seconds, size) for each in use.askings) / len(use.askings))


def _count_a_month(use: MemoryUse) -> float | None:
    """How often it runs in 30 days, by the times between its first and its last run."""
    span = use.askings[-1].started - use.askings[0].started
    return (len(use.askings) - 1) * (_MONTH / span) if span >= timedelta(days=2) else None


def _memory(size: SizeRecord) -> float:
    """In MiB."""
    return float(to_gib(size.memory) * _MIB_PER_GIB)
