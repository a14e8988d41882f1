"""A small project in a folder, as a person might have written it, for tests that run its steps."""

from __future__ import annotations

import csv
import json
import random
import textwrap
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

WORKFLOW = '''
"""How the model is trained."""

from xgboost import XGBClassifier

from airflow_mlkit import Workflow


class Cards(Workflow):
    """Finds fraud."""

    def train(self, training_dataframe, validation_dataframe):
        model = XGBClassifier(random_state=self.seed, n_jobs=self.threads, enable_categorical=True, **self.params)
        return model.fit(training_dataframe[self.feature_columns], training_dataframe[self.label])
'''


def default_spec() -> dict[str, Any]:
    """The spec of the small project."""
    return {
        "apiVersion": "mlkit/v1",
        "name": "cards",
        "owner": "risk@example.com",
        "pattern": "batch",
        "data": {
            "source": {"path": "data/payments.csv"},
            "date_column": "created_at",
            "features": ["amount", "country"],
            "label": "fraud",
            "types": {"amount": "number", "country": "category", "created_at": "date", "fraud": "category"},
            "holdout": {"sampling": "hash", "key": "payment_id", "fraction": 0.3, "salt": "cards"},
        },
        "validate": {"suite": "expectations/payments.json"},
        "problem": {"kind": "binary", "positive": "yes"},
        "train": {
            "workflow": "cards.workflow:Cards",
            "params": {"max_depth": 3, "n_estimators": 20},
            "min_examples": 50,
        },
        "gates": [
            {"metric": "roc_auc", "at_least": 0.6},
            {"metric": "roc_auc", "against": "champion"},
            {"rows": "holdout", "at_least": 20},
        ],
        "predict": {"source": {"path": "data/payments.csv"}, "output": {"path": "scores", "key": "payment_id"}},
    }


def build_project(
    folder: Path, *, rows: int = 600, spec: dict[str, Any] | None = None, workflow: str = WORKFLOW
) -> Path:
    """Write the project's files. Returns its folder."""
    for name in ("data", "expectations", "cards"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    with (folder / "mlkit.yaml").open("w") as file:
        YAML().dump(spec or default_spec(), file)
    write_payments(folder / "data" / "payments.csv", rows)
    (folder / "cards" / "__init__.py").write_text("")
    (folder / "cards" / "workflow.py").write_text(textwrap.dedent(workflow).lstrip())
    suite = {
        "name": "payments",
        "expectations": [
            {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "amount"}},
            {"type": "expect_column_values_to_be_between", "kwargs": {"column": "amount", "min_value": 0}},
        ],
    }
    (folder / "expectations" / "payments.json").write_text(json.dumps(suite))
    return folder


def write_payments(path: Path, rows: int, *, seed: int = 7, amount_sign: int = 1) -> None:
    """Payments in which large amounts and one country are riskier. `amount_sign=-1` breaks them."""
    rng = random.Random(seed)
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["payment_id", "created_at", "amount", "country", "fraud"])
        for row in range(rows):
            amount, country = round(rng.lognormvariate(3, 1), 2), rng.choice(["US", "GB", "NG"])
            risk = min(0.9, amount / 120 + (0.3 if country == "NG" else 0))
            day = f"2026-{1 + row * 6 // rows:02d}-{1 + row % 28:02d}T00:00:00"
            writer.writerow([f"p{row}", day, amount * amount_sign, country, "yes" if rng.random() < risk else "no"])
