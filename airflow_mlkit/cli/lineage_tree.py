"""Lineage as trees for the terminal. What people have written is text, whatever stands in it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.text import Text
from rich.tree import Tree

from airflow_mlkit.cli.console import on_one_line
from airflow_mlkit.gates.numbers import count
from airflow_mlkit.registry.column_use import ColumnUse
from airflow_mlkit.registry.lineage import ModelNode
from airflow_mlkit.registry.model_trace import ModelTrace, ScoreFile, SnapshotNode

SHOWN_SCORES = 10


def overview_tree(models: Sequence[ModelNode]) -> Tree:
    """The models under their sources."""
    tree = Tree(Text(f"{len(models):,} {'model version' if len(models) == 1 else 'model versions'} by source", "bold"))
    for source, own in _by_source(models):
        branch = tree.add(_text(source or "source not recorded"))
        for node in own:
            branch.add(
                _describe(node, f"looks at {count(len(node.facts.seen), 'column')}" if node.tells_columns else "")
            )
    return tree


def uses_tree(column: str, uses: Sequence[ColumnUse]) -> Tree:
    """The models that use a column, under the sources that it comes from."""
    count = f"{len(uses):,} {'model version uses' if len(uses) == 1 else 'model versions use'} it"
    tree = Tree(Text.assemble((on_one_line(column), "bold"), f": {count}"))
    by_title = {use.model.title: use for use in uses}
    for source, own in _by_source([use.model for use in uses]):
        branch = tree.add(Text.assemble(("from ", "dim"), on_one_line(source) or "a source that is not recorded"))
        for node in own:
            use = by_title[node.title]
            branch.add(_describe(node, ", ".join(use.roles))).add(_text(use.sentence, "dim"))
    return tree


def model_tree(trace: ModelTrace, servers: str) -> Tree:
    """A version with what it comes from and what it has led to."""
    node, facts = trace.model, trace.model.facts
    tree = Tree(_describe(node))
    if facts.adopted_from:
        adopted = tree.add(_fact("adopted from", facts.adopted_from))
        adopted.add(_text("What it learned from is not recorded: the rows below are those it was judged on.", "dim"))
    back = tree.add(Text("comes from", "bold"))
    back.add(_fact("source", node.source or "not recorded"))
    back.add(_fact("snapshot", _describe_snapshot(trace.snapshot)))
    back.add(_fact("commit", _describe_commit(facts.git_commit, clean=facts.git_clean)))
    back.add(_fact("run", f"{node.run_dir or 'not recorded'}{_there(is_there=trace.run_is_there)}"))
    columns = tree.add(Text("uses", "bold"))
    for role, names in _roles(node):
        columns.add(_fact(role, ", ".join(names)))
    forward = tree.add(Text("has led to", "bold"))
    scores = forward.add(_fact("scores", _count_scores(trace.scores)))
    for file in trace.scores[-SHOWN_SCORES:]:
        scores.add(_text(_describe_scores(file)))
    forward.add(_fact("servers", servers))
    for text in trace.trouble:
        tree.add(_text(f"could not be looked up: {text}", "red"))
    return tree


def _by_source(models: Iterable[ModelNode]) -> list[tuple[str, list[ModelNode]]]:
    found: dict[str, list[ModelNode]] = {}
    for node in models:
        found.setdefault(node.source, []).append(node)
    return sorted(found.items())


def _describe(node: ModelNode, more: str = "") -> Text:
    since = f"{node.standing} since {node.promoted_at:%Y-%m-%d}" if node.standing == "champion" else node.standing
    parts = [since, f"owner {node.facts.owner or 'not recorded'}", *([more] if more else [])]
    return Text.assemble((on_one_line(node.title), "bold cyan"), f"  {on_one_line(', '.join(parts))}")


def _describe_snapshot(snapshot: SnapshotNode) -> str:
    rows = "rows not known any more" if snapshot.rows is None else f"{snapshot.rows:,} rows"
    as_of = f", as of {snapshot.as_of:%Y-%m-%d}" if snapshot.as_of else ""
    gone = "" if snapshot.is_there else ", its file was cleaned away"
    return f"{snapshot.content_hash[:12] or 'not recorded'}, {rows}{as_of}{gone}"


def _describe_commit(commit: str | None, *, clean: bool | None) -> str:
    if commit is None:
        return "none: the project was in no git repository"
    states = {True: "clean", False: "with changes that no commit has", None: "not known whether clean"}
    return f"{commit[:12]}, {states[clean]}"


def _there(*, is_there: bool | None) -> str:
    return {True: "", False: " (cleaned away)", None: ""}[is_there]


def _roles(node: ModelNode) -> list[tuple[str, Sequence[str]]]:
    facts = node.facts
    found: list[tuple[str, Sequence[str]]] = [("features", facts.features)]
    if facts.model_features:
        found = [("given to features()", facts.features), ("the model gets", facts.model_features)]
    if facts.label:
        found.append(("label", (facts.label,)))
    return [(role, names) for role, names in [*found, *facts.roles.items()] if names]


def _count_scores(files: Sequence[ScoreFile]) -> str:
    """What still stands as this version wrote it; what was written anew is counted apart."""
    if not files:
        return "none that is recorded"
    standing = [file for file in files if not file.replaced_by]
    rows = sum(file.rows for file in standing)
    anew = f", {len(files) - len(standing):,} more written anew since" if len(files) > len(standing) else ""
    hidden = f"; the last {SHOWN_SCORES}:" if len(files) > SHOWN_SCORES else ""
    return f"{len(standing):,} {'file' if len(standing) == 1 else 'files'}, {rows:,} rows{anew}{hidden}"


def _describe_scores(file: ScoreFile) -> str:
    state = "" if file.is_there else ", gone"
    if file.replaced_by:
        state = f", written anew by version {file.replaced_by} since"
    return f"{file.path}: {file.rows:,} rows, {file.written:%Y-%m-%d %H:%M}{state}"


def _fact(name: str, text: str) -> Text:
    return Text.assemble((f"{name}: ", "dim"), on_one_line(text))


def _text(text: str, style: str = "") -> Text:
    return Text(on_one_line(text), style)
