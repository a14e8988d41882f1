from __future__ import annotations

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from airflow_mlkit.data.content_hash import ContentHash

SCHEMA = pa.schema(
    [("n", pa.float64()), ("i", pa.int64()), ("t", pa.string()), ("b", pa.bool_()), ("d", pa.timestamp("us"))]
)
ROW = st.fixed_dictionaries(
    {
        "n": st.none() | st.floats(allow_nan=False),
        "i": st.none() | st.integers(-(2**63), 2**63 - 1),
        "t": st.none() | st.text(st.characters(codec="utf-8"), max_size=5),
        "b": st.none() | st.booleans(),
        "d": st.none() | st.datetimes(),
    }
)


def _hash(rows: list[dict], size: int = 1000, schema: pa.Schema = SCHEMA) -> str:
    digest = ContentHash(schema)
    whole = pa.RecordBatch.from_pylist(rows, schema=schema)
    for start in range(0, len(rows), size):
        digest.update(whole.slice(start, size))
    return digest.hexdigest()


@given(st.lists(ROW, max_size=20), st.integers(1, 7))
def test_batches_do_not_count(rows, size):
    assert _hash(rows, size) == _hash(rows)


@given(st.lists(ROW, min_size=1, max_size=5), st.lists(ROW, min_size=1, max_size=5))
def test_other_rows_have_another_hash(first, second):
    # minus zero is zero, as it is for Python
    assert (_hash(first) == _hash(second)) == (first == second)


def test_what_is_missing_is_neither_zero_nor_empty_and_a_type_counts():
    texts = [[{"t": None}, {"t": "ab"}], [{"t": ""}, {"t": "ab"}], [{"t": "a"}, {"t": "b"}]]
    assert len({_hash(rows) for rows in texts}) == 3
    assert _hash([{"n": None}]) != _hash([{"n": 0.0}])
    one = [{"x": 1}]
    assert _hash(one, schema=pa.schema([("x", pa.int64())])) != _hash(one, schema=pa.schema([("x", pa.float64())]))


def test_the_hash_is_the_same_for_ever():
    row = {"n": 1.5, "i": -7, "t": "ü", "b": True, "d": None}
    assert _hash([row]) == "21a39714a1f203ad2a699ecdb3dd3ee4ee08f620030015c0f1483251a6f2b7ae"
