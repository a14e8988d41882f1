"""Dates written as text that cannot be read as dates: what keeps a column of them from being one."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from airflow_mlkit.data.casting import ZONE, cast_column, clean
from airflow_mlkit.data.types import AWARE, NAIVE

MOSTLY = 0.9
"""A column of text in which more than this share looks like dates was meant as dates."""

_ISO = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}(?:$|[T ][0-9])"
_LOCAL = (
    r"^(?:[0-3]?[0-9][./-][0-3]?[0-9][./-][12][0-9]{3}|[0-3]?[0-9]/[0-3]?[0-9]/[0-9]{2}|"
    r"[12][0-9]{3}[./][01]?[0-9][./][0-3]?[0-9])(?:$|[T ,])"
)
_HOW = "write them as 2024-12-31"


def why_no_dates(values: pa.Array) -> str | None:
    """Why a column of text that looks like dates is none, as the reason to leave it out; None for any other text."""
    present = clean(values).drop_null()
    iso, local = (pc.match_substring_regex(present, pattern) for pattern in (_ISO, _LOCAL))
    shaped = pc.or_(iso, local)
    if not len(present) or pc.mean(shaped.cast(pa.int8())).as_py() <= MOSTLY:
        return None
    if pc.mean(iso.cast(pa.int8())).as_py() <= MOSTLY:
        return f"dates such as {present.filter(local)[0].as_py()!r}: {_HOW} to use it"
    return _why_no_iso_dates(present)


def _why_no_iso_dates(present: pa.Array) -> str:
    zoned = pc.match_substring_regex(present, ZONE)
    (_, not_aware), (_, not_naive) = (cast_column(present, kind) for kind in (AWARE, NAIVE))
    odd = pc.and_(not_aware, not_naive) if not_aware is not None and not_naive is not None else None
    if odd is not None and pc.any(odd).as_py():
        return f"dates but for a few values such as {present.filter(odd)[0].as_py()!r}; {_HOW} to use it"
    if pc.all(zoned).as_py() or not pc.any(zoned).as_py():
        return f"dates such as {present[0].as_py()!r}: {_HOW} to use it"
    with_zone, without = (present.filter(mask)[0].as_py() for mask in (zoned, pc.invert(zoned)))
    return f"dates with and without a zone: {with_zone}, {without}; write all of them in one way to use it"
