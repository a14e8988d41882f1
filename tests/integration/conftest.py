"""What tests of several rooms need."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.databases import PostgreSQL, serve_postgresql


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgreSQL]:
    """A server that lives as long as the test session."""
    with serve_postgresql() as server:
        yield server
