"""Which part each row of a snapshot goes to."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from airflow_mlkit.data.split_record import PARTS, Part, SamplingRecord, SplitRows

TRAINING, VALIDATION, HOLDOUT = range(len(PARTS))
UNLABELLED, OUTSIDE = len(PARTS), len(PARTS) + 1

VALIDATION_FRACTION = 0.1
"""Of the training rows, for early stopping."""

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Assignment:
    """A code for each row of the snapshot, such as `TRAINING`, and how it was found."""

    codes: npt.NDArray[np.int8]
    sampling: SamplingRecord

    def rows(self, part: Part) -> Mask:
        """Which rows are in a part."""
        found: Mask = self.codes == PARTS.index(part)
        return found

    @property
    def used(self) -> Mask:
        """Which rows are in any part."""
        found: Mask = self.codes < len(PARTS)
        return found

    def count(self) -> SplitRows:
        """How many rows went where."""
        training, validation, holdout, unlabelled, outside = np.bincount(self.codes, minlength=OUTSIDE + 1).tolist()
        return SplitRows(
            training=training, validation=validation, holdout=holdout, unlabelled=unlabelled, outside=outside
        )
