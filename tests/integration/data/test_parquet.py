"""Parquet files: types of their own, files that differ, row groups that filters skip."""

from __future__ import annotations

import decimal
from datetime import UTC, date, datetime

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from upath import UPath

from airflow_mlkit.data.parquet_source import ParquetSource
from airflow_mlkit.data.source import SourceReader
from airflow_mlkit.spec.data import ValueFilter


def _table(values, kind=None) -> pa.Table:
    array = values if isinstance(values, (pa.Array, pa.ChunkedArray)) else pa.array(values, kind)
    return pa.table({"amount": array, "fraud": ["no"] * len(array)})


@pytest.mark.parametrize(
    ("values", "kind", "word", "expected"),
    [
        ([1, None], pa.int8(), "integer", [1, None]),
        ([1, 2], pa.uint64(), "integer", [1, 2]),
        ([1.5, float("nan")], pa.float32(), "number", [1.5, None]),
        ([decimal.Decimal("1.50")], pa.decimal128(9, 2), "number", [1.5]),
        (["a", " ", None], pa.large_string(), "text", ["a", None, None]),
        (pa.array(["a", "b", "a"]).dictionary_encode(), None, "text", ["a", "b", "a"]),
        ([date(2026, 1, 31)], pa.date32(), "date", [datetime(2026, 1, 31)]),
        ([datetime(2026, 1, 31, 9)], pa.timestamp("ns"), "date", [datetime(2026, 1, 31, 9)]),
        ([datetime(2026, 1, 31, 9)], pa.timestamp("ms", "Asia/Tokyo"), "date", [datetime(2026, 1, 31, 9, tzinfo=UTC)]),
        ([True, None], pa.bool_(), "boolean", [True, None]),
        ([None, None], pa.null(), "number", [None, None]),
    ],
)
def test_columns_come_in_the_types_of_a_snapshot(extract, values, kind, word, expected):
    got = extract(files={"d.parquet": _table(values, kind)})
    assert got.snapshot["columns"]["amount"] == word
    assert got.table["amount"].to_pylist() == expected


@pytest.mark.parametrize(
    ("values", "kind", "word", "said"),
    [
        (["1", "x"], pa.string(), "number", "row 2 of d.parquet, column amount: 'x' is no number"),
        ([1.0, 2.5], pa.float64(), "integer", "row 2 of d.parquet, column amount: 2.5 is no whole number"),
        ([0, 7], pa.int64(), "boolean", "row 2 of d.parquet, column amount: 7 is no boolean"),
        ([20260131], pa.int64(), "date", "row 1 of d.parquet, column amount: 20260131 is no date"),
        ([1.0, float("inf")], pa.float64(), "number", "row 2 of d.parquet, column amount: inf is infinite"),
        ([datetime(2026, 1, 1)], pa.timestamp("us"), "number", "'2026-01-01 00:00:00' is no number"),
        ([2**64 - 1], pa.uint64(), "integer", "is no whole number"),
    ],
)
def test_a_column_of_another_type_than_declared_is_named(extract, values, kind, word, said):
    assert said in extract({"types": {"amount": word}}, files={"d.parquet": _table(values, kind)}).reason


def test_files_that_differ_in_a_type_are_named_and_whole_numbers_widen(extract):
    def both(first, second):
        return extract({"source": {"path": "d"}}, files={"d/a.parquet": _table(first), "d/b.parquet": _table(second)})

    assert both([1, 2], [0.5]).table["amount"].to_pylist() == [1.0, 2.0, 0.5]
    assert "column amount is string in d/b.parquet and int64 in d/a.parquet" in both([1], ["x"]).reason
    zones = both([datetime(2026, 1, 1)], [datetime(2026, 1, 1, tzinfo=UTC)])
    assert "column amount is timestamp[us, tz=UTC] in d/b.parquet and timestamp[us] in d/a.parquet" in zones.reason


def test_row_groups_that_no_row_can_pass_are_not_read(tmp_path):
    path = tmp_path / "d.parquet"
    pq.write_table(pa.table({"amount": list(range(1000))}), path, row_group_size=100)
    filters = [ValueFilter(feature="amount", predicate="GtEq", value=850)]
    raw = ParquetSource([UPath(path)], ["amount"], {}, filters)
    assert [chunk.first_row for chunk in raw.chunks()] == [801, 901]
    reader = SourceReader(raw, ["amount"], {}, filters)
    assert sum(len(batch) for batch in reader) == 150
    assert (reader.rows_read, reader.filtered) == (1000, 850)


def test_a_truncated_file_is_a_sentence(extract, tmp_path):
    pq.write_table(_table(list(range(10_000))), tmp_path / "whole.parquet")
    whole = (tmp_path / "whole.parquet").read_bytes()
    assert "d.parquet cannot be read to its end" in extract(files={"d.parquet": whole[: len(whole) // 2]}).reason
