"""The page of `mlkit lineage --html`: the graph drawn as SVG, and the same as a list. It needs nothing beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from html import escape
from math import inf
from pathlib import Path
from statistics import mean

from airflow_mlkit.evaluation.page import render_page
from airflow_mlkit.registry.drawn_text import fit_begin, fit_end
from airflow_mlkit.registry.lineage_graph import Box, LineageGraph

WIDTH, GAP, SPACE = 258, 74, 16
_LINE, _HEAD, _FOOT = 17, 26, 8
_ROOM = WIDTH - 2 * 12
_TITLE_SIZE, _LINE_SIZE = 14 * 1.13, 12
"""Pixels, as lineage.html.j2 and page.html.j2 have them; letters of a title are bold, and broader."""


@dataclass(frozen=True)
class _Place:
    """Where a box is drawn."""

    x: float
    y: float
    height: float

    @property
    def middle(self) -> float:
        """The height at which lines meet it."""
        return self.y + self.height / 2


def render_lineage(graph: LineageGraph) -> str:
    """The page as HTML. Every name in it is foreign, and escaped."""
    titles = {box.key: box.title for box in graph.boxes}
    rows = [(box, [titles[key] for key in graph.reached_from(box.key)]) for box in graph.boxes]
    return render_page(Path(__file__).parent / "lineage.html.j2", graph=graph, drawing=draw_lineage(graph), rows=rows)


def draw_lineage(graph: LineageGraph) -> str:
    """The graph as an `<svg>` element, layer beside layer."""
    layers = max((box.layer for box in graph.boxes), default=0) + 1
    places, height = _arrange(graph, layers)
    width = layers * (WIDTH + GAP) - GAP
    lines = (_draw_edge(places[begin], places[end]) for begin, end in graph.edges)
    boxes = (_draw_box(box, places[box.key]) for box in graph.boxes)
    said = f"{graph.title}: {len(graph.boxes)} boxes, {len(graph.edges)} arrows; listed below"
    head = f'<svg viewBox="-2 -2 {width + 4} {height + 4:.0f}" role="img" aria-label="{escape(said)}">'
    return f"{head}{''.join(lines)}{''.join(boxes)}</svg>"


def _arrange(graph: LineageGraph, layers: int) -> tuple[Mapping[str, _Place], float]:
    """The boxes of each layer under each other, from the last layer on: each beside the middle of what it leads to."""
    places: dict[str, _Place] = {}
    for layer in reversed(range(layers)):
        column = [box for box in graph.boxes if box.layer == layer]
        wanted = [_wanted_top(box, [places[key] for key in graph.reached_from(box.key)]) for box in column]
        for box, top in zip(column, _without_overlap(column, wanted), strict=True):
            places[box.key] = _Place(layer * (WIDTH + GAP), top, _height(box))
    highest = min((place.y for place in places.values()), default=0)
    moved = {key: replace(place, y=place.y - highest) for key, place in places.items()}
    return moved, max((place.y + place.height for place in moved.values()), default=0)


def _wanted_top(box: Box, ends: Sequence[_Place]) -> float | None:
    return mean(end.middle for end in ends) - _height(box) / 2 if ends else None


def _without_overlap(column: Sequence[Box], wanted: Sequence[float | None]) -> list[float]:
    """Tops near the wanted ones; boxes that are pushed down by others push these up as much."""
    tops: list[float] = []
    floor = 0.0 if None in wanted else -inf
    for box, top in zip(column, wanted, strict=True):
        tops.append(max(floor, floor if top is None else top))
        floor = tops[-1] + _height(box) + SPACE
    pushed = [top - want for top, want in zip(tops, wanted, strict=True) if want is not None]
    return [top - (mean(pushed) if pushed else 0) for top in tops]


def _height(box: Box) -> float:
    return _HEAD + _LINE * len(box.lines) + _FOOT


def _draw_edge(begin: _Place, end: _Place) -> str:
    x, turn, a, b = begin.x + WIDTH, GAP / 2, begin.middle, end.middle
    path = f"M{x} {a:.1f}C{x + turn} {a:.1f} {end.x - turn} {b:.1f} {end.x} {b:.1f}"
    return f'<path class="flow" d="{path}"/>'


def _draw_box(box: Box, place: _Place) -> str:
    whole = escape("\n".join([box.title, *box.lines]))
    texts = [
        f'<text class="name" x="{place.x + 12}" y="{place.y + 20:.1f}">{_fit_title(box.title)}</text>',
        *(
            f'<text class="tick" x="{place.x + 12}" y="{place.y + _HEAD + _LINE * number + 12:.1f}">'
            f"{_fit_line(line)}</text>"
            for number, line in enumerate(box.lines)
        ),
    ]
    frame = f'<rect x="{place.x}" y="{place.y:.1f}" width="{WIDTH}" height="{place.height:.1f}" rx="7"/>'
    return f'<g class="box {box.kind}"><title>{whole}</title>{frame}{"".join(texts)}</g>'


def _fit_title(text: str) -> str:
    return escape(fit_end(" ".join(text.split()), _ROOM / _TITLE_SIZE))


def _fit_line(text: str) -> str:
    return escape(fit_begin(" ".join(text.split()), _ROOM / _LINE_SIZE))
