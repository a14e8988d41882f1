"""What becomes of a test that lacks something on this machine."""

from __future__ import annotations

import os
from typing import NoReturn

import pytest


def skip_or_fail(lacks: str) -> NoReturn:
    """Skip the test and say what it lacks; where all is required (MLKIT_REQUIRE=all, as in CI) it fails."""
    if os.environ.get("MLKIT_REQUIRE") == "all":
        pytest.fail(lacks)
    pytest.skip(lacks)
