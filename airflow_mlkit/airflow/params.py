"""The trigger form: what may be set for one retrain, as typed Airflow params, and back to `RunParameters`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow.sdk import Param
from pydantic import ValidationError

from airflow_mlkit.exceptions import SpecError
from airflow_mlkit.project import Project
from airflow_mlkit.spec.nearest import did_you_mean
from airflow_mlkit.spec.run_parameters import RunParameters

OWN = ("training_start", "training_end", "size", "compute_resource")
"""The names that `RunParameters` has itself. A workflow's parameter of such a name is shown as `params.<name>`."""

_TYPES = {bool: "boolean", int: "integer", float: "number", str: "string", list: "array", dict: "object"}
"""JSON schema's names, in an order in which a bool is no int."""

_ANYTHING = ["object", "array", "string", "number", "boolean", "null"]


def retrain_params(project: Project) -> dict[str, Param]:
    """The params of a retrain's Dag: dates of the training data, size, and each of `train.params`."""
    spec = project.spec
    params: dict[str, Param] = {}
    if spec.data.date_column:
        params["training_start"] = _date(
            "Training data from", f"{spec.data.date_column} on it or later. Blank: no limit."
        )
        params["training_end"] = _date("Training data until", f"{spec.data.date_column} before it. Blank: no limit.")
    for name, value in spec.train.params.items():
        params[_key(name)] = _workflow_param(name, value)
    params["size"] = Param(
        _size(project),
        type="string",
        enum=sorted(project.platform.sizes),
        title="Size",
        description="Of the machine, as platform.yaml names it."
        + (" Does nothing here: the steps share one machine." if project.plan.backend == "local" else ""),
    )
    if project.platform.compute_resources:
        params["compute_resource"] = Param(
            None,
            type=["null", "string"],
            enum=[None, *sorted(project.platform.compute_resources)],
            title="Compute resource",
            description="In place of the size, as platform.yaml names it. Blank: the size counts.",
        )
    return params


def _size(project: Project) -> str:
    return project.spec.train.size or project.platform.default_size


def changed_parameters(project: Project, values: Mapping[str, Any]) -> RunParameters:
    """What a run does differently from mlkit.yaml.

    Args:
        project: whose declared values count as unchanged.
        values: the params of the Dag run, by the keys of `retrain_params`.

    Raises:
        SpecError: when a key, the size or the compute resource is unknown, or the values contradict each other.
    """
    declared = {_key(name): name for name in project.spec.train.params}
    unknown = [name for name in values if name not in declared and name not in OWN]
    if unknown:
        known = [*declared, *OWN]
        raise SpecError([f"the run's conf: unknown key {name!r}{did_you_mean(name, known)}" for name in unknown])
    params = {declared[key]: value for key, value in values.items() if key in declared}
    changed = {name: value for name, value in params.items() if _differs(value, project.spec.train.params[name])}
    own = {name: values[name] for name in OWN if values.get(name) is not None}
    if own.get("size") == _size(project):
        del own["size"]
    try:
        return project.check_parameters(RunParameters.model_validate({**own, "params": changed}))
    except ValidationError as error:
        raise SpecError([f"the run's conf: {detail['msg']}" for detail in error.errors()]) from None


def _differs(value: Any, declared: Any) -> bool:
    return value != declared or isinstance(value, bool) != isinstance(declared, bool)


def _key(name: str) -> str:
    return f"params.{name}" if name in OWN else name


def _date(title: str, description: str) -> Param:
    return Param(None, type=["null", "string"], format="date", title=title, description=description)


def _workflow_param(name: str, value: Any) -> Param:
    return Param(value, title=name, description=f"train.params.{name}", **_schema(value))


def _schema(value: Any) -> dict[str, Any]:
    """The JSON schema of values that may stand in for a declared one."""
    if isinstance(value, list) and value and all(isinstance(item, str) for item in value):
        return {"type": "array", "items": {"type": "string"}}
    return {"type": next((name for kind, name in _TYPES.items() if isinstance(value, kind)), _ANYTHING)}
