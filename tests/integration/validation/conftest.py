"""A small project for the tests of validation."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.projects import build_project


@pytest.fixture
def project_folder(tmp_path: Path) -> Path:
    """A project's folder, with data."""
    return build_project(tmp_path / "cards")
