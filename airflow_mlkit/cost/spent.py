"""The arithmetic of cost: from a try to hours and money, and sums that add up whatever they are grouped by.

    hours of a thing = what was asked for of it x time
    money            = time x price of a node-hour x share of the node
    share            = the largest of the shares of its cores, its memory and its graphics cards

The largest share, because what it leaves over of the rest nobody else can use (Kubernetes schedules by requests; Ghodsi
et al. 2011 call it the dominant share). Each try is rounded once, to a millionth, and never again, so that all
sums are exact.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import ROUND_FLOOR, Decimal

from airflow_mlkit.cost.counted_try import CountedTry
from airflow_mlkit.rundir.records import SizeRecord
from airflow_mlkit.spec.quantity import to_gib

ZERO = Decimal(0)
_MILLIONTH = Decimal("0.000001")
_SECONDS_PER_HOUR = 3600


@dataclass(frozen=True)
class Spent:
    """What tries have cost together.

    Attributes:
        tries: how many; `unsized` of them are from before sizes were kept and count in `tries` and `hours` only, and
            `unpriced` of them ran on a pool without a price.
        hours: of time.
        cpu_hours: cores asked for, times hours; likewise `gib_hours` of memory and `gpu_hours`.
        sizes: hours by the name of the size.
        money: by currency; the empty one where platform.yaml names none.
    """

    tries: int = 0
    unsized: int = 0
    unpriced: int = 0
    hours: Decimal = ZERO
    cpu_hours: Decimal = ZERO
    gib_hours: Decimal = ZERO
    gpu_hours: Decimal = ZERO
    sizes: Mapping[str, Decimal] = field(default_factory=dict)
    money: Mapping[str, Decimal] = field(default_factory=dict)

    def __add__(self, other: Spent) -> Spent:
        return Spent(
            tries=self.tries + other.tries,
            unsized=self.unsized + other.unsized,
            unpriced=self.unpriced + other.unpriced,
            hours=self.hours + other.hours,
            cpu_hours=self.cpu_hours + other.cpu_hours,
            gib_hours=self.gib_hours + other.gib_hours,
            gpu_hours=self.gpu_hours + other.gpu_hours,
            sizes=_add_up(self.sizes, other.sizes),
            money=_add_up(self.money, other.money),
        )


def count_try(counted: CountedTry) -> Spent:
    """What one try has cost."""
    hours = hours_of(counted.seconds)
    size = counted.size
    if size is None:
        return Spent(tries=1, unsized=1, hours=_round(hours))
    return Spent(
        tries=1,
        unpriced=int(size.price_per_hour is None),
        hours=_round(hours),
        cpu_hours=_round(hours * Decimal(str(size.cpu))),
        gib_hours=_round(hours * to_gib(size.memory)),
        gpu_hours=_round(hours * size.gpu),
        sizes={size.name: _round(hours)},
        money={} if size.price_per_hour is None else {size.currency or "": _round(cost_of(counted.seconds, size))},
    )


def add_up(spent: Iterable[Spent]) -> Spent:
    """Everything together."""
    return sum(spent, Spent())


def hours_of(seconds: float) -> Decimal:
    """Seconds as hours."""
    return Decimal(str(seconds)) / _SECONDS_PER_HOUR


def cost_of(seconds: float, size: SizeRecord) -> Decimal:
    """What so long on this size costs, not rounded; 0 where its pool has no price."""
    return hours_of(seconds) * price_of_an_hour(size)


def price_of_an_hour(size: SizeRecord) -> Decimal:
    """What an hour on this size costs: its share of the price of its pool's node; 0 where that has none."""
    return Decimal(str(size.price_per_hour or 0)) * share_of_node(size)


def share_of_node(size: SizeRecord) -> Decimal:
    """The part of a node that is charged, at most 1; the whole one where nobody said what a node offers."""
    node = size.node
    if node is None:
        return Decimal(1)
    shares = [
        Decimal(str(size.cpu)) / Decimal(str(node.cpu)),
        to_gib(size.memory) / to_gib(node.memory),
        # a card that no node of the pool has: all of it
        Decimal(size.gpu) / node.gpu if node.gpu else Decimal(min(size.gpu, 1)),
    ]
    return min(max(shares), Decimal(1))


def round_to_sum(amounts: Sequence[Decimal], places: int = 2) -> list[Decimal]:
    """Amounts rounded for people such that they add up to their rounded sum, as a reader checks it.

    The largest remainders are rounded up (Hare's method): 0.333 three times is 0.34, 0.33 and 0.33.
    """
    unit = Decimal(1).scaleb(-places)
    floors = [(amount / unit).to_integral_value(ROUND_FLOOR) for amount in amounts]
    missing = int((sum(amounts, ZERO) / unit).to_integral_value() - sum(floors, ZERO))
    by_remainder = sorted(range(len(amounts)), key=lambda place: floors[place] - amounts[place] / unit)
    raised = set(by_remainder[:missing])
    return [(floor + (place in raised)) * unit for place, floor in enumerate(floors)]


def _round(amount: Decimal) -> Decimal:
    return amount.quantize(_MILLIONTH)


def _add_up(one: Mapping[str, Decimal], other: Mapping[str, Decimal]) -> dict[str, Decimal]:
    return {name: one.get(name, ZERO) + other.get(name, ZERO) for name in {**one, **other}}
