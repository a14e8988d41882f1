"""What a project uses a column for that is no feature and not the label."""

from __future__ import annotations

from airflow_mlkit.spec.data import HashHoldout
from airflow_mlkit.spec.pipeline import PipelineSpec


def column_roles(spec: PipelineSpec) -> dict[str, tuple[str, ...]]:
    """The columns of each role that has any, by what the role does."""
    data, evaluate = spec.data, spec.evaluate
    found = {
        "date": (data.date_column,) if data.date_column else (),
        "holdout key": data.holdout.key_columns if isinstance(data.holdout, HashHoldout) else (),
        "filter": tuple(dict.fromkeys(each.feature for each in data.filters)),
        "group": (evaluate.groups,) if evaluate.groups else (),
        "slice": evaluate.slice_columns,
        "cost": tuple(evaluate.costs.columns) if evaluate.costs else (),
        "score key": spec.predict.output.key_columns if spec.predict else (),
    }
    return {role: columns for role, columns in found.items() if columns}
