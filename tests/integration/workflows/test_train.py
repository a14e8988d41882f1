"""The step train: from a split to a model's folder that scores the same after it was saved."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest
from sklearn import datasets
from sklearn.metrics import r2_score, roc_auc_score

from airflow_mlkit.exceptions import DataError
from airflow_mlkit.workflows.model import Model

XGBOOST = """
from xgboost import XGBClassifier, XGBRegressor
from airflow_mlkit import Workflow

class Own(Workflow):
    def train(self, training_dataframe, validation_dataframe):
        kind = XGBRegressor if self.problem_kind == "regression" else XGBClassifier
        model = kind(**self.params, random_state=self.seed, n_jobs=self.threads, enable_categorical=True)
        return model.fit(training_dataframe[self.feature_columns], training_dataframe[self.label])
"""

BOOSTER = """
import xgboost

class Own:
    def train(self, rows, more_rows):
        def matrix(frame):
            return xgboost.DMatrix(frame[self.feature_columns], frame[self.label], enable_categorical=True)
        params = {"objective": "binary:logistic", "seed": self.seed, "nthread": self.threads, "eta": 1.0}
        return xgboost.train(params, matrix(rows), 60, [(matrix(more_rows), "validation")], early_stopping_rounds=3)
"""

RAILYARD = """
import xgboost
from sklearn.pipeline import Pipeline

from airflow_mlkit.workflows import Workflow as StripeMLWorkflow

class StripeFraudModel(StripeMLWorkflow):
    def train(self, training_dataframe, holdout_dataframe):
        pipeline = Pipeline([("boosted", xgboost.XGBRegressor(enable_categorical=True, **self.custom_params))])
        return pipeline.fit(training_dataframe[self.feature_columns], training_dataframe[self.label])
"""

PIPELINE = """
from sklearn.compose import ColumnTransformer, make_column_selector
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
{imports}
from airflow_mlkit import Workflow

class Own(Workflow):
    def train(self, training_dataframe, validation_dataframe):
        numbers = make_pipeline(SimpleImputer(), StandardScaler())
        words = OneHotEncoder(handle_unknown="ignore")
        columns = ColumnTransformer([
            ("numbers", numbers, make_column_selector(dtype_include="number")),
            ("words", words, make_column_selector(dtype_exclude="number")),
        ])
        model = make_pipeline(columns, {last})
        return model.fit(training_dataframe[self.feature_columns], training_dataframe[self.label])
"""

FOREST = PIPELINE.format(
    imports="from sklearn.ensemble import RandomForestClassifier",
    last="RandomForestClassifier(20, random_state=self.seed, n_jobs=2)",
)
BOOSTED_PIPELINE = PIPELINE.format(imports="from xgboost import XGBClassifier", last="XGBClassifier(n_estimators=5)")
LOGISTIC = PIPELINE.format(imports="from sklearn.linear_model import LogisticRegression", last="LogisticRegression()")


def test_xgboost_is_saved_in_its_own_format_and_scores_the_same(train, payments):
    trained = train(XGBOOST, payments)
    model = trained.model
    assert trained.record.summary["estimator"] == "XGBClassifier"
    assert sorted(path.name for path in trained.model_folder.iterdir()) == [
        "MLmodel",
        "code",
        "model.json",
        "model.ubj",
    ]
    scores = model.score(payments.frame)
    assert scores.shape == (400,)
    assert scores.dtype == np.float64
    assert roc_auc_score(payments.labels, scores) > 0.8


@pytest.mark.parametrize("workflow", [FOREST, LOGISTIC, BOOSTED_PIPELINE], ids=["forest", "logistic", "xgboost"])
def test_a_pipeline_is_saved_by_skops_and_scores_the_same_every_time(train, payments, workflow):
    model = train(workflow, payments).model
    assert model.manifest.format == "skops"
    first = model.score(payments.frame)
    assert roc_auc_score(payments.labels, first) > 0.8
    assert all(np.array_equal(first, model.score(payments.frame)) for _ in range(3))


def test_a_booster_scores_with_its_best_iteration(train, payments):
    trained = train(BOOSTER, payments)
    best = trained.record.summary["best_iteration"]
    assert 0 <= best < 56
    assert trained.model.manifest.best_iteration == best
    booster = __import__("xgboost").Booster(model_file=str(trained.model_folder / "model.ubj"))
    matrix = __import__("xgboost").DMatrix(payments.frame, enable_categorical=True)
    expected = booster.predict(matrix, iteration_range=(0, best + 1)).astype("float64")
    assert np.array_equal(trained.model.score(payments.frame), expected)


def test_the_class_on_the_slide_of_railyard_trains(train, payments):
    """A regressor for a binary problem scores with its prediction, clipped to probabilities."""
    model = train(RAILYARD, payments, class_name="StripeFraudModel").model
    scores = model.score(payments.frame)
    assert model.manifest.format == "xgboost"
    assert 0 <= scores.min() < scores.max() <= 1


@pytest.mark.parametrize("workflow", [XGBOOST, FOREST], ids=["xgboost", "forest"])
@pytest.mark.parametrize("name", ["iris", "wine"])
def test_a_multiclass_model_gives_a_probability_for_each_class(train, make_case, workflow, name):
    case = make_case(name)
    scores = train(workflow, case).model.score(case.frame)
    assert scores.shape == (len(case.frame), 3)
    assert np.allclose(scores.sum(axis=1), 1, atol=1e-6)
    assert (scores.argmax(axis=1) == case.labels).mean() > 0.9


def test_a_regression_model_gives_predictions(train, make_case):
    case = make_case("diabetes")
    scores = train(XGBOOST, case).model.score(case.frame)
    assert r2_score(case.labels, scores) > 0.5


def test_scores_do_not_depend_on_how_the_columns_come(train, payments):
    """Order, str, object, Arrow and one row at a time: the same scores; an unseen category scores as a missing one."""
    model = train(XGBOOST, payments).model
    frame = payments.frame
    expected = model.score(frame)
    words = frame["country"].astype(object)
    for other in (
        frame[["country", "amount"]],
        frame.assign(country=words, more=1),
        frame.assign(country=words.astype("string[pyarrow]"), amount=frame["amount"].astype("float[pyarrow]")),
        frame.assign(country=frame["country"].cat.reorder_categories(["US", "NG", "GB"])),
        frame.assign(
            country=frame["country"].cat.remove_unused_categories(), amount=frame["amount"].map(str, na_action="ignore")
        ),
    ):
        assert np.array_equal(model.score(other), expected)
    assert np.array_equal(np.concatenate([model.score(frame.iloc[[row]]) for row in range(9)]), expected[:9])
    unseen, missing = frame.assign(country="ZZ"), frame.assign(country=None)
    assert np.array_equal(model.score(unseen), model.score(missing))


def test_rows_that_the_model_cannot_read_are_refused_by_column(train, payments):
    model = train(XGBOOST, payments).model
    with pytest.raises(DataError, match="the rows lack 'amount'"):
        model.score(payments.frame[["country"]])
    with pytest.raises(DataError, match=r"'amount': 1 of 400 values are no numbers, such as 'much'"):
        model.score(payments.frame.assign(amount=["much"] + ["1.5"] * 399))


def test_the_same_inputs_give_the_same_model_id_in_another_folder_process_and_thread_count(train, payments, tmp_path):
    first = train(XGBOOST, payments)
    payments.train["threads"] = 1
    second = train(XGBOOST, payments, folder="elsewhere")
    assert second.record.summary["model_id"] == first.record.summary["model_id"]
    command = [sys.executable, "-m", "airflow_mlkit", "step", "train", "--run-dir", str(tmp_path / "project-run")]
    subprocess.run([*command, "--project", str(tmp_path / "project")], check=True, capture_output=True)
    assert first.run.published("train").record.generation == 2
    assert first.run.published("train").summary["model_id"] == first.record.summary["model_id"]


def test_the_same_forest_is_the_same_folder(train, payments):
    first, second = train(FOREST, payments), train(FOREST, payments, folder="elsewhere")
    assert first.record.summary["model_id"] == second.record.summary["model_id"]
    names = sorted(path.relative_to(first.model_folder) for path in first.model_folder.rglob("*") if path.is_file())
    assert len(names) == 5
    assert all((first.model_folder / name).read_bytes() == (second.model_folder / name).read_bytes() for name in names)


@pytest.mark.parametrize("change", ["code", "data", "params"])
def test_another_code_data_or_parameter_gives_another_id(train, payments, change):
    first = train(XGBOOST, payments).record.summary["model_id"]
    if change == "data":
        payments.frame.loc[0, "amount"] = 999.0
    if change == "params":
        payments.train["params"] = {"n_estimators": 9}
    workflow = XGBOOST + "\n# a comment\n" if change == "code" else XGBOOST
    assert train(workflow, payments, folder="elsewhere").record.summary["model_id"] != first


def test_training_json_keeps_rows_and_the_evaluation_curve(train, payments):
    workflow = XGBOOST.replace(
        "training_dataframe[self.label])",
        "training_dataframe[self.label], verbose=False,"
        " eval_set=[(validation_dataframe[self.feature_columns], validation_dataframe[self.label])])",
    )
    trained = train(workflow, payments)
    record = json.loads(trained.run.published("train").file("training.json").read_text())
    assert record["rows"] == {"training": 360, "validation": 40}
    assert len(record["curve"]["validation_0"]["logloss"]) == 8


def test_chance_and_threads_are_pinned_while_the_user_trains(train, payments):
    workflow = """
    import os, random
    import numpy as np
    from threadpoolctl import threadpool_info
    from sklearn.dummy import DummyClassifier

    class Own:
        def train(self, rows, more_rows):
            assert (random.random(), np.random.random()) == (0.13436424411240122, 0.417022004702574)
            assert os.environ["OMP_NUM_THREADS"] == "1"
            assert {pool["num_threads"] for pool in threadpool_info()} == {1}
            assert (self.seed, self.threads) == (1, 1)
            assert self.params is self.custom_params
            assert self.params == {"n_estimators": 8, "max_depth": 3}
            assert (self.label, self.feature_columns) == ("label", ["amount", "country"])
            assert (self.problem_kind, self.classes) == ("binary", ["no", "yes"])
            assert self.categories == {"country": ["GB", "NG", "US"]}
            assert list(rows.columns) == list(more_rows.columns) == ["amount", "country", "label"]
            assert (rows.amount.dtype, list(rows.country.cat.categories)) == ("float32", ["GB", "NG", "US"])
            return DummyClassifier().fit(rows[self.feature_columns], rows[self.label])
    """
    payments.train |= {"seed": 1, "threads": 1}
    assert train(workflow, payments).record.reason is None


def test_no_rows_have_no_scores(train, make_case):
    case = make_case("iris")
    assert train(XGBOOST, case).model.score(case.frame.head(0)).shape == (0, 3)


def test_too_few_examples_are_refused_as_stripe_says_it(train, payments):
    payments.train["min_examples"] = 500
    record = train(XGBOOST, payments).record
    assert record.exit_code == 3
    assert record.reason.startswith("There should be at least 500 examples, and there are 400.")


def test_a_model_that_was_changed_on_disk_is_not_loaded(train, payments, tmp_path):
    import shutil

    from airflow_mlkit.exceptions import ModelError

    copy = shutil.copytree(train(XGBOOST, payments).model_folder, tmp_path / "copy")
    (copy / "model.ubj").write_bytes(b"{}")
    with pytest.raises(ModelError, match="its hash differs"):
        Model.load(copy)


def test_mlflow_scores_raw_rows_from_the_same_folder(train, payments):
    pyfunc = pytest.importorskip("mlflow.pyfunc")
    trained = train(XGBOOST, payments)
    raw = payments.frame.assign(country=payments.frame["country"].astype(object))
    loaded = pyfunc.load_model(str(trained.model_folder), suppress_warnings=True)
    assert np.array_equal(loaded.predict(raw), trained.model.score(payments.frame))


@pytest.fixture
def make_case(payments):
    def make(name: str):
        bunch = getattr(datasets, f"load_{name}")(as_frame=True)
        order = np.random.default_rng(1).permutation(len(bunch.data))
        frame = bunch.data.astype("float32").iloc[order].reset_index(drop=True)
        labels = bunch.target.to_numpy()[order]
        names = tuple(getattr(bunch, "target_names", ()))
        kind = "regression" if not names else "multiclass"
        labels = labels.astype("float64" if kind == "regression" else "int64")
        return type(payments)(
            frame, labels, kind, tuple(map(str, names)), {"params": {"n_estimators": 20}} if names else {}
        )

    return make


def test_the_users_frames_may_be_written_to(train, payments):
    workflow = XGBOOST.replace("        kind =", '        training_dataframe.loc[:, "amount"] = 1.0\n        kind =')
    assert train(workflow, payments).record.reason is None
