"""A forest plot: intervals of a difference under each other, beside 0 and the margin (Lewis & Clarke 2001).

Its marks lie at shares of the width, so that the page can make it as narrow as a phone without making its text smaller;
there the names stand above the lines and not beside them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape

from airflow_mlkit.evaluation.chart import Axis
from airflow_mlkit.gates.comparison import Interval
from airflow_mlkit.gates.numbers import exact

ROW, TOP, BOTTOM = 34, 26, 48
_LEFT_OF_MARGIN, _RIGHT_OF_EQUAL = 0.2, 0.16
"""How much of the width is free for the words at the two lines, at least."""


@dataclass(frozen=True)
class ForestRow:
    """One comparison: its name, the difference with its interval, and both in words.

    Attributes:
        bound: where the one-sided bound lies; None where none decides.
        good: whether nothing speaks against the challenger here.
        whole: whether it is about all rows.
    """

    name: str
    estimate: float
    interval: Interval
    said: str
    good: bool
    bound: float | None = None
    whole: bool = False


def draw_forest(rows: Sequence[ForestRow], margin: float, label: str) -> str:
    """The plot as HTML: what lies left of the margin's line is worse than may be.

    Args:
        rows: from the top down.
        margin: how much worse a challenger may be.
        label: of the axis, in the metric's unit.
    """
    x = _span(rows, margin, label)
    height = TOP + ROW * len(rows) + BOTTOM
    said = escape("; ".join([label, *(f"{row.name}: {row.said}" for row in rows)]))
    marks = "".join(mark for number, row in enumerate(rows) for mark in _draw_row(x, number, row))
    drawing = f'{"".join(_draw_frame(x, margin, height))}<g class="marks">{marks}</g>'
    names = "".join(_write_name(row) for row in rows)
    return (
        f'<div class="forest"><ul class="names" aria-hidden="true" style="margin-top: {TOP}px">{names}</ul>'
        f'<svg style="height: {height}px" role="img" aria-label="{said}">{drawing}</svg></div>'
    )


def _span(rows: Sequence[ForestRow], margin: float, label: str) -> Axis:
    x = Axis.around(label, [*(end for row in rows for end in row.interval), 0.0, -margin])
    width = x.high - x.low
    return Axis(label, min(x.low, -margin - _LEFT_OF_MARGIN * width), max(x.high, _RIGHT_OF_EQUAL * width))


def _across(x: Axis, value: float) -> str:
    return f"{100 * float(x.share(value)):.2f}%"


def _draw_frame(x: Axis, margin: float, height: int) -> Iterable[str]:
    floor, limit, zero = height - BOTTOM, _across(x, -margin), _across(x, 0)
    yield f'<rect class="beyond" x="0" y="{TOP}" width="{limit}" height="{floor - TOP}"/>'
    for tick in x.ticks(8):
        across = _across(x, tick)
        yield _line("grid", across, TOP, floor)
        yield f'<text class="tick" x="{across}" y="{floor + 17}" text-anchor="middle">{exact(tick)}</text>'
    yield _line("line reference", limit, TOP - 18, floor)
    yield _line("zero", zero, TOP - 18, floor)
    yield f'<text class="tick" x="{limit}" dx="-6" y="{TOP - 8}" text-anchor="end">margin</text>'
    yield f'<text class="tick" x="{zero}" dx="6" y="{TOP - 8}">equal</text>'
    yield f'<text x="0" y="{height - 8}">← worse</text>'
    yield f'<text x="50%" y="{height - 8}" text-anchor="middle">{escape(x.label)}</text>'
    yield f'<text x="100%" y="{height - 8}" text-anchor="end">better →</text>'


def _draw_row(x: Axis, number: int, row: ForestRow) -> Iterable[str]:
    middle = TOP + ROW * number + ROW // 2
    low, high = (_across(x, end) for end in row.interval)
    style = "good" if row.good else "bad"
    yield f'<line class="whisker {style}" x1="{low}" x2="{high}" y1="{middle}" y2="{middle}"/>'
    if row.bound is not None:
        yield _line(f"whisker {style}", _across(x, row.bound), middle - 7, middle + 7)
    yield f'<circle class="{style}" cx="{_across(x, row.estimate)}" cy="{middle}" r="5"/>'


def _line(style: str, across: str, top: int, bottom: int) -> str:
    return f'<line class="{style}" x1="{across}" x2="{across}" y1="{top}" y2="{bottom}"/>'


def _write_name(row: ForestRow) -> str:
    style = ' class="whole"' if row.whole else ""
    return f'<li{style} style="height: {ROW}px" title="{escape(row.name)}"><span>{escape(row.name)}</span></li>'
