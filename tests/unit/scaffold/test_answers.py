"""What may be answered."""

import pytest

from airflow_mlkit.exceptions import AnswerError
from airflow_mlkit.scaffold.answers import check_schedule, check_text
from airflow_mlkit.scaffold.interview import likely_label, parse_columns


@pytest.mark.parametrize(
    ("text", "cron"),
    [
        ("weekly", "@weekly"),
        ("@daily", "@daily"),
        ("never", None),
        ("0 6 * * 1", "0 6 * * 1"),
        ("0 6 * * MON-FRI", "0 6 * * MON-FRI"),
    ],
)
def test_a_schedule_is_a_word_or_a_cron_expression(text, cron):
    assert check_schedule(text) == cron


@pytest.mark.parametrize(
    "text", ["", "soon", "every monday", "* * * *", "0 6 * * 1; rm", '0 6 * * "1"', "0 6 * * 1\n"[:-1] + " 2"]
)
def test_what_is_no_schedule_is_refused(text):
    with pytest.raises(AnswerError, match="no schedule"):
        check_schedule(text)


@pytest.mark.parametrize("text", ["", "  ", "two\nlines", "a\x00b", "x" * 201])
def test_text_is_one_line_of_something(text):
    with pytest.raises(AnswerError):
        check_text("the owner", text)


def test_columns_are_names_between_commas():
    assert parse_columns('a, b ,"c, d"') == ("a", "b", "c, d")


@pytest.mark.parametrize("text", ["", "a,,b", "a,b,a", ","])
def test_columns_need_a_name_each_and_each_once(text):
    with pytest.raises(AnswerError):
        parse_columns(text)


def test_the_likely_label_is_named_like_one_or_stands_last():
    assert likely_label(["id", "Churn", "age"]) == "Churn"
    assert likely_label(["id", "age", "price"]) == "price"
