"""What `features()` returns, as a model is trained on it: float32, or a dictionary of texts."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from airflow_mlkit.data.key_hash import missing
from airflow_mlkit.data.split_record import FeatureColumn
from airflow_mlkit.exceptions import WorkflowError

CATEGORY = pa.dictionary(pa.int32(), pa.string())
NUMBER = pa.float32()

NO_CATEGORIES = ("",)
"""The list of a text column without any training value: XGBoost refuses an empty one. Every value is then unseen."""

_MEND = "Turn it into a number or a text in features()."
_SHOWN = 5


class FeatureColumns:
    """The columns that the batches of one split have in common, learned batch by batch.

    `encode` each frame; once all were seen, `features` says what they are, and `unify` gives every batch
    the same schema.
    """

    def __init__(self, label: str) -> None:
        self._label = label
        self._kinds: dict[str, Literal["number", "category"] | None] = {}
        self._training: dict[str, set[str]] = {}
        self._with_values: set[str] = set()

    def encode(self, frame: pd.DataFrame, *, is_training: bool) -> pa.RecordBatch:
        """A frame that `features()` returned as float32 and dictionaries of its own; null where nothing is known yet.

        Args:
            frame: with unique column names.
            is_training: whether its categories belong to the lists.

        Raises:
            WorkflowError: when a column cannot be trained on, or the columns are others than before.
        """
        names = [str(name) for name in frame.columns]
        self._check_names(names)
        arrays = [encode_column(name, frame[name]) for name in names]
        for name, array in zip(names, arrays, strict=True):
            self._learn(name, array, is_training=is_training)
        return pa.record_batch(arrays, names=names)

    @property
    def without_values(self) -> list[str]:
        """The columns that are missing in every training row."""
        return [name for name in self._kinds if name not in self._with_values]

    def features(self) -> tuple[FeatureColumn, ...]:
        """The columns in their order; categories sorted, those of the training rows only."""
        return tuple(self._feature(name) for name in self._kinds)

    def unify(self, batch: pa.RecordBatch, features: tuple[FeatureColumn, ...]) -> list[pa.Array]:
        """The columns of an encoded batch in their final types; a category that training has not seen becomes null."""
        return [_unify(batch.column(feature.name), feature) for feature in features]

    def _check_names(self, names: list[str]) -> None:
        if self._label in names:
            raise WorkflowError(
                f"features() returned the label {self._label!r}.",
                hint="Take it out: a model that is fitted on the answer learns nothing.",
            )
        known = list(self._kinds)
        if not known:
            self._kinds = dict.fromkeys(names)
            self._training = {name: set() for name in names}
        elif names != known:
            raise WorkflowError(
                f"features() returned other columns for later rows: {_difference(known, names)}.",
                hint="Its columns may not depend on the values it sees, as those of pd.get_dummies do; return the text "
                "column itself, and it becomes a category.",
            )

    def _learn(self, name: str, array: pa.Array, *, is_training: bool) -> None:
        if pa.types.is_null(array.type):
            return
        kind: Literal["number", "category"] = "category" if pa.types.is_dictionary(array.type) else "number"
        if self._kinds[name] not in (None, kind):
            raise WorkflowError(
                f"features() returned {name!r} as a {self._kinds[name]} for some rows and as a {kind} for others.",
                hint=_MEND,
            )
        self._kinds[name] = kind
        if is_training and not pc.all(missing(array)).as_py():
            self._with_values.add(name)
        if is_training and kind == "category":
            self._training[name].update(array.dictionary.to_pylist())

    def _feature(self, name: str) -> FeatureColumn:
        if self._kinds[name] == "category":
            return FeatureColumn(
                name=name, type="category", categories=tuple(sorted(self._training[name])) or NO_CATEGORIES
            )
        return FeatureColumn(name=name, type="number")


def encode_column(name: str, column: pd.Series[Any]) -> pa.Array:
    """One column as float32 with NaN where it is missing, as a dictionary of the texts in it, or as null.

    Null is what a column of Python objects becomes that has no value at all: nothing says which of the two it is.

    Raises:
        WorkflowError: when it holds dates, mixed types, complex or infinite numbers.
    """
    kind = column.dtype
    if isinstance(kind, pd.CategoricalDtype):
        return _encode_categorical(column)
    if pd.api.types.is_bool_dtype(kind) or pd.api.types.is_numeric_dtype(kind):
        return _encode_numbers(name, column)
    if pd.api.types.is_object_dtype(kind):
        return _encode_objects(name, column)
    if pd.api.types.is_string_dtype(kind):
        return pa.array(column, type=pa.string(), from_pandas=True).dictionary_encode()
    raise WorkflowError(f"features() returned {name!r} as {kind}, which no model is fitted on.", hint=_MEND)


def _encode_numbers(name: str, column: pd.Series[Any]) -> pa.Array:
    if pd.api.types.is_complex_dtype(column.dtype):
        raise WorkflowError(f"features() returned {name!r} as complex numbers.", hint=_MEND)
    with np.errstate(over="ignore"):
        values = column.to_numpy(dtype=np.float32, na_value=np.nan)
    infinite = np.isinf(values)
    if infinite.any():
        first = column.iloc[int(np.argmax(infinite))]
        raise WorkflowError(
            f"{name!r} is infinite, or too large for float32, in {int(infinite.sum()):,} of {len(values):,} rows, "
            f"such as {first}.",
            hint="Make it missing in features(): frame.replace([np.inf, -np.inf], np.nan). Often a division made it.",
        )
    return pa.array(values)


def _encode_categorical(column: pd.Series[Any]) -> pa.Array:
    texts = pa.array([str(value) for value in column.cat.categories], type=pa.string())
    codes = column.cat.codes.to_numpy().astype(np.int32)
    indices = pa.array(codes, mask=codes < 0)
    return texts.take(indices).dictionary_encode()


def _encode_objects(name: str, column: pd.Series[Any]) -> pa.Array:
    found = pd.api.types.infer_dtype(column, skipna=True)
    if found == "empty":
        return pa.nulls(len(column))
    if found == "string":
        return pa.array(column, type=pa.string(), from_pandas=True).dictionary_encode()
    if found in ("boolean", "integer", "floating", "mixed-integer-float", "decimal"):
        return _encode_numbers(name, pd.to_numeric(column.astype("Float64")))
    examples = ", ".join(repr(value) for value in column.dropna().head(_SHOWN))
    raise WorkflowError(f"features() returned {name!r} with values of type {found}: {examples}.", hint=_MEND)


def _unify(array: pa.Array, feature: FeatureColumn) -> pa.Array:
    if feature.categories is None:
        return (
            array.cast(NUMBER)
            if not pa.types.is_null(array.type)
            else pa.array(np.full(len(array), np.nan, np.float32))
        )
    categories = pa.array(feature.categories, type=pa.string())
    if pa.types.is_null(array.type):
        return pa.DictionaryArray.from_arrays(pa.nulls(len(array), pa.int32()), categories)
    positions = pc.index_in(array.dictionary, value_set=categories)
    return pa.DictionaryArray.from_arrays(positions.take(array.indices), categories)


def _difference(known: list[str], names: list[str]) -> str:
    gone = [name for name in known if name not in names]
    new = [name for name in names if name not in known]
    if not gone and not new:
        return f"in another order, {', '.join(names[:_SHOWN])}"
    parts = [f"without {', '.join(map(repr, gone[:_SHOWN]))}"] if gone else []
    parts += [f"with {', '.join(map(repr, new[:_SHOWN]))}"] if new else []
    return " and ".join(parts)
