"""The whole pipeline on made-up rows: a good model is shipped, a worse one or the same one after it is held back."""

from pathlib import Path

from airflow_mlkit.local.run_project import retrain
from airflow_mlkit.project import load_project
from airflow_mlkit.testing import small_copy

PROJECT = Path(__file__).parents[1]

SHUFFLED = '''

class Shuffled({{ cookiecutter.__class }}):
    """Learns from labels that stand beside the wrong rows."""

    def train(self, training_dataframe, validation_dataframe):
        labels = training_dataframe[self.label].sample(frac=1, random_state=0).to_numpy()
        return super().train(training_dataframe.assign(**{self.label: labels}), validation_dataframe)
'''


def test_a_worse_model_is_held_back(tmp_path: Path) -> None:
    project = small_copy(PROJECT, tmp_path)
    first = retrain(project)
    assert first.state == "SHIPPED", first.reason

    with (tmp_path / "{{ cookiecutter.__package }}" / "workflow.py").open("a") as code:
        code.write(SHUFFLED)
    spec = tmp_path / "mlkit.yaml"
    spec.write_text(spec.read_text().replace("workflow:{{ cookiecutter.__class }}", "workflow:Shuffled"))
    second = retrain(load_project(tmp_path), resume="newest", first="train")
    assert second.state == "NOT_SHIPPED", second.reason


def test_the_same_data_again_ships_nothing(tmp_path: Path) -> None:
    project = small_copy(PROJECT, tmp_path)
    assert retrain(project).state == "SHIPPED"
    again = retrain(project)
    assert (again.state, "same model" in str(again.reason)) == ("NOT_SHIPPED", True), again.reason
