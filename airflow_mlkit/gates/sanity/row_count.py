"""Training rows that have collapsed since the champion was trained."""

from __future__ import annotations

from airflow_mlkit.gates.sanity.result import SanityResult
from airflow_mlkit.spec.sanity import RowCountCheck


def check_row_count(check: RowCountCheck, rows: int, champion_rows: int | None) -> SanityResult:
    """Whether there is about as much data as there was.

    Args:
        check: with the share of the champion's rows that must be there.
        rows: training and validation rows of the challenger.
        champion_rows: those of the champion; None where there is no champion, or it does not tell.
    """
    share = rows / champion_rows if champion_rows else None
    passed = share is None or share >= check.at_least
    return SanityResult(
        check="row_count",
        passed=passed,
        measured=share,
        limit=check.at_least,
        reason=_tell(check, rows, champion_rows, passed=passed),
    )


def _tell(check: RowCountCheck, rows: int, champion_rows: int | None, *, passed: bool) -> str:
    if not champion_rows:
        return f"trained on {rows:,} rows; there is no champion's number to compare with"
    compared = f"trained on {rows:,} rows, the champion on {champion_rows:,}"
    return compared if passed else f"{compared}: fewer than {100 * check.at_least:.3g} % of its rows are there"
