"""What people type for an option."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
import typer
from typer.testing import CliRunner

from airflow_mlkit.cli.app import app
from airflow_mlkit.cli.options import read_moment


def test_a_moment_is_a_day_or_a_time_in_utc_where_no_zone_was_said() -> None:
    assert read_moment("2026-12-01") == datetime(2026, 12, 1, tzinfo=UTC)
    assert read_moment(" 2026-12-01T08:00Z") == datetime(2026, 12, 1, 8, tzinfo=UTC)


@pytest.mark.parametrize("text", ["tomorrow", "", "12/01/2026", "2026-13-01", "0", "1764576000"])
def test_what_is_no_moment_is_answered_with_one_that_is(text: str) -> None:
    with pytest.raises(typer.BadParameter) as caught:
        read_moment(text)
    assert caught.value.message == f"{text!r} is no day and no moment. Write 2026-12-01 or 2026-12-01T08:00."


def test_a_freeze_until_tomorrow_is_refused_with_the_option_and_ends_with_2() -> None:
    done = CliRunner().invoke(app, ["freeze", "cards", "--until", "tomorrow", "--reason", "x"])
    assert done.exit_code == 2
    assert "Invalid value for '--until': 'tomorrow' is no day" in done.output
