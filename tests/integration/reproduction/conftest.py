from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.projects import build_project
from tests.shipping import ship
from tests.stepping import RETRAIN, rewrite, run_steps

COMPARED = {
    "gate": {"metric": "roc_auc", "against": "champion", "margin": 0.01, "confidence": 0.99},
    "kind": "champion",
    "metric": "roc_auc",
    "passed": True,
    "reason": "The gates of the test say so",
    "comparison": {
        "metric": "roc_auc",
        "decision": "promote",
        "reason": "The gates of the test say so",
        "confidence": 0.99,
        "interval": (-0.003717, 0.00481),
        "rows": 113,
    },
}


def git(folder: Path, *words: str) -> None:
    who = ("-c", "user.name=Ana", "-c", "user.email=ana@example.com")
    subprocess.run(["git", "-C", str(folder), *who, *words], check=True, capture_output=True)


def commit(folder: Path) -> None:
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "Change the model")


@pytest.fixture(scope="session")
def twice(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with a project in a folder. Version 1 was promoted; then code, spec and data changed: version 2."""
    repository = tmp_path_factory.mktemp("repository")
    folder = build_project(repository / "cards", rows=400)
    (repository / ".gitignore").write_text(".mlkit/\n__pycache__/\n")
    git(repository, "init", "-q")
    commit(repository)
    assert run_steps(folder, "r1", *RETRAIN).exit_code == 0
    workflow, spec = folder / "cards/workflow.py", folder / "mlkit.yaml"
    workflow.write_text(
        workflow.read_text()
        + "\n    def features(self, dataframe):\n        return dataframe.assign(twice=dataframe['amount'] * 2)\n"
    )
    spec.write_text(spec.read_text().replace("max_depth: 3", "max_depth: 2"))
    rewrite(folder, lambda rows: rows.assign(amount=rows["amount"].round(1)))
    commit(repository)
    assert ship(folder, "r2", depth=2, results=[COMPARED]).exit_code == 0
    return repository


@pytest.fixture
def cards(twice: Path, tmp_path: Path) -> Path:
    """The project in a copy of its repository, with local changes that no reproduction may touch."""
    folder = Path(shutil.copytree(twice, tmp_path / "Ana's copy")) / "cards"
    (folder / "cards/workflow.py").write_text("raise RuntimeError('half an edit')\n")
    return folder
