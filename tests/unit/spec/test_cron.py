"""A cron expression is refused before Airflow sees it, with the field that is wrong."""

from __future__ import annotations

import pytest

from airflow_mlkit.spec.cron import CRON_WORDS, find_cron_problem


@pytest.mark.parametrize(
    "text",
    [*CRON_WORDS, "0 6 * * 1", "*/15 0-6,18-23 1,15 jan-mar MON-FRI", "0 0 L * *", "0 0 * * 5#2", "5/10 * * * 7"],
)
def test_what_airflow_reads_is_taken(text: str) -> None:
    assert find_cron_problem(text) is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("61 * * * *", "its minute is '61', which is not between 0 and 59"),
        ("0 24 * * *", "its hour is '24'"),
        ("0 0 0 * *", "its day of the month is '0'"),
        ("0 0 * 13 *", "its month is '13'"),
        ("0 0 * * funday", "its day of the week is 'funday'"),
        ("*/0 * * * *", "its minute is '*/0'"),
        ("1- * * * *", "its minute is '1-'"),
        ("0 0 * *", "write one of @hourly"),
        ("daily", "write one of @hourly"),
    ],
)
def test_what_airflow_would_refuse_is_refused_with_the_field(text: str, said: str) -> None:
    assert said in (find_cron_problem(text) or "")


@pytest.mark.needs("airflow")
@pytest.mark.parametrize(
    "text", ["61 * * * *", "0 24 * * *", "0 0 * * 8", "*/15 0-6 1,15 jan-mar MON-FRI", "0 0 L * *", "0 0 * * 5#2"]
)
def test_the_judgement_is_the_one_of_airflow(text: str) -> None:
    from croniter import croniter

    assert croniter.is_valid(text) == (find_cron_problem(text) is None)
