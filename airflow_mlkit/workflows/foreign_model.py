"""A model that somebody logged into MLflow by hand, read without running anything that its files bring along."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from airflow_mlkit.exceptions import ModelError, UserError
from airflow_mlkit.project import Project
from airflow_mlkit.workflows.project_code import ProjectCode
from airflow_mlkit.workflows.trusted_types import say_untrusted, trusted_names

_MLMODEL = "MLmodel"
_XGBOOST_SUFFIXES = (".ubj", ".json", ".xgb")
_NEVER = "The kit never unpickles: a pickle runs whatever code it brings along."


def read_foreign_model(folder: Path, address: str, project: Project) -> Any:
    """The estimator of a model's folder as MLflow's xgboost or sklearn flavor wrote it.

    Args:
        folder: a copy of the model's artifacts.
        address: `models:/name/3`, for sentences.
        project: types of its own package are trusted as `train.trusted_types` says.

    Raises:
        UserError: when it is pickled, of another flavor, or holds types that are not trusted: says what to do.
        ModelError: when a file is missing or damaged.
    """
    flavors = _read_flavors(folder, address)
    loader = str(_mapping(flavors.get("python_function")).get("loader_module", ""))
    if loader.startswith("airflow_mlkit."):
        raise UserError(
            f"{address} was made by mlkit: it has its own features code, and its own champion log.",
            hint="Where it is this project's, mlkit promote makes it the champion.",
        )
    if "xgboost" in flavors:
        return _read_xgboost(folder, address, _mapping(flavors["xgboost"]))
    if "sklearn" in flavors:
        return _read_sklearn(folder, address, _mapping(flavors["sklearn"]), project)
    if list(flavors) == ["python_function"]:
        raise UserError(
            f"{address} is a pyfunc model: Python code around a model, in a pickle. {_NEVER}",
            hint="Log the model inside it on its own, with mlflow.xgboost or mlflow.sklearn, and adopt that version. "
            "What the code around it does to a row belongs into features() of the workflow.",
        )
    others = ", ".join(sorted(name for name in flavors if name != "python_function"))
    raise UserError(f"{address} is a model of {others}; only xgboost and sklearn ones can be adopted.")


def _read_flavors(folder: Path, address: str) -> Mapping[str, Any]:
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    path = folder / _MLMODEL
    try:
        content = YAML(typ="safe").load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ModelError(
            f"{address} has no file {_MLMODEL}: its artifacts are gone, or it is no MLflow model."
        ) from None
    except (YAMLError, UnicodeDecodeError) as error:
        raise ModelError(f"{_MLMODEL} of {address} cannot be read: {str(error).splitlines()[0]}.") from None
    flavors = _mapping(_mapping(content).get("flavors"))
    if not flavors:
        raise ModelError(f"{_MLMODEL} of {address} names no flavor.")
    return flavors


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _find_file(folder: Path, address: str, name: Any) -> Path:
    path = (folder / str(name)).resolve()
    if not path.is_relative_to(folder.resolve()) or not path.is_file():
        raise ModelError(f"{_MLMODEL} of {address} names the file {str(name)!r}, which is not there.")
    return path


def _read_xgboost(folder: Path, address: str, flavor: Mapping[str, Any]) -> Any:
    from airflow_mlkit.workflows.xgboost_format import load_booster

    path = _find_file(folder, address, flavor.get("data", "model.xgb"))
    if path.suffix not in _XGBOOST_SUFFIXES:
        raise UserError(
            f"{address} is kept as {path.name}, which is none of XGBoost's own formats. {_NEVER}",
            hint="If you trust it, load it in your own Python, log it anew with mlflow.xgboost.log_model(..., "
            'model_format="ubj"), and adopt that version.',
        )
    return load_booster(path)


def _read_sklearn(folder: Path, address: str, flavor: Mapping[str, Any], project: Project) -> Any:
    said = str(flavor.get("serialization_format", "pickle"))
    path = _find_file(folder, address, flavor.get("pickled_model", "model.pkl"))
    if said != "skops" or path.suffix != ".skops":
        raise UserError(
            f"{address} is kept as a {said if said != 'skops' else 'pickle'}. {_NEVER}", hint=_rescue(address)
        )
    package, declared = project.spec.package, project.spec.train.trusted_types
    _refuse_untrusted(path, address, package, declared)
    from airflow_mlkit.workflows.skops_format import load_estimator

    with ProjectCode(project.folder, package).active():
        return load_estimator(path, package, declared)


def _rescue(address: str) -> str:
    """What a person types who trusts a pickle; she runs it, and the kit does not."""
    name = address.removeprefix("models:/").rpartition("/")[0]
    return (
        "If you trust whoever made it, log it anew in skops' format with this Python, and adopt that version:\n"
        "  import mlflow\n"
        "  from airflow_mlkit.workflows.trusted_types import REVIEWED_TYPES\n"
        f"  model = mlflow.sklearn.load_model({address!r})\n"
        '  mlflow.sklearn.log_model(model, name="model", serialization_format="skops",\n'
        f"    skops_trusted_types=sorted(REVIEWED_TYPES), registered_model_name={name!r})"
    )


def _refuse_untrusted(path: Path, address: str, package: str, declared: tuple[str, ...]) -> None:
    import skops.io

    try:
        found = set(skops.io.get_untrusted_types(file=path))
    except Exception as error:  # a damaged file: skops, zipfile and json each have errors of their own
        first = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ModelError(f"{path.name} of {address} cannot be read: {first}") from error
    refused = sorted(found - trusted_names(package, declared))
    if refused:
        problems = [f"  {say_untrusted(name, package)}" for name in refused]
        raise UserError("\n".join([f"{address} holds what may not be loaded:", *problems]))
