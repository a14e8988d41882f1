"""Challengers whose models are one small file, for tests of promotion; a larger score is a better model."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from airflow_mlkit.gates.report import GateReport
from airflow_mlkit.registry import ChampionEntry, ChampionLog
from airflow_mlkit.registry.challenger import Challenger
from airflow_mlkit.registry.model_registry import ModelRegistry
from airflow_mlkit.registry.promotion import promote


def open_registry(folder: Path, champions: str | None = None) -> ModelRegistry:
    log = ChampionLog(champions or folder / ".mlkit/champions/churn")
    return ModelRegistry(f"sqlite:///{folder}/.mlkit/mlflow.db", "churn", log)


def build_challenger(folder: Path, score: int, **changed: object) -> Challenger:
    model = folder / f"model-{score}"
    model.mkdir(exist_ok=True)
    (model / "model.json").write_text(f'{{"score": {score}}}')
    report = folder / "report.html"
    report.write_text("<p>report</p>")
    fields: dict[str, object] = {
        "model_name": "churn",
        "model_id": f"{score:064x}",
        "run_id": f"manual__{score}'\"",
        "run_dir": str(folder / "runs" / str(score)),
        "as_of": datetime(2026, 1, 1, tzinfo=UTC),
        "owner": "ana",
        "data_hash": "d",
        "holdout_hash": "h",
        "spec_hash": "s",
        "code_hash": "c",
        "params": {"max_depth": 3, "wünsche & more": [1, 2]},
        "metrics": {"roc_auc": score / 100, "f1": None},
        "model": model,
        "documents": (report,),
    }
    return Challenger(**(fields | changed))  # type: ignore[arg-type]


def report_against(champion: ChampionEntry | None, challenger: Challenger, *, moves_anchor: bool = False) -> GateReport:
    """A gate in which the larger score is the better one."""
    own, other = challenger.metrics["roc_auc"] or 0, champion.metrics["roc_auc"] or 0 if champion else -1
    return GateReport.model_validate(
        {
            "decision": "promote" if own > other else "hold_back",
            "reason": f"roc_auc {own} against {other}",
            "challenger": {"model_id": challenger.model_id, "run_id": challenger.run_id, "as_of": challenger.as_of},
            "champion": champion.model_dump() if champion else None,
            "moves_anchor": moves_anchor,
            "holdout": {"rows": 100, "hash": "h"},
        }
    )


def make_champions(registry: ModelRegistry, folder: Path, *scores: int) -> list[ChampionEntry]:
    """Promote a challenger after the other. Returns the log."""
    for score in scores:
        challenger = build_challenger(folder, score, model_name=registry.model_name)
        head = registry.log.head()
        promotion = promote(challenger, registry, report_against(head, challenger), pytest.fail)
        assert promotion.decision == "promoted", promotion.reason
    return registry.log.entries()


def build_entry(n: int, **changed: object) -> ChampionEntry:
    """An entry of a champion log with that number."""
    fields = {
        "n": n,
        "model_name": "churn",
        "model_version": str(n),
        "model_id": f"{n:064x}",
        "run_id": f"r{n}",
        "run_dir": "../runs/r",
        "promoted_at": datetime(2026, 1, n, tzinfo=UTC),
        "promoted_by": "ana",
        "reason": "better",
        "artifact": "../mlartifacts/1/model",
    }
    hashes = dict.fromkeys(["gate_report", "data_hash", "holdout_hash", "spec_hash", "code_hash"], "00")
    return ChampionEntry.model_validate(fields | hashes | changed)
