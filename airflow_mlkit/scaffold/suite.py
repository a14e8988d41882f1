"""A Great Expectations suite which the data passes, and broken data does not.

Ranges leave room for honest growth; the median may not leave the middle 80 % of today's values, which tells amounts in
cents, or with the wrong sign, from a quiet week.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import Any

from airflow_mlkit.data.column_profile import ColumnProfile
from airflow_mlkit.data.profile import DataProfile
from airflow_mlkit.spec.data import HashHoldout

MAX_VALUES = 50
"""A category with more different values has no list of them: new ones are everyday."""

Expectation = dict[str, Any]


def build_suite(name: str, profile: DataProfile) -> dict[str, Any]:
    """The suite for a profile, as Great Expectations reads it: `{name, expectations: [{type, kwargs, severity}]}`."""
    expectations = [_of_rows(profile)]
    expectations += _of_label(profile)
    for column in profile.feature_columns:
        expectations += _of_feature(column)
    expectations += _of_other_columns(profile)
    return {"name": name, "expectations": expectations}


def suite_text(suite: dict[str, Any]) -> str:
    """The suite as JSON with one expectation on a line, so that a changed one is one line of a diff."""
    lines = ",\n".join(f"    {json.dumps(one, ensure_ascii=False)}" for one in suite["expectations"])
    return f'{{\n  "name": {json.dumps(suite["name"])},\n  "expectations": [\n{lines}\n  ]\n}}\n'


def _expect(kind: str, **kwargs: Any) -> Expectation:
    return {"type": kind, "kwargs": kwargs, "severity": "critical"}


def _of_rows(profile: DataProfile) -> Expectation:
    """Half as many rows as now; a warning where rows have dates, as a run for an earlier day honestly has fewer."""
    expectation = _expect("expect_table_row_count_to_be_between", min_value=max(1, profile.rows // 2))
    return {**expectation, "severity": "warning"} if profile.holdout.date_column else expectation


def _of_label(profile: DataProfile) -> list[Expectation]:
    column, name = profile.columns[profile.label.name], profile.label.name
    found = [_not_null(column, room=0.0)]
    if profile.label.kind == "regression":
        return [*found, *_of_numbers(column)]
    return [*found, _expect("expect_column_values_to_be_in_set", column=name, value_set=list(profile.label.classes))]


def _of_feature(column: ColumnProfile) -> list[Expectation]:
    found = [_not_null(column, room=0.01)]
    if column.is_numeric and column.distinct > 2:
        return [*found, *_of_numbers(column)]
    if column.type != "boolean" and column.distinct <= MAX_VALUES:
        values = list(column.counts)
        found.append(_expect("expect_column_values_to_be_in_set", column=column.name, value_set=values, mostly=0.99))
    return found


def _of_other_columns(profile: DataProfile) -> Iterator[Expectation]:
    """What the holdout is cut by: the key, or the date. The snapshot holds no other column that is no feature."""
    holdout = profile.holdout.holdout
    for key in holdout.key_columns if isinstance(holdout, HashHoldout) else ():
        yield _not_null(profile.columns[key], room=0.0)
        if profile.columns[key].all_different:
            yield _expect("expect_column_values_to_be_unique", column=key)
    if profile.holdout.date_column:
        yield _not_null(profile.columns[profile.holdout.date_column], room=0.0)


def _not_null(column: ColumnProfile, *, room: float) -> Expectation:
    """As many missing values as now, and as many again, and `room` on top."""
    mostly = math.floor(100 * max(0.0, 1 - 2 * column.missing_share - room)) / 100
    kwargs = {} if mostly == 1 else {"mostly": mostly or 0.01}
    return _expect("expect_column_values_to_not_be_null", column=column.name, **kwargs)


def _of_numbers(column: ColumnProfile) -> list[Expectation]:
    low, tenth, median, ninetieth, high = column.quantiles
    room = (high - low) / 2
    least = 0.0 if low >= 0 else low - room
    most = 0.0 if high <= 0 else high + room
    found = [
        _expect(
            "expect_column_values_to_be_between",
            column=column.name,
            min_value=_round(least, math.floor),
            max_value=_round(most, math.ceil),
            mostly=0.99,
        )
    ]
    if tenth < median < ninetieth:
        bounds = {"min_value": _round(tenth, math.floor), "max_value": _round(ninetieth, math.ceil)}
        found.append(_expect("expect_column_median_to_be_between", column=column.name, **bounds))
    return found


def _round(value: float, direction: Any) -> float | int:
    """Three significant digits, away from the data."""
    if value == 0:
        return 0
    digits = 2 - math.floor(math.log10(abs(value)))
    scaled = direction(value * 10.0**digits) / 10.0**digits
    rounded = round(scaled, max(digits, 0))
    return int(rounded) if rounded == int(rounded) else rounded
