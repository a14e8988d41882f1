"""A workflow that cannot be used: the sentence that its author reads, the exit code, and nothing published."""

from __future__ import annotations

import pytest

HEAD = """
import numpy as np
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.linear_model import LogisticRegression, LinearRegression, RidgeClassifier
from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from xgboost import XGBClassifier, XGBRegressor, Booster
from airflow_mlkit import Workflow

class Own(Workflow):
    def train(self, training_dataframe, validation_dataframe):
        x, y = training_dataframe[["amount"]].fillna(0), training_dataframe[self.label]
"""

BODIES = {
    "None": ("pass", "train() returned None."),
    "class": ("return XGBClassifier", "train() returned the class XGBClassifier."),
    "unfitted xgboost": ("return XGBClassifier()", "train() returned a XGBClassifier that is not fitted."),
    "unfitted booster": ("return Booster()", "train() returned a Booster that is not fitted."),
    "unfitted forest": (
        "return RandomForestClassifier()",
        "train() returned a RandomForestClassifier that is not fitted.",
    ),
    "number": ("return 0.93", "train() returned a float, which has no predict()."),
    "no probabilities": ("return RidgeClassifier().fit(x, y)", "RidgeClassifier gives no probabilities"),
    "three classes": (
        "return RandomForestClassifier(2).fit(x, np.arange(len(y)) % 3)",
        "the model was fitted on the classes [0, 1, 2]; the label's codes are 0 to 1.",
    ),
    "text classes": (
        "return LogisticRegression().fit(x, y.map({0: 'no', 1: 'yes'}))",
        "the model was fitted on the classes ['no', 'yes']",
    ),
    "one class": ("return RandomForestClassifier(2).fit(x, y * 0)", "the model was fitted on one class only ('no')."),
    "label among the columns": (
        "return XGBClassifier(n_estimators=2).fit(training_dataframe[['amount', self.label]], y)",
        "the model was fitted on its own label 'label'.",
    ),
    "columns of its own": (
        "return XGBClassifier(n_estimators=2).fit(x.assign(double=x.amount * 2), y)",
        "the model was fitted on columns that train() made: 'double'.",
    ),
    "arrays": ("return XGBClassifier(n_estimators=2).fit(x.to_numpy(), y)", "fitted on 1 columns without names."),
    "NaN for missing": (
        "return LogisticRegression().fit(x, y)",
        "scoring with sklearn.linear_model._logistic.LogisticRegression raised ValueError: Input X contains NaN.",
    ),
    "ranking": (
        "return XGBRegressor(objective='count:poisson', n_estimators=2).fit(x, y)",
        "a XGBRegressor with objective count:poisson, and the problem is binary.\nTake binary:logistic.",
    ),
    "other missing value": (
        "return XGBClassifier(missing=0).fit(x, y)",
        "XGBClassifier(missing=0): missing values are NaN",
    ),
    "lambda": (
        "return make_pipeline(FunctionTransformer(lambda v: v.fillna(0)), LogisticRegression()).fit(x, y)",
        "own.workflow.<lambda> has no name to load it by: write a function with def in own/",
    ),
    "own function": (
        "return make_pipeline(FunctionTransformer(fill), LogisticRegression()).fit(x, y)",
        "own.workflow.fill is your own: add it to mlkit.yaml, as train.trusted_types: [own.workflow.fill]",
    ),
    "sys.exit": ("raise SystemExit(0)", "train() of own.workflow:Own raised SystemExit: 0"),
}

TAIL = """

def fill(values):
    return values.fillna(0)
"""


@pytest.mark.parametrize("body", BODIES)
def test_what_train_returns_is_checked_before_anything_is_saved(train, payments, body):
    code, message = BODIES[body]
    record = train(f"{HEAD}        {code}\n{TAIL}", payments).record
    assert record.exit_code == 2
    assert message in record.reason
    assert len(record.reason.splitlines()) < 20


def test_a_regressor_is_refused_where_there_are_classes_to_tell_apart(train, payments):
    payments.kind, payments.classes = "multiclass", ("a", "b", "c")
    record = train(f"{HEAD}        return XGBRegressor(n_estimators=2).fit(x, y)\n", payments).record
    assert (
        "train() returned a XGBRegressor with objective reg:squarederror, and the problem is multiclass."
        in record.reason
    )


def test_a_classifier_is_refused_where_the_label_is_a_number(train, payments):
    payments.kind, payments.classes = "regression", ()
    record = train(f"{HEAD}        return LogisticRegression().fit(x, y)\n", payments).record
    assert "train() returned a LogisticRegression, and the problem is regression.\nTake a regressor." in record.reason


def test_an_exception_in_train_is_told_with_the_users_own_line_and_logged_whole(train, payments):
    trained = train(
        f"{HEAD}        return fit(training_dataframe)\n\ndef fit(frame):\n    return frame['tenur'].sum()\n", payments
    )
    reason = trained.record.reason
    assert reason.splitlines()[0] == "train() of own.workflow:Own raised KeyError: 'tenur'"
    assert "own/workflow.py:16 in fit" in reason
    assert "return frame['tenur'].sum()" in reason
    assert "site-packages" not in reason
    assert "Traceback (most recent call last)" in trained.log
    assert "site-packages/pandas" in trained.log


NAN_MODEL = """
import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from airflow_mlkit import Workflow

class Broken(ClassifierMixin, BaseEstimator):
    def fit(self, rows, labels):
        self.classes_ = np.unique(labels)
        return self

    def predict(self, rows):
        return np.zeros(len(rows))

    def predict_proba(self, rows):
        return np.column_stack([np.full(len(rows), np.nan)] * 2)

class Own(Workflow):
    def train(self, training_dataframe, validation_dataframe):
        return Broken().fit(training_dataframe[self.feature_columns], training_dataframe[self.label])
"""


def test_nan_scores_stop_the_step_and_nothing_is_published(train, payments):
    payments.train["trusted_types"] = ["own.workflow.Broken"]
    trained = train(NAN_MODEL, payments)
    assert trained.record.exit_code == 2
    assert "the model gives NaN scores for 40 of 40 rows, first for row 0." in trained.record.reason
    assert trained.run.step("train").published() is None


def test_an_own_class_is_trusted_when_it_is_named_and_loads_from_the_models_own_code(train, payments):
    """The project may change afterwards: the model keeps the class that it was trained with."""
    payments.train["trusted_types"] = ["own.workflow.Broken"]
    trained = train(NAN_MODEL.replace("np.nan", "0.5"), payments)
    (trained.project.folder / "own" / "workflow.py").write_text("raise RuntimeError('another version')\n")
    assert (trained.model.score(payments.frame) == 0.5).all()


FOREIGN = {
    "no such module": ("own.nowhere:Own", "class Own: pass", "there is no module own.nowhere in"),
    "no such class": (
        "own.workflow:Own",
        "class Owm:\n    def train(self, a, b): pass",
        "Own is not there; did you mean Owm?",
    ),
    "no class": ("own.workflow:Own", "Own = 3", "Own is no class"),
    "no train": ("own.workflow:Own", "class Own:\n    pass", "own/workflow.py:1 own.workflow:Own has no method train."),
    "one frame": (
        "own.workflow:Own",
        "class Own:\n    def train(self, a): pass",
        "train(self, a) of own.workflow:Own cannot",
    ),
    "syntax": (
        "own.workflow:Own",
        "class Own:\n    def train(self\n",
        "importing own.workflow raised SyntaxError: '(' was never closed",
    ),
    "missing package": (
        "own.workflow:Own",
        "import lightgbn",
        "raised ModuleNotFoundError: No module named 'lightgbn'",
    ),
    "init": (
        "own.workflow:Own",
        "class Own:\n    def __init__(self): self.n = 1 / 0\n    def train(self, a, b): pass",
        "Own() of own.workflow raised ZeroDivisionError: division by zero",
    ),
}


@pytest.mark.parametrize("name", FOREIGN)
def test_a_workflow_that_cannot_be_loaded_is_told_with_its_file_and_line(train, payments, name):
    path, text, message = FOREIGN[name]
    payments.train["workflow"] = path
    record = train(text, payments).record
    assert record.exit_code == 2
    assert message in record.reason
