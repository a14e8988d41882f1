"""What processes of their own do in the tests of promotion: race, and die. Spawned ones must be importable."""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass
from pathlib import Path
from threading import Barrier
from typing import Any

from mlflow.entities.model_registry import ModelVersion

from airflow_mlkit.exceptions import UserError
from airflow_mlkit.gates.report import GateReport
from airflow_mlkit.project import load_project
from airflow_mlkit.registry import ChampionEntry, by_hand
from airflow_mlkit.registry.asking import Answer
from airflow_mlkit.registry.challenger import Challenger
from airflow_mlkit.registry.model_registry import ModelRegistry, RegisteredVersion
from airflow_mlkit.registry.promotion import promote
from airflow_mlkit.registry.word import Word
from tests.challengers import build_challenger, open_registry, report_against


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
        barrier.wait(timeout=40)
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
            self.barrier.wait(timeout=40)
        self.calls += 1
        return report_against(champion, self.challenger)


class DyingRegistry(ModelRegistry):
    """Kills its process at one point of a promotion."""

    point = ""

    def confirm(self, number: str) -> ModelVersion:
        found = super().confirm(number)
        self.end_at("confirmed")
        return found

    def register(self, challenger: Challenger, report: GateReport) -> RegisteredVersion:
        self.end_at("before registering")
        found = super().register(challenger, report)
        self.end_at("registered")
        return found

    def follow(self) -> ChampionEntry:
        self.end_at("appended")
        head = super().follow()
        self.end_at("alias set")
        return head

    def end_at(self, point: str) -> None:
        if point == self.point:
            os.kill(os.getpid(), signal.SIGKILL)


def die_at(folder: Path, point: str) -> None:
    """Promote a challenger and be killed at a point of it."""
    healthy = open_registry(folder)
    registry = DyingRegistry(healthy.uri, healthy.model_name, healthy.log)
    registry.point = point
    challenger = build_challenger(folder, 80)
    promote(challenger, registry, report_against(None, challenger), lambda head: report_against(head, challenger))


def roll_back_and_die(folder: Path, point: str) -> None:
    """Roll back by hand and be killed at a point of it."""
    DyingRegistry.point = point
    by_hand.ModelRegistry = DyingRegistry  # type: ignore[misc]
    by_hand.ask = lambda *_: Answer(0, "not asked")
    by_hand.roll_back(load_project(folder), Word("ana", "scores are off"))


def speak_together(folder: Path, number: int, barrier: Barrier, results: Any) -> None:
    """One of several who have all read the same log: 0 and 2 roll back, 1 promotes version 1, 3 is a retrain that wins.

    Puts (number, the entry that was appended or None, what was refused) into `results`.
    """

    def wait(*_: Any) -> Answer:
        barrier.wait(timeout=40)
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
