"""The label as a model is trained on it: codes of classes, or numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from airflow_mlkit.data.assignment import Assignment, Mask
from airflow_mlkit.data.key_hash import missing
from airflow_mlkit.data.split_record import PARTS, Part
from airflow_mlkit.exceptions import DataError
from airflow_mlkit.spec.pipeline import BinaryProblem, Problem
from airflow_mlkit.spec.values import Scalar

MOST_CLASSES = 200
_SHOWN = 10


@dataclass(frozen=True)
class EncodedLabels:
    """A label for each row of the snapshot.

    `codes` is int32 for classes and float64 for a regression; a row that is not used holds 0. `classes` are the values
    in the order of their codes, none for a regression.
    """

    name: str
    kind: Literal["binary", "multiclass", "regression"]
    classes: tuple[Scalar, ...]
    codes: npt.NDArray[Any]

    @property
    def type(self) -> pa.DataType:
        """The label's Arrow type."""
        return pa.from_numpy_dtype(self.codes.dtype)

    def counts(self, rows: Mask) -> tuple[int, ...]:
        """How many of some rows each class has."""
        return tuple(np.bincount(self.codes[rows], minlength=len(self.classes)).tolist()) if self.classes else ()


def is_unlabelled(label: pa.ChunkedArray) -> Mask:
    """Which rows have no label."""
    found: Mask = missing(label).to_numpy()
    return found


def encode_labels(name: str, label: pa.ChunkedArray, used: Mask, problem: Problem) -> EncodedLabels:
    """Encode the labels of the rows that are used.

    Args:
        name: of the label's column, for messages.
        label: the whole column of the snapshot.
        used: which rows have a label and are in one of the parts.
        problem: kind, and for binary the positive value.

    Raises:
        DataError: when the values do not fit the kind of problem.
    """
    values = label.filter(pa.array(used))
    if problem.kind == "regression":
        return EncodedLabels(name, problem.kind, (), _numbers(name, values, used))
    counts = _count_values(name, values)
    if isinstance(problem, BinaryProblem):
        classes = _binary_classes(name, counts, problem.positive)
    else:
        classes = _many_classes(name, counts, len(values))
    codes = np.zeros(len(label), dtype=np.int32)
    order = pa.array(classes, type=label.type)
    codes[used] = pc.index_in(values, value_set=order).to_numpy().astype(np.int32)
    return EncodedLabels(name, problem.kind, classes, codes)


def check_classes_can_be_learned(labels: EncodedLabels, assignment: Assignment) -> None:
    """Each class must be among the training rows, or no model could ever answer with it.

    Raises:
        DataError: names the classes and where they are instead.
    """
    by_part = {part: labels.counts(assignment.rows(part)) for part in PARTS}
    absent = [code for code, count in enumerate(by_part["training"]) if count == 0]
    if not absent:
        return
    described = [f"{labels.classes[code]!r} ({_places(by_part, code)})" for code in absent[:_SHOWN]]
    raise DataError(
        f"the label {labels.name!r} has classes that no training row has: {'; '.join(described)}.",
        hint="Leave rare classes out with data.filters, join them at the source, or choose another data.holdout "
        "(its salt, fraction or dates).",
    )


def _places(by_part: dict[Part, tuple[int, ...]], code: int) -> str:
    return ", ".join(f"{counts[code]} in {part}" for part, counts in by_part.items() if counts[code])


def _numbers(name: str, values: pa.ChunkedArray, used: Mask) -> npt.NDArray[np.float64]:
    if not (pa.types.is_integer(values.type) or pa.types.is_floating(values.type)):
        raise DataError(
            f"the label {name!r} holds {_word(values.type)}, and a regression needs numbers; such as {_some(values)}.",
            hint="Correct the values, or write another problem.kind in mlkit.yaml.",
        )
    numbers = values.cast(pa.float64()).to_numpy()
    infinite = ~np.isfinite(numbers)
    if infinite.any():
        row = int(np.flatnonzero(used)[np.argmax(infinite)]) + 1
        raise DataError(
            f"the label {name!r} is infinite in {int(infinite.sum())} rows, first in row {row} of the snapshot.",
            hint="Correct them at the source, or leave them out with data.filters.",
        )
    if len(numbers) and numbers.min() == numbers.max():
        raise _constant(name, numbers[0].item())
    codes = np.zeros(len(used), dtype=np.float64)
    codes[used] = numbers
    return codes


def _count_values(name: str, values: pa.ChunkedArray) -> dict[Any, int]:
    """Values with their counts, the most frequent first."""
    if pa.types.is_temporal(values.type):
        raise DataError(
            f"the label {name!r} holds dates.", hint="Choose another data.label, or make a class of it first."
        )
    counted = [(item["values"], item["counts"]) for item in pc.value_counts(values).to_pylist()]
    counts = dict(sorted(counted, key=lambda item: (-item[1], str(item[0]))))
    if len(counts) == 1:
        raise _constant(name, next(iter(counts)))
    return counts


def _binary_classes(name: str, counts: dict[Any, int], positive: Scalar) -> tuple[Scalar, ...]:
    if len(counts) > 2:
        raise DataError(
            f"the label {name!r} has {len(counts)} values, and a binary problem has two: {_list(counts)}.",
            hint="Write problem: {kind: multiclass} (or regression) in mlkit.yaml, leave others out with data.filters.",
        )
    found = _find_value(positive, list(counts))
    if found is None:
        raise DataError(
            f"problem.positive is {positive!r}, and the label {name!r} never is; it is {_list(counts)}.",
            hint="Write one of these values as problem.positive in mlkit.yaml.",
        )
    return next(value for value in counts if value != found), found


def _many_classes(name: str, counts: dict[Any, int], rows: int) -> tuple[Scalar, ...]:
    if len(counts) > MOST_CLASSES or len(counts) > rows / 2:
        raise DataError(
            f"the label {name!r} has {len(counts):,} different values in {rows:,} rows, such as {_list(counts)}; "
            "these are no classes.",
            hint="Choose another data.label, or write problem: {kind: regression} in mlkit.yaml.",
        )
    return tuple(sorted(counts))


def _find_value(wanted: Scalar, values: list[Any]) -> Any:
    """The value that a person means: `true` in YAML is also True, "true" and 1; and 1 is also 1.0 and "1"."""
    for read in (_canonical, lambda value: _canonical(value).casefold(), _as_digit):
        same = [value for value in values if read(value) == read(wanted)]
        if len(same) == 1:
            return same[0]
    return None


def _canonical(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def _as_digit(value: Any) -> str:
    text = _canonical(value).casefold()
    return {"true": "1", "false": "0"}.get(text, text)


def _constant(name: str, value: Any) -> DataError:
    return DataError(
        f"the label {name!r} is {value!r} in every row; there is nothing to learn.",
        hint="Look at data.filters and label_matures_after in mlkit.yaml, and at the source.",
    )


def _list(values: Any) -> str:
    shown = [repr(value) for value in list(values)[:_SHOWN]]
    return ", ".join(shown) + (", ..." if len(values) > _SHOWN else "")


def _some(values: pa.ChunkedArray) -> str:
    return _list(pc.unique(values.slice(0, 1000)).to_pylist()[:3])


def _word(kind: pa.DataType) -> str:
    return "dates" if pa.types.is_temporal(kind) else "true and false" if pa.types.is_boolean(kind) else "text"
