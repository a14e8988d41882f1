"""Lineage as a graph of boxes in layers, from the left to the right: what the drawing of a page is made from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from airflow_mlkit.gates.numbers import count
from airflow_mlkit.registry.column_use import ColumnUse
from airflow_mlkit.registry.lineage import ModelNode
from airflow_mlkit.registry.model_trace import ModelTrace, ScoreFile

Kind = Literal["source", "column", "snapshot", "commit", "model", "scores"]

UNKNOWN_SOURCE = "source not recorded"
SHOWN_SCORES = 12


@dataclass(frozen=True)
class Box:
    """One thing: in which layer it stands, and what is written in it."""

    key: str
    layer: int
    kind: Kind
    title: str
    lines: tuple[str, ...] = ()


@dataclass(frozen=True)
class LineageGraph:
    """Boxes, and which leads to which, by their keys."""

    title: str
    lead: str
    boxes: tuple[Box, ...]
    edges: tuple[tuple[str, str], ...]

    def reached_from(self, key: str) -> tuple[str, ...]:
        """The keys of the boxes that a box leads to."""
        return tuple(end for begin, end in self.edges if begin == key)


def registry_graph(
    models: Sequence[ModelNode], column: str | None = None, uses: Sequence[ColumnUse] | None = None
) -> LineageGraph:
    """Sources and the models that learn from them; with a column in between where one is asked for."""
    roles = {use.model.title: ", ".join(use.roles) for use in uses or ()}
    ordered = sorted(models, key=lambda node: (node.source, node.title))
    sources = list(dict.fromkeys(node.source for node in ordered))
    boxes = [Box(f"source {name}", 0, "source", name or UNKNOWN_SOURCE) for name in sources]
    edges = []
    if column is not None:
        boxes += [Box(f"column {name}", 1, "column", column) for name in sources]
        edges += [(f"source {name}", f"column {name}") for name in sources]
    for node in ordered:
        lines = [roles[node.title]] if node.title in roles else []
        boxes.append(_model_box(node, 1 if column is None else 2, *lines))
        edges.append((f"{'source' if column is None else 'column'} {node.source}", boxes[-1].key))
    count = f"{len(models):,} {'model version' if len(models) == 1 else 'model versions'}"
    title = "Models and their sources" if column is None else f"Who uses {column}?"
    return LineageGraph(title, count, tuple(boxes), tuple(edges))


def model_graph(trace: ModelTrace) -> LineageGraph:
    """A version with its source, snapshot and commit before it, and what it scored behind it."""
    node, facts, snapshot = trace.model, trace.model.facts, trace.snapshot
    rows = () if snapshot.rows is None else (f"{snapshot.rows:,} rows",)
    as_of = (f"as of {snapshot.as_of:%Y-%m-%d}",) if snapshot.as_of else ()
    gone = () if snapshot.is_there else ("cleaned away",)
    unclean = ("with changes that no commit has",) if facts.git_clean is False else ()
    boxes = [
        Box("source", 0, "source", node.source or UNKNOWN_SOURCE, (f"{count(len(facts.seen), 'column')} looked at",)),
        Box("snapshot", 1, "snapshot", f"snapshot {snapshot.content_hash[:12]}", (*rows, *as_of, *gone)),
        Box("commit", 1, "commit", f"commit {(facts.git_commit or 'none')[:12]}", unclean),
        _model_box(node, 2),
        *(_scores_box(number, file) for number, file in enumerate(trace.scores[-SHOWN_SCORES:])),
    ]
    model = boxes[3].key
    edges = [("source", "snapshot"), ("snapshot", model), ("commit", model)]
    edges += [(model, box.key) for box in boxes if box.kind == "scores"]
    hidden = len(trace.scores) - SHOWN_SCORES
    more = f" The last {SHOWN_SCORES} of {len(trace.scores)} files of scores are drawn." if hidden > 0 else ""
    return LineageGraph(node.title, f"{node.standing}, made by {node.run_dir}.{more}", tuple(boxes), tuple(edges))


def _model_box(node: ModelNode, layer: int, *lines: str) -> Box:
    since = f" since {node.promoted_at:%Y-%m-%d}" if node.standing == "champion" else ""
    own = (f"{node.standing}{since}", f"owner {node.facts.owner or 'not recorded'}", *lines)
    return Box(f"model {node.title}", layer, "model", node.title, own)


def _scores_box(number: int, file: ScoreFile) -> Box:
    replaced = (f"written anew by version {file.replaced_by}",) if file.replaced_by else ()
    gone = () if file.is_there or file.replaced_by else ("gone",)
    return Box(
        f"scores {number}", 3, "scores", file.path, (f"{file.rows:,} rows, {file.written:%Y-%m-%d}", *replaced, *gone)
    )
