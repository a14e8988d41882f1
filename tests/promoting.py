"""What processes of their own do in the tests of promotion; what they do must be importable."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from threading import Barrier
from typing import Any

from airflow_mlkit.exceptions import UserError
from airflow_mlkit.gates.report import GateReport
from airflow_mlkit.project import Project, load_project
from airflow_mlkit.registry import ChampionEntry, by_hand
from airflow_mlkit.registry.asking import Answer
from airflow_mlkit.registry.challenger import Challenger
from airflow_mlkit.registry.model_registry import ModelRegistry
from airflow_mlkit.registry.promotion import promote
from airflow_mlkit.registry.word import Word
from tests.challengers import build_challenger, open_registry, report_against
from tests.projects import build_project, default_spec


def promote_in_rounds(
    rounds: int, number: int, folder: Path, champions: str | None, barrier: Barrier, results: Any
) -> None:
    """One writer of several that meet in each round; puts (round, promoted, comparisons) into `results`."""
    registry = open_registry(folder, champions)
    home = folder / f"writer-{number}"
    home.mkdir()
    for round_number in range(rounds):
        challenger = build_challenger(home, round_number * 100 + number + 1)
        judge = JudgeTogether(challenger, barrier)
        barrier.wait(timeout=120)
        promotion = promote(challenger, registry, report_against(None, challenger), judge)
        results.put((round_number, promotion.decision == "promoted", promotion.compared_again))


@dataclass
class JudgeTogether:
    """Waits at its first comparison until every writer has read the head that it compares with."""

    challenger: Challenger
    barrier: Barrier
    calls: int = 0

    def __call__(self, champion: ChampionEntry | None) -> GateReport:
        first_round = self.challenger.metrics["roc_auc"] < 1  # type: ignore[operator]
        if self.calls == 0 and not first_round:
            self.barrier.wait(timeout=120)
        self.calls += 1
        return report_against(champion, self.challenger)


def begin_model(folder: Path, name: str, *, champions: str = "./champions", mlflow: str) -> Project:
    """A project of its own in a folder, whose champion log and MLflow lie where the test wants them."""
    home = build_project(folder / name, rows=10, spec=default_spec() | {"name": name})
    places = {"backend": "local", "runs": "./runs", "champions": champions, "mlflow": mlflow}
    (home / "platform.yaml").write_text(json.dumps({"environments": {"laptop": places}}))
    return load_project(home)


def retrain(folder: Path, score: int, barrier: Barrier | None = None) -> None:
    """Promote a challenger of the project in a folder; with a barrier all have read the same champion first."""
    registry = ModelRegistry.of(load_project(folder))
    challenger = build_challenger(folder, score, model_name=registry.model_name)
    judge = JudgeTogether(challenger, barrier) if barrier else lambda head: report_against(head, challenger)
    promote(challenger, registry, report_against(None, challenger), judge)


def roll_back(folder: Path) -> None:
    """Roll the project's model back by hand. The models here are one small file that nobody can ask."""
    by_hand.ask = lambda *_: Answer(0, "not asked")
    by_hand.roll_back(load_project(folder), Word("ana", "scores are off"))


def freeze(folder: Path) -> None:
    """Freeze the project's model."""
    freezes = ModelRegistry.of(load_project(folder)).log.freezes
    freezes.freeze(Word("ana", "the sale of the year"), datetime(2999, 1, 1, tzinfo=UTC))


def speak_together(folder: Path, number: int, barrier: Barrier, results: Any) -> None:
    """One of several who have all read the same log: 0 and 2 roll back, 1 promotes version 1, 3 is a retrain that wins.

    Puts (number, the entry that was appended or None, what was refused) into `results`.
    """

    def wait(*_: Any) -> Answer:
        barrier.wait(timeout=120)
        return Answer(0, "not asked")

    by_hand.ask = wait
    project, word = load_project(folder), Word(f"person {number}", "because")
    try:
        if number == 3:
            challenger = build_challenger(folder, 200)
            judge = JudgeTogether(challenger, barrier)
            promotion = promote(challenger, open_registry(folder), report_against(None, challenger), judge)
            entry = promotion.entry
        else:
            change = by_hand.promote_version(project, "1", word) if number == 1 else by_hand.roll_back(project, word)
            entry = change.champion if change.changed else None
    except UserError as error:
        results.put((number, None, error.message))
    else:
        results.put((number, entry.n if entry else None, ""))
