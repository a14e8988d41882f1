"""From a version that MLflow knows, and the champion log does not, to an entry: its tags tell what an entry needs."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from pydantic import ValidationError

from airflow_mlkit.exceptions import UserError
from airflow_mlkit.registry.address import portable
from airflow_mlkit.registry.champion_entry import ChampionEntry
from airflow_mlkit.registry.mlflow_client import refusals_of
from airflow_mlkit.registry.model_registry import ModelRegistry

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion

_TAGS = ("model_id", "run_id", "run_dir", "as_of", "data_hash", "holdout_hash", "spec_hash", "code_hash")
_REPORT_FILE = "gate_report.json"


def recall_entry(registry: ModelRegistry, version: ModelVersion) -> ChampionEntry:
    """What the entry of a version that was never champion would say; who decides, and why, is not in it yet.

    Raises:
        UserError: when the version was not made by the kit.
        RegistryError: when MLflow refuses.
    """
    tags = {name: version.tags.get(f"mlkit.{name}") for name in _TAGS}
    try:
        return ChampionEntry.model_validate(
            tags
            | {
                "n": 1,
                "model_name": registry.model_name,
                "model_version": str(version.version),
                "run_dir": portable(tags["run_dir"], registry.log.uri) if tags["run_dir"] else None,
                "promoted_at": datetime.now(UTC),
                "promoted_by": "",
                "reason": "",
                "gate_report": _hash_report(registry, version),
                "artifact": portable(str(version.source), registry.log.uri),
                "metrics": _read_metrics(registry, version),
            }
        )
    except ValidationError as error:
        lacking = ", ".join(f"mlkit.{problem['loc'][0]}" for problem in error.errors())
        raise UserError(
            f"{registry.model_name} version {version.version} was not made by mlkit: it lacks the tags {lacking}.",
            hint="The kit loads only models that carry their features code and their id: train it with mlkit run, or, "
            "as the first champion, mlkit adopt it.",
        ) from None


def _hash_report(registry: ModelRegistry, version: ModelVersion) -> str | None:
    """The hash of the gate report that was kept beside the model; None where there is none."""
    content = registry.document(version, _REPORT_FILE)
    return hashlib.sha256(content).hexdigest() if content is not None else None


def _read_metrics(registry: ModelRegistry, version: ModelVersion) -> dict[str, float]:
    if not version.run_id:
        return {}
    with refusals_of(registry.uri):
        return dict(registry.client.get_run(version.run_id).data.metrics)
