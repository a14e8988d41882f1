"""Promotion: a challenger becomes the champion, or is held back. Safe against other writers and against being killed.

The order is what makes it so: register the version; append to the champion log, which is the promotion; point MLflow's
alias to the head of the log. Killed between any two of these, the next try finds what is done and does the rest.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from airflow_mlkit.gates.report import GateReport
from airflow_mlkit.registry.address import portable
from airflow_mlkit.registry.challenger import Challenger
from airflow_mlkit.registry.champion_entry import ChampionEntry
from airflow_mlkit.registry.champion_log import ChampionLog
from airflow_mlkit.registry.model_registry import ModelRegistry, RegisteredVersion
from airflow_mlkit.registry.objection import find_objections, object_to_freeze, object_to_undone
from airflow_mlkit.rundir.records import Record

log = logging.getLogger("airflow_mlkit.promotion")

Judge = Callable[[ChampionEntry | None], GateReport]


class Promotion(Record):
    """`promotion.json`: what became of a challenger.

    `entry` is its entry in the champion log, None where it was held back. `gate_report` is the report of the last
    comparison, `compared_again` how often there was another champion than in the report before.
    """

    decision: Literal["promoted", "held_back"]
    reason: str
    entry: ChampionEntry | None = None
    gate_report: GateReport
    compared_again: int = 0


def promote(challenger: Challenger, registry: ModelRegistry, report: GateReport, judge: Judge) -> Promotion:
    """Make a challenger that passed its gates the champion.

    Args:
        challenger: the model with all that is known of it.
        registry: MLflow's registered model, with the champion log that it follows.
        report: of the gates that the challenger passed, against the champion as it was then.
        judge: compares the challenger again, with the champion as it is now.

    Raises:
        RegistryError: when the log is damaged, or MLflow refuses.
    """
    candidacy = _Candidacy(challenger, registry, report, judge)
    appended = registry.log.extend(candidacy.decide)
    return candidacy.hold_back() if candidacy.objection else candidacy.settle(appended)


@dataclass
class _Candidacy:
    """One challenger on its way: the report of its last comparison, and what speaks against it by now."""

    challenger: Challenger
    registry: ModelRegistry
    report: GateReport
    judge: Judge
    compared_again: int = 0
    objection: str | None = None

    def decide(self, entries: Sequence[ChampionEntry]) -> ChampionEntry | None:
        """The next entry of the log; None when the challenger stands in it already, or is held back."""
        if any(self.challenger.became(entry) for entry in entries):
            return None
        head = entries[-1] if entries else None
        self.objection = self._find_objection(entries, head)
        if self.objection is None and _compared_with(self.report) != _identity(head):
            self._compare_again(head)
        if self.objection:
            return None
        version = self.registry.register(self.challenger, self.report)
        return write_entry(self.challenger, version, self.registry.log, self.report, head)

    def settle(self, appended: ChampionEntry | None) -> Promotion:
        """The challenger stands in the log: let the aliases follow, and say what became of it."""
        head = self.registry.follow()
        if appended or self.challenger.became(head):
            entry = appended or head
            return Promotion(
                decision="promoted",
                reason=entry.reason,
                entry=entry,
                gate_report=self.report,
                compared_again=self.compared_again,
            )
        entries = self.registry.log.entries()
        entry = next(entry for entry in reversed(entries) if self.challenger.became(entry))
        self.objection = (
            f"{self.challenger.model_name} version {entry.model_version} was promoted as champion {entry.n} and has "
            f"been replaced since by version {head.model_version}."
        )
        if undone := object_to_undone(entry.model_id, entries):
            self.objection = _sentence(undone)
        return self.hold_back()

    def hold_back(self) -> Promotion:
        """The champion stays, and the objection says why."""
        return Promotion(
            decision="held_back",
            reason=self.objection or self.report.reason,
            gate_report=self.report,
            compared_again=self.compared_again,
        )

    def _find_objection(self, entries: Sequence[ChampionEntry], head: ChampionEntry | None) -> str | None:
        challenger = self.challenger
        found = (
            *object_to_freeze(self.registry.log.freezes.active(datetime.now(UTC))),
            *object_to_undone(challenger.model_id, entries),
            *find_objections(challenger.model_id, challenger.as_of, head),
        )
        return _sentence(found) if found else None

    def _compare_again(self, head: ChampionEntry | None) -> None:
        self.compared_again += 1
        log.info("%s is the champion now: comparing again", f"version {head.model_version}" if head else "nobody")
        self.report = self.judge(head)
        self.objection = None if self.report.is_promotion else self.report.reason


def _sentence(objections: Sequence[str]) -> str:
    text = "; ".join(objections)
    return f"{text[0].upper()}{text[1:]}."


def _compared_with(report: GateReport) -> tuple[int, str] | None:
    return (report.champion.n, report.champion.model_id) if report.champion else None


def _identity(head: ChampionEntry | None) -> tuple[int, str] | None:
    return (head.n, head.model_id) if head else None


def write_entry(
    challenger: Challenger,
    version: RegisteredVersion,
    champions: ChampionLog,
    report: GateReport,
    head: ChampionEntry | None,
) -> ChampionEntry:
    """The next entry of the champion log.

    Args:
        challenger: who becomes the champion.
        version: as it was registered.
        champions: the log.
        report: of its gates.
        head: whom it follows; None for the first champion.
    """
    n = head.n + 1 if head else 1
    return ChampionEntry(
        n=n,
        model_name=challenger.model_name,
        model_version=version.version,
        model_id=challenger.model_id,
        run_id=challenger.run_id,
        run_dir=portable(challenger.run_dir, champions.uri),
        as_of=challenger.as_of,
        promoted_at=datetime.now(UTC),
        promoted_by=challenger.promoted_by,
        approval=challenger.approval,
        reason=report.reason,
        gate_report=hashlib.sha256(report.to_bytes()).hexdigest(),
        data_hash=challenger.data_hash,
        holdout_hash=challenger.holdout_hash,
        spec_hash=challenger.spec_hash,
        code_hash=challenger.code_hash,
        artifact=portable(version.artifact, champions.uri),
        metrics=dict(challenger.metrics),
        anchor=n if head is None or report.moves_anchor else head.anchor_number,
    )
