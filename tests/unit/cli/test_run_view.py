"""What a person reads of a run."""

from __future__ import annotations

from io import StringIO

import pytest
from rich.console import Console

from airflow_mlkit.cli.run_view import describe_summary, watch_run
from airflow_mlkit.local.run_result import StepState, StepStatus

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
