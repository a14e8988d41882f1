"""Which size would do, told from what runs used; and what is never advised."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_mlkit.cost.counted_try import CountedPod, CountedTry, Doubt, RunTries
from airflow_mlkit.rundir.records import SizeRecord
from airflow_mlkit.sizing.advice import LEAST, StepAdvice, Verdict, advise
from airflow_mlkit.sizing.memory_use import MemoryUse, find_memory_use
from tests.costing import NOON, SMALL

NODE = {"cpu": 16, "memory": "64Gi"}
SIZES = {
    name: SizeRecord.model_validate({**SMALL, "node": NODE, "name": name, **rest})
    for name, rest in {
        "small": {"cpu": 2, "memory": "4Gi"},
        "medium": {"cpu": 4, "memory": "16Gi"},
        "large": {"cpu": 8, "memory": "32Gi"},
        "gpu": {"cpu": 2, "memory": "2Gi", "gpu": 1},
    }.items()
}


def build_run(
    number: int,
    *tries: tuple[str, float | None],
    lacked: tuple[str, ...] = (),
    step: str = "train",
    seconds: float = 3600,
) -> RunTries:
    """A run that asked for one step: for each try its size, and its peak in MiB."""
    counted = [
        CountedTry(
            step=step,
            generation=1,
            number=place,
            started=NOON + timedelta(days=7 * number, hours=place),
            seconds=seconds,
            size=SIZES[size],
            peak_memory_mib=peak,
            doubt=None if peak else Doubt.NO_OUTCOME,
        )
        for place, (size, peak) in enumerate(tries, start=1)
    ]
    pods = [
        CountedPod(step=step, generation=1, pod=f"p{n}", size=s, cause="out_of_memory") for n, s in enumerate(lacked)
    ]
    return RunTries(
        folder=f"r{number}", run_id=f"r{number}", project="cards", dag="retrain", tries=tuple(counted), pods=tuple(pods)
    )


def judge(*runs: RunTries) -> StepAdvice:
    (advice,) = advise(find_memory_use(runs), SIZES)
    return advice


def test_a_step_that_uses_little_is_advised_the_smallest_size_with_a_margin() -> None:
    advice = judge(*(build_run(n, ("large", 3000 + n)) for n in range(4)))
    assert (advice.verdict, advice.advised, advice.fewer_cores) == (Verdict.TOO_LARGE, "small", True)
    assert (advice.median_mib, advice.most_mib, advice.measured) == (3001.5, 3003, 4)
    close = judge(*(build_run(n, ("large", 3500)) for n in range(4)))  # 4,375 MiB with the margin
    assert close.advised == "medium"


def test_what_it_saves_is_the_difference_of_prices_in_the_same_time() -> None:
    """large: half a node at 0.40 an hour; small: an eighth. Once a week."""
    advice = judge(*(build_run(n, ("large", 3000)) for n in range(5)))
    assert (advice.costs, advice.would_cost) == (pytest.approx(0.2), pytest.approx(0.05))
    assert advice.runs_a_month == pytest.approx(30 / 7)
    assert advice.saves_a_month == pytest.approx(0.15 * 30 / 7)


def test_a_step_that_was_killed_is_advised_more_than_what_killed_it_after_one_run() -> None:
    advice = judge(build_run(0, ("small", None), ("medium", 5000), lacked=("small",)))
    assert (advice.verdict, advice.advised, advice.lacks, advice.lacked_on) == (
        Verdict.TOO_SMALL,
        "medium",
        1,
        ("small",),
    )
    assert advice.costs == pytest.approx(0.05 + 0.1)  # the try that was for nothing too
    assert advice.would_cost == pytest.approx(0.1)


def test_a_killed_try_counts_once_whether_its_pod_or_itself_says_so() -> None:
    told = CountedTry(
        step="train", generation=1, number=1, started=NOON, seconds=5, size=SIZES["small"], lacked_memory=True, pod="p0"
    )
    run = build_run(0, ("medium", 5000), lacked=("small",))
    assert judge(run.model_copy(update={"tries": (told, run.tries[0])})).lacks == 1
    assert judge(run.model_copy(update={"tries": (told, run.tries[0]), "pods": ()})).lacks == 1


def test_a_step_that_no_size_holds_is_told_so() -> None:
    assert judge(build_run(0, ("large", None), lacked=("small", "large"))).verdict is Verdict.TOO_LITTLE_EVERYWHERE


def test_few_runs_advise_nothing_smaller() -> None:
    few = judge(*(build_run(n, ("large", 100)) for n in range(LEAST - 1)))
    assert (few.verdict, few.advised) == (Verdict.TOO_FEW_RUNS, None)


def test_less_than_the_margin_left_is_tight_and_no_reason_to_pay_more() -> None:
    tight = judge(*(build_run(n, ("small", 3900)) for n in range(LEAST)))
    assert (tight.verdict, tight.advised) == (Verdict.TIGHT, None)


def test_steps_that_nobody_measured_are_told_so_and_never_advised() -> None:
    unmeasured = judge(*(build_run(n, ("large", None)) for n in range(5)))
    assert (unmeasured.verdict, unmeasured.measured, unmeasured.advised) == (Verdict.NOT_MEASURED, 0, None)
    run = build_run(0, ("large", 100))
    unsized = run.model_copy(update={"tries": tuple(one.model_copy(update={"size": None}) for one in run.tries)})
    assert (judge(unsized).verdict, judge(unsized).asked) == (Verdict.NOT_MEASURED, None)


def test_a_smaller_size_on_a_dearer_pool_is_not_advised() -> None:
    dear = SIZES | {"small": SIZES["small"].model_copy(update={"price_per_hour": 40.0})}
    runs = [build_run(n, ("medium", 100)) for n in range(5)]
    assert advise(find_memory_use(runs), dear)[0].verdict is Verdict.FITS


def test_a_gpu_step_stays_on_sizes_with_as_many_gpus() -> None:
    assert judge(*(build_run(n, ("gpu", 100)) for n in range(5))).verdict is Verdict.FITS


def test_a_size_that_was_made_larger_since_is_judged_as_it_is_now() -> None:
    """`small` was 1Gi when it was too small; it has 4Gi now."""
    runs = [build_run(n, ("small", 2500)) for n in range(5)]
    old = [
        one.model_copy(update={"size": one.size and one.size.model_copy(update={"memory": "1Gi"})})
        for one in runs[0].tries
    ]
    assert judge(runs[0].model_copy(update={"tries": tuple(old)}), *runs[1:]).verdict is Verdict.FITS


PEAKS = st.lists(st.floats(min_value=1, max_value=40_000), min_size=1, max_size=8)
LACKED = st.lists(st.sampled_from(["small", "medium", "large"]), max_size=3, unique=True)


@given(asked=st.sampled_from(["small", "medium", "large"]), peaks=PEAKS, lacked=LACKED, margin=st.floats(0, 2))
def test_what_is_advised_would_have_held_every_run(
    asked: str, peaks: list[float], lacked: list[str], margin: float
) -> None:
    runs = [build_run(n, (asked, peak)) for n, peak in enumerate(peaks)]
    runs.append(build_run(len(peaks), (asked, None), lacked=tuple(lacked)))
    (advice,) = advise(find_memory_use(runs), SIZES, margin)
    if advice.advised is None:
        return
    has = _mib(SIZES[advice.advised])
    assert has >= max(peaks) * (1 + margin)
    assert all(has > _mib(SIZES[name]) for name in lacked)
    assert advice.advised != asked
    assert (has < _mib(SIZES[asked])) is (advice.verdict is Verdict.TOO_LARGE)
    between = [s for s in SIZES.values() if not s.gpu and _mib(s) < has and _mib(s) >= max(peaks) * (1 + margin)]
    assert all(any(_mib(s) <= _mib(SIZES[name]) for name in lacked) for s in between)  # none smaller would do


def _mib(size: SizeRecord) -> float:
    return float(size.memory.removesuffix("Gi")) * 1024


def test_steps_stand_in_the_order_of_a_run_and_a_strange_one_last() -> None:
    runs = [build_run(0, ("small", 1), step=step) for step in ("zzz", "train", "extract")]
    uses: list[MemoryUse] = find_memory_use(runs)
    assert [use.step for use in uses] == ["extract", "train", "zzz"]


def test_a_run_again_of_a_step_is_an_asking_of_its_own() -> None:
    run = build_run(0, ("small", 10))
    again = run.tries[0].model_copy(update={"generation": 2, "started": NOON + timedelta(days=1)})
    values: dict[str, Any] = judge(run.model_copy(update={"tries": (*run.tries, again)})).model_dump()
    assert values["runs"] == 2
