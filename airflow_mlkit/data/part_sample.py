"""A sample of a large part of the split: what later steps look at that need its spread, not its every row."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from airflow_mlkit.data.split_record import Part

SAMPLE_ROWS = 100_000
"""A share is known to 0.002 with so many rows."""


def sample_name(part: Part) -> str:
    """The file of a part's sample, beside the part's own."""
    return f"{part}_sample.arrow"


def draw_rows(count: int, most: int = SAMPLE_ROWS) -> npt.NDArray[np.int64]:
    """The rows of a part that are in its sample, in their order: all of them, or about `most`, by a fixed seed."""
    if count <= most:
        return np.arange(count)
    return np.unique(np.random.default_rng(0).integers(0, count, most))


def write_sample(folder: Path, part: Part, most: int = SAMPLE_ROWS) -> None:
    """Write the sample of a part that is too large to be looked at whole; nothing for a smaller one.

    Args:
        folder: with the part's Arrow file.
        part: its name.
        most: how many rows a part may have without a sample.
    """
    with pa.memory_map(str(folder / f"{part}.arrow")) as source:
        table = pa.ipc.open_file(source).read_all()
        if table.num_rows <= most:
            return
        with pa.ipc.new_file(str(folder / sample_name(part)), table.schema) as writer:
            writer.write_table(table.take(pa.array(draw_rows(table.num_rows, most))).unify_dictionaries())
