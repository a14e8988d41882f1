"""What a workflow may return, through all steps of a retrain and through predict."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from airflow_mlkit.rundir import Outcome
from tests.projects import build_project
from tests.stepping import RETRAIN, run_steps

PIPELINE = """
from sklearn.compose import make_column_transformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from airflow_mlkit import Workflow


class Cards(Workflow):
    def train(self, training_dataframe, validation_dataframe):
        texts = OneHotEncoder(handle_unknown="ignore"), ["country"]
        prepare = make_column_transformer(texts, (SimpleImputer(), ["amount"]))
        model = make_pipeline(prepare, RandomForestClassifier(40, random_state=self.seed, n_jobs=self.threads))
        return model.fit(training_dataframe[self.feature_columns], training_dataframe[self.label])
"""

BOOSTER = """
import xgboost

from airflow_mlkit import Workflow


class Cards(Workflow):
    def train(self, training_dataframe, validation_dataframe):
        labels = training_dataframe[self.label]
        rows = xgboost.DMatrix(training_dataframe[self.feature_columns], labels, enable_categorical=True)
        return xgboost.train({"objective": "binary:logistic", "nthread": self.threads, "max_depth": 3}, rows, 20)
"""

STRIPE = """
from sklearn.pipeline import Pipeline
from xgboost import XGBRegressor


class Cards:
    def train(self, training_dataframe, holdout_dataframe):
        pipeline = Pipeline([("boosted", XGBRegressor(enable_categorical=True, max_depth=3, n_estimators=20))])
        return pipeline.fit(training_dataframe[["amount", "country"]], training_dataframe["fraud"])
"""


@pytest.mark.parametrize("workflow", [PIPELINE, BOOSTER, STRIPE], ids=["pipeline", "Booster", "Stripe's slide"])
def test_it_is_shipped_scores_new_countries_and_is_the_same_model_again(tmp_path: Path, workflow: str) -> None:
    folder = build_project(tmp_path / "cards", workflow=workflow)
    shipped = run_steps(folder, "r1", *RETRAIN)
    assert shipped.outcome is Outcome.DONE, shipped.reason
    again = run_steps(folder, "r2", *RETRAIN)
    assert again.outcome is Outcome.HELD_BACK
    assert "same model" in (again.reason or "")

    payments = folder / "data" / "payments.csv"
    pd.read_csv(payments).assign(country="XX", amount=None).to_csv(payments, index=False)
    scored = run_steps(folder, "p1", "predict")
    assert scored.outcome is Outcome.DONE, scored.reason
    assert pd.read_parquet(folder / "scores")["score"].between(0, 1).all()
