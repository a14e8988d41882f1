"""A column cut finely, so that what one value of it tells of the label can be read off training rows."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

_SHARES = np.unique([*np.arange(1, 256) / 256, *(2.0 ** -np.arange(9, 17)), *(1 - 2.0 ** -np.arange(9, 17))])
"""Where bins end: 256 of equal size, of which the outer ones are halved again and again, for what is rare."""

Codes = NDArray[np.int64]


def cut_finely(training: NDArray[Any], holdout: NDArray[Any]) -> tuple[Codes, Codes, int]:
    """The bin of each training and holdout row, and how many bins there are; the last one is for missing values.

    Args:
        training: numbers with NaN where they are missing, cut where `_SHARES` says, or codes of categories with -1,
            each a bin of its own.
        holdout: of the same kind.
    """
    if training.dtype.kind != "f":
        last = int(max(training.max(initial=-1), holdout.max(initial=-1))) + 1
        codes = [np.where(values < 0, last, values).astype(np.int64) for values in (training, holdout)]
        return codes[0], codes[1], last + 1
    present = training[~np.isnan(training)]
    edges = np.unique(np.quantile(present, _SHARES, method="lower")) if len(present) else present
    last = len(edges) + 1
    codes = [np.where(np.isnan(values), last, np.searchsorted(edges, values)) for values in (training, holdout)]
    return codes[0], codes[1], last + 1


def count_by_class(codes: Codes, bins: int, labels: NDArray[Any], classes: int) -> NDArray[np.int64]:
    """How many rows of each class fall into each bin, shape (bins, classes)."""
    return np.bincount(codes * classes + labels.astype(np.int64), minlength=bins * classes).reshape(bins, classes)


def mean_by_bin(codes: Codes, bins: int, labels: NDArray[Any]) -> NDArray[np.float64]:
    """The label's mean in each bin, shape (bins,); over all rows where a bin has none."""
    counts = np.bincount(codes, minlength=bins)
    sums = np.bincount(codes, labels, minlength=bins)
    return np.where(counts > 0, sums / np.maximum(counts, 1), labels.mean())
