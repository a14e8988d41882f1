"""Adoption: a model that was made elsewhere becomes the first champion because a person says so.

The same order as every promotion, with a step before it: let the registered model follow the log; register the copy
in the kit's format; append entry 1; let MLflow's aliases follow. Killed in between, the same command goes on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from airflow_mlkit.exceptions import UserError
from airflow_mlkit.gates.report import GateReport
from airflow_mlkit.project import Project
from airflow_mlkit.registry.by_hand import Change, carry_out
from airflow_mlkit.registry.challenger import Challenger
from airflow_mlkit.registry.champion_entry import ChampionEntry
from airflow_mlkit.registry.model_registry import ModelRegistry
from airflow_mlkit.registry.promotion import write_entry
from airflow_mlkit.registry.word import Word


@dataclass(frozen=True)
class TrainingWord:
    """What a person says about the rows that an adopted model has learned from.

    Attributes:
        until: no row that is dated later.
        unseen_because: no row of the holdout; the reason.
    """

    until: datetime | None = None
    unseen_because: str | None = None


def adopt_challenger(
    project: Project, challenger: Challenger, report: GateReport, word: Word, training: TrainingWord
) -> Change:
    """Make a model that was taken over the first champion.

    Args:
        project: whose model it is to be.
        challenger: the model in the kit's format; its provenance says where it comes from.
        report: what the gates found; it is kept, and a person's word counts.
        word: who says so, and why.
        training: what she says of its training rows.

    Raises:
        UserError: when there is a champion already.
        RegistryError: when the copy does not score as it did, or MLflow refuses.
    """
    registry = ModelRegistry.of(project)

    def decide(now: Sequence[ChampionEntry]) -> ChampionEntry | None:
        refuse_champion(now, challenger.run_id)
        return None if now else entry

    refuse_champion(registry.log.entries(), challenger.run_id)
    registry.claim()
    said = {
        "action": "adopt",
        "promoted_by": word.by,
        "by_person": True,
        "reason": word.reason,
        "adopted_from": challenger.provenance.adopted_from,
        "trained_until": training.until,
        "unseen_because": training.unseen_because,
    }
    entry = write_entry(challenger, registry.register(challenger, report), registry.log, report, None)
    entry = entry.model_copy(update=said)
    return carry_out(project, registry, entry, decide)


def refuse_champion(entries: Sequence[ChampionEntry], run_id: str) -> None:
    """See that there is no champion yet, or that it is the one that this very adoption has made.

    Raises:
        UserError: when there is another one.
    """
    if not entries or (len(entries) == 1 and entries[0].action == "adopt" and entries[0].run_id == run_id):
        return
    raise UserError(
        f"There is a champion already: {entries[-1].title} (entry {entries[-1].n}). Only the first one can be adopted.",
        hint="mlkit audit shows the log. A retrain replaces it, and so does a person with mlkit promote.",
    )
