"""What people's word says against a challenger, whatever its metrics are."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from airflow_mlkit.registry import ChampionEntry
from airflow_mlkit.registry.freeze import FreezeEntry
from airflow_mlkit.registry.objection import find_undoing, object_to_freeze, object_to_undone
from tests.challengers import build_entry


def made(*champions: str | tuple[str, int]) -> list[ChampionEntry]:
    """A log of models by their letters; a pair is a rollback that restores an entry."""
    entries = []
    for n, champion in enumerate(champions, 1):
        model, restores = champion if isinstance(champion, tuple) else (champion, None)
        action = "rollback" if restores else "promote"
        changed = {"restores": restores, "by_person": bool(restores), "action": action, "reason": "scores\nare off."}
        entries.append(build_entry(n, model_id=model, **changed))
    return entries


@pytest.mark.parametrize(
    ("champions", "undone"),
    [
        (["a", "b"], set()),
        (["a", "b", ("a", 1)], {"b"}),
        (["a", "b", "c", ("a", 1)], {"b", "c"}),
        (["a", "b", ("a", 1), "c"], {"b"}),
        (["a", "b", ("a", 1), ("b", 2)], {"a"}),
        (["a", "b", ("a", 1), "c", ("a", 3)], {"b", "c"}),
    ],
)
def test_a_rollback_takes_back_every_champion_since_the_one_it_restores(
    champions: list[str | tuple[str, int]], undone: set[str]
) -> None:
    entries = made(*champions)
    assert {model for model in "abc" if find_undoing(model, entries)} == undone


def test_a_person_who_promotes_takes_back_the_champion_that_is_replaced() -> None:
    entries = [*made("a", "b"), build_entry(3, model_id="c", by_person=True, promoted_by="bo", reason="b is unfair")]
    assert object_to_undone("b", entries) == ("the same model was replaced on 2026-01-03 by bo: b is unfair",)
    assert object_to_undone("a", entries) == ()


def test_a_reason_of_many_lines_is_one_line_in_a_sentence() -> None:
    assert object_to_undone("b", made("a", "b", ("a", 1))) == (
        "the same model was rolled back from on 2026-01-03 by ana: scores are off",
    )


def test_a_freeze_says_who_until_when_and_why() -> None:
    until = datetime(2026, 12, 1, tzinfo=UTC)
    said = {"n": 1, "at": datetime(2026, 11, 21, tzinfo=UTC), "by": "bo", "reason": "the sale [bold]\n"}
    freeze = FreezeEntry.model_validate(said | {"action": "freeze", "until": until})
    assert object_to_freeze(freeze) == ("promotion is frozen until 2026-12-01 00:00 UTC by bo: the sale [bold]",)
    assert object_to_freeze(None) == ()
