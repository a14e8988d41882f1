"""Which rows a run may see: dates, maturity, freshness, training dates."""

from __future__ import annotations

from datetime import UTC, datetime

import pyarrow as pa
import pytest

HEADER = "amount,day,fraud\n"
FILES = {"d.csv": HEADER + "".join(f"{day},2026-01-{day:02d},no\n" for day in range(1, 31))}
DATES = {"date_column": "day"}
NOON = datetime(2026, 1, 20, 12, tzinfo=UTC)


def _days(extracted) -> list[float]:
    return extracted.table["amount"].to_pylist()


def test_a_backfill_does_not_see_what_came_later(extract):
    got = extract(DATES, files=FILES, as_of=NOON)
    assert _days(got) == list(range(1, 21))
    assert got.snapshot["left_out"]["after_as_of"] == 10
    assert got.record.summary["as_of"] == "2026-01-20T12:00:00+00:00"


@pytest.mark.parametrize(("as_of", "newest"), [(NOON, 13), (None, 23)])
def test_rows_whose_label_is_not_yet_known_are_left_out(extract, as_of, newest):
    got = extract({**DATES, "label_matures_after": "7d"}, files=FILES, as_of=as_of)
    assert _days(got) == list(range(1, newest + 1))
    assert got.snapshot["left_out"]["immature"] == 7
    assert got.snapshot["newest"] == f"2026-01-{newest}T00:00:00+00:00"


def test_without_a_given_as_of_it_is_the_newest_date_of_the_data(extract):
    got = extract(DATES, files=FILES)
    assert got.record.summary["as_of"] == "2026-01-30T00:00:00+00:00"
    assert extract(files=FILES).record.summary["as_of"] is None


def test_a_source_whose_copy_did_not_arrive_stops_the_run(extract):
    fresh = {**DATES, "fresh_within": "2d", "label_matures_after": "7d"}
    assert extract(fresh, files=FILES, as_of=datetime(2026, 2, 1, tzinfo=UTC)).record.exit_code == 0
    stale = extract(fresh, files=FILES, as_of=datetime(2026, 2, 2, tzinfo=UTC))
    assert "d.csv is not fresh at 2026-02-02 00:00 UTC: its newest row is of 2026-01-30 00:00 UTC" in stale.reason
    assert stale.record.exit_code == 3
    assert "fresh_within is not checked" in extract(fresh, files=FILES).log


def test_training_dates_of_the_run_are_kept_to(extract):
    dates = {"training_start": "2026-01-05", "training_end": "2026-01-10"}
    assert _days(extract(DATES, files=FILES, parameters=dates)) == [5, 6, 7, 8, 9]
    wrong = extract(files=FILES, parameters=dates)
    assert "training_start and training_end need data.date_column" in wrong.reason
    assert wrong.record.exit_code == 2


def test_dates_with_offsets_are_kept_in_utc_and_compared_as_moments(extract):
    text = HEADER + "1,2026-01-20T13:30:00+02:00,no\n2,2026-01-20T13:30:00+0100,no\n3,2026-01-20T12:00:00Z,no\n"
    got = extract(DATES, files={"d.csv": text}, as_of=NOON)
    assert got.table.schema.field("day").type == pa.timestamp("us", "UTC")
    assert _days(got) == [1, 3]


def test_rows_without_a_date_are_left_out_and_said(extract):
    got = extract(DATES, files={"d.csv": HEADER + "1,,no\n2,2026-01-01,no\n"})
    assert _days(got) == [2]
    assert "1 rows without a date" in got.log


def test_where_no_row_remains_the_reasons_are_counted(extract):
    got = extract({**DATES, "label_matures_after": "60d"}, files=FILES, as_of=NOON)
    assert (
        "no row of d.csv remains: 30 were read, 10 later than the as_of, 20 whose label is not yet known" in got.reason
    )


def test_the_date_column_is_a_date(extract):
    assert (
        "row 1 of d.csv, column day: 'soon' is no date"
        in extract(DATES, files={"d.csv": HEADER + "1,soon,no\n"}).reason
    )
    assert "data.types.day is text" in extract({**DATES, "types": {"day": "text"}}, files=FILES).reason
