"""`scores.parquet`: the holdout's labels and a model's scores, row by row."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray


def write_scores(path: Path, labels: NDArray[Any], scores: NDArray[Any]) -> None:
    """Write the scores of a holdout.

    Args:
        path: of the parquet file.
        labels: encoded, shape (n,).
        scores: shape (n,), or (n, k) with a column for each class.
    """
    columns: dict[str, Any] = {"row": np.arange(len(labels), dtype=np.int64), "label": labels}
    if scores.ndim == 1:
        columns["score"] = scores
    else:
        columns |= {f"score_{k}": np.ascontiguousarray(scores[:, k]) for k in range(scores.shape[1])}
    pq.write_table(pa.table(columns), path)


def read_scores(path: Path) -> tuple[NDArray[Any], NDArray[Any]]:
    """The labels, shape (n,), and the scores, shape (n,) or (n, k), in the order of the holdout's rows."""
    table = pq.read_table(path)
    if "score" in table.column_names:
        return table["label"].to_numpy(), table["score"].to_numpy()
    names = [f"score_{k}" for k in range(table.num_columns - 2)]
    return table["label"].to_numpy(), np.column_stack([table[name].to_numpy() for name in names])
