"""What the label says of the problem: its kind, its classes, and which of two classes is the positive one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow.compute as pc

from airflow_mlkit.data.column_profile import ColumnProfile
from airflow_mlkit.data.leaks import Codes
from airflow_mlkit.exceptions import AnswerError
from airflow_mlkit.spec.metrics import ProblemKind
from airflow_mlkit.spec.values import Scalar

MAX_CLASSES = 50
"""More different words than this are no classes."""

MAX_CODES = 20
"""Whole numbers with more different values than this are amounts, however they begin."""

MIN_CLASS_ROWS = 5
"""A class needs a few rows, or it is missing from the holdout or from the training part."""

POSITIVE_WORDS = frozenset({"1", "true", "yes", "y", "t", "positive", "pos", "fraud", "churn", "churned", "default"})


@dataclass(frozen=True)
class LabelProfile:
    """The label as it was found.

    Attributes:
        kind: binary, multiclass or regression.
        reason: why that kind, as the end of a sentence that begins with the column.
        counts: the rows of each class in the order of the values; empty for a regression.
        positive: the class that scores are the probability of; None unless binary.
        missing: how many rows have no label.
    """

    name: str
    kind: ProblemKind
    reason: str
    counts: dict[Scalar, int]
    positive: Scalar | None
    missing: int

    @property
    def classes(self) -> tuple[Scalar, ...]:
        """The classes in order."""
        return tuple(self.counts)

    @property
    def majority_share(self) -> float:
        """The accuracy of always saying the most frequent class."""
        return max(self.counts.values()) / sum(self.counts.values()) if self.counts else 0.0


def profile_label(column: ColumnProfile, declared: ProblemKind | None = None) -> LabelProfile:
    """Find out what kind of problem a label poses.

    - Two different values: binary.
    - Words: multiclass.
    - Numbers with fractions, or more than 20 different whole ones: regression.
    - Whole numbers up to 20 that number their classes from 0 or 1 without a gap (0, 1, 2): multiclass. Others are
      amounts, grades or counts (grades of wine from 3 to 9), whose order matters: regression.

    Args:
        column: the label's column.
        declared: the kind, where a person says it.

    Raises:
        AnswerError: when nothing can be learnt from the column, or it is not of the declared kind.
    """
    _check_learnable(column)
    kind, reason = (declared, "is taken as you said") if declared else _kind_of(column)
    _check_kind(column, kind)
    counts = {} if kind == "regression" else column.counts
    positive = _positive_of(counts) if kind == "binary" else None
    return LabelProfile(column.name, kind, reason, counts, positive, column.missing)


def encode_classes(column: ColumnProfile, label: LabelProfile) -> Codes:
    """The class of each row as its position in `label.classes`, -1 where it is missing."""
    found = pc.index_in(column.values, value_set=pc.cast(list(label.classes), column.values.type))
    return np.asarray(pc.fill_null(found, -1).to_numpy(zero_copy_only=False), dtype=np.int64)


def _check_learnable(column: ColumnProfile) -> None:
    name = repr(column.name)
    if column.missing == column.rows:
        raise AnswerError(f"the label {name} is missing in every row.", hint="Give a column that is filled: --label.")
    if column.distinct == 1:
        only = next(iter(column.counts))
        raise AnswerError(
            f"the label {name} is {only!r} in every row; there is nothing to tell apart.",
            hint="Give a column with at least two different values, or add the rows that are missing.",
        )
    if column.infinite:
        raise AnswerError(
            f"the label {name} is infinite in {column.infinite} of {column.rows} rows.",
            hint="Correct these values, or leave them blank.",
        )
    if column.odd_value is not None and column.type == "text":
        raise AnswerError(
            f"the label {name} is numbers but for a few values such as {column.odd_value!r}.",
            hint="Correct these values, or leave them blank.",
        )
    if column.type == "date":
        raise AnswerError(f"the label {name} holds dates.", hint="Make it a number, such as days until the event.")


def _kind_of(column: ColumnProfile) -> tuple[ProblemKind, str]:
    if column.distinct == 2:
        return "binary", "holds two different values"
    if not column.is_numeric:
        return "multiclass", f"holds {column.distinct} different values"
    if column.type == "number" and not _is_whole(column):
        return "regression", "holds numbers with fractions"
    if column.distinct > MAX_CODES:
        return "regression", f"holds {column.distinct} different numbers"
    low, high = column.quantiles[0], column.quantiles[-1]
    if low in (0, 1) and high - low + 1 == column.distinct:
        return "multiclass", f"numbers {column.distinct} classes from {low:.0f} to {high:.0f}"
    return "regression", f"holds numbers from {low:g} to {high:g}, whose order matters"


def _is_whole(column: ColumnProfile) -> bool:
    numbers = column.numbers[np.isfinite(column.numbers)]
    return bool(np.all(numbers == np.round(numbers)))


def _check_kind(column: ColumnProfile, kind: ProblemKind) -> None:
    name = repr(column.name)
    if kind == "regression":
        if not column.is_numeric:
            raise AnswerError(f"the label {name} holds {column.type} values; a regression needs numbers.")
        return
    if kind == "binary" and column.distinct != 2:
        raise AnswerError(f"the label {name} has {column.distinct} different values; a binary problem has two.")
    if column.distinct > MAX_CLASSES:
        different = "a different one in every row" if column.all_different else f"{column.distinct} of them"
        raise AnswerError(
            f"the label {name} holds too many different values to be classes: {different}.",
            hint=f"Give the column that is to be predicted; classes may be up to {MAX_CLASSES}.",
        )
    _check_class_rows(column)


def _check_class_rows(column: ColumnProfile) -> None:
    rare = {value: count for value, count in column.counts.items() if count < MIN_CLASS_ROWS}
    if rare:
        value, count = min(rare.items(), key=lambda item: item[1])
        raise AnswerError(
            f"the label {column.name!r} is {value!r} in only {count} of {column.rows} rows; "
            f"a class needs at least {MIN_CLASS_ROWS} to be learnt and tested.",
            hint="Join rare classes into one, or leave their rows out.",
        )


def _positive_of(counts: dict[Scalar, int]) -> Scalar:
    """The class named like a yes; else the rarer one; of two equally frequent ones the later."""
    named = [value for value in counts if str(value).strip().lower() in POSITIVE_WORDS]
    return named[0] if len(named) == 1 else min(reversed(counts), key=lambda value: counts[value])
