"""What differs between a version and its second making: the first thing in the order of cause."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Literal

from airflow_mlkit.data.split_record import FeatureColumn, SplitRecord
from airflow_mlkit.registry.champion_entry import ChampionEntry
from airflow_mlkit.rundir.records import Record
from airflow_mlkit.workflows.manifest import ModelManifest

Cause = Literal["libraries", "code", "spec", "snapshot", "split", "params", "features", "model", "metrics"]
"""In the order of cause: whatever comes first explains what comes after it."""

DATA_CAUSES = ("snapshot", "split")

_CLOSE = 1e-9
"""Relative; the same numbers, added up in another order, differ by less."""


class Difference(Record):
    """One thing that differs.

    Attributes:
        cause: which kind of thing.
        what: its name, such as `xgboost` or `roc_auc`.
        then: as it was when the version was made; `now` as it is.
        meaning: a sentence: what follows from it.
    """

    cause: Cause
    what: str
    then: str
    now: str
    meaning: str

    @property
    def sentence(self) -> str:
        """Both values and what they mean."""
        return f"{self.what} was {self.then} then and is {self.now} now. {self.meaning}"


def compare_libraries(then: Mapping[str, str], now: Mapping[str, str]) -> Iterator[Difference]:
    """Python (to its minor version, which the libraries are built for) and each library."""
    for name in then:
        is_python = name == "python"
        old, new = then[name], now.get(name, "not installed")
        if old != new and not (is_python and minor(old) == minor(new)):
            yield Difference(
                cause="libraries",
                what="Python" if is_python else name,
                then=old,
                now=new,
                meaning="Another version may calculate otherwise.",
            )


def compare_split(entry: ChampionEntry, manifest: ModelManifest, now: SplitRecord) -> Iterator[Difference]:
    """The rows that were held out, and those that were trained on."""
    parts = {"holdout": entry.holdout_hash}
    if manifest.trained_rows:
        parts |= dict(zip(("training", "validation"), manifest.trained_rows.seen, strict=False))
    for part, then in parts.items():
        found = now.content_hashes[part]  # type: ignore[index]  # the names are those of PARTS
        if found != then:
            yield Difference(
                cause="split",
                what=f"the hash of the {part} rows",
                then=then[:12],
                now=found[:12],
                meaning="The same snapshot was cut otherwise.",
            )


def compare_models(then: ModelManifest, now: ModelManifest) -> Iterator[Difference]:
    """What the model was told, what it was shown, and what it is."""
    yield from _compare_values("params", _settings(then), _settings(now), "Training was told something else.")
    yield from _compare_features(then.features, now.features)
    if now.model_id != then.model_id:
        told = "Everything that it was made from is the same: training itself is not repeatable here. "
        why = (
            f"It was trained on {then.device}, and that counts."
            if then.device != now.device
            else "Does train() draw chance of its own, or was it another kind of processor?"
        )
        yield Difference(
            cause="model",
            what="the model's file",
            then=then.model_hash[:12],
            now=now.model_hash[:12],
            meaning=f"{told}{why}",
        )


def compare_metrics(then: Mapping[str, float | None], now: Mapping[str, float | None]) -> Iterator[Difference]:
    """Each metric of the holdout, as far as both have it."""
    for name in then:
        if name not in now or _is_same(then[name], now[name]):
            continue
        yield Difference(
            cause="metrics",
            what=name,
            then=str(then[name]),
            now=str(now[name]),
            meaning="The model is the same, and it was measured otherwise.",
        )


def minor(python: str) -> str:
    """`3.11` of `3.11.7`."""
    return ".".join(python.split(".")[:2])


def _settings(manifest: ModelManifest) -> dict[str, Any]:
    own = {name: getattr(manifest, name) for name in ("workflow", "seed", "threads", "label", "problem_kind")}
    return own | {"classes": list(manifest.classes)} | {f"params.{key}": one for key, one in manifest.params.items()}


def _compare_values(
    cause: Cause, then: Mapping[str, Any], now: Mapping[str, Any], meaning: str
) -> Iterator[Difference]:
    for name in dict.fromkeys([*then, *now]):
        if then.get(name) != now.get(name):
            old, new = (str(one.get(name, "not there")) for one in (then, now))
            yield Difference(cause=cause, what=name, then=old, now=new, meaning=meaning)


def _compare_features(then: Iterable[FeatureColumn], now: Iterable[FeatureColumn]) -> Iterator[Difference]:
    old, new = ({column.name: column for column in columns} for columns in (then, now))
    said = "features() made other columns of the same rows."
    if list(old) != list(new):
        names = (", ".join(columns) for columns in (old, new))
        yield Difference(
            cause="features", what="the list of feature columns", then=next(names), now=next(names), meaning=said
        )
    for name, column in old.items():
        if name in new and new[name] != column:
            yield Difference(
                cause="features",
                what=f"the feature {name}",
                then=_describe(column),
                now=_describe(new[name]),
                meaning=said,
            )


def _describe(column: FeatureColumn) -> str:
    if column.categories is None:
        return column.type
    return f"{column.type} ({len(column.categories)}: {', '.join(column.categories[:5])})"


def _is_same(then: float | None, now: float | None) -> bool:
    if then is None or now is None:
        return then is now
    return math.isclose(then, now, rel_tol=_CLOSE, abs_tol=1e-12)
