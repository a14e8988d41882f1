"""A retrain as somebody would write it by hand: one script, one process, the same work as `mlkit run`.

python benchmarks/by_hand.py DATA.csv WORK_FOLDER
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
os.environ["GX_ANALYTICS_ENABLED"] = "false"

import great_expectations as gx
import mlflow
import pandas as pd
import xgboost
from sklearn.calibration import calibration_curve
from sklearn.metrics import average_precision_score, log_loss, precision_recall_curve, roc_auc_score, roc_curve


def main(data: Path, work: Path) -> None:
    """Validate, split by date, train, evaluate with plots, compare and register."""
    frame = pd.read_csv(data, parse_dates=["created_at"])
    validate(frame)
    frame["card_country"] = frame["card_country"].astype("category")
    cut = frame["created_at"].max() - pd.Timedelta(days=30)
    training, holdout = frame[frame["created_at"] <= cut], frame[frame["created_at"] > cut]
    model = train(training)
    scores = model.predict_proba(holdout[FEATURES])[:, 1]
    metrics = {
        "roc_auc": roc_auc_score(holdout["fraud"], scores),
        "average_precision": average_precision_score(holdout["fraud"], scores),
        "log_loss": log_loss(holdout["fraud"], scores),
    }
    plot(holdout["fraud"], scores, work / "report.png")
    register(model, metrics, work)
    print(json.dumps(metrics))


FEATURES = ["amount", "card_country", "countries_24h"]


def validate(frame: pd.DataFrame) -> None:
    """Six expectations, as a person would write them."""
    context = gx.get_context(mode="ephemeral")
    batch = (
        context.data_sources.add_pandas("payments")
        .add_dataframe_asset("payments")
        .add_batch_definition_whole_dataframe("all")
    )
    expect = gx.expectations
    suite = gx.ExpectationSuite(
        name="payments",
        expectations=[
            expect.ExpectColumnValuesToNotBeNull(column="amount"),
            expect.ExpectColumnValuesToBeBetween(column="amount", min_value=0, max_value=100_000),
            expect.ExpectColumnValuesToBeInSet(column="card_country", value_set=list(frame["card_country"].unique())),
            expect.ExpectColumnValuesToBeBetween(column="countries_24h", min_value=1, max_value=50),
            expect.ExpectColumnValuesToBeUnique(column="payment_id"),
            expect.ExpectTableRowCountToBeBetween(min_value=1000),
        ],
    )
    result = batch.get_batch({"dataframe": frame}).validate(suite)
    if not result.success:
        sys.exit(str(result))


def train(training: pd.DataFrame) -> xgboost.XGBClassifier:
    """Boosted trees with early stopping on the newest tenth."""
    cut = int(len(training) * 0.9)
    model = xgboost.XGBClassifier(
        n_estimators=1000, learning_rate=0.05, max_depth=4, early_stopping_rounds=30, enable_categorical=True, n_jobs=2
    )
    newest = training.iloc[cut:]
    model.fit(
        training.iloc[:cut][FEATURES],
        training.iloc[:cut]["fraud"],
        eval_set=[(newest[FEATURES], newest["fraud"])],
        verbose=False,
    )
    return model


def plot(labels: pd.Series, scores: object, path: Path) -> None:
    """ROC, precision-recall, calibration and the scores' distribution."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(2, 2, figsize=(9, 8))
    axes[0][0].plot(*roc_curve(labels, scores)[:2])
    axes[0][1].plot(*precision_recall_curve(labels, scores)[:2])
    axes[1][0].plot(*calibration_curve(labels, scores, n_bins=10))
    axes[1][1].hist(scores, bins=40)
    figure.savefig(path)


def register(model: xgboost.XGBClassifier, metrics: dict[str, float], work: Path) -> None:
    """A tracking run, a registered version, and the alias when it is better."""
    mlflow.set_tracking_uri(f"sqlite:///{work}/mlflow.db")
    if mlflow.get_experiment_by_name("payments") is None:
        mlflow.create_experiment("payments", artifact_location=(work / "artifacts").as_uri())
    mlflow.set_experiment("payments")
    with mlflow.start_run():
        mlflow.log_metrics(metrics)
        info = mlflow.xgboost.log_model(
            model, name="model", registered_model_name="payments", model_format="ubj", pip_requirements=["xgboost"]
        )
    client = mlflow.MlflowClient()
    client.set_registered_model_alias("payments", "champion", str(info.registered_model_version))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
