"""gate: may the challenger replace the champion? It always succeeds; promote reads the report and acts on it."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from numpy.typing import NDArray

from airflow_mlkit.data.split_record import SplitRecord
from airflow_mlkit.evaluation.metrics import Floats, measure
from airflow_mlkit.evaluation.scores import read_scores
from airflow_mlkit.evaluation.slices import Slices, cut_declared
from airflow_mlkit.exceptions import RunDirectoryError
from airflow_mlkit.gates.contest import Contest
from airflow_mlkit.gates.decide import Champion, Measured, decide
from airflow_mlkit.gates.numbers import count
from airflow_mlkit.gates.page import WHY_OF_EACH, render_gate_report
from airflow_mlkit.gates.report import (
    ChallengerSummary,
    ChampionSummary,
    GateReport,
    GateResult,
    HoldoutSummary,
    MetricPair,
)
from airflow_mlkit.registry.champion_entry import ChampionEntry
from airflow_mlkit.registry.champion_log import ChampionLog
from airflow_mlkit.registry.looks import LookLog
from airflow_mlkit.registry.objection import find_objections
from airflow_mlkit.spec.data import DateRangeHoldout, Holdout
from airflow_mlkit.spec.metrics import ProblemKind
from airflow_mlkit.spec.pipeline import ChampionGate
from airflow_mlkit.steps.context import StepContext, StepResult
from airflow_mlkit.steps.entities import read_entities
from airflow_mlkit.steps.holdout_gains import read_gains
from airflow_mlkit.steps.holdout_rows import read_holdout_rows
from airflow_mlkit.steps.opponents import Opponent, score_opponent
from airflow_mlkit.steps.sanity import check_sanity
from airflow_mlkit.steps.tried_pods import find_tried
from airflow_mlkit.workflows.manifest import ModelManifest, load_manifest

log = logging.getLogger("airflow_mlkit.gate")

REPORT_FILE, PAGE_FILE = "gate_report.json", "gate_report.html"


@dataclass(frozen=True)
class Judgement:
    """What was found of a challenger, and the scores it was found from where a champion was met."""

    report: GateReport
    kind: ProblemKind
    contest: Contest | None

    def write(self, context: StepContext) -> None:
        """Write the report for the steps, and the page for people."""
        folder, name = context.folder, context.spec.name
        tried = find_tried(context)
        page = render_gate_report(name, self.report, kind=self.kind, contest=self.contest, tried=tried)
        (folder / PAGE_FILE).write_text(page, encoding="utf-8")
        (folder / REPORT_FILE).write_bytes(self.report.to_bytes())


def run(context: StepContext) -> StepResult:
    """Judge the challenger against the champion as it is now, and write the report.

    Raises:
        RegistryError: when the champion log cannot be read: then nobody knows whether there is a champion.
    """
    found = judge(context, ChampionLog(context.project.champions).head())
    found.write(context)
    report = found.report
    for result in report.results:
        log.info("%s: %s", "passed" if result.passed else "FAILED", result.reason)
    for note in report.notes:
        log.warning("%s", note)
    return StepResult(summary=summarize(report), reason=report.reason)


def judge(context: StepContext, champion: ChampionEntry | None) -> Judgement:
    """Judge the challenger of a run against one champion, on the run's holdout.

    What the champion itself makes impossible (it cannot be loaded, it answers another question, it has seen the rows)
    holds the challenger back with the reason and raises nothing. An anchor that cannot be scored any more is said, and
    the champion stands for it.

    Args:
        context: of a step that comes after evaluate.
        champion: the entry to compare with; None where there is no champion yet.
    """
    holdout = _Holdout.read(context)
    challenger = load_manifest(context.input("train").file("model/model.json").parent)
    challenger_id = challenger.model_id
    measured = holdout.measure(holdout.scores)
    match = _arrange(context, champion, challenger, holdout) if champion else None
    concerns = (
        *_find_holdout_concerns(holdout.record),
        *find_objections(challenger_id, context.as_of, champion),
        *(match.concerns if match else ()),
    )
    sanity = check_sanity(context, holdout.record, holdout.labels, holdout.scores, champion)
    against = (*concerns, *(result.objection for result in sanity if not result.passed))
    verdict = decide(
        context.spec.gates, measured, match.champion if match else None, rows=len(holdout.labels), concerns=against
    )
    report = GateReport(
        decision=verdict.decision,
        reason=verdict.reason,
        challenger=ChallengerSummary(model_id=challenger_id, run_id=context.run.record.run_id, as_of=context.as_of),
        champion=_summarize_champion(champion),
        anchor=_summarize_champion(match.anchor if match else None),
        moves_anchor=verdict.moves_anchor or bool(match and match.anchor_is_gone),
        holdout=holdout.summarize(match.looks if match else 1),
        results=verdict.results,
        sanity=sanity,
        concerns=concerns,
        notes=(
            *(match.notes if match else ()),
            *_tell_open_slices(verdict.results),
            *_tell_old_holdout(context.spec.data.holdout, context.as_of),
        ),
        metrics=_pair_metrics(measured, match.measured if match else None),
    )
    return Judgement(report, holdout.record.kind, match.contest if match else None)


@dataclass(frozen=True)
class _Match:
    """Whom the challenger meets, and what is to be said of it. `measured` are the champion's metrics."""

    champion: Champion
    anchor: ChampionEntry
    measured: Measured | None = None
    contest: Contest | None = None
    anchor_is_gone: bool = False
    concerns: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def looks(self) -> int:
        """How many models have asked this holdout."""
        return self.contest.looks if self.contest else 1


def _arrange(context: StepContext, entry: ChampionEntry, challenger: ModelManifest, holdout: _Holdout) -> _Match:
    """Score the champion and the anchor, and count the look that the challenger takes at the holdout."""
    opponent = _meet_champion(context, entry, challenger.model_id, holdout.record, holdout.scores)
    log_of_champions = ChampionLog(context.project.champions)
    anchor = log_of_champions.anchor_of(entry)
    if opponent.scores is None:
        return _Match(Champion(opponent.title, None, opponent.trouble), anchor)
    first = _meet_anchor(context, anchor, entry, holdout.record)
    looks = LookLog(log_of_champions.uri).look(holdout.hash, challenger.model_id, context.run.record.run_id)
    entities = read_entities(context)
    contest = Contest(
        holdout.labels,
        holdout.scores,
        opponent.scores,
        opponent.title,
        anchor=first.scores if first else None,
        since_anchor=max(entry.n - anchor.n, 1),
        groups=entities.of_rows,
        threshold=holdout.threshold,
        quantile=holdout.quantile,
        gains=holdout.gains,
        looks=looks,
        slices=_cut_slices(context),
    )
    is_gone = first is not None and first.scores is None
    notes = (
        *_tell_looks(looks),
        *entities.notes,
        *(f"{each.title}: {each.trouble}" for each in (first,) if each and is_gone),
    )
    return _Match(
        Champion(opponent.title, contest.compare),
        anchor,
        measured=holdout.measure(opponent.scores),
        contest=contest,
        anchor_is_gone=is_gone,
        concerns=opponent.find_luck(challenger),
        notes=notes,
    )


def _tell_looks(looks: int) -> tuple[str, ...]:
    text = (
        f"{looks} models have asked this holdout, so each has to be surer than if it were the first; newer rows, or a "
        "holdout that rolls (last: 30d), give a fresh one"
    )
    return (text,) if looks > 1 else ()


def _tell_old_holdout(holdout: Holdout, as_of: datetime | None) -> tuple[str, ...]:
    """That a holdout of fixed dates has been left behind: it keeps whoever was best then."""
    if not isinstance(holdout, DateRangeHoldout) or holdout.start is None or holdout.end is None or as_of is None:
        return ()
    if as_of.date() - holdout.end <= holdout.end - holdout.start:
        return ()
    text = f"the holdout ends on {holdout.end} whatever is newer, so that models of newer rows are kept out"
    return (f"{text}; last: 30d instead of start and end rolls",)


def _tell_open_slices(results: Iterable[GateResult], most: int = 3) -> tuple[str, ...]:
    """Which slices were not compared; each once, however many gates ask."""
    compared = {
        (part.column, part.name): part for result in results if result.comparison for part in result.comparison.slices
    }
    left_open = [part for part in compared.values() if part.estimate is None]
    texts = [f"{part.column} {part.name} ({count(part.rows, 'row')})" for part in left_open]
    more = f" and {len(texts) - most} more" if len(texts) > most else ""
    verb = "decides" if len(texts) == 1 else "decide"
    found = f"{len(texts)} of {count(len(compared), 'slice')} {verb} nothing: {', '.join(texts[:most])}{more}"
    reasons = {part.reason for part in left_open}
    return (f"{found}, because {reasons.pop()}" if len(reasons) == 1 else f"{found}{WHY_OF_EACH}",) if texts else ()


def _cut_slices(context: StepContext) -> Slices:
    evaluate = context.spec.evaluate
    if not evaluate.slices:
        return {}
    return cut_declared(read_holdout_rows(context, evaluate.slice_columns), evaluate.slices)


def summarize(report: GateReport) -> dict[str, Any]:
    """The few values of a report that pages and terminals show."""
    return {
        "decision": report.decision.value,
        "reason": report.reason,
        "findings": [[result.title, result.passed, result.reason] for result in report.results],
        "passed": [result.title for result in report.results if result.passed],
        "failed": [*(gate.title for gate in report.failed), *(check.title for check in report.failed_sanity)],
        "champion_version": report.champion.model_version if report.champion else None,
    }


@dataclass(frozen=True)
class _Holdout:
    """The holdout as evaluate scored it."""

    record: SplitRecord
    labels: NDArray[Any]
    scores: NDArray[Any]
    threshold: float
    quantile: float | None
    gains: Floats | None

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
        evaluate, gains = context.spec.evaluate, read_gains(context, record, labels)
        return cls(record, labels, scores, evaluate.threshold, evaluate.quantile, gains)

    def measure(self, scores: NDArray[Any]) -> Measured:
        found = measure(
            self.record.kind,
            self.labels,
            scores,
            threshold=self.threshold,
            classes=self.record.classes or None,
            gains=self.gains,
            quantile=self.quantile,
        )
        return Measured(found.values, found.why_undefined)

    @property
    def hash(self) -> str:
        """Of its rows."""
        return self.record.content_hashes["holdout"]

    def summarize(self, looks: int) -> HoldoutSummary:
        counts = self.record.class_counts.get("holdout", ())
        positives = counts[1] if self.record.kind == "binary" and len(counts) == 2 else None
        return HoldoutSummary(rows=len(self.labels), hash=self.hash, positives=positives, looks=looks)


def _find_holdout_concerns(record: SplitRecord) -> list[str]:
    if record.kind == "regression":
        return []
    counts = dict(zip(record.classes, record.class_counts["holdout"], strict=True))
    present = [name for name, count in counts.items() if count]
    if len(present) > 1:
        return []
    return [f"the holdout holds one class only ({record.label} = {present[0]})" if present else "the holdout is empty"]


def _meet_champion(
    context: StepContext, champion: ChampionEntry, challenger_id: str, record: SplitRecord, scores: NDArray[Any]
) -> Opponent:
    if champion.model_id == challenger_id:
        return Opponent(f"the champion (version {champion.model_version})", scores)
    if not any(isinstance(gate, ChampionGate) for gate in context.spec.gates):
        return Opponent(f"the champion (version {champion.model_version})", None, "no gate asks for it")
    return score_opponent(context, "champion", champion, record)


def _meet_anchor(
    context: StepContext, anchor: ChampionEntry, champion: ChampionEntry, record: SplitRecord
) -> Opponent | None:
    """The anchor scored, None where it is the champion itself."""
    if anchor.model_id == champion.model_id:
        return None
    return score_opponent(context, "anchor", anchor, record)


def _summarize_champion(champion: ChampionEntry | None) -> ChampionSummary | None:
    return ChampionSummary.model_validate(champion.model_dump()) if champion else None


def _pair_metrics(challenger: Measured, champion: Measured | None) -> dict[str, MetricPair]:
    return {
        name: MetricPair(challenger=challenger.value(name), champion=champion.value(name) if champion else None)
        for name in challenger.metrics
    }
