"""What one sanity check found."""

from __future__ import annotations

from pydantic import FiniteFloat

from airflow_mlkit.rundir.records import Record
from airflow_mlkit.spec.sanity import SanityName


class SanityResult(Record):
    """One sanity check of the gate report.

    `measured` and `limit` are in the unit of the check (docs/reference/sanity-checks.md); `measured` is None where
    there was nothing to measure. `features` are the columns that failed it. `reason` is a sentence without a full stop.
    """

    check: SanityName
    passed: bool
    measured: FiniteFloat | None = None
    limit: FiniteFloat
    features: tuple[str, ...] = ()
    reason: str
