"""`gate_report.html`: why a challenger was promoted or held back, on one page that needs nothing beside it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from airflow_mlkit.evaluation.chart import Axis, Chart, histogram
from airflow_mlkit.evaluation.metrics import cumulative_counts
from airflow_mlkit.evaluation.page import render_page
from airflow_mlkit.evaluation.plots import Plot
from airflow_mlkit.gates.comparison_view import view_comparison
from airflow_mlkit.gates.contest import SLICE_CONFIDENCE, Contest
from airflow_mlkit.gates.decision import Decision
from airflow_mlkit.gates.difference import tell_difference
from airflow_mlkit.gates.numbers import count, sure
from airflow_mlkit.gates.report import GateReport, MetricPair
from airflow_mlkit.spec.metrics import ALL_METRICS, ProblemKind, rule_of

VERDICTS = {
    Decision.PROMOTE: "may be promoted",
    Decision.HOLD_BACK: "held back",
    Decision.UNDECIDED: "undecided, so held back",
}
WHY_OF_EACH = "; the gate report says why of each"
"""How a note ends that sends whoever reads it elsewhere to this page; here it is a link to the table of slices."""
_BINS = 40


def render_gate_report(
    name: str,
    report: GateReport,
    *,
    kind: ProblemKind,
    contest: Contest | None = None,
    tried: Mapping[str, str] = MappingProxyType({}),
) -> str:
    """The page as HTML.

    Args:
        name: of the project.
        report: what the gate found.
        kind: of problem.
        contest: the scores of both models, for the curves; None where no champion was met.
        tried: what the pods of each step were, in words; empty where steps are no pods.
    """
    views = [view_comparison(result.comparison) for result in report.results if result.comparison]
    return render_page(
        Path(__file__).parent / "gate_report.html.j2",
        name=name,
        report=report,
        verdict=VERDICTS[report.decision],
        facts=list(_list_facts(report)),
        notes=[(note.removesuffix(WHY_OF_EACH), note.endswith(WHY_OF_EACH)) for note in report.notes],
        views=[view for view in views if view],
        plots=_draw_both(kind, contest) if contest else [],
        metrics=[(metric, pair, _tell_gain(metric, pair)) for metric, pair in report.metrics.items()],
        higher_is_better={metric: rule.higher_is_better for metric, rule in ALL_METRICS.items()},
        sure=sure,
        slice_confidence=SLICE_CONFIDENCE,
        tried=tried,
    )


def _tell_gain(metric: str, pair: MetricPair) -> str:
    """How much better the challenger is, without a word about chance."""
    if pair.challenger is None or pair.champion is None:
        return "–"
    difference = pair.challenger - pair.champion
    decimals = 4 if max(abs(pair.challenger), abs(pair.champion)) < 10 else 1
    return tell_difference(difference if rule_of(metric).higher_is_better else -difference, decimals)


def _list_facts(report: GateReport) -> Iterator[tuple[str, str]]:
    yield "Challenger", report.challenger.model_id[:12]
    yield "Champion", f"version {report.champion.model_version}" if report.champion else "none yet"
    if report.champion and report.anchor:
        same = report.anchor.n == report.champion.n
        yield "Anchor", "the champion" if same else f"version {report.anchor.model_version}"
    yield "Holdout rows", f"{report.holdout.rows:,}"
    if report.holdout.positives is not None:
        yield "Positives", f"{report.holdout.positives:,}"
    if report.champion:
        yield "Holdout asked by", count(report.holdout.looks, "model")
    if report.challenger.as_of:
        yield "As of", f"{report.challenger.as_of:%Y-%m-%d %H:%M}"


def _draw_both(kind: ProblemKind, contest: Contest) -> list[Plot]:
    if not all(np.isfinite(scores).all() for scores in (contest.champion, contest.challenger)):
        return []
    if kind == "binary":
        curves = {
            name: cumulative_counts(contest.labels == 1, scores)
            for name, scores in (("champion", contest.champion), ("challenger", contest.challenger))
        }
        has_both = all(hits[-1] and misses[-1] for hits, misses in curves.values())
        return [_draw_roc(curves), _draw_precision_recall(curves)] if has_both else []
    if kind == "regression":
        return [_draw_errors(contest)]
    return []


Curves = dict[str, tuple[NDArray[Any], NDArray[Any]]]


def _draw_roc(curves: Curves) -> Plot:
    chart = Chart(Axis("False positive rate", 0, 1), Axis("True positive rate", 0, 1), "ROC curves of both models")
    chart.line([0, 1], [0, 1], "reference", "chance")
    for (name, (hits, misses)), style in zip(curves.items(), ("s2", "s1"), strict=True):
        chart.line(np.append(0, misses) / misses[-1], np.append(0, hits) / hits[-1], style, name)
    return Plot("ROC", "The curve further to the upper left is the better one.", chart.svg())


def _draw_precision_recall(curves: Curves) -> Plot:
    chart = Chart(Axis("Recall", 0, 1), Axis("Precision", 0, 1), "Precision against recall of both models")
    for (name, (hits, misses)), style in zip(curves.items(), ("s2", "s1"), strict=True):
        chart.line(hits / hits[-1], hits / (hits + misses), style, name)
    return Plot("Precision and recall", "The higher curve is the better one.", chart.svg())


def _draw_errors(contest: Contest) -> Plot:
    errors = {
        name: contest.labels - scores
        for name, scores in (("champion", contest.champion), ("challenger", contest.challenger))
    }
    low, high = (float(end) for end in np.quantile(np.concatenate(list(errors.values())), [0.005, 0.995]))
    drawn = {name: histogram(values, low, high, _BINS) for name, values in errors.items()}
    highest = max(float(shares.max()) for _, shares in drawn.values())
    chart = Chart(
        Axis("Actual minus predicted", low, high),
        Axis.around("Share of the rows", [highest], zero=True),
        "Distribution of both models' errors",
    )
    for (name, (edges, shares)), style in zip(drawn.items(), ("s2", "s1"), strict=True):
        chart.bars(edges, shares, style, name)
    return Plot(
        "Errors", "The narrower one around 0 is better. The outermost half percent is at the ends.", chart.svg()
    )
