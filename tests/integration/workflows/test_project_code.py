"""A project's own code: loaded, packed with the model, and run beside another version of itself."""

from __future__ import annotations

import sys

import numpy as np
import pandas as pd
import pytest

from airflow_mlkit.exceptions import DataError, WorkflowError
from airflow_mlkit.workflows.check import check_workflow
from airflow_mlkit.workflows.load import load_workflow
from airflow_mlkit.workflows.model import Model

WORKFLOW = """
from xgboost import XGBClassifier
from airflow_mlkit import Workflow

class Own(Workflow):
    def features(self, frame):
        from own.scale import FACTOR
        return frame.assign(amount=frame["amount"] * FACTOR)

    def train(self, training_dataframe, validation_dataframe):
        model = XGBClassifier(n_estimators=5, enable_categorical=True)
        return model.fit(training_dataframe[self.feature_columns], training_dataframe[self.label])
"""


def test_two_versions_of_one_package_make_their_features_side_by_side(write_project, train_project, payments):
    raw = pd.DataFrame({"amount": [1.0, 2.0], "country": ["GB", "US"]})
    models = []
    for factor in (10, 100):
        project = write_project(WORKFLOW, payments, f"version-{factor}", {"scale.py": f"FACTOR = {factor}\n"})
        models.append(train_project(project, payments).model)
    for _ in range(2):
        assert models[0].features(raw)["amount"].tolist() == [10.0, 20.0]
        assert models[1].features(raw)["amount"].tolist() == [100.0, 200.0]
    assert np.array_equal(models[0].score_raw(raw), models[0].score(raw.assign(amount=raw.amount * 10)))


def test_loading_a_model_writes_nothing_into_its_folder(write_project, train_project, payments):
    project = write_project(WORKFLOW, payments, "project", {"scale.py": "FACTOR = 2\n"})
    trained = train_project(project, payments)
    trained.model.features(payments.frame)
    assert not list(trained.model_folder.rglob("__pycache__"))
    assert sorted(path.name for path in (trained.model_folder / "code" / "own").iterdir()) == [
        "__init__.py",
        "scale.py",
        "workflow.py",
    ]


def test_a_raw_column_that_is_missing_is_named(write_project, train_project, payments):
    project = write_project(WORKFLOW, payments, "project", {"scale.py": "FACTOR = 2\n"})
    with pytest.raises(DataError, match="the rows lack 'country'"):
        train_project(project, payments).model.features(payments.frame[["amount"]])


def test_an_edited_workflow_is_loaded_anew_in_the_same_process(write_project, payments, monkeypatch):
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    project = write_project(WORKFLOW, payments, "project", {"scale.py": "FACTOR = 2\n"})
    assert load_workflow(project).features(payments.frame)["amount"].max() == payments.frame["amount"].max() * 2
    (project.folder / "own" / "scale.py").write_text("FACTOR = 3\n")
    assert load_workflow(project).features(payments.frame)["amount"].max() == payments.frame["amount"].max() * 3


def test_a_library_keeps_its_bytecode_and_the_package_gets_none(write_project, payments, tmp_path, monkeypatch):
    (tmp_path / "libraries" / "slow_library").mkdir(parents=True)
    (tmp_path / "libraries" / "slow_library" / "__init__.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path / "libraries")
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    project = write_project(f"import slow_library\n{WORKFLOW}", payments, "project", {"scale.py": "FACTOR = 2\n"})
    load_workflow(project).features(payments.frame)
    assert list((tmp_path / "libraries").rglob("*.pyc"))
    assert not list(project.folder.rglob("*.pyc"))


def test_a_module_beside_the_package_is_refused_because_a_model_would_lack_it(write_project, payments):
    project = write_project(f"import beside_it\n{WORKFLOW}", payments, "project", {"scale.py": "FACTOR = 2\n"})
    (project.folder / "beside_it.py").write_text("")
    with pytest.raises(WorkflowError, match=r"imports .*beside_it.py, which lies outside its package own"):
        load_workflow(project)
    sys.modules.pop("beside_it")


def test_a_folder_without_a_model_is_no_model(tmp_path):
    from airflow_mlkit.exceptions import ModelError

    with pytest.raises(ModelError, match="is no model's folder"):
        Model.load(tmp_path)


def test_check_finds_nothing_wrong_with_a_good_workflow(write_project, payments):
    assert check_workflow(write_project(WORKFLOW, payments, "project", {"scale.py": "FACTOR = 2\n"})) == []


def test_check_names_each_problem_without_data(write_project, payments):
    payments.train["trusted_types"] = ["own.workflow.Gone", "os.system"]
    text = f"""
from sklearn.preprocessing import FunctionTransformer
STEP = FunctionTransformer(lambda values: values)
{WORKFLOW}
if __name__ == "__main__":
    class Late:
        pass
"""
    problems = "\n".join(check_workflow(write_project(text, payments, "project")))
    assert "own/workflow.py:2 the lambda in FunctionTransformer cannot be saved" in problems
    assert "Late is a class of __main__" in problems
    assert "own.workflow has no Gone" in problems
    assert "os.system does not lie in the package own" in problems


def test_check_tells_why_a_workflow_cannot_be_imported(write_project, payments):
    problems = check_workflow(write_project("import nothing_like_it\n", payments, "project"))
    assert len(problems) == 1
    assert "No module named 'nothing_like_it'" in problems[0]
    assert "own/workflow.py:1" in problems[0]
