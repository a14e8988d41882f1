"""Calling a workflow's `features()`: the same code in training, in batch and live."""

from __future__ import annotations

from typing import Any

import pandas as pd

from airflow_mlkit.exceptions import WorkflowError
from airflow_mlkit.workflows.base import Workflow
from airflow_mlkit.workflows.user_code import user_code

_COPIES_ON_WRITE = int(pd.__version__.partition(".")[0]) >= 3


def has_features(workflow: Any) -> bool:
    """Whether a workflow makes features of its own."""
    own = getattr(type(workflow), "features", None)
    return callable(own) and own is not Workflow.features


def apply_features(workflow: Any, frame: pd.DataFrame) -> pd.DataFrame:
    """The columns that the model is fitted on. `frame` itself is never changed.

    Args:
        workflow: the user's instance.
        frame: raw rows with the columns of `data.features`; handed on as they are when there is no `features()`.

    Raises:
        WorkflowError: when features() raises, or does not return a DataFrame with named columns, each once, and one row
            for each row it was given.
    """
    if not has_features(workflow):
        return frame
    what = f"features() of {type(workflow).__module__}:{type(workflow).__name__}"
    with user_code(what):
        made = workflow.features(frame.copy(deep=not _COPIES_ON_WRITE))
    _check(made, frame, what)
    return made  # type: ignore[no-any-return]


def _check(made: Any, frame: pd.DataFrame, what: str) -> None:
    if not isinstance(made, pd.DataFrame):
        raise WorkflowError(
            f"{what} returned {_a(made)}, not a DataFrame.", hint="Its last line is often a missing return."
        )
    if len(made) != len(frame):
        raise WorkflowError(
            f"{what} returned {len(made)} rows for {len(frame)}.",
            hint="It may neither drop nor add rows; leave rows out with data.filters in mlkit.yaml.",
        )
    if not made.index.equals(frame.index):
        raise WorkflowError(f"{what} returned the rows in another order or with another index.")
    if made.shape[1] == 0:
        raise WorkflowError(f"{what} returned no column.")
    wrong = [name for name in made.columns if not isinstance(name, str)]
    if wrong:
        raise WorkflowError(f"{what} returned a column named {wrong[0]!r}; the names of columns are text.")
    twice = made.columns[made.columns.duplicated()].tolist()
    if twice:
        raise WorkflowError(f"{what} returned the column {twice[0]!r} twice.")


def _a(value: Any) -> str:
    return "None" if value is None else f"a {type(value).__name__}"
