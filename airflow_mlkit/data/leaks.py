"""Columns that give the label away: each alone says what the label is, because it was written down afterwards."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from airflow_mlkit.data.column_profile import ColumnProfile

GIVES_AWAY = 0.999
"""From which ROC AUC, balanced accuracy or rank correlation on a single column gives the label away."""

MIN_ROWS = 200
"""With fewer rows a single honest column may separate the classes by itself, as petal length does with irises."""

_MAX_CODES = 1000
_ROWS_PER_CODE = 20

Floats = np.ndarray[tuple[int], np.dtype[np.float64]]
Codes = np.ndarray[tuple[int], np.dtype[np.int64]]
Mask = np.ndarray[tuple[int], np.dtype[np.bool_]]


def rank(values: Floats) -> Floats:
    """Ranks from 1; equal values share the mean of theirs (midranks)."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    return np.asarray((ends - (counts - 1) / 2)[inverse], dtype=np.float64)


def roc_auc(positive: Mask, scores: Floats) -> float:
    """The area under the ROC curve from the rank sum of the positives (Mann and Whitney 1947)."""
    positives, negatives = int(positive.sum()), int((~positive).sum())
    if not positives or not negatives:
        return 0.5
    above = rank(scores)[positive].sum() - positives * (positives + 1) / 2
    return float(above / (positives * negatives))


def gives_class_away(column: ColumnProfile, classes: Codes) -> bool:
    """Whether a column alone tells the classes apart.

    Args:
        column: the column.
        classes: the class of each row as 0, 1, 2, ...; -1 where the label is missing.
    """
    labelled = classes >= 0
    if labelled.sum() < MIN_ROWS:
        return False
    known = classes[labelled]
    if column.is_numeric and known.max() == 1 and _separation(column.numbers[labelled], known == 1) >= GIVES_AWAY:
        return True
    return _balanced_accuracy(_codes(column)[labelled], known) >= GIVES_AWAY


def gives_number_away(column: ColumnProfile, label: Floats) -> bool:
    """Whether a column is the label in other units: Spearman's rank correlation with it is nearly 1 or -1."""
    if not column.is_numeric:
        return False
    both = np.isfinite(column.numbers) & np.isfinite(label)
    if both.sum() < MIN_ROWS:
        return False
    left, right = rank(column.numbers[both]), rank(label[both])
    if left.std() == 0 or right.std() == 0:
        return False
    return bool(abs(np.corrcoef(left, right)[0, 1]) >= GIVES_AWAY)


def _separation(numbers: Floats, positive: Mask) -> float:
    """The better of both directions; missing values once below and once above all others."""
    filled = [np.nan_to_num(numbers, nan=end, posinf=np.inf, neginf=-np.inf) for end in (-np.inf, np.inf)]
    areas = [roc_auc(positive, scores) for scores in filled]
    return max(max(area, 1 - area) for area in areas)


def _codes(column: ColumnProfile) -> Codes:
    """The values as 0, 1, 2, ...; many different numbers in bins of equal size. Missing is a value of its own."""
    if column.is_numeric and column.distinct > _MAX_CODES:
        bins = max(2, min(_MAX_CODES, column.rows // _ROWS_PER_CODE))
        edges = np.nanquantile(column.numbers, np.linspace(0, 1, bins + 1)[1:-1])
        binned = np.where(np.isnan(column.numbers), bins, np.searchsorted(edges, column.numbers))
        return np.asarray(binned, dtype=np.int64)
    encoded = pc.dictionary_encode(column.values, null_encoding="encode")
    return np.asarray(encoded.indices.cast(pa.int64()).to_numpy(zero_copy_only=False), dtype=np.int64)


def _balanced_accuracy(codes: Codes, classes: Codes) -> float:
    """The mean recall of "the class that this value has most often", learnt on every other row, tried on the rest."""
    even = np.arange(len(codes)) % 2 == 0
    recalls = [_recall(codes[part], classes[part], codes[~part], classes[~part]) for part in (even, ~even)]
    return float(np.mean(recalls))


def _recall(codes: Codes, classes: Codes, new_codes: Codes, new_classes: Codes) -> float:
    size, kinds = int(max(codes.max(), new_codes.max())) + 1, int(max(classes.max(), new_classes.max())) + 1
    counts = np.zeros((size, kinds), dtype=np.int64)
    np.add.at(counts, (codes, classes), 1)
    guessed = np.where(counts.sum(axis=1) > 0, counts.argmax(axis=1), -1)[new_codes]
    hits = [float((guessed[new_classes == kind] == kind).mean()) for kind in np.unique(new_classes)]
    return float(np.mean(hits))
