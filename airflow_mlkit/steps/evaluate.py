"""evaluate: the model's scores on the holdout, its metrics there and on each slice, and the page that shows them."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from airflow_mlkit.data.split_record import SplitRecord
from airflow_mlkit.evaluation.confusion import ConfusionTable, tabulate_confusion
from airflow_mlkit.evaluation.importance import COST, measure_importance
from airflow_mlkit.evaluation.metrics import Floats, Measurement, measure
from airflow_mlkit.evaluation.plots import draw_plots, shown_importance
from airflow_mlkit.evaluation.report import Check, Report, SliceRow, describe_problem, render_report
from airflow_mlkit.evaluation.scores import write_scores
from airflow_mlkit.evaluation.slices import cut_declared
from airflow_mlkit.evaluation.wording import tell
from airflow_mlkit.exceptions import RunDirectoryError
from airflow_mlkit.gates.decide import Measured, judge_gate
from airflow_mlkit.gates.numbers import short
from airflow_mlkit.gates.report import describe_gate
from airflow_mlkit.spec.pipeline import ChampionGate
from airflow_mlkit.steps.context import StepContext, StepResult
from airflow_mlkit.steps.holdout_gains import read_gains
from airflow_mlkit.workflows.manifest import ModelManifest
from airflow_mlkit.workflows.model import Model

log = logging.getLogger("airflow_mlkit.evaluate")

Slices = Mapping[str, Sequence[SliceRow]]


@dataclass(frozen=True)
class _Scored:
    """The holdout with a model's scores."""

    record: SplitRecord
    labels: NDArray[Any]
    scores: NDArray[Any]
    threshold: float
    quantile: float | None
    gains: Floats | None

    def measure(self, rows: Any = slice(None)) -> Measurement:
        return measure(
            self.record.kind,
            self.labels[rows],
            self.scores[rows],
            threshold=self.threshold,
            classes=self.record.classes or None,
            quantile=self.quantile,
            gains=None if self.gains is None else self.gains[rows],
        )


def run(context: StepContext) -> StepResult:
    """Evaluate the model of this run on its holdout."""
    record = SplitRecord.load(context.input("split").file("split.json"))
    model = Model.load(context.input("train").folder("model"))
    holdout = _read_arrow(context.input("split").file("holdout.arrow"))
    labels, features = holdout[record.label].to_numpy(), holdout[list(record.feature_names)]
    evaluate = context.spec.evaluate
    scores, gains = np.asarray(model.score(features)), read_gains(context, record, labels)
    scored = _Scored(record, labels, scores, evaluate.threshold, evaluate.quantile, gains)
    measurement, slices = scored.measure(), _measure_slices(context, scored)
    write_scores(context.folder / "scores.parquet", labels, scored.scores)
    _write_metrics(context.folder / "metrics.json", len(labels), measurement, slices)
    importance = measure_importance(model.score, features, labels, record.kind, context.spec.train.seed)
    report = _build_report(context, model.manifest, scored, measurement, slices)
    report = replace(report, importance=shown_importance(importance or {}))
    (context.folder / "report.html").write_text(render_report(report), encoding="utf-8")
    _log_undefined(measurement)
    return StepResult(summary={"rows": len(labels), "metrics": measurement.values})


def _read_arrow(path: Path) -> pd.DataFrame:
    frame: pd.DataFrame = pa.ipc.open_file(pa.memory_map(str(path))).read_all().to_pandas()
    return frame


def _measure_slices(context: StepContext, scored: _Scored) -> Slices:
    evaluate = context.spec.evaluate
    if not evaluate.slices:
        return {}
    path = context.input("split").file("holdout_raw.parquet")
    raw = pq.read_table(path, columns=list(evaluate.slice_columns))
    if raw.num_rows != len(scored.labels):
        raise RunDirectoryError(f"{path} and holdout.arrow do not hold the same rows.", hint="Run split again.")
    return {
        name: [SliceRow(part.name, len(part.rows), scored.measure(part.rows).values) for part in parts]
        for name, parts in cut_declared(raw, evaluate.slices).items()
    }


def _write_metrics(path: Path, rows: int, measurement: Measurement, slices: Slices) -> None:
    content = {
        "rows": rows,
        "metrics": measurement.values,
        "why_undefined": measurement.why_undefined,
        "slices": {
            column: {part.name: {"rows": part.rows, "metrics": part.metrics} for part in parts}
            for column, parts in slices.items()
        },
    }
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8")


def _log_undefined(measurement: Measurement) -> None:
    for reason in dict.fromkeys(measurement.why_undefined.values()):
        names = [name for name, why in measurement.why_undefined.items() if why == reason]
        log.warning("%s undefined: %s", ", ".join(names), reason)


def _build_report(
    context: StepContext, manifest: ModelManifest, scored: _Scored, measurement: Measurement, slices: Slices
) -> Report:
    spec, record, rows = context.spec, scored.record, len(scored.labels)
    return Report(
        name=spec.name,
        description=spec.description,
        kind=record.kind,
        question=describe_problem(record.kind, record.label, record.classes),
        facts=_list_facts(context, record),
        sentences=tell(record.kind, measurement.values, threshold=scored.threshold, rows=rows),
        checks=_stand(context, measurement, rows),
        rows=rows,
        measurement=measurement,
        slices=slices,
        confusion=_tabulate_confusion(scored),
        plots=draw_plots(record.kind, scored.labels, scored.scores, record.classes) if _is_drawable(scored) else (),
        importance_cost=COST[record.kind],
        origin=_list_origin(context, record, manifest),
    )


def _is_drawable(scored: _Scored) -> bool:
    return len(scored.labels) > 0 and bool(np.isfinite(scored.scores).all())


def _tabulate_confusion(scored: _Scored) -> ConfusionTable | None:
    if not scored.record.classes or not _is_drawable(scored):
        return None
    return tabulate_confusion(scored.labels, scored.scores, scored.record.classes, scored.threshold)


def _stand(context: StepContext, measurement: Measurement, rows: int) -> list[Check]:
    measured = Measured(measurement.values, measurement.why_undefined)
    checks = []
    for gate in context.spec.gates:
        if isinstance(gate, ChampionGate):
            value = measured.value(gate.metric)
            finding = (
                f"this model has {short(value)}" if value is not None else f"undefined: {measured.why(gate.metric)}"
            )
            checks.append(Check(describe_gate(gate), None, finding))
        else:
            result = judge_gate(gate, measured, None, rows)
            checks.append(Check(describe_gate(gate), result.passed, result.reason))
    return checks


def _list_facts(context: StepContext, record: SplitRecord) -> list[tuple[str, str]]:
    facts = [
        ("Training rows", f"{record.rows.training:,}"),
        ("Validation rows", f"{record.rows.validation:,}"),
        ("Holdout rows", f"{record.rows.holdout:,}"),
    ]
    facts += [
        (f"Dates of the {part}", _format_range(dates)) for part, dates in record.dates.items() if part != "validation"
    ]
    if context.as_of:
        facts.append(("As of", f"{context.as_of:%Y-%m-%d %H:%M}"))
    if record.kind == "binary" and record.rows.holdout:
        positives = record.class_counts["holdout"][1]
        facts.append(("Positives in the holdout", f"{positives:,} ({positives / record.rows.holdout:.1%})"))
    return facts


def _format_range(dates: tuple[Any, Any]) -> str:
    return f"{dates[0]:%Y-%m-%d} to {dates[1]:%Y-%m-%d}"


def _list_origin(context: StepContext, record: SplitRecord, manifest: ModelManifest) -> list[tuple[str, str]]:
    return [
        ("Model id", manifest.model_id),
        ("Estimator", manifest.estimator),
        ("Workflow", manifest.workflow),
        ("Run", context.run.record.run_id),
        ("Snapshot", record.snapshot_hash),
        ("Training rows", record.content_hashes["training"]),
        ("Holdout", record.content_hashes["holdout"]),
        ("Spec", context.project.spec_hash),
        ("Code", manifest.code_hash),
        ("Owner", context.spec.owner),
    ]
