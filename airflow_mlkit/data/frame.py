"""How the snapshot's columns look in pandas: one dtype for each type, whatever the values are."""

from __future__ import annotations

import pandas as pd
import pyarrow as pa

_NULLABLE = {pa.int64(): pd.Int64Dtype(), pa.bool_(): pd.BooleanDtype()}


def to_frame(rows: pa.Table | pa.RecordBatch) -> pd.DataFrame:
    """Rows of a snapshot as `features()` and expectations see them.

    | snapshot | pandas |
    | --- | --- |
    | double | float64, missing is NaN |
    | int64 | Int64, missing is pd.NA |
    | bool | boolean, missing is pd.NA |
    | string | str (object before pandas 3), missing is NaN |
    | timestamp | datetime64[us] or datetime64[us, UTC], missing is NaT |

    Integers and booleans are pandas' nullable ones, so that a column has the same dtype in training, in a batch and in
    a single request, with or without a missing value: `frame["zip"].astype(str)` never turns from `94110` to `94110.0`.
    """
    frame: pd.DataFrame = rows.to_pandas(types_mapper=_NULLABLE.get, coerce_temporal_nanoseconds=False)
    return frame
