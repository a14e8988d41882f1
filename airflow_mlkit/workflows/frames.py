"""Any frame with the feature columns, made into the one form that the model was fitted on."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import numpy as np
import pandas as pd
from pandas.api import types

from airflow_mlkit.data.split_record import FeatureColumn
from airflow_mlkit.exceptions import DataError

log = logging.getLogger("airflow_mlkit")


def to_feature_frame(frame: pd.DataFrame, features: Sequence[FeatureColumn]) -> pd.DataFrame:
    """The feature columns of a frame in the model's order: numbers as float32, categories with their fixed lists.

    Text that stands for a number is read as one. An infinity, and a category that the model has not met, become
    missing, with a count in the log.

    Args:
        frame: has the feature columns, in any order, as str, object, category, nullable or Arrow-backed columns;
            further columns are passed over.
        features: the columns of the model.

    Raises:
        DataError: when a column is missing, stands there twice, or holds what cannot be read as its type.
    """
    _check_columns(frame, [feature.name for feature in features])
    columns = {feature.name: _recode(frame[feature.name], feature) for feature in features}
    return pd.DataFrame(columns, index=frame.index, copy=False)


def _check_columns(frame: pd.DataFrame, names: list[str]) -> None:
    missing = [name for name in names if name not in frame.columns]
    if missing:
        raise DataError(f"the rows lack {_list(missing)}.", hint=f"The model needs {_list(names)}.")
    twice = sorted(set(frame.columns[frame.columns.duplicated()]) & set(names))
    if twice:
        raise DataError(f"the rows have {_list(twice)} twice.")


def _list(names: list[str]) -> str:
    shown = ", ".join(repr(name) for name in names[:12])
    return f"{shown} and {len(names) - 12} more" if len(names) > 12 else shown


def _recode(column: pd.Series, feature: FeatureColumn) -> pd.Series:
    if feature.type == "number":
        return _to_number(column)
    return _to_category(column, list(feature.categories or ()))


def _to_number(column: pd.Series) -> pd.Series:
    numbers = _as_float(column)
    infinite = np.isinf(numbers)
    if infinite.any():
        log.warning("%r: %d infinite values are taken as missing", column.name, int(infinite.sum()))
        numbers = np.where(infinite, np.float32(np.nan), numbers)
    return pd.Series(numbers, index=column.index, name=column.name, copy=False)


def _as_float(column: pd.Series) -> np.ndarray:
    if isinstance(column.dtype, pd.CategoricalDtype):
        column = column.astype(object)
    if types.is_datetime64_any_dtype(column.dtype) or types.is_timedelta64_dtype(column.dtype):
        raise DataError(f"{column.name!r} holds {column.dtype}; the model was fitted on numbers there.")
    if not types.is_numeric_dtype(column.dtype):
        column = _read_numbers(column)
    with np.errstate(over="ignore"):  # beyond float32's range is infinite there, and counted with the infinities
        return column.to_numpy(dtype="float32", na_value=np.nan)


def _read_numbers(column: pd.Series) -> pd.Series:
    numbers = pd.to_numeric(column.astype(object), errors="coerce")
    unread = column[numbers.isna() & column.notna()]
    if len(unread):
        raise DataError(
            f"{column.name!r}: {len(unread)} of {len(column)} values are no numbers, such as {unread.iloc[0]!r}.",
            hint="The model was fitted on numbers there; make them numbers in the data or in features().",
        )
    return numbers


def _to_category(column: pd.Series, categories: list[str]) -> pd.Series:
    if isinstance(column.dtype, pd.CategoricalDtype) and list(column.cat.categories) == categories:
        return column
    texts = column.astype(object)
    texts = texts.where(texts.isna(), texts.map(str)) if not _is_text(texts) else texts
    coded = pd.Categorical(texts, categories=categories)
    unseen = int(coded.isna().sum()) - int(column.isna().sum())
    if unseen:
        log.info("%r: %d values were not seen in training and are taken as missing", column.name, unseen)
    return pd.Series(coded, index=column.index, name=column.name)


def _is_text(column: pd.Series) -> bool:
    return types.infer_dtype(column, skipna=True) in ("string", "empty")
