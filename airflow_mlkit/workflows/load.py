"""From `package.module:ClassName` to an instance of the user's class, or a sentence that says why not."""

from __future__ import annotations

import importlib
import inspect
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from airflow_mlkit.exceptions import WorkflowError
from airflow_mlkit.project import Project
from airflow_mlkit.spec.nearest import did_you_mean
from airflow_mlkit.workflows.base import Workflow
from airflow_mlkit.workflows.project_code import ProjectCode
from airflow_mlkit.workflows.user_code import user_code


def load_workflow(project: Project) -> Any:
    """Import a project's workflow class and make an instance. The project's folder stays first on sys.path.

    Raises:
        WorkflowError: when the class cannot be imported, is missing, has no usable `train`, or cannot be instantiated.
    """
    path = project.spec.train.workflow
    ProjectCode(project.folder, project.spec.package).install()
    before = set(sys.modules)
    workflow = make_workflow(project.folder, path)
    _refuse_strays(project, set(sys.modules) - before)
    return workflow


def load_workflow_from(folder: Path, workflow_path: str) -> tuple[Any, ProjectCode]:
    """Import a workflow from a model's own packaged code, without touching the project's.

    Returns:
        The instance, and its code: call the instance inside `with code.active():`.

    Raises:
        WorkflowError: as `load_workflow`.
    """
    code = ProjectCode(folder, workflow_path.partition(":")[0].partition(".")[0])
    with code.active():
        return make_workflow(folder, workflow_path), code


def make_workflow(folder: Path, path: str) -> Any:
    """Import `package.module:ClassName` from sys.path, of which `folder` is the first entry, and make an instance.

    Raises:
        WorkflowError: as `load_workflow`.
    """
    module_name, _, class_name = path.partition(":")
    module = _import(folder, module_name, path)
    workflow_class = _find_class(module, class_name, path)
    _check_train(workflow_class, path)
    with user_code(f"{class_name}() of {module_name}"):
        return workflow_class()


def _import(folder: Path, name: str, path: str) -> ModuleType:
    try:
        with user_code(f"importing {name}"):
            return importlib.import_module(name)
    except WorkflowError as error:
        missing = error.__cause__
        if isinstance(missing, ModuleNotFoundError) and missing.name and f"{name}.".startswith(f"{missing.name}."):
            raise WorkflowError(
                f"there is no module {missing.name} in {folder}; train.workflow names {path}.",
                hint="It is written package.module:ClassName, and the package lies beside mlkit.yaml.",
            ) from None
        raise


def _find_class(module: ModuleType, name: str, path: str) -> type[Any]:
    found = getattr(module, name, None)
    if inspect.isclass(found):
        return found
    classes = [
        key for key, value in vars(module).items() if inspect.isclass(value) and value.__module__ == module.__name__
    ]
    what = "is no class" if hasattr(module, name) else f"is not there{did_you_mean(name, classes)}"
    raise WorkflowError(f"{module.__file__}: {name} {what}; train.workflow names {path}.")


def _check_train(workflow_class: type[Any], path: str) -> None:
    train = getattr(workflow_class, "train", None)
    if not callable(train) or train is Workflow.train:
        raise WorkflowError(
            f"{_place(workflow_class)}{path} has no method train.",
            hint="Write train(self, training_dataframe, validation_dataframe), which returns a fitted estimator.",
        )
    try:
        inspect.signature(train).bind(None, None, None)
    except TypeError:
        raise WorkflowError(
            f"{_place(train)}train{inspect.signature(train)} of {path} cannot be called with two frames by position.",
            hint="Write train(self, training_dataframe, validation_dataframe).",
        ) from None


def _place(thing: Any) -> str:
    try:
        return f"{inspect.getsourcefile(thing)}:{inspect.getsourcelines(thing)[1]} "
    except (OSError, TypeError):  # made without a source file
        return ""


def _refuse_strays(project: Project, imported: set[str]) -> None:
    """A module beside the package is not packed with the model, so that the champion's features() could not run."""
    for name in sorted(imported):
        file = getattr(sys.modules[name], "__file__", None)
        inside = file and Path(file).is_relative_to(project.folder) and "site-packages" not in file
        if inside and name.partition(".")[0] != project.spec.package:
            raise WorkflowError(
                f"{project.spec.train.workflow} imports {file}, which lies outside its package {project.spec.package}.",
                hint=f"Move it into {project.spec.package}/: a model is packed with its package's files only.",
            )
