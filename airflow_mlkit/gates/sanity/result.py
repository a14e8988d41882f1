"""What one sanity check found."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import FiniteFloat

from airflow_mlkit.rundir.records import Record
from airflow_mlkit.spec.sanity import SanityName

CHANCE = 0.001
"""Below this probability chance is no explanation: a sound model fails a check by it once in a thousand."""


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

    @property
    def title(self) -> str:
        """The check in a few words, such as `sanity: calibration`."""
        return f"sanity: {self.check}"

    @property
    def objection(self) -> str:
        """What speaks against the challenger, with the key of mlkit.yaml under which its limit stands."""
        return f"sanity check {self.check}: {self.reason}"


def name_columns(names: Sequence[str], most: int = 3) -> str:
    """A few columns by name, and how many more there are."""
    shown = ", ".join(repr(name) for name in names[:most])
    return f"{shown} and {len(names) - most} more" if len(names) > most else shown
