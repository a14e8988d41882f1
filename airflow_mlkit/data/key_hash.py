"""Which bucket a key falls into: md5 of a written-down text, so that any language can say the same.

docs/reference/holdout.md has the layout of the bytes, with test vectors.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pt

from airflow_mlkit.exceptions import SplitError

_NULL_TAG = "0"
_EXACT = 2.0**53
"""Below it each whole double is one integer, and no other."""

_KINDS: dict[str, Callable[[pa.DataType], bool]] = {
    "text": pt.is_string,
    "number": lambda column: pt.is_integer(column) or pt.is_floating(column),
    "boolean": pt.is_boolean,
    "moment": pt.is_timestamp,
}


def key_texts(columns: Sequence[pa.Array]) -> pa.Array:
    """The text of each row's key: for each column a tag, the length of the value in bytes, and the value.

    Args:
        columns: of equal length, in the order in which the key declares them.

    Returns:
        Binary values, none of them null; a missing value has the tag `0` and no bytes.

    Raises:
        SplitError: when a column is of a type that has no text here.
    """
    pieces: list[pa.Array | str] = []
    for column in columns:
        tag, text = _tag_and_text(column)
        absent = missing(column)
        if pc.any(absent).as_py():
            tag, text = pc.if_else(absent, _NULL_TAG, tag), pc.if_else(absent, "", text)
        pieces += [tag, ":", pc.binary_length(text).cast(pa.string()), ":", text, "\n"]
    return pc.binary_join_element_wise(*pieces, "").cast(pa.binary())


def hash_keys(texts: pa.Array, salt: str) -> npt.NDArray[np.uint64]:
    """md5 over the salt, a newline and each text, as two big-endian numbers of 8 bytes.

    Returns:
        One row for each text. The first column says whether it is held out, the second one whether it validates.
    """
    prefix, md5 = salt.encode() + b"\n", partial(hashlib.md5, usedforsecurity=False)
    digests = b"".join([md5(prefix + text).digest() for text in texts.to_numpy(zero_copy_only=False)])
    return np.frombuffer(digests, dtype=">u8").reshape(-1, 2).astype(np.uint64)


def is_below(values: npt.NDArray[np.uint64], fraction: float) -> npt.NDArray[np.bool_]:
    """Whether value / 2^64 < fraction, in whole numbers: scaling by a power of two is exact."""
    return values < np.uint64(math.ceil(fraction * 2.0**64))


def missing(column: pa.Array) -> pa.Array:
    """Whether each value is missing; NaN is."""
    return pc.is_null(column, nan_is_null=True)


def kind_of_key(column: pa.DataType) -> str:
    """What a column of a key holds: values of one kind keep their side whatever their width.

    Raises:
        SplitError: when a column is of a type that has no text here.
    """
    for kind, belongs in _KINDS.items():
        if belongs(column):
            return kind
    raise SplitError(f"a column of type {column} cannot be part of the holdout's key.")


def _tag_and_text(column: pa.Array) -> tuple[pa.Array | str, pa.Array]:
    if pt.is_floating(column.type):
        return _double(column)
    kind = kind_of_key(column.type)
    if kind == "moment":
        return "t", column.cast(pa.timestamp("us", column.type.tz)).cast(pa.int64()).cast(pa.string())
    return {"text": "s", "boolean": "b", "number": "i"}[kind], column.cast(pa.string())


def _double(column: pa.Array) -> tuple[pa.Array, pa.Array]:
    """A whole number reads like an integer, so that 7 stays where it is when its column becomes a double."""
    values = column.cast(pa.float64()).to_numpy(zero_copy_only=False)
    with np.errstate(invalid="ignore"):
        is_whole = (np.trunc(values) == values) & (np.abs(values) < _EXACT)
    whole = pa.array(np.where(is_whole, values, 0).astype(np.int64)).cast(pa.string())
    digits = pa.py_buffer(values.astype(">f8").tobytes().hex().encode())
    bits = pa.FixedSizeBinaryArray.from_buffers(pa.binary(16), len(values), [None, digits]).cast(pa.string())
    mask = pa.array(is_whole)
    return pc.if_else(mask, "i", "d"), pc.if_else(mask, whole, bits)
