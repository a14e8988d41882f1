"""What differs between two versions: spec, data, code, params, libraries, metrics, slices."""

from __future__ import annotations

import difflib
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from airflow_mlkit.gates.comparison import Interval
from airflow_mlkit.gates.difference import count_decimals, tell_interval
from airflow_mlkit.gates.numbers import sure
from airflow_mlkit.project import Project
from airflow_mlkit.registry.version_side import VersionSide, find_number, read_side
from airflow_mlkit.rundir.records import Record

_PARAMS = "train.params."


class DiffLine(Record):
    """One thing that differs; None where a version has it not.

    `note` is a difference of numbers, or a word. `compared` is what a gate found that has compared these two on the
    same rows: how much better or worse `b` is, as a sentence without a full stop.
    """

    what: str
    a: str | None = None
    b: str | None = None
    note: str = ""
    compared: str = ""


class VersionDiff(Record):
    """Two versions beside one another.

    Attributes:
        a: the number of the one, `b` of the other.
        same_model: whether both have the same model id; `same_holdout` whether their metrics are of the same rows.
        sections: what differs, by part of the version; a part in which nothing differs has no line.
        code: a unified diff for each changed file of the package.
        untold: what cannot be told any more, in sentences.
    """

    model_name: str
    a: str
    b: str
    a_id: str
    b_id: str
    same_model: bool
    same_holdout: bool
    sections: dict[str, tuple[DiffLine, ...]]
    code: dict[str, str]
    untold: tuple[str, ...] = ()


def diff_versions(project: Project, a: str, b: str) -> VersionDiff:
    """Compare two versions.

    Args:
        project: whose they are.
        a: a version's number, or `champion` or `anchor`.
        b: the other one.

    Raises:
        UserError: when there is no such version.
        RegistryError: when MLflow refuses or the champion log is damaged.
    """
    with tempfile.TemporaryDirectory(prefix="mlkit-diff-") as scratch:
        numbers = (find_number(project, name) for name in (a, b))
        one, other = (
            read_side(project, number, Path(scratch) / side) for number, side in zip(numbers, "ab", strict=True)
        )
    sections = {
        "spec": _diff_spec(one, other),
        "params": _diff_params(one, other),
        "data": _diff_data(one, other),
        "code": _diff_code(one, other),
        "libraries": _diff_values(one.facts.libraries, other.facts.libraries),
        "metrics": _diff_metrics(one, other),
        "slices": _diff_slices(one, other),
    }
    return VersionDiff(
        model_name=project.spec.name,
        a=one.number,
        b=other.number,
        a_id=one.facts.model_id or "",
        b_id=other.facts.model_id or "",
        same_model=one.facts.model_id is not None and one.facts.model_id == other.facts.model_id,
        same_holdout=one.facts.holdout_hash == other.facts.holdout_hash,
        sections={title: tuple(lines) for title, lines in sections.items()},
        code=dict(_unified(one, other)),
        untold=tuple(dict.fromkeys([*one.gone, *other.gone])),
    )


def _diff_spec(one: VersionSide, other: VersionSide) -> Iterator[DiffLine]:
    if one.spec is None or other.spec is None:
        return
    old, new = (
        {key: value for key, value in spec.items() if not key.startswith(_PARAMS)} for spec in (one.spec, other.spec)
    )
    yield from _diff_values(old, new)


def _diff_params(one: VersionSide, other: VersionSide) -> Iterator[DiffLine]:
    def told(side: VersionSide) -> dict[str, Any]:
        return {**side.facts.params, "seed": side.facts.seed, "threads": side.facts.threads}

    yield from _diff_values(told(one), told(other))


def _diff_data(one: VersionSide, other: VersionSide) -> Iterator[DiffLine]:
    yield from _diff_values(_tell_data(one), _tell_data(other))
    if one.snapshot and other.snapshot:
        old, new = one.snapshot["rows"], other.snapshot["rows"]
        if old != new:
            yield DiffLine(what="rows", a=f"{old:,}", b=f"{new:,}", note=f"{new - old:+,}")
        yield from _diff_values(one.snapshot["columns"], other.snapshot["columns"], "column ")


def _tell_data(side: VersionSide) -> dict[str, Any]:
    facts = side.facts
    dates = side.split.dates if side.split else {}
    told: dict[str, Any] = {f"source.{name}": text for name, text in facts.source.items()}
    told |= {
        "as of": str(facts.as_of or "") or None,
        "features": list(facts.seen),
        "label": facts.label,
        "snapshot": (facts.data_hash or "")[:12] or None,
        "holdout": (facts.holdout_hash or "")[:12] or None,
    }
    told |= {f"dates of {part}": f"{span[0]:%Y-%m-%d} to {span[1]:%Y-%m-%d}" for part, span in dates.items()}
    if side.manifest:
        told |= {f"rows of {part}": f"{rows:,}" for part, rows in side.manifest.rows.items()}
    return told


def _diff_code(one: VersionSide, other: VersionSide) -> Iterator[DiffLine]:
    old_place, new_place = (
        {"commit": (side.facts.git_commit or "")[:12] or None, "image": side.facts.image} for side in (one, other)
    )
    yield from _diff_values(old_place, new_place)
    if one.code is None or other.code is None:
        return
    for name in sorted({*one.code, *other.code}):
        old, new = one.code.get(name), other.code.get(name)
        if old != new:
            yield DiffLine(
                what=name,
                a=None if old is None else f"{len(old.splitlines()):,} lines",
                b=None if new is None else f"{len(new.splitlines()):,} lines",
                note="added" if old is None else "removed" if new is None else "changed",
            )


def _unified(one: VersionSide, other: VersionSide) -> Iterator[tuple[str, str]]:
    if one.code is None or other.code is None:
        return
    for name in sorted({*one.code, *other.code}):
        old, new = (side.code.get(name, "").splitlines() for side in (one, other) if side.code is not None)
        titles = (f"version {one.number}: {name}", f"version {other.number}: {name}")
        lines = list(difflib.unified_diff(old, new, *titles, lineterm=""))
        if lines:
            yield name, "\n".join(lines)


def _diff_metrics(one: VersionSide, other: VersionSide) -> Iterator[DiffLine]:
    paired = _find_paired(one, other)
    for name in dict.fromkeys([*one.metrics, *other.metrics]):
        old, new = one.metrics.get(name), other.metrics.get(name)
        if old == new and name not in paired:
            continue
        yield DiffLine(
            what=name,
            a=_number(old),
            b=_number(new),
            note=_subtract(old, new),
            compared=_tell_comparison(*paired[name]) if name in paired else "",
        )


def _find_paired(one: VersionSide, other: VersionSide) -> dict[str, tuple[Interval, float]]:
    """The intervals of a gate report about exactly these two, with their confidence; positive: `other` is better."""
    for challenger, champion, sign in ((other, one, 1), (one, other, -1)):
        report = challenger.report
        if not report or not report.champion or report.champion.model_id != champion.facts.model_id:
            continue
        found = (result.comparison for result in report.results)
        return {
            each.metric: (Interval(*sorted(sign * end for end in each.interval)), each.confidence)
            for each in found
            if each and each.interval
        }
    return {}


def _tell_comparison(interval: Interval, confidence: float) -> str:
    return f"{sure(confidence)}: {tell_interval(interval, count_decimals(interval))}, on the same rows"


def _subtract(old: float | None, new: float | None) -> str:
    return "" if old is None or new is None else f"{new - old:+.4g}"


def _diff_slices(one: VersionSide, other: VersionSide) -> Iterator[DiffLine]:
    """The first metric that both have in each slice; holdouts may differ, and then rows do too."""
    if one.slices is None or other.slices is None:
        return
    for column in dict.fromkeys([*one.slices, *other.slices]):
        old, new = one.slices.get(column, {}), other.slices.get(column, {})
        for name in dict.fromkeys([*old, *new]):
            yield from _diff_slice(f"{column} = {name}", old.get(name), new.get(name), one.report or other.report)


def _diff_slice(title: str, old: Any, new: Any, report: Any) -> Iterator[DiffLine]:
    if old == new:
        return
    metrics = [result.metric for result in report.results if result.metric] if report else []
    metric = next(iter([*metrics, *((new or old)["metrics"])]))
    values = [side["metrics"].get(metric) if side else None for side in (old, new)]
    shown = [
        f"{_number(value) or 'undefined'} of {side['rows']:,}" if side else None
        for side, value in zip((old, new), values, strict=True)
    ]
    yield DiffLine(what=f"{title}, {metric}", a=shown[0], b=shown[1], note=_subtract(values[0], values[1]))


def _diff_values(old: Mapping[str, Any], new: Mapping[str, Any], prefix: str = "") -> Iterator[DiffLine]:
    for name in dict.fromkeys([*old, *new]):
        if old.get(name) == new.get(name):
            continue
        if isinstance(old.get(name), list) and isinstance(new.get(name), list):
            yield _diff_list(f"{prefix}{name}", old[name], new[name])
        else:
            yield DiffLine(what=f"{prefix}{name}", a=_text(old.get(name)), b=_text(new.get(name)))


def _diff_list(what: str, old: list[Any], new: list[Any]) -> DiffLine:
    gone, come = [one for one in old if one not in new], [one for one in new if one not in old]
    changes = [*(f"-{_text(one)}" for one in gone), *(f"+{_text(one)}" for one in come)]
    note = ", ".join(changes) or "in another order"
    return DiffLine(what=what, a=f"{len(old)}", b=f"{len(new)}", note=note)


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def _number(value: float | None) -> str | None:
    return None if value is None else f"{value:.6g}"
