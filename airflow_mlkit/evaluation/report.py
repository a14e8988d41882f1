"""`report.html`: one page about one model, which needs nothing beside itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from airflow_mlkit.evaluation.confusion import ConfusionTable
from airflow_mlkit.evaluation.metrics import Measurement
from airflow_mlkit.evaluation.page import render_page
from airflow_mlkit.evaluation.plots import Bar, Plot
from airflow_mlkit.evaluation.wording import tell_meaning
from airflow_mlkit.spec.metrics import ALL_METRICS

SHOWN_SLICE_METRICS: dict[str, tuple[str, ...]] = {
    "binary": ("roc_auc", "average_precision", "log_loss", "precision", "recall"),
    "multiclass": ("accuracy", "balanced_accuracy", "log_loss", "f1"),
    "regression": ("rmse", "mae", "r2"),
}


@dataclass(frozen=True)
class Check:
    """A gate of mlkit.yaml as far as it can be seen here; `passed` is None where the step gate has yet to decide."""

    title: str
    passed: bool | None
    finding: str


@dataclass(frozen=True)
class SliceRow:
    """One slice: its name, its rows, and its metrics."""

    name: str
    rows: int
    metrics: Mapping[str, float | None]


@dataclass(frozen=True)
class Report:
    """Everything that the page shows. All text in it is foreign and is escaped by the template."""

    name: str
    description: str
    kind: str
    question: str
    facts: Sequence[tuple[str, str]]
    sentences: Sequence[str]
    checks: Sequence[Check]
    rows: int
    measurement: Measurement
    slices: Mapping[str, Sequence[SliceRow]] = field(default_factory=dict)
    confusion: ConfusionTable | None = None
    plots: Sequence[Plot] = ()
    importance: Sequence[Bar] = ()
    importance_cost: str = ""
    origin: Sequence[tuple[str, str]] = ()


def render_report(report: Report) -> str:
    """The page as HTML."""
    return render_page(
        Path(__file__).parent / "report.html.j2",
        report=report,
        meaning=tell_meaning,
        higher_is_better={name: rule.higher_is_better for name, rule in ALL_METRICS.items()},
        shown=SHOWN_SLICE_METRICS[report.kind],
    )


def describe_problem(kind: str, label: str, classes: Sequence[Any]) -> str:
    """What the model answers, in words."""
    if kind == "regression":
        return f"How large is {label}?"
    if kind == "binary":
        return f"Is {label} = {classes[1]}?"
    shown = ", ".join(str(name) for name in classes[:8])
    return f"Which {label} is it: {shown}{', ...' if len(classes) > 8 else ''}?"
