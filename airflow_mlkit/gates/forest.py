"""A forest plot: intervals of a difference under each other, beside 0 and the margin (Lewis & Clarke 2001)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape

from airflow_mlkit.evaluation.chart import Axis
from airflow_mlkit.gates.comparison import Interval

WIDTH, ROW, TOP, BOTTOM = 960, 34, 30, 52
_LEFT, _RIGHT = 300, 30
_LONGEST_NAME = 40


@dataclass(frozen=True)
class ForestRow:
    """One comparison: its name, and the difference with its interval; `bound` is where the one-sided bound lies."""

    name: str
    estimate: float
    interval: Interval
    bound: float | None
    good: bool


def draw_forest(rows: Sequence[ForestRow], margin: float, label: str) -> str:
    """The plot as an `<svg>` element: what lies left of the margin's line is worse than may be.

    Args:
        rows: from the top down.
        margin: how much worse a challenger may be.
        label: of the axis, in the metric's unit.
    """
    ends = [end for row in rows for end in row.interval]
    x = Axis.around(label, [*ends, 0.0, -margin])
    height = TOP + ROW * len(rows) + BOTTOM
    said = "; ".join(
        f"{row.name}: {row.estimate:.4g}, {row.interval.low:.4g} to {row.interval.high:.4g}" for row in rows
    )
    marks = [*_draw_frame(x, margin, height), *(mark for n, row in enumerate(rows) for mark in _draw_row(x, n, row))]
    head = f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{escape(f"{label}. {said}")}">'
    return f"{head}{''.join(marks)}</svg>"


def _across(x: Axis, value: float) -> float:
    return _LEFT + float(x.share(value)) * (WIDTH - _LEFT - _RIGHT)


def _draw_frame(x: Axis, margin: float, height: int) -> Iterable[str]:
    floor = height - BOTTOM
    limit = _across(x, -margin)
    yield f'<rect class="beyond" x="{_LEFT}" y="{TOP}" width="{max(limit - _LEFT, 0):.1f}" height="{floor - TOP}"/>'
    for tick in x.ticks():
        across = _across(x, tick)
        yield f'<path class="grid" d="M{across:.1f} {TOP}V{floor}"/>'
        yield f'<text class="tick" x="{across:.1f}" y="{floor + 17}" text-anchor="middle">{tick:g}</text>'
    yield f'<path class="line reference" d="M{limit:.1f} {TOP - 6}V{floor}"/>'
    yield f'<text class="tick" x="{limit:.1f}" y="{TOP - 12}" text-anchor="middle">margin</text>'
    zero = _across(x, 0)
    yield f'<path class="zero" d="M{zero:.1f} {TOP - 6}V{floor}"/>'
    if zero - limit > 60:
        yield f'<text class="tick" x="{zero:.1f}" y="{TOP - 12}" text-anchor="middle">equal</text>'
    middle = (_LEFT + WIDTH - _RIGHT) / 2
    yield f'<text x="{middle}" y="{height - 10}" text-anchor="middle">{escape(x.label)}</text>'


def _draw_row(x: Axis, number: int, row: ForestRow) -> Iterable[str]:
    middle = TOP + ROW * number + ROW / 2
    low, high, dot = (_across(x, value) for value in (*row.interval, row.estimate))
    style = "good" if row.good else "bad"
    name = row.name if len(row.name) <= _LONGEST_NAME else f"{row.name[: _LONGEST_NAME - 1]}…"
    yield f'<text x="{_LEFT - 14}" y="{middle + 4}" text-anchor="end">{escape(name)}</text>'
    yield f'<path class="whisker {style}" d="M{low:.1f} {middle}H{high:.1f}"/>'
    if row.bound is not None:
        bound = _across(x, row.bound)
        yield f'<path class="whisker {style}" d="M{bound:.1f} {middle - 7}V{middle + 7}"/>'
    yield f'<circle class="{style}" cx="{dot:.1f}" cy="{middle}" r="5"/>'
