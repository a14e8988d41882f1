"""`features()` must give a row the same numbers alone, in a batch and in training."""

from pathlib import Path

import pandas as pd
from airflow_mlkit.project import load_project
from airflow_mlkit.testing import sample_features

from {{ cookiecutter.__package }}.workflow import {{ cookiecutter.__class }}

PROJECT = Path(__file__).parents[1]


def test_a_row_alone_has_the_same_features_as_among_others() -> None:
    rows = sample_features(load_project(PROJECT))
    workflow = {{ cookiecutter.__class }}()
    together = workflow.features(rows.copy())
    alone = pd.concat([workflow.features(rows.iloc[[row]].copy()) for row in range(len(rows))])
    pd.testing.assert_frame_equal(alone, together)
