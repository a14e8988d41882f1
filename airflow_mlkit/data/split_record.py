"""`split.json`: what the step split made, and what every later step needs to know of it."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Literal, Self

from pydantic import ValidationError

from airflow_mlkit.exceptions import RunDirectoryError
from airflow_mlkit.rundir.records import Record
from airflow_mlkit.spec.values import Scalar

Part = Literal["training", "validation", "holdout"]
PARTS: tuple[Part, ...] = ("training", "validation", "holdout")
"""In the order in which a model meets them. `training` is without the rows of `validation`."""


class FeatureColumn(Record):
    """One column that `features()` returned: float32, or a dictionary with one list of categories for all parts."""

    name: str
    type: Literal["number", "category"]
    categories: tuple[str, ...] | None = None


class SplitRows(Record):
    """How many rows of the snapshot went where; together they are all of it.

    `unlabelled` rows have no label, `outside` ones are dated at or after the `end` of a fixed date range.
    """

    training: int
    validation: int
    holdout: int
    unlabelled: int = 0
    outside: int = 0

    @property
    def total(self) -> int:
        """The rows of the snapshot."""
        return self.training + self.validation + self.holdout + self.unlabelled + self.outside


class SamplingRecord(Record):
    """How the parts were cut, with its dates worked out.

    By date: a row is held out when `holdout_from <= date < holdout_until` (open where None), and validates when it is
    dated `validation_from` or later and is not held out. By hash: see docs/reference/holdout.md; `key_kinds` says what
    the key's columns held (text, number, boolean, moment), as the number 1 and the text 1 fall on different sides.
    """

    sampling: Literal["date_range", "hash"]
    holdout_from: datetime | None = None
    holdout_until: datetime | None = None
    validation_from: datetime | None = None
    key: tuple[str, ...] = ()
    key_kinds: tuple[str, ...] = ()
    fraction: float | None = None
    salt: str | None = None
    validation_fraction: float


class SplitRecord(Record):
    """`split.json`.

    `classes` are the label's values in the order of their codes: `[negative, positive]` for binary, sorted for
    multiclass, empty for regression. `class_counts` has a count for each of them, in this order. `content_hashes` are
    of the raw rows of each part, before `features()`: the same rows have the same hash whatever the code. `dates` are
    the oldest and the newest of each part, where there is a date column.
    """

    label: str
    kind: Literal["binary", "multiclass", "regression"]
    classes: tuple[Scalar, ...] = ()
    features: tuple[FeatureColumn, ...]
    rows: SplitRows
    class_counts: dict[Part, tuple[int, ...]]
    content_hashes: dict[Part, str]
    snapshot_hash: str
    sampling: SamplingRecord
    dates: dict[Part, tuple[datetime, datetime]]

    @property
    def feature_names(self) -> tuple[str, ...]:
        """The feature columns in their order."""
        return tuple(feature.name for feature in self.features)

    @property
    def categories(self) -> dict[str, tuple[str, ...]]:
        """The list of each category column, by its name."""
        return {feature.name: feature.categories for feature in self.features if feature.categories is not None}

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a split.json.

        Raises:
            RunDirectoryError: when it is not there or damaged.
        """
        try:
            return cls.model_validate_json(path.read_bytes())
        except FileNotFoundError:
            raise RunDirectoryError(f"{path} is not there.", hint="Run the step split first.") from None
        except ValidationError as error:
            raise RunDirectoryError(
                f"{path} is damaged: {error.errors()[0]['msg']}.", hint="Run the step split again."
            ) from None
