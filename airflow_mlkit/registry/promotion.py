"""Promotion: a challenger becomes the champion, or is held back. Safe against other writers and against being killed.

The order is what makes it so: register the version; append to the champion log, which is the promotion; point MLflow's
alias to the head of the log. Killed between any two of these, the next try finds what is done and does the rest.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Literal

from airflow_mlkit.gates.report import GateReport
from airflow_mlkit.registry.address import portable
from airflow_mlkit.registry.challenger import Challenger
from airflow_mlkit.registry.champion_entry import ChampionEntry
from airflow_mlkit.registry.champion_log import ChampionLog
from airflow_mlkit.registry.model_registry import ModelRegistry, RegisteredVersion
from airflow_mlkit.registry.objection import find_objections
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
    again, appended = 0, False
    while True:
        entries = registry.log.entries()
        if any(challenger.became(entry) for entry in entries):
            return _settle(challenger, registry, report, again, appended)
        head = entries[-1] if entries else None
        reason = _find_objection(challenger, head)
        if reason is None and _compared_with(report) != _identity(head):
            again += 1
            log.info("%s is the champion now: comparing again", f"version {head.model_version}" if head else "nobody")
            report = judge(head)
            reason = None if report.is_promotion else report.reason
        if reason:
            return _hold_back(reason, report, again)
        version = registry.register(challenger, report.decision.value)
        # won or lost, the next round looks at the log again: what it finds there is settled as after a crash here
        appended = registry.log.append(_write_entry(challenger, version, registry.log, report, head))
        if not appended:
            log.info("another challenger became the champion in the meantime")


def _settle(
    challenger: Challenger, registry: ModelRegistry, report: GateReport, again: int, appended: bool
) -> Promotion:
    """The challenger stands in the log: let the alias follow, and say what became of it."""
    head = registry.follow()
    entry = next(entry for entry in reversed(registry.log.entries()) if challenger.became(entry))
    if appended or challenger.became(head):
        return Promotion(
            decision="promoted", reason=entry.reason, entry=entry, gate_report=report, compared_again=again
        )
    reason = (
        f"{challenger.model_name} version {entry.model_version} was promoted as champion {entry.n} and has been "
        f"replaced since by version {head.model_version}."
    )
    return _hold_back(reason, report, again)


def _hold_back(reason: str, report: GateReport, again: int) -> Promotion:
    return Promotion(decision="held_back", reason=reason, gate_report=report, compared_again=again)


def _find_objection(challenger: Challenger, head: ChampionEntry | None) -> str | None:
    found = "; ".join(find_objections(challenger.model_id, challenger.as_of, head))
    return f"{found[0].upper()}{found[1:]}." if found else None


def _compared_with(report: GateReport) -> tuple[int, str] | None:
    return (report.champion.n, report.champion.model_id) if report.champion else None


def _identity(head: ChampionEntry | None) -> tuple[int, str] | None:
    return (head.n, head.model_id) if head else None


def _write_entry(
    challenger: Challenger,
    version: RegisteredVersion,
    champions: ChampionLog,
    report: GateReport,
    head: ChampionEntry | None,
) -> ChampionEntry:
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
