"""Which columns are read: those that are needed, each once."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from airflow_mlkit.exceptions import SourceError, UserError
from airflow_mlkit.spec.data import HashHoldout
from airflow_mlkit.spec.nearest import did_you_mean
from airflow_mlkit.spec.pipeline import PipelineSpec
from airflow_mlkit.spec.values import ColumnType

log = logging.getLogger(__name__)

_MAX_SHOWN = 10


def needed_columns(spec: PipelineSpec) -> list[str]:
    """The columns of the snapshot: features, label, date column, holdout key, slices, groups and costs, each once."""
    data, evaluate = spec.data, spec.evaluate
    key = data.holdout.key_columns if isinstance(data.holdout, HashHoldout) else ()
    dates = (data.date_column,) if data.date_column else ()
    groups = (evaluate.groups,) if evaluate.groups else ()
    costs = evaluate.costs.columns if evaluate.costs else ()
    return list(dict.fromkeys([*data.features, data.label, *dates, *key, *evaluate.slice_columns, *groups, *costs]))


def column_types(spec: PipelineSpec) -> dict[str, ColumnType]:
    """The declared types; the date column is a date without being declared one.

    Raises:
        UserError: when the date column is declared as something else.
    """
    column = spec.data.date_column
    declared = spec.data.types.get(column, "date") if column else "date"
    if declared != "date":
        raise UserError(
            f"data.types.{column} is {declared}, and data.date_column names it as the rows' date.",
            hint=f"Write types: {{{column}: date}}, or take it out there.",
        )
    return {**({column: "date"} if column else {}), **spec.data.types}


def find_positions(
    wanted: Sequence[str], header: Sequence[str], origin: str, hint: str | None = None
) -> dict[str, int]:
    """Where each wanted column stands in a header.

    Raises:
        SourceError: when one is missing or stands there twice; names the nearest one.
    """
    missing = [name for name in wanted if name not in header]
    if missing:
        lines = [f"{origin} has no column {name!r}{did_you_mean(name, header)}" for name in missing[:5]]
        more = f" (and {len(missing) - 5} more)" if len(missing) > 5 else ""
        advice = "Was it renamed? Correct the file, or the name in mlkit.yaml."
        raise SourceError("\n".join(lines) + more, hint=hint or advice)
    for name in wanted:
        if header.count(name) > 1:
            raise SourceError(
                f"{origin} has {header.count(name)} columns named {name!r}; nobody can tell which one is meant.",
                hint="Rename all but one of them.",
            )
    _log_unused([name for name in header if name not in wanted], origin)
    return {name: header.index(name) for name in wanted}


def _log_unused(names: list[str], origin: str) -> None:
    if names:
        more = f" and {len(names) - _MAX_SHOWN} more" if len(names) > _MAX_SHOWN else ""
        log.info("%s: not used: %s%s", origin, ", ".join(names[:_MAX_SHOWN]), more)
