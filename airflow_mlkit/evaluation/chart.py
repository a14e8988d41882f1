"""Charts as inline SVG, drawn from arrays: a plane with two axes, and lines, points, areas and bars on it.

Colours are CSS classes (`s1`, `s2`, ... in report.html.j2), so that the page is right in light, dark and print; text
stays text. docs/adr/0006-own-metrics-and-plots.md says why this is not matplotlib.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

WIDTH, HEIGHT = 480, 340
_LEFT, _RIGHT, _TOP, _BOTTOM = 62, 14, 12, 46
_MOST_POINTS = 300


@dataclass(frozen=True)
class Axis:
    """A range of numbers, what it stands for, and where its ticks are."""

    label: str
    low: float
    high: float

    @classmethod
    def around(cls, label: str, *values: ArrayLike, zero: bool = False) -> Axis:
        """An axis on which all values lie with a little air; from 0 on when asked for."""
        all_values = np.concatenate(
            [np.ravel(np.asarray(value, dtype=np.float64)) for value in values] or [np.zeros(1)]
        )
        low, high = (float(all_values.min()), float(all_values.max())) if len(all_values) else (0.0, 1.0)
        low = 0.0 if zero else low
        air = (high - low) * 0.04 or abs(high) * 0.5 or 1.0
        return cls(label, low if zero else low - air, high + air)

    def ticks(self, most: int = 6) -> list[float]:
        """Round numbers inside the range: 1, 2 or 5 times a power of ten apart."""
        rough = (self.high - self.low) / most
        power = 10.0 ** np.floor(np.log10(rough))
        step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * 0.999)
        first = np.ceil(self.low / step - 1e-9)
        last = np.floor(self.high / step + 1e-9)
        return [float(f"{k * step:.12g}") + 0.0 for k in np.arange(first, last + 1)]  # + 0.0: there is no tick at -0

    def share(self, values: ArrayLike) -> NDArray[np.float64]:
        """Where values lie between the ends: 0 to 1."""
        return (np.asarray(values, dtype=np.float64) - self.low) / (self.high - self.low)


@dataclass
class Chart:
    """A plane on which marks are drawn in order.

    Args:
        x: the horizontal axis.
        y: the vertical axis.
        summary: what a person who cannot see the chart should know of it.
    """

    x: Axis
    y: Axis
    summary: str
    _marks: list[str] = field(default_factory=list)
    _legend: list[tuple[str, str]] = field(default_factory=list)

    def line(self, x: ArrayLike, y: ArrayLike, style: str, name: str | None = None) -> Chart:
        """A line through the points; thinned out where there are more than a screen shows."""
        kept = thin_out(len(np.asarray(x)))
        points = " ".join(f"{a:.1f},{b:.1f}" for a, b in self._place(np.asarray(x)[kept], np.asarray(y)[kept]))
        self._marks.append(f'<polyline class="line {style}" points="{points}"/>')
        return self._name(style, name)

    def points(self, x: ArrayLike, y: ArrayLike, style: str, name: str | None = None, radius: float = 3) -> Chart:
        """A dot at each point."""
        dots = "".join(f'<circle cx="{a:.1f}" cy="{b:.1f}" r="{radius:g}"/>' for a, b in self._place(x, y))
        self._marks.append(f'<g class="dots {style}">{dots}</g>')
        return self._name(style, name)

    def bars(self, edges: ArrayLike, heights: ArrayLike, style: str, name: str | None = None) -> Chart:
        """Touching bars between edges: a histogram. `edges` has one number more than `heights`."""
        x, y = np.repeat(np.asarray(edges), 2), np.concatenate([[0], np.repeat(np.asarray(heights), 2), [0]])
        points = " ".join(f"{a:.1f},{b:.1f}" for a, b in self._place(x, y))
        self._marks.append(f'<polygon class="area {style}" points="{points}"/>')
        return self._name(style, name)

    def _name(self, style: str, name: str | None) -> Chart:
        if name:
            self._legend.append((style, name))
        return self

    def _place(self, x: ArrayLike, y: ArrayLike) -> list[tuple[float, float]]:
        across = _LEFT + np.clip(self.x.share(x), 0, 1) * (WIDTH - _LEFT - _RIGHT)
        down = HEIGHT - _BOTTOM - np.clip(self.y.share(y), 0, 1) * (HEIGHT - _TOP - _BOTTOM)
        return list(zip(across.tolist(), down.tolist(), strict=True))

    def svg(self) -> str:
        """The chart as an `<svg>` element with its legend after it."""
        drawing = "".join([*self._grid(), *self._marks, *self._labels()])
        head = f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(self.summary)}">'
        return f"{head}{drawing}</svg>{_draw_legend(self._legend)}"

    def _grid(self) -> Iterable[str]:
        right, floor = WIDTH - _RIGHT, HEIGHT - _BOTTOM
        for tick, text in _with_texts(self.x.ticks()):
            ((a, _),) = self._place([tick], [self.y.low])
            yield f'<path class="grid" d="M{a:.1f} {_TOP}V{floor}"/>'
            yield f'<text class="tick" x="{a:.1f}" y="{floor + 17}" text-anchor="middle">{text}</text>'
        for tick, text in _with_texts(self.y.ticks()):
            ((_, b),) = self._place([self.x.low], [tick])
            yield f'<path class="grid" d="M{_LEFT} {b:.1f}H{right}"/>'
            yield f'<text class="tick" x="{_LEFT - 7}" y="{b + 4:.1f}" text-anchor="end">{text}</text>'

    def _labels(self) -> Iterable[str]:
        center, middle = (_LEFT + WIDTH - _RIGHT) / 2, (_TOP + HEIGHT - _BOTTOM) / 2
        yield f'<text x="{center}" y="{HEIGHT - 8}" text-anchor="middle">{escape(self.x.label)}</text>'
        yield f'<text transform="rotate(-90)" x="{-middle}" y="14" text-anchor="middle">{escape(self.y.label)}</text>'


def thin_out(count: int, most: int = _MOST_POINTS) -> NDArray[np.int64]:
    """Positions of at most `most` of `count` things, evenly spread, with the first and the last."""
    return np.unique(np.linspace(0, max(count - 1, 0), min(count, most)).astype(np.int64))


def _with_texts(ticks: Sequence[float]) -> list[tuple[float, str]]:
    largest = max((abs(tick) for tick in ticks), default=0)
    for size, suffix in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if largest >= size:
            unit = 1e3 if suffix == "k" else size
            return [(tick, f"{tick / unit:g}{suffix}" if tick else "0") for tick in ticks]
    return [(tick, f"{tick:g}") for tick in ticks]


def _draw_legend(entries: list[tuple[str, str]]) -> str:
    items = "".join(f'<li><span class="key {style}"></span>{escape(name)}</li>' for style, name in entries)
    return f'<ul class="legend">{items}</ul>' if len(entries) > 1 else ""


def histogram(
    values: NDArray[Any], low: float, high: float, bins: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(edges, share of the values in each bin); values beyond the ends count into the outermost bins."""
    counts, edges = np.histogram(np.clip(values, low, high), bins=bins, range=(low, high))
    return edges, counts / max(len(values), 1)
