"""The decision: every gate must be passed, and what cannot be compared is held back."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_mlkit.gates.comparison import Comparison
from airflow_mlkit.gates.decide import NO_CHAMPION, Champion, Measured, decide
from airflow_mlkit.gates.decision import Decision
from airflow_mlkit.gates.numbers import distinct
from airflow_mlkit.spec.metrics import METRICS
from airflow_mlkit.spec.pipeline import ChampionGate, MetricGate, RowsGate

FLOOR = MetricGate(metric="roc_auc", at_least=0.8)
AGAINST = ChampionGate(metric="roc_auc", against="champion")
TITLE = "the champion (version 3)"


def _champion(decision: str = "promote", reason: str = "it is better", value: float | None = 0.9) -> Champion:
    """A champion with which every comparison ends like this."""

    def compare(gate: ChampionGate) -> Comparison:
        return Comparison(
            metric=gate.metric, decision=decision, reason=reason, confidence=0.99, champion=value, rows=500
        )

    return Champion(TITLE, compare)


@pytest.mark.parametrize(
    ("gates", "metrics", "champion", "decision", "reason"),
    [
        ([FLOOR], {"roc_auc": 0.85}, None, "promote", "roc_auc 0.85 is at least 0.8."),
        ([FLOOR], {"roc_auc": 0.8}, None, "promote", "roc_auc 0.8 is at least 0.8."),
        ([FLOOR], {"roc_auc": 0.79999}, None, "hold_back", "roc_auc 0.79999 is below 0.8."),
        ([FLOOR], {"roc_auc": None}, None, "hold_back", "roc_auc is undefined: it is not a number."),
        ([FLOOR], {"roc_auc": math.nan}, None, "hold_back", "roc_auc is undefined: it is not a number."),
        ([FLOOR], {}, None, "hold_back", "roc_auc is undefined: it was not computed."),
        ([AGAINST], {"roc_auc": 0.9}, None, "promote", NO_CHAMPION.capitalize() + "."),
        ([AGAINST], {"roc_auc": None}, None, "hold_back", "roc_auc is undefined: it is not a number."),
        ([AGAINST], {"roc_auc": 0.91}, _champion(), "promote", "It is better."),
        ([AGAINST], {"roc_auc": 0.89}, _champion("hold_back", "it is worse"), "hold_back", "It is worse."),
        ([AGAINST], {"roc_auc": 0.9}, _champion("undecided", "who knows"), "undecided", "Who knows."),
        (
            [FLOOR, AGAINST],
            {"roc_auc": 0.7},
            _champion("undecided", "who knows"),
            "hold_back",
            "roc_auc 0.7 is below 0.8; who knows.",
        ),
        ([AGAINST], {"roc_auc": None}, _champion(), "hold_back", "roc_auc is undefined: it is not a number."),
        (
            [AGAINST],
            {"roc_auc": 0.9},
            Champion(TITLE, None, "its files are gone"),
            "hold_back",
            f"roc_auc cannot be compared with {TITLE}: its files are gone.",
        ),
        (
            [RowsGate(rows="holdout", at_least=101)],
            {},
            None,
            "hold_back",
            "The holdout has only 100 rows, fewer than 101.",
        ),
        ([RowsGate(rows="holdout", at_least=100)], {}, None, "promote", "The holdout has 100 rows, at least 100."),
        ([], {"roc_auc": 1.0}, None, "hold_back", "No gate is declared."),
        (
            [MetricGate(metric="log_loss", at_most=0.5)],
            {"log_loss": 0.6},
            None,
            "hold_back",
            "log_loss 0.6 is above 0.5.",
        ),
        (
            [FLOOR, RowsGate(rows="holdout", at_least=500)],
            {"roc_auc": 0.7},
            None,
            "hold_back",
            "roc_auc 0.7 is below 0.8; the holdout has only 100 rows, fewer than 500.",
        ),
    ],
)
def test_decision_and_its_reason(gates, metrics, champion, decision, reason):
    verdict = decide(gates, Measured(metrics), champion, rows=100)
    assert (verdict.decision.value, verdict.reason) == (decision, reason)


def test_both_limits_of_one_gate_hold():
    gate = MetricGate(metric="roc_auc", at_least=0.6, at_most=0.99)
    leaky = decide([gate], Measured({"roc_auc": 0.999}), None, rows=10)
    assert leaky.reason == "roc_auc 0.999 is above 0.99."
    assert (
        decide([gate], Measured({"roc_auc": 0.7}), None, rows=10).reason
        == "roc_auc 0.7 is at least 0.6 and at most 0.99."
    )


def test_a_concern_holds_back_whatever_the_gates_say():
    verdict = decide([FLOOR], Measured({"roc_auc": 0.9}), None, rows=100, concerns=["the same model as the champion"])
    assert verdict.decision is Decision.HOLD_BACK
    assert verdict.reason == "The same model as the champion."
    assert verdict.results[0].passed


def test_why_a_metric_is_undefined_is_told():
    challenger = Measured({"roc_auc": None}, {"roc_auc": "the labels hold one class only"})
    assert "the labels hold one class only" in decide([FLOOR], challenger, None, rows=3).reason


_VALUES = st.one_of(st.none(), st.floats(allow_nan=True, allow_infinity=True))
_GATES = st.one_of(
    st.builds(MetricGate, metric=st.sampled_from(sorted(METRICS)), at_least=st.floats(-1, 1)),
    st.builds(MetricGate, metric=st.sampled_from(sorted(METRICS)), at_most=st.floats(-1, 1)),
    st.builds(ChampionGate, metric=st.sampled_from(sorted(METRICS)), against=st.just("champion")),
    st.builds(RowsGate, rows=st.just("holdout"), at_least=st.integers(1, 100)),
)


@given(
    gates=st.lists(_GATES, max_size=4),
    ours=st.dictionaries(st.sampled_from(sorted(METRICS)), _VALUES),
    champion=st.one_of(
        st.none(),
        st.just(Champion(TITLE, None, "gone")),
        st.sampled_from(["promote", "hold_back", "undecided"]).map(_champion),
    ),
    rows=st.integers(0, 200),
)
def test_nothing_is_promoted_unless_every_gate_stands_on_numbers(gates, ours, champion, rows):
    verdict = decide(gates, Measured(ours), champion, rows=rows)
    assert verdict.reason.endswith(".")
    if verdict.decision is not Decision.PROMOTE:
        return
    assert gates
    assert all(result.passed and result.challenger is not None for result in verdict.results)
    against = [result for result in verdict.results if result.kind == "champion" and champion]
    assert all(result.comparison.decision is Decision.PROMOTE for result in against)


@pytest.mark.parametrize(("moved", "moves"), [({"roc_auc", "f1"}, True), ({"f1"}, False)])
def test_the_anchor_moves_when_every_comparison_says_so(moved, moves):
    gates = [AGAINST, ChampionGate(metric="f1", against="champion")]

    def compare(gate):
        return _champion().compare(gate).model_copy(update={"moves_anchor": gate.metric in moved})

    verdict = decide(gates, Measured({"roc_auc": 0.9, "f1": 0.5}), Champion(TITLE, compare), rows=500)
    assert verdict.moves_anchor is moves


def test_without_a_comparison_the_anchor_stays():
    assert not decide([FLOOR], Measured({"roc_auc": 0.9}), None, rows=500).moves_anchor


@given(st.floats(allow_nan=False), st.floats(allow_nan=False))
def test_two_different_numbers_never_read_the_same(one, other):
    if one != other:
        assert len(set(distinct(one, other))) == 2
