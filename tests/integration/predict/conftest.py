from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.projects import build_project
from tests.stepping import RETRAIN, run_steps


@pytest.fixture(scope="session")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with a champion."""
    folder = build_project(tmp_path_factory.mktemp("shipped") / "cards", rows=400)
    assert run_steps(folder, "r1", *RETRAIN).exit_code == 0
    return folder


@pytest.fixture
def folder(shipped: Path, tmp_path: Path) -> Path:
    """The project with a champion, moved to another folder."""
    return Path(shutil.copytree(shipped, tmp_path / "moved cards"))
