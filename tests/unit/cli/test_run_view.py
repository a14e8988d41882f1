"""What a person reads of a run."""

from __future__ import annotations

from io import StringIO

import pytest
from rich.console import Console

from airflow_mlkit.cli.run_view import describe_summary, print_summary, watch_run
from airflow_mlkit.local.run_result import RunResult, RunState, StepState, StepStatus

HELD_BACK = {"decision": "held_back", "model_version": None}


def test_a_promotion_names_the_champion_and_a_held_back_model_is_none() -> None:
    assert describe_summary("promote", {"decision": "promoted", "model_version": "3"}) == "version 3 is the champion"
    assert describe_summary("promote", HELD_BACK) == "held back"


@pytest.mark.parametrize(("step", "word"), [("promote", "held back"), ("predict", "skipped")])
def test_a_step_that_did_nothing_has_the_word_of_its_runs_end(step: str, word: str) -> None:
    console = Console(file=StringIO(), width=200)
    with watch_run(console) as (watch, _):
        watch([StepStatus(name=step, state=StepState.HELD_BACK, reason="There is no champion yet.")])
    assert word in console.file.getvalue()  # type: ignore[attr-defined]


def test_a_number_stays_with_its_name_where_a_line_ends() -> None:
    console = Console(file=StringIO(), width=100, force_terminal=True, no_color=True)
    names = ("roc_auc", "average_precision", "log_loss", "brier_score", "accuracy", "balanced_accuracy")
    reason = f"{'word ' * 17}roc_auc 0.8491 is better than 0.8375 of the champion, by at least 0.0045 (99 % sure)."
    result = RunResult(
        state=RunState.SHIPPED,
        reason=reason,
        model_name="churn",
        run_id="1",
        run_dir="1",
        steps=[],
        metrics=dict.fromkeys(names, 0.8004),
    )
    print_summary(console, result)
    lines = [line.rstrip() for line in console.file.getvalue().splitlines()]  # type: ignore[attr-defined]
    assert not any(line.endswith(("roc_auc", *names)) for line in lines)
    assert "           accuracy 0.8004, balanced_accuracy 0.8004" in lines
    assert max(map(len, lines)) <= 100
