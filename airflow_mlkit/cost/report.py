"""The cost of many runs, grouped: by step, by version, by project or by month."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Self

from pydantic import PlainSerializer

from airflow_mlkit.cost.counted_try import CountedTry, RunTries
from airflow_mlkit.cost.spent import Spent, add_up, count_try
from airflow_mlkit.rundir.records import Record

Amount = Annotated[Decimal, PlainSerializer(float, return_type=float, when_used="json")]


class Cost(Record):
    """What tries have cost, as it is written down. Amounts are rounded to a millionth; see `Spent`."""

    tries: int
    unsized: int
    unpriced: int
    hours: Amount
    cpu_hours: Amount
    gib_hours: Amount
    gpu_hours: Amount
    sizes: dict[str, Amount]
    money: dict[str, Amount]

    @classmethod
    def of(cls, spent: Spent) -> Self:
        """The same as a record."""
        return cls.model_validate(vars(spent))


class CostRow(Cost):
    """One group, or everything. A run whose tries fall into two groups counts in the `runs` of both."""

    name: str
    runs: int


class Doubtful(Record):
    """A try whose time is not simply from its beginning to its end, with the seconds that were counted."""

    project: str
    run: str
    place: str
    doubt: str
    seconds: float


class CostReport(Record):
    """What was counted, and how far it can be believed.

    Attributes:
        title: for people: whose cost it is.
        local: tries that ran on a machine of their own; they cost what their size would have cost on its pool.
        whole_nodes: names of pools that have a price and do not say what a node offers: a whole node was counted.
        doubtful: tries without an outcome, with a damaged one, or which ended before they began.
    """

    title: str
    by: str
    since: datetime | None
    until: datetime | None
    rows: tuple[CostRow, ...]
    total: CostRow
    local: int
    whole_nodes: tuple[str, ...]
    doubtful: tuple[Doubtful, ...]


@dataclass(frozen=True)
class Grouping:
    """What makes a line of a report: its name for people, the line of a try, and the order of the lines."""

    name: str
    key: Callable[[RunTries, CountedTry], str]
    order: Callable[[str], Any] = str


def report_cost(
    title: str,
    runs: Iterable[RunTries],
    by: Grouping,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
) -> CostReport:
    """Add up what runs have cost.

    Args:
        title: whose runs they are.
        runs: each once.
        by: what makes a line.
        since: tries that began before it are left out.
        until: tries that began then or later are left out.
    """
    groups: dict[str, list[Spent]] = defaultdict(list)
    members: dict[str, set[tuple[str, str]]] = defaultdict(set)
    chosen = [(run, one) for run in runs for one in run.tries if _is_between(one.started, since, until)]
    for run, one in chosen:
        name = by.key(run, one)
        groups[name].append(count_try(one))
        members[name].add((run.project, run.folder))
    spent = {name: add_up(parts) for name, parts in groups.items()}
    every = set().union(*members.values())
    return CostReport(
        title=title,
        by=by.name,
        since=since,
        until=until,
        rows=tuple(_row(name, len(members[name]), spent[name]) for name in sorted(spent, key=by.order)),
        total=_row("total", len(every), add_up(spent.values())),
        local=sum(1 for _, one in chosen if one.size and one.size.backend == "local"),
        whole_nodes=tuple(sorted({pool for _, one in chosen if (pool := _whole_node(one))})),
        doubtful=tuple(
            Doubtful(project=run.project, run=run.folder, place=one.place, doubt=one.doubt, seconds=one.seconds)
            for run, one in chosen
            if one.doubt
        ),
    )


def _is_between(moment: datetime, since: datetime | None, until: datetime | None) -> bool:
    return (since is None or moment >= since) and (until is None or moment < until)


def _whole_node(one: CountedTry) -> str | None:
    size = one.size
    return size.pool if size and size.price_per_hour is not None and size.node is None else None


def _row(name: str, runs: int, spent: Spent) -> CostRow:
    return CostRow.model_validate({"name": name, "runs": runs, **vars(spent)})
