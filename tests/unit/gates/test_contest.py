"""A challenger that is better on the whole and worse for a slice is held back; noise in a slice is not."""

from __future__ import annotations

import numpy as np
import pytest

from airflow_mlkit.evaluation.slices import Slice
from airflow_mlkit.gates.contest import Contest
from airflow_mlkit.gates.decision import Decision
from airflow_mlkit.spec.pipeline import ChampionGate

GATE = ChampionGate(metric="roc_auc", against="champion")


def contest(*, noise_in_slice: float, slices: int = 4, rows: int = 12_000, seed: int = 0) -> Contest:
    """A challenger that is much better everywhere but in the last slice, where its errors are `noise_in_slice`."""
    rng = np.random.default_rng(seed)
    signal, shared, own = rng.normal(size=(3, rows))
    labels = (rng.random(rows) < 1 / (1 + np.exp(-2 * signal))).astype(int)
    part = np.arange(rows) % slices
    noise = np.where(part == slices - 1, noise_in_slice, 0.5)
    champion, challenger = signal + 1.0 * shared, signal + noise * (0.9 * shared + 0.4 * own)
    cut = [Slice(f"country {number}", np.flatnonzero(part == number)) for number in range(slices)]
    return Contest(labels, challenger, champion, "the champion (version 3)", slices={"country": cut})


def test_a_slice_that_surely_got_worse_holds_back():
    found = contest(noise_in_slice=2.0).compare(GATE)
    assert found.estimate > 0
    assert found.decision is Decision.HOLD_BACK
    assert [part.name for part in found.slices if part.worse] == ["country 3"]
    assert "is better than" in found.reason
    assert "; but where country is country 3 (3,000 rows) roc_auc went from" in found.reason
    assert "98.75 % sure, so that 4 slices together are 95 % sure" in found.reason


def test_slices_that_are_equal_but_for_chance_do_not_hold_back():
    held = [contest(noise_in_slice=1.0, slices=20, rows=16_000, seed=seed).compare(GATE) for seed in range(20)]
    assert sum(found.decision is not Decision.PROMOTE for found in held) <= 1


def test_a_slice_with_a_handful_of_rows_decides_nothing_and_says_so():
    few = contest(noise_in_slice=2.0, slices=100)
    found = few.compare(GATE)
    assert found.decision is Decision.PROMOTE
    assert not any(part.worse for part in found.slices)
    assert found.slices[0].reason == "there are 120 rows, and fewer than 200 cannot decide"
    assert found.slice_confidence is None


def test_slices_that_decide_nothing_make_the_others_no_less_sure():
    four = contest(noise_in_slice=2.0)
    empty = [Slice(f"city {number}", np.arange(number)) for number in range(100)]
    found = Contest(
        four.labels, four.challenger, four.champion, "the champion", slices={**four.slices, "city": empty}
    ).compare(GATE)
    assert found.slice_confidence == pytest.approx(1 - 0.05 / 4)
    assert [part.name for part in found.slices if part.worse] == ["country 3"]
    assert [part.rows for part in found.slices][4:] == list(range(100))
    assert found.slices[4].reason == "there are no rows"


def test_what_cannot_be_compared_as_a_whole_is_not_cut_into_slices():
    whole = contest(noise_in_slice=1.0)
    broken = Contest(whole.labels, whole.challenger * np.nan, whole.champion, "the champion", slices=whole.slices)
    assert broken.compare(GATE).slices == ()


@pytest.mark.parametrize("looks", [1, 10])
def test_each_look_makes_the_comparison_surer(looks):
    one = contest(noise_in_slice=1.0)
    found = Contest(one.labels, one.challenger, one.champion, "the champion", looks=looks).compare(GATE)
    assert found.confidence == pytest.approx(1 - 0.01 / looks)


@pytest.mark.parametrize("metric", ["roc_auc", "average_precision", "log_loss"])
def test_a_slice_that_is_not_told_apart_any_more_is_worse(metric):
    """A country whose features are gone gets one score for all its rows."""
    good = contest(noise_in_slice=0.5)
    last, chances = good.slices["country"][-1].rows, [1 / (1 + np.exp(-of)) for of in (good.champion, good.challenger)]
    chances[1][last] = 0.5
    found = Contest(good.labels, chances[1], chances[0], "the champion", slices=good.slices).compare(
        ChampionGate(metric=metric, against="champion")
    )
    assert found.decision is Decision.HOLD_BACK
    assert [part.name for part in found.slices if part.worse] == ["country 3"]
