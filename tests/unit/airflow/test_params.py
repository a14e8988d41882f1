"""The trigger form, there and back."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from airflow_mlkit.exceptions import SpecError
from airflow_mlkit.project import Project, load_project
from airflow_mlkit.spec.run_parameters import RunParameters
from tests.projects import build_project, default_spec

pytestmark = pytest.mark.needs("airflow")

DECLARED = {"max_depth": 6, "eta": 0.1, "verbose": True, "booster": "gbtree", "seed_of": None, "drop": ["a"], "size": 3}


@pytest.fixture
def project(tmp_path) -> Project:
    spec = default_spec()
    spec["train"]["params"] = DECLARED
    return load_project(build_project(tmp_path, rows=10, spec=spec))


def form(project: Project) -> dict[str, Any]:
    from airflow_mlkit.airflow.params import retrain_params

    return retrain_params(project)


def test_each_param_has_the_type_of_its_declared_value(project):
    """Dates and what is declared as null may be left blank; the size is one that the platform has."""
    types = {name: param.schema["type"] for name, param in form(project).items()}
    assert types == {
        "training_start": ["null", "string"],
        "training_end": ["null", "string"],
        "max_depth": "integer",
        "eta": "number",
        "verbose": "boolean",
        "booster": "string",
        "seed_of": ["object", "array", "string", "number", "boolean", "null"],
        "drop": "array",
        "params.size": "integer",
        "size": "string",
    }
    assert form(project)["training_start"].schema["format"] == "date"
    assert form(project)["size"].schema["enum"] == ["cpu-large", "cpu-small", "gpu", "high-memory"]


def test_the_form_as_it_stands_changes_nothing(project):
    """Every default is valid, and means: as mlkit.yaml says."""
    from airflow_mlkit.airflow.params import changed_parameters

    values = {name: param.resolve() for name, param in form(project).items()}
    assert changed_parameters(project, values) == RunParameters()


def test_only_what_differs_becomes_a_parameter(project):
    """A workflow's own `size` is another than the machine's."""
    from airflow_mlkit.airflow.params import changed_parameters

    values = {"max_depth": 3, "eta": 0.1, "params.size": 4, "size": "gpu", "training_end": "2026-03-01"}
    assert changed_parameters(project, values) == RunParameters(
        params={"max_depth": 3, "size": 4}, size="gpu", training_end=date(2026, 3, 1)
    )


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"max_dept": 3}, "unknown key 'max_dept'; did you mean max_depth?"),
        ({"size": "gp"}, "the platform has no size 'gp'; did you mean gpu?"),
        ({"training_start": "2026-02-01", "training_end": "2026-01-01"}, "is not before training_end"),
    ],
)
def test_a_conf_that_cannot_be_used_is_refused(project, values, message):
    """Over the REST API anything can be sent; a typo is not silently without effect."""
    from airflow_mlkit.airflow.params import changed_parameters

    with pytest.raises(SpecError, match=message.replace("?", r"\?")):
        changed_parameters(project, values)


def test_without_a_date_column_there_are_no_dates_to_choose(tmp_path):
    """A hash decides the holdout there, and no row has a date."""
    spec = default_spec()
    del spec["data"]["date_column"], spec["data"]["types"]["created_at"]
    project = load_project(build_project(tmp_path, rows=10, spec=spec))
    assert [name for name in form(project) if name.startswith("training")] == []


@pytest.fixture
def with_resources(tmp_path) -> Project:
    """A project of a platform with compute resources, which trains on a size of its own."""
    spec = default_spec()
    spec["train"]["sizes"] = {"train": "high-memory"}
    folder = build_project(tmp_path, rows=10, spec=spec)
    (folder / "platform.yaml").write_text("compute_resources: {CPU: cpu-large, GPU: gpu}\n")
    return load_project(folder)


def test_a_compute_resource_stands_for_a_size(with_resources):
    """It counts as the size would: not for a step that mlkit.yaml gives a size of its own."""
    from airflow_mlkit.airflow.params import changed_parameters

    values = {name: param.resolve() for name, param in form(with_resources).items()}
    assert changed_parameters(with_resources, values) == RunParameters()
    asked = changed_parameters(with_resources, {**values, "compute_resource": "GPU"})
    steps = {step.name: step for step in with_resources.plan.retrain.steps}
    assert with_resources.name_size(steps["evaluate"], asked) == "gpu"
    assert with_resources.name_size(steps["train"], asked) == "high-memory"
    unknown = RunParameters(compute_resource="TPU")
    assert with_resources.name_size(steps["evaluate"], unknown) == "cpu-small", "of another machine's platform.yaml"


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"compute_resource": "GPU", "size": "cpu-large"}, "'GPU' stands beside the size 'cpu-large'; name one of"),
        ({"compute_resource": "GPUU"}, "the platform has no compute resource 'GPUU'; did you mean GPU"),
        ({"compute_resource": 3}, "3 is no text"),
    ],
)
def test_a_compute_resource_that_cannot_be_is_refused(with_resources, values, message):
    """Over the REST API anything can be sent."""
    from airflow_mlkit.airflow.params import changed_parameters

    with pytest.raises(SpecError, match=message):
        changed_parameters(with_resources, values)
