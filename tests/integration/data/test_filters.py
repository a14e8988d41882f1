"""The filters of mlkit.yaml mean the same for csv and for parquet."""

from __future__ import annotations

import pyarrow as pa
import pytest

CSV = (
    "amount,country,day,ok,fraud\n1,US,2026-01-01,true,no\n2,,2026-01-02,,no\n,CA,,false,no\n4,DE,2026-01-04,true,no\n"
)
TYPES = {"amount": "number", "country": "category", "day": "date", "ok": "boolean"}
COLUMNS = {"features": list(TYPES), "types": TYPES}


@pytest.mark.parametrize("form", ["csv", "parquet"])
@pytest.mark.parametrize(
    ("one", "kept"),
    [
        ({"feature": "amount", "predicate": "Eq", "value": 2}, [2]),
        ({"feature": "amount", "predicate": "NotEq", "value": 2}, [1, 4]),
        ({"feature": "amount", "predicate": "Gt", "value": 1.5}, [2, 4]),
        ({"feature": "amount", "predicate": "GtEq", "value": 2}, [2, 4]),
        ({"feature": "amount", "predicate": "Lt", "value": 2}, [1]),
        ({"feature": "amount", "predicate": "LtEq", "value": 2}, [1, 2]),
        ({"feature": "amount", "predicate": "IsIn", "values": [1, 4.0, 9.5]}, [1, 4]),
        ({"feature": "country", "predicate": "IsIn", "values": ["US", "CA"]}, [1, None]),
        ({"feature": "country", "predicate": "NotIn", "values": ["US", "CA"]}, [4]),
        ({"feature": "country", "predicate": "IsNull"}, [2]),
        ({"feature": "country", "predicate": "NotNull"}, [1, None, 4]),
        ({"feature": "country", "predicate": "NotEq", "value": "US"}, [None, 4]),
        ({"feature": "day", "predicate": "GtEq", "value": "2026-01-02"}, [2, 4]),
        ({"feature": "ok", "predicate": "Eq", "value": True}, [1, 4]),
    ],
)
def test_a_missing_value_matches_no_comparison(extract, one, kept, form):
    whole = extract(COLUMNS, files={"d.csv": CSV}).table if form == "parquet" else CSV
    got = extract({**COLUMNS, "filters": [one]}, files={f"d.{form}": whole})
    assert got.table["amount"].to_pylist() == kept
    assert got.snapshot["left_out"]["filters"] == 4 - len(kept)


@pytest.mark.parametrize(
    ("one", "said"),
    [
        (
            {"feature": "amount", "predicate": "Eq", "value": "2"},
            "data.filters[1].value: column amount holds numbers, and '2'",
        ),
        (
            {"feature": "country", "predicate": "IsIn", "values": ["US", 1]},
            "data.filters[1].values: column country holds text",
        ),
        ({"feature": "day", "predicate": "Gt", "value": "soon"}, "data.filters[1].value: column day holds dates"),
        ({"feature": "ok", "predicate": "Eq", "value": 1}, "data.filters[1].value: column ok holds booleans"),
        ({"feature": "cuntry", "predicate": "IsNull"}, "no column 'cuntry'; did you mean country?"),
    ],
)
def test_a_filter_that_cannot_be_used_is_named(extract, one, said):
    first = {"feature": "amount", "predicate": "NotNull"}
    assert said in extract({**COLUMNS, "filters": [first, one]}, files={"d.csv": CSV}).reason


def test_several_filters_must_all_keep_a_row(extract):
    filters = [
        {"feature": "amount", "predicate": "Gt", "value": 1},
        {"feature": "country", "predicate": "NotNull"},
    ]
    got = extract(
        {"filters": filters},
        files={"d.parquet": pa.table({"amount": [1, 2], "country": [None, "x"], "fraud": ["a", "b"]})},
    )
    assert got.table["fraud"].to_pylist() == ["b"]


def test_a_column_that_only_a_filter_needs_is_not_kept(extract):
    got = extract({"filters": [{"feature": "ok", "predicate": "Eq", "value": True}]}, files={"d.csv": CSV})
    assert got.rows == [{"amount": 1, "fraud": "no"}, {"amount": 4, "fraud": "no"}]
