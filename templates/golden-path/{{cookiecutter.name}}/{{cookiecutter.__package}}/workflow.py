{%- set estimator = 'XGBRegressor' if cookiecutter.profile.kind == 'regression' else 'XGBClassifier' -%}
"""The model: which columns it is fitted on, and how. Everything else is declared in mlkit.yaml."""

import pandas as pd
from airflow_mlkit.workflows import Workflow
from xgboost import {{ estimator }}
{% if cookiecutter.profile.refused_names %}
ALLOWED = str.maketrans("[]<", "()_")  # XGBoost refuses these three in the names of columns
{% endif %}

class {{ cookiecutter.__class }}(Workflow):
    """{{ estimator }} with early stopping, on the raw columns and on what `features` makes of them."""

    def features(self, dataframe: pd.DataFrame) -> pd.DataFrame:
        """Make the model's columns from the raw ones.

        The same code runs in training, in batches and live, so what it makes of a row may depend on this row only: no
        means over the frame, no look at the row before. Make a new column like this:

            dataframe["amount_per_card"] = dataframe["amount"] / dataframe["cards"].clip(lower=1)
        """
        return dataframe{% if cookiecutter.profile.refused_names %}.rename(columns=lambda name: name.translate(ALLOWED)){% endif %}

    def train(self, training_dataframe: pd.DataFrame, validation_dataframe: pd.DataFrame) -> {{ estimator }}:
        """Fit the model. The second frame says when to stop; the holdout is never seen here."""
        columns, label = self.feature_columns, self.label
        model = {{ estimator }}(**self.params, random_state=self.seed, n_jobs=self.threads, enable_categorical=True)
        # as model.fit, but goes on from its last checkpoint when the step was killed
        return self.checkpoint.fit(
            model,
            training_dataframe[columns],
            training_dataframe[label],
            eval_set=[(validation_dataframe[columns], validation_dataframe[label])],
            verbose=False,
        )
