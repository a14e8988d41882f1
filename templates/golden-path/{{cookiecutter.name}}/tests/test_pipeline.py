"""The whole pipeline on made-up rows: a good model is shipped, a worse one or the same one after it is held back."""

import re
import shutil
from pathlib import Path

import pytest
from airflow_mlkit.local.run_project import list_runs, retrain
from airflow_mlkit.local.run_result import RunResult
from airflow_mlkit.project import load_project
from airflow_mlkit.testing import best_column, small_copy

PROJECT = Path(__file__).parents[1]

SHUFFLED = '''

class Shuffled({{ cookiecutter.__class }}):
    """Learns from labels that stand beside the wrong rows."""

    def train(self, training_dataframe, validation_dataframe):
        labels = training_dataframe[self.label].sample(frac=1, random_state=0).to_numpy()
        return super().train(training_dataframe.assign(**{self.label: labels}), validation_dataframe)
'''

DROPPED = '''

class Dropped({{ cookiecutter.__class }}):
    """Is not told the column that says the most."""

    def features(self, dataframe):
        from airflow_mlkit.testing import drop_column

        return super().features(drop_column(dataframe, COLUMN, VALUE))
'''


@pytest.fixture(scope="module")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small copy of the project whose first model was shipped."""
    folder = tmp_path_factory.mktemp("shipped") / "project"
    first = retrain(small_copy(PROJECT, folder))
    assert first.state == "SHIPPED", first.reason
    return folder


@pytest.fixture
def folder(shipped: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(shipped, tmp_path / "project"))


def retrain_as(folder: Path, name: str, code: str, first: str) -> RunResult:
    """Put another workflow into the project, and run the steps from the first one that it concerns."""
    with (folder / "{{ cookiecutter.__package }}" / "workflow.py").open("a") as workflow:
        workflow.write(code)
    spec = folder / "mlkit.yaml"
    spec.write_text(spec.read_text().replace("workflow:{{ cookiecutter.__class }}", f"workflow:{name}"))
    return retrain(load_project(folder), resume="newest", first=first)


def test_a_model_of_shuffled_labels_is_held_back(folder: Path) -> None:
    worse = retrain_as(folder, "Shuffled", SHUFFLED, first="train")
    assert worse.state == "NOT_SHIPPED", worse.reason


def test_a_model_without_its_best_column_is_held_back(folder: Path) -> None:
    project = load_project(folder)
    column, value = best_column(f"{project.runs}/{list_runs(project)[-1]}")
    code = DROPPED.replace("COLUMN", repr(column)).replace("VALUE", repr(value))
    worse = retrain_as(folder, "Dropped", code, first="split")
    assert worse.state == "NOT_SHIPPED", worse.reason


def test_the_same_data_again_ships_nothing(folder: Path) -> None:
    again = retrain(load_project(folder))
    assert (again.state, "same model" in str(again.reason)) == ("NOT_SHIPPED", True), again.reason


def test_luck_ships_nothing(folder: Path) -> None:
    """A model of the same data by another seed is as good, and looks better every other time."""
    spec = folder / "mlkit.yaml"
    declared = spec.read_text()
    for seed in (101, 102):
        spec.write_text(re.sub(r"^  seed: \d+", f"  seed: {seed}", declared, flags=re.MULTILINE))
        lucky = retrain(load_project(folder), resume="newest", first="train")
        assert lucky.state == "NOT_SHIPPED", lucky.reason
