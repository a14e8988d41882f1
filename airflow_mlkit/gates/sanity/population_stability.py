"""The population stability index: how differently one column is spread in two sets of rows.

The sum over bins of `(actual - expected) * ln(actual / expected)` (Lewis 1994, "An introduction to credit scoring";
Siddiqi 2006, "Credit risk scorecards", where 0.25 is a major shift): 0 where both are the same, about the square of a
shift in standard deviations. By chance alone it is distributed as `(1/n + 1/m)` times chi-squared with a degree of
freedom less than bins (Yurdakul and Naranjo 2020, "Statistical properties of the population stability index").
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtri

_MAX_BINS = 10
_ROWS_PER_BIN = 5
"""Expected in each bin of the smaller set, as for any chi-squared statistic (Cochran 1954)."""

Counts = NDArray[np.int64]


class Binning:
    """Bins of about equal size, made from the expected values; missing ones have a bin of their own.

    Args:
        expected: numbers with NaN where they are missing, or codes of categories with -1.
        rows: of the smaller of the sets that will be compared.
    """

    def __init__(self, expected: NDArray[Any], rows: int) -> None:
        self._is_number = expected.dtype.kind == "f"
        bins = int(np.clip(rows // _ROWS_PER_BIN, 2, _MAX_BINS))
        if self._is_number:
            present = expected[~np.isnan(expected)]
            # of values that stand there, so that a column of few different numbers has a bin for each
            edges = np.quantile(present, np.arange(1, bins) / bins, method="lower") if len(present) else present
            self._edges = np.unique(edges)
        else:
            self._bin_of_code = _group_rare(expected, rows)

    def count(self, values: NDArray[Any]) -> Counts:
        """How many values fall into each bin; the last one is for those that are missing."""
        if self._is_number:
            last = len(self._edges) + 1
            codes = np.where(np.isnan(values), last, np.searchsorted(self._edges, values))
        else:
            last = int(self._bin_of_code.max(initial=-1)) + 1
            known = (values >= 0) & (values < len(self._bin_of_code))
            codes = np.where(known, self._bin_of_code[np.where(known, values, 0)], last) if last else 0 * values
        return np.bincount(codes.astype(np.int64), minlength=last + 1)


def _group_rare(codes: NDArray[Any], rows: int) -> Counts:
    """A bin for each category that is frequent enough, and one for all others together."""
    counts = np.bincount(codes[codes >= 0])
    is_rare = counts * rows < _ROWS_PER_BIN * max(len(codes), 1)
    frequent = np.cumsum(~is_rare) - 1
    return np.where(is_rare, int((~is_rare).sum()), frequent)


def population_stability_index(expected: Counts, actual: Counts) -> float:
    """How differently rows are spread over the same bins. Empty bins count as half a row."""
    bins = (expected > 0) | (actual > 0)
    if not expected.sum() or not actual.sum():
        return 0.0
    shares = [(counts[bins] + 0.5) / (counts[bins] + 0.5).sum() for counts in (expected, actual)]
    return float(((shares[1] - shares[0]) * np.log(shares[1] / shares[0])).sum())


def reach_of_chance(bins: int, expected_rows: float, actual_rows: float, probability: float) -> float:
    """The index that is exceeded with this probability although nothing differs but the rows that were drawn."""
    if bins < 2 or not expected_rows or not actual_rows:
        return 0.0
    return float(chdtri(bins - 1, probability) * (1 / expected_rows + 1 / actual_rows))
