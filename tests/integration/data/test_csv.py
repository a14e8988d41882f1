"""Csv files as people really export them, through the whole step."""

from __future__ import annotations

import bz2
import gzip
import lzma

import pyarrow as pa
import pytest

PLAIN = 'amount,city,fraud\n1.5,Zürich,no\n,"Köln, ""Altstadt""",yes\n3,"two\nlines",no\n'
DATA = {"features": ["amount", "city"]}
ROWS = [
    {"amount": 1.5, "city": "Zürich", "fraud": "no"},
    {"amount": None, "city": 'Köln, "Altstadt"', "fraud": "yes"},
    {"amount": 3.0, "city": "two\nlines", "fraud": "no"},
]
TABLE = pa.Table.from_pylist(ROWS)


def _with(delimiter: str) -> str:
    return PLAIN.replace("Köln, ", "Köln# ").replace(",", delimiter).replace("Köln# ", "Köln, ")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", PLAIN),
        ("a.csv", PLAIN.encode("utf-8-sig")),
        ("a.csv", PLAIN.encode("utf-16")),
        ("a.csv", PLAIN.encode("utf-16-le")),
        ("a.csv", PLAIN.encode("cp1252")),
        ("a.csv", PLAIN.replace("\n", "\r\n").replace("two\r\n", "two\n")),
        ("a.csv", _with(";")),
        ("a.tsv", _with("\t")),
        ("a.txt", _with("|")),
        ("a.csv.gz", gzip.compress(PLAIN.encode(), mtime=0)),  # a name of the test, the same in each worker
        ("a.csv.bz2", bz2.compress(PLAIN.encode())),
        ("a.csv.xz", lzma.compress(PLAIN.encode())),
        ("a.csv.zst", pa.compress(PLAIN.encode(), "zstd", asbytes=True)),
        ("a b'\";{{ }}ü.csv", PLAIN),
        ("a[1].csv", PLAIN),
        ("a.parquet", TABLE),
        (
            "a.parquet",
            TABLE.cast(pa.schema([("amount", pa.float32()), ("city", pa.large_string()), ("fraud", pa.string())])),
        ),
    ],
)
def test_the_same_rows_are_the_same_snapshot_however_they_are_written(extract, name, content):
    got = extract(DATA, files={name: content})
    assert got.rows == ROWS
    assert got.content_hash == extract(DATA, files={"b.csv": PLAIN}).content_hash


def test_a_split_into_files_does_not_change_the_content_and_the_order_of_rows_does(extract):
    head, *rows = "amount,fraud\n1,no\n2,yes\n3,no\n".splitlines(keepends=True)
    whole = extract(files={"d/a.csv": head + "".join(rows)}, data={"source": {"path": "d"}})
    parts = extract(
        files={"d/b.csv": "fraud,amount\nno,3\n", "d/a.csv": head + "".join(rows[:2]), "d/_SUCCESS": ""},
        data={"source": {"path": "d/"}},
    )
    turned = extract(files={"d/a.csv": head + "".join(reversed(rows))}, data={"source": {"path": "d/*.csv"}})
    assert parts.content_hash == whole.content_hash != turned.content_hash


def test_types_are_decided_over_the_whole_column(extract):
    lines = [f"{index},{index},no\n" for index in range(200_000)] + ["x1,7.5,no\n"]
    got = extract({"features": ["a", "b"]}, files={"d.csv": "a,b,fraud\n" + "".join(lines)})
    assert got.snapshot["columns"] == {"a": "text", "b": "number", "fraud": "text"}
    assert "1 of its values are no numbers (row 200001 of d.csv: 'x1')" in got.log


@pytest.mark.parametrize(
    ("values", "kind", "expected"),
    [
        (["1", " 2", "", "NA"], "integer", [1, 2, None, None]),
        (["1", "2.5", "nan", " "], "number", [1.0, 2.5, None, None]),
        (["02139", "10001"], "text", ["02139", "10001"]),
        (["12345678901234567890", "1"], "text", ["12345678901234567890", "1"]),
        (["True", "false", ""], "boolean", [True, False, None]),
        (["Yes", "NA", " "], "text", ["Yes", "NA", None]),
        (["", " "], "number", [None, None]),
        (["0x1F", "1"], "text", ["0x1F", "1"]),
        (["2026-01-31", "2026-02-01 12:30"], "date", None),
    ],
)
def test_a_column_of_no_declared_type_is_what_all_its_values_are(extract, values, kind, expected):
    got = extract(files={"d.csv": "amount,fraud\n" + "".join(f'"{value}",no\n' for value in values)})
    assert got.snapshot["columns"]["amount"] == kind
    assert expected is None or got.table["amount"].to_pylist() == expected


def test_declared_types_are_cast(extract):
    words = {"amount": "number", "n": "integer", "b": "boolean", "d": "date", "c": "category"}
    text = "amount,n,b,d,c,fraud\n+1,34.0,Yes,2026-01-31T12:00:00.123456789,01,no\n NA ,+5,0,,2,no\n"
    got = extract({"features": list(words), "types": words}, files={"d.csv": text})
    assert got.table["n"].to_pylist() == [34, 5]
    assert got.table["b"].to_pylist() == [True, False]
    assert got.table["c"].to_pylist() == ["01", "2"]
    assert got.table["amount"].to_pylist() == [1.0, None]
    assert got.table.schema.field("d").type == pa.timestamp("us")


def test_columns_that_nobody_needs_are_not_kept_and_may_be_anything(extract):
    got = extract(files={"d.csv": "x,x,,amount,fraud\n\x01,2,3,4,no\n"})
    assert got.table.column_names == ["amount", "fraud"]
    assert "d.csv: not used: x, x, " in got.log


def test_a_file_without_a_header_row_is_read_by_the_declared_names(extract):
    source = {"path": "d.csv", "columns": ["amount", "other", "fraud"]}
    assert extract({"source": source}, files={"d.csv": "1,2,no\n3,4,yes\n"}).table["amount"].to_pylist() == [1, 3]


def test_a_fully_missing_column_is_kept_and_said(extract):
    got = extract({"features": ["amount", "city"]}, files={"d.csv": "amount,city,fraud\n1,,no\n2, ,no\n"})
    assert got.table["city"].null_count == 2
    assert "column city is missing in every row" in got.log


BOM = b"\xef\xbb\xbf"
LONG = "amount,fraud\n1," + "x" * (9 << 20) + "\n"


@pytest.mark.parametrize(
    ("files", "data", "said"),
    [
        ({"d.csv": ""}, {}, "d.csv is empty"),
        ({"d.csv": BOM}, {}, "d.csv is empty"),
        ({"d.csv": "amount,fraud\n"}, {}, "d.csv has no rows"),
        ({"d.csv": "1,no\n2,yes\n"}, {}, "no header row (it begins with 1,no)"),
        ({"d.csv": "amout,fraud\n1,no\n"}, {}, "no column 'amount'; did you mean amout?"),
        ({"d.csv": "amount,amount,fraud\n1,2,no\n"}, {}, "2 columns named 'amount'"),
        (
            {"d.csv": "amount,fraud\n1,no\n2,no,3\n"},
            {},
            "row 2 of d.csv has 3 cells, and the rows before it have 2: 2,no,3",
        ),
        ({"d.csv": "amount,town,fraud\n1,x,no\n2,y"}, {}, "row 2 of d.csv has 2 cells"),
        ({"d.csv": "amount,town,fraud\n1,x,no\n2,y"}, {}, "Was the file cut off there?"),
        (
            {"d.csv": "1,no\n"},
            {"source": {"path": "d.csv", "columns": ["a"]}},
            "d.csv has 2 columns, and data.source.columns names 1",
        ),
        (
            {"d.csv": "amount,fraud\n1,no\n"},
            {"source": {"path": "d.csv", "columns": ["amount", "fraud"]}},
            "has a header row",
        ),
        ({"d.csv.gz": gzip.compress(PLAIN.encode() * 999, mtime=0)[:-9]}, DATA, "d.csv.gz cannot be read to its end"),
        ({"d.csv.gz": PLAIN.encode()}, DATA, "d.csv.gz cannot be read to its end"),
        (
            {"d.csv": PLAIN.encode("cp1252")},
            {**DATA, "source": {"path": "d.csv", "encoding": "utf-8"}},
            "d.csv is not utf-8: byte 0xfc",
        ),
        ({"d.csv": PLAIN}, {**DATA, "source": {"path": "d.csv", "encoding": "utf-9"}}, "no encoding 'utf-9'"),
        ({"d.csv": b"amount,fraud\n1,no\n" + b"\0" * 9}, {}, "holds NUL bytes"),
        ({"d.csv": LONG}, {}, "longer than 4 MiB"),
        ({"d.csv": 'amount,fraud\n1,"no\n' + "2,no\n" * 999}, {}, "row 1 of d.csv: a quote is opened and never closed"),
        ({"d/x.csv": "", "d/y.parquet": TABLE}, {"source": {"path": "d"}}, "a source has one format"),
        ({"d/_x": ""}, {"source": {"path": "d"}}, "a folder without files"),
        ({"d/x.csv": ""}, {"source": {"path": "e/*.csv"}}, "no file matches"),
        ({"x": ""}, {"source": {"path": "nowhere.csv"}}, "nowhere.csv is not there"),
        ({"d.xlsx": "x"}, {}, "neither .csv nor .parquet"),
        (
            {"d/a.csv": PLAIN, "d/b.csv": "amount,town,fraud\n1,x,no\n"},
            {**DATA, "source": {"path": "d"}},
            "d/b.csv has no column 'city'",
        ),
        ({"d.parquet": b""}, {}, "d.parquet is empty"),
        ({"d.parquet": b"PAR1 and then nothing"}, {}, "d.parquet cannot be read to its end"),
        ({"d.parquet": pa.table({"amount": [[1]], "fraud": ["no"]})}, {}, "column amount of d.parquet holds list"),
        ({"x": ""}, {"source": {"path": "ftpx://h/x.csv"}}, "no reader for ftpx://"),
        ({"x": ""}, {"source": {"bigquery": "q.sql"}}, "no step reads BigQuery yet"),
    ],
)
def test_a_source_that_cannot_be_used_is_a_sentence(extract, files, data, said):
    got = extract(data, files=files)
    assert said in got.reason
    assert "Traceback" not in got.log
    assert len(got.reason) < 600


@pytest.mark.parametrize(
    ("word", "values", "said"),
    [
        (
            "number",
            ["1", "abc", "x", "y", "z"],
            "row 2 of d.csv, column amount: 'abc' is no number (4 such values; also row 3 'x', row 4 'y')",
        ),
        ("number", ["1", "12,5"], "'12,5' is no number\nIt is written with a decimal comma"),
        ("number", ["1,234.50"], "thousands separators"),
        ("number", ["1,234"], "thousands separators"),
        ("number", ["1", "-inf"], "row 2 of d.csv, column amount: '-inf' is infinite"),
        ("integer", ["1.5"], "'1.5' is no whole number"),
        ("boolean", ["maybe"], "'maybe' is no boolean"),
        ("date", ["2026-02-30"], "'2026-02-30' is no date\nA date is written 2026-01-31"),
        ("date", ["31/12/2026"], "is no date"),
        (
            "date",
            ["2026-01-31", "2026-01-31T12:00:00Z"],
            "row 2 of d.csv, column amount: '2026-01-31T12:00:00Z' is no date",
        ),
        ("date", ["2026-01-31T12:00:00+01:00", "2026-01-31"], "row 2 of d.csv, column amount: '2026-01-31' is no date"),
    ],
)
def test_a_value_that_does_not_fit_is_named_with_its_row(extract, word, values, said):
    text = "amount,fraud\n" + "".join(f'"{value}",no\n' for value in values)
    assert said in extract({"types": {"amount": word}}, files={"d.csv": text}).reason


def test_bad_values_are_counted_over_all_files_and_columns(extract):
    files = {"d/a.csv": "amount,n,fraud\n1,x,no\n", "d/b.csv": "amount,n,fraud\ny,1,no\nz,1,no\n"}
    got = extract(
        {"source": {"path": "d"}, "features": ["amount", "n"], "types": {"amount": "number", "n": "number"}},
        files=files,
    )
    assert "row 1 of d/b.csv, column amount: 'y' is no number (2 such values; also row 2 'z')" in got.reason
    assert "row 1 of d/a.csv, column n: 'x' is no number" in got.reason


def test_an_infinite_value_of_a_column_without_declared_type_is_refused(extract):
    assert (
        "row 2 of d.csv, column amount: 'inf' is infinite"
        in extract(files={"d.csv": "amount,fraud\n1,no\ninf,no\n"}).reason
    )
