"""What a new data file says of itself: the kind of problem, which columns to use, which to leave out and why.

`mlkit new` writes it into a project's mlkit.yaml and suite, where every part of it can be read and changed. Needs
pyarrow and numpy only, so that it works before anything else is installed.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import pyarrow as pa

from airflow_mlkit.data.column_profile import MAX_CATEGORIES, ColumnProfile, profile_column
from airflow_mlkit.data.holdout_choice import HoldoutChoice, choose_holdout
from airflow_mlkit.data.label_profile import LabelProfile, encode_classes, profile_label
from airflow_mlkit.data.leaks import gives_class_away, gives_number_away
from airflow_mlkit.exceptions import AnswerError
from airflow_mlkit.spec.metrics import ProblemKind
from airflow_mlkit.spec.nearest import did_you_mean

MIN_ROWS = 40
"""Fewer rows cannot be cut into a part to learn from and a part to be tested on."""


@dataclass(frozen=True)
class DataProfile:
    """A data file as it was found.

    Attributes:
        rows: how many rows were looked at.
        columns: every named column, in the file's order.
        features: the columns that a model may use.
        left_out: why each of the others is not one.
        key: the column that tells the rows apart; None where there is none.
        holdout: which rows are held out, and why those.
    """

    rows: int
    columns: dict[str, ColumnProfile]
    label: LabelProfile
    features: tuple[str, ...]
    left_out: dict[str, str]
    key: str | None
    holdout: HoldoutChoice

    @property
    def feature_columns(self) -> tuple[ColumnProfile, ...]:
        """The features' profiles."""
        return tuple(self.columns[name] for name in self.features)


def profile_table(table: pa.Table, label: str, *, salt: str, kind: ProblemKind | None = None) -> DataProfile:
    """Find out what can be learnt from a table.

    Args:
        table: the rows; text columns are looked at closer.
        label: the column to predict.
        salt: of the holdout's hash, usually the project's name.
        kind: of the problem, where a person says it.

    Raises:
        AnswerError: when the label is not there or nothing can be learnt from it, or no column is left to learn from.
    """
    _check_table(table, label)
    columns = {name: profile_column(name, table[name]) for name in table.column_names if name.strip()}
    found = profile_label(columns[label], kind)
    others = [column for name, column in columns.items() if name != label]
    left_out = {column.name: reason for column in others if (reason := _reason_to_leave_out(column))}
    candidates = [column for column in others if column.name not in left_out]
    left_out |= dict.fromkeys(_find_leaks(candidates, columns[label], found), f"gives {label} away: it alone tells it")
    features = tuple(column.name for column in candidates if column.name not in left_out)
    _check_features(features, left_out, label)
    key = find_key(others)
    holdout = choose_holdout(others, columns[label], found, key=find_entity(others) or key, salt=salt)
    in_order = {name: left_out[name] for name in columns if name in left_out}
    return DataProfile(table.num_rows, columns, found, features, in_order, key, holdout)


def find_key(columns: Iterable[ColumnProfile]) -> str | None:
    """The column that is different in every row: one named as an identifier, else text without repetition."""
    different = [column for column in columns if column.all_different and _is_identifier(column)]
    named = [column.name for column in different if column.is_named_like_an_identifier and not column.is_counter]
    texts = [column.name for column in different if column.type in ("text", "category")]
    return next(iter([*named, *texts]), None)


def find_entity(columns: Iterable[ColumnProfile]) -> str | None:
    """The identifier that several rows share, such as the account of many payments, never missing.

    Rows of one entity are alike; held out one by one they would flatter a model that has met the others.
    """
    shared = (column for column in columns if column.missing == 0 and not column.all_different)
    return next((column.name for column in shared if _is_identifier(column)), None)


def _is_identifier(column: ColumnProfile) -> bool:
    if column.type not in ("integer", "text", "category") or _is_spoilt(column):
        return False
    if column.all_different:
        return column.type == "text" or column.is_counter or column.is_named_like_an_identifier
    return column.is_named_like_an_identifier and column.distinct > MAX_CATEGORIES


def _is_spoilt(column: ColumnProfile) -> bool:
    """Whether it was meant as numbers or dates, and cannot be read as such."""
    return _is_spoilt_number(column) or column.why_no_dates is not None


def _is_spoilt_number(column: ColumnProfile) -> bool:
    """Whether very few values keep it from being a column of numbers."""
    return column.type == "text" and column.odd_value is not None


def _reason_to_leave_out(column: ColumnProfile) -> str | None:
    reasons = {
        "missing in every row": column.missing == column.rows,
        f"infinite in {column.infinite} of {column.rows} rows: leave these blank to use it": column.infinite > 0,
        f"numbers but for a few values such as {column.odd_value!r}: correct them to use it": _is_spoilt_number(column),
        column.why_no_dates or "": column.why_no_dates is not None,
        "the same in every row": column.distinct == 1 and column.missing == 0,
        "counts the rows": column.is_counter and not column.is_named_like_an_identifier,
        "an identifier: different in every row": _is_identifier(column) and column.all_different,
        "an identifier": _is_identifier(column),
        "a date: make of it in features() what a model can use, such as the hour": column.type == "date",
        f"text with {column.distinct} different values": column.type == "text",
    }
    return next((reason for reason, applies in reasons.items() if applies), None)


def _find_leaks(candidates: list[ColumnProfile], label: ColumnProfile, found: LabelProfile) -> list[str]:
    if found.kind == "regression":
        return [column.name for column in candidates if gives_number_away(column, label.numbers)]
    classes = encode_classes(label, found)
    return [column.name for column in candidates if gives_class_away(column, classes)]


def _check_table(table: pa.Table, label: str) -> None:
    names = table.column_names
    twice = sorted({name for name in names if name.strip() and names.count(name) > 1})
    if twice:
        raise AnswerError(f"two columns have the name {twice[0]!r}.", hint="Rename one of them in the file.")
    if label not in names:
        raise AnswerError(f"there is no column {label!r} to predict{did_you_mean(label, names)}")
    if table.num_rows < MIN_ROWS:
        raise AnswerError(
            f"the file holds only {table.num_rows} rows; a model and its test need at least {MIN_ROWS}.",
            hint="Give a file with more rows.",
        )


def _check_features(features: tuple[str, ...], left_out: dict[str, str], label: str) -> None:
    if not features:
        reasons = "; ".join(f"{name}: {reason}" for name, reason in list(left_out.items())[:10])
        hint = "Give a file with more columns."
        raise AnswerError(f"no column is left to predict {label!r} from. {reasons}", hint=hint)
