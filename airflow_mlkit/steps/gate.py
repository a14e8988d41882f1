"""gate: may the challenger replace the champion? It always succeeds; promote reads the report and acts on it."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

import pyarrow.parquet as pq
from numpy.typing import NDArray

from airflow_mlkit.data.split_record import SplitRecord
from airflow_mlkit.evaluation.metrics import measure
from airflow_mlkit.evaluation.scores import read_scores
from airflow_mlkit.exceptions import RunDirectoryError, StepTerminated
from airflow_mlkit.gates.decide import Champion, Measured, decide
from airflow_mlkit.gates.report import ChallengerSummary, ChampionSummary, GateReport, HoldoutSummary, MetricPair
from airflow_mlkit.project import Project
from airflow_mlkit.registry.champion_entry import ChampionEntry
from airflow_mlkit.registry.champion_log import ChampionLog
from airflow_mlkit.registry.objection import find_objections
from airflow_mlkit.spec.pipeline import ChampionGate
from airflow_mlkit.steps.context import StepContext, StepResult
from airflow_mlkit.workflows.manifest import ModelManifest, load_manifest

log = logging.getLogger("airflow_mlkit.gate")

REPORT_FILE = "gate_report.json"


def run(context: StepContext) -> StepResult:
    """Judge the challenger against the champion as it is now, and write the report.

    Raises:
        RegistryError: when the champion log cannot be read: then nobody knows whether there is a champion.
    """
    report = judge(context, ChampionLog(context.project.champions).head())
    (context.folder / REPORT_FILE).write_bytes(report.to_bytes())
    for result in report.results:
        log.info("%s: %s", "passed" if result.passed else "FAILED", result.reason)
    return StepResult(summary=summarize(report), reason=report.reason)


def judge(context: StepContext, champion: ChampionEntry | None) -> GateReport:
    """Judge the challenger of a run against one champion, on the run's holdout.

    What the champion itself makes impossible (it cannot be loaded, it answers another question) holds the challenger
    back with the reason and raises nothing.

    Args:
        context: of a step that comes after evaluate.
        champion: the entry to compare with; None where there is no champion yet.
    """
    holdout = _Holdout.read(context)
    challenger_id = load_manifest(context.input("train").file("model/model.json").parent).model_id
    measured = holdout.measure(holdout.scores)
    opponent = _measure_champion(context, champion, challenger_id, holdout, measured)
    concerns = (*_find_holdout_concerns(holdout.record), *find_objections(challenger_id, context.as_of, champion))
    verdict = decide(context.spec.gates, measured, opponent, rows=len(holdout.labels), concerns=concerns)
    return GateReport(
        decision=verdict.decision,
        reason=verdict.reason,
        challenger=ChallengerSummary(model_id=challenger_id, run_id=context.run.record.run_id, as_of=context.as_of),
        champion=_summarize_champion(champion),
        holdout=holdout.summarize(),
        results=verdict.results,
        concerns=concerns,
        metrics=_pair_metrics(measured, opponent.measured if opponent else None),
    )


def summarize(report: GateReport) -> dict[str, Any]:
    """The few values of a report that pages and terminals show."""
    return {
        "decision": report.decision.value,
        "reason": report.reason,
        "passed": [result.title for result in report.results if result.passed],
        "failed": [result.title for result in report.failed],
        "champion_version": report.champion.model_version if report.champion else None,
    }


@dataclass(frozen=True)
class _Holdout:
    """The holdout as evaluate scored it."""

    record: SplitRecord
    labels: NDArray[Any]
    scores: NDArray[Any]
    threshold: float

    @classmethod
    def read(cls, context: StepContext) -> _Holdout:
        record = SplitRecord.load(context.input("split").file("split.json"))
        path = context.input("evaluate").file("scores.parquet")
        labels, scores = read_scores(path)
        if len(labels) != record.rows.holdout:
            raise RunDirectoryError(
                f"{path} holds {len(labels)} rows, and the holdout {record.rows.holdout}.",
                hint="It was made from another split. Run evaluate again.",
            )
        return cls(record, labels, scores, context.spec.evaluate.threshold)

    def measure(self, scores: NDArray[Any]) -> Measured:
        found = measure(
            self.record.kind, self.labels, scores, threshold=self.threshold, classes=self.record.classes or None
        )
        return Measured(found.values, found.why_undefined)

    def summarize(self) -> HoldoutSummary:
        counts = self.record.class_counts.get("holdout", ())
        positives = counts[1] if self.record.kind == "binary" and len(counts) == 2 else None
        return HoldoutSummary(rows=len(self.labels), hash=self.record.content_hashes["holdout"], positives=positives)


def _find_holdout_concerns(record: SplitRecord) -> list[str]:
    if record.kind == "regression":
        return []
    counts = dict(zip(record.classes, record.class_counts["holdout"], strict=True))
    present = [name for name, count in counts.items() if count]
    if len(present) > 1:
        return []
    return [f"the holdout holds one class only ({record.label} = {present[0]})" if present else "the holdout is empty"]


def _measure_champion(
    context: StepContext, champion: ChampionEntry | None, challenger_id: str, holdout: _Holdout, challenger: Measured
) -> Champion | None:
    if champion is None:
        return None
    title = f"the champion (version {champion.model_version})"
    if champion.model_id == challenger_id:
        return Champion(title, challenger)
    if not any(isinstance(gate, ChampionGate) for gate in context.spec.gates):
        return Champion(title, None, "no gate asks for it")
    try:
        return _score_champion(context, title, champion, holdout)
    except (StepTerminated, MemoryError):
        raise
    except (
        Exception
    ) as error:  # an old model's own files and code: whatever they do, the challenger is held back with it
        log.warning("%s could not be scored", title, exc_info=True)
        first_line = next(iter(str(error).splitlines()), "").rstrip(".")
        return Champion(title, None, f"it could not be scored ({type(error).__name__}: {first_line})")


def _score_champion(context: StepContext, title: str, champion: ChampionEntry, holdout: _Holdout) -> Champion:
    model = _load(context.project, champion)
    available = pq.read_schema(context.input("split").file("holdout_raw.parquet")).names
    if trouble := _find_difference(model.manifest, holdout.record, available):
        return Champion(title, None, trouble)
    scores = model.score_raw(_read_raw(context, model.manifest.inputs))
    if len(scores) != len(holdout.labels):
        return Champion(title, None, f"it gave {len(scores)} scores for {len(holdout.labels)} rows")
    return Champion(title, holdout.measure(scores))


def _load(project: Project, champion: ChampionEntry) -> Any:
    # the registry brings mlflow; a first champion is judged without it
    from airflow_mlkit.registry.load import load_champion

    return load_champion(project, champion)


def _read_raw(context: StepContext, columns: tuple[str, ...]) -> Any:
    from airflow_mlkit.data.frame import to_frame

    return to_frame(pq.read_table(context.input("split").file("holdout_raw.parquet"), columns=list(columns)))


def _find_difference(manifest: ModelManifest, record: SplitRecord, available: list[str]) -> str | None:
    """Why a champion answers another question than the challenger; None where both answer the same."""
    if manifest.problem_kind != record.kind:
        return f"it is a {manifest.problem_kind} model, and this problem is {record.kind}"
    if manifest.label != record.label:
        return f"it predicts {manifest.label!r}, and the label is now {record.label!r}"
    if manifest.classes != record.classes:
        return f"its classes are {_list(manifest.classes)}, and they are now {_list(record.classes)}"
    if missing := [name for name in manifest.inputs if name not in available]:
        return f"it needs columns that are no longer there: {_list(missing)}"
    return None


def _list(values: Any, most: int = 8) -> str:
    texts = [str(value) for value in values]
    return ", ".join(texts[:most]) + (f" and {len(texts) - most} more" if len(texts) > most else "")


def _summarize_champion(champion: ChampionEntry | None) -> ChampionSummary | None:
    return ChampionSummary.model_validate(champion.model_dump()) if champion else None


def _pair_metrics(challenger: Measured, champion: Measured | None) -> dict[str, MetricPair]:
    return {
        name: MetricPair(challenger=challenger.value(name), champion=champion.value(name) if champion else None)
        for name in challenger.metrics
    }
