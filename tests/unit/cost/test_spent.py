"""The arithmetic of cost, and that sums do not depend on what they are grouped by."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_mlkit.cost.counted_try import CountedTry, RunTries
from airflow_mlkit.cost.report import Grouping, report_cost
from airflow_mlkit.cost.spent import count_try, round_to_sum, share_of_node
from airflow_mlkit.rundir import SizeRecord
from tests.costing import NOON, SMALL


def build_size(**changed: Any) -> SizeRecord:
    return SizeRecord.model_validate(SMALL | changed)


def build_try(seconds: float = 3600, size: SizeRecord | None = None, **changed: Any) -> CountedTry:
    fields = {"step": "train", "generation": 1, "number": 1, "started": NOON, "seconds": seconds, "size": size}
    return CountedTry.model_validate(fields | changed)


@pytest.mark.parametrize(
    ("changed", "share"),
    [
        ({}, "0.25"),
        ({"memory": "24Gi"}, "0.75"),
        ({"cpu": 0.5, "memory": "512Mi"}, "0.0625"),
        ({"gpu": 1, "node": {"cpu": 8, "memory": "32Gi", "gpu": 2}}, "0.5"),
        ({"gpu": 1}, "1"),
        ({"cpu": 100}, "1"),
        ({"node": None}, "1"),
    ],
    ids=["cores", "memory", "small", "a card of two", "a card it has not", "more than a node", "nobody said"],
)
def test_the_largest_share_of_a_node_is_charged_and_at_most_all_of_it(changed: dict[str, Any], share: str) -> None:
    assert share_of_node(build_size(**changed)) == Decimal(share)


def test_a_try_costs_its_size_times_its_time_times_the_price() -> None:
    spent = count_try(build_try(5400, build_size(gpu=1, node={"cpu": 8, "memory": "32Gi", "gpu": 4})))
    assert (spent.hours, spent.cpu_hours, spent.gib_hours, spent.gpu_hours) == tuple(
        map(Decimal, ["1.5", "3", "6", "1.5"])
    )
    assert spent.money == {"EUR": Decimal("0.15")}
    assert spent.sizes == {"cpu-small": Decimal("1.5")}


@pytest.mark.parametrize(("price", "money"), [(0, {"EUR": Decimal(0)}), (None, {})], ids=["free", "unknown"])
def test_a_price_of_zero_is_a_price_and_no_price_is_none(price: float | None, money: dict[str, Decimal]) -> None:
    spent = count_try(build_try(size=build_size(price_per_hour=price)))
    assert spent.money == money
    assert spent.unpriced == (price is None)
    assert spent.cpu_hours == 2


def test_a_try_from_before_sizes_were_kept_counts_its_hours_only() -> None:
    spent = count_try(build_try())
    assert (spent.hours, spent.cpu_hours, spent.unsized, spent.unpriced) == (1, 0, 1, 0)


SIZES = st.none() | st.builds(
    build_size,
    name=st.sampled_from(["cpu-small", "gpu"]),
    cpu=st.floats(0.001, 1024),
    memory=st.sampled_from(["500M", "4Gi", "1.5Ti", "7k"]),
    gpu=st.integers(0, 8),
    price_per_hour=st.none() | st.floats(0, 1e4),
    currency=st.sampled_from(["EUR", "USD", None]),
    node=st.none() | st.just({"cpu": 3, "memory": "7Gi", "gpu": 1}),
)
TRIES = st.builds(
    build_try,
    seconds=st.floats(0, 1e7),
    size=SIZES,
    step=st.sampled_from(["extract", "train", "gate"]),
    started=st.integers(0, 10**8).map(lambda seconds: NOON + timedelta(seconds=seconds)),
)
RUNS = st.lists(
    st.builds(lambda project, tries: (project, tuple(tries)), st.sampled_from(["a", "b"]), st.lists(TRIES, max_size=8)),
    max_size=8,
)
KEYS: tuple[Callable[[RunTries, CountedTry], str], ...] = (
    lambda run, _: run.project,
    lambda _, one: one.step,
    lambda _, one: f"{one.started:%Y-%m}",
    lambda run, one: f"{run.folder} {one.step}",
)


@given(RUNS)
def test_every_grouping_adds_up_to_the_same(found: list[tuple[str, tuple[CountedTry, ...]]]) -> None:
    """To the last digit: each try is rounded once, and sums are never rounded."""
    runs = [
        RunTries(folder=str(place), run_id=str(place), project=project, dag="retrain", tries=tries)
        for place, (project, tries) in enumerate(found)
    ]
    reports = [report_cost("all", runs, Grouping("test", key)) for key in KEYS]
    totals = [report.total.model_copy(update={"sizes": {}, "money": {}}) for report in reports]
    assert all(total == totals[0] for total in totals)
    for report in reports:
        assert dict(report.total.money) == dict(reports[0].total.money)
        assert sum((row.gib_hours for row in report.rows), Decimal(0)) == report.total.gib_hours
        assert sum(row.tries for row in report.rows) == sum(len(run.tries) for run in runs)


AMOUNTS = st.lists(st.decimals(0, 10**6, places=6), max_size=30)


@given(AMOUNTS, st.integers(0, 6))
def test_rounded_amounts_add_up_and_none_is_off_by_a_unit(amounts: list[Decimal], places: int) -> None:
    rounded, unit = round_to_sum(amounts, places), Decimal(1).scaleb(-places)
    assert abs(sum(rounded, Decimal(0)) - sum(amounts, Decimal(0))) <= unit / 2
    assert all(abs(one - other) < unit for one, other in zip(amounts, rounded, strict=True))


def test_a_third_three_times_is_a_whole() -> None:
    assert round_to_sum([Decimal("0.333333")] * 3) == [Decimal("0.34"), Decimal("0.33"), Decimal("0.33")]
