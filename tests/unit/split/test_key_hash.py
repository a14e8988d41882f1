"""The bucket of a key, by the definition in docs/reference/holdout.md."""

from __future__ import annotations

import hashlib
import math
import re
import struct
from datetime import datetime
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_mlkit.data.key_hash import hash_keys, is_below, key_texts
from airflow_mlkit.exceptions import SplitError

DOCUMENT = Path(__file__).parents[3] / "docs" / "reference" / "holdout.md"
VECTORS = re.findall(r"^\| `(.+?)` \| ([0-9a-f]{16}) \| ([0-9a-f]{16}) \|$", DOCUMENT.read_text(), re.MULTILINE)


def written_down(salt: str, row: tuple[Any, ...]) -> tuple[int, int]:
    """The definition, word for word."""
    content = salt.encode() + b"\n"
    for value in row:
        tag, text = tag_and_text(value)
        content += f"{tag}:{len(text)}:".encode() + text + b"\n"
    digest = hashlib.md5(content, usedforsecurity=False).digest()
    return int.from_bytes(digest[:8], "big"), int.from_bytes(digest[8:], "big")


def tag_and_text(value: Any) -> tuple[str, bytes]:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "0", b""
    if isinstance(value, bool):
        return "b", b"true" if value else b"false"
    if isinstance(value, float) and not (value.is_integer() and abs(value) < 2**53):
        return "d", struct.pack(">d", value).hex().encode()
    if isinstance(value, int | float):
        return "i", str(int(value)).encode()
    return "s", value.encode()


@pytest.mark.parametrize(("content", "held_out", "validates"), VECTORS)
def test_the_test_vectors_of_the_document_hold(content: str, held_out: str, validates: str) -> None:
    raw = content.encode().decode("unicode_escape").encode("latin-1")
    salt, _, text = raw.partition(b"\n")
    assert [f"{number:016x}" for number in hash_keys(pa.array([text]), salt.decode())[0]] == [held_out, validates]


def test_the_document_has_test_vectors() -> None:
    assert len(VECTORS) == 7


VALUES = {
    pa.string(): st.text(st.characters(codec="utf-8"), max_size=8),
    pa.int64(): st.integers(-(2**63), 2**63 - 1),
    pa.float64(): st.floats() | st.integers(-100, 100).map(float),
    pa.bool_(): st.booleans(),
}


@given(st.data(), st.text(st.characters(codec="utf-8"), max_size=4))
def test_vectorised_hashing_is_the_written_definition(data: st.DataObject, salt: str) -> None:
    rows = data.draw(st.lists(st.tuples(*(values | st.none() for values in VALUES.values())), min_size=1, max_size=5))
    columns = [pa.array(column, kind) for column, kind in zip(zip(*rows, strict=True), VALUES, strict=True)]
    assert [tuple(map(int, pair)) for pair in hash_keys(key_texts(columns), salt)] == [
        written_down(salt, row) for row in rows
    ]


def test_a_whole_number_has_one_text_as_integer_and_as_double() -> None:
    assert key_texts([pa.array([7, -3, None])]) == key_texts([pa.array([7.0, -3.0, None])])


def test_a_moment_has_one_text_in_every_unit() -> None:
    moment = [datetime(2026, 1, 1)]
    texts = {key_texts([pa.array(moment, pa.timestamp(unit))])[0].as_py() for unit in ("s", "ms", "us", "ns")}
    assert texts == {b"t:16:1767225600000000\n"}


def test_values_of_neighbouring_columns_do_not_run_together() -> None:
    left, right = key_texts([pa.array(["ab", "a"]), pa.array(["c", "bc"])])
    assert left != right


def test_a_sliced_column_is_hashed_like_a_whole_one() -> None:
    column = pa.array([0.1, 2.5, float("nan"), 4.0, None])
    assert key_texts([column.slice(1, 3)]) == key_texts([pa.array([2.5, None, 4.0])])


@given(st.integers(0, 2**64 - 1), st.floats(0.001, 0.999))
def test_below_is_exact(value: int, fraction: float) -> None:
    expected = Fraction(value, 2**64) < Fraction(fraction)
    assert bool(is_below(np.array([value], dtype=np.uint64), fraction)[0]) == expected


def test_a_type_without_a_text_is_refused() -> None:
    with pytest.raises(SplitError, match="cannot be part of the holdout's key"):
        key_texts([pa.array([[1], [2]])])
