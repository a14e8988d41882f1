"""The `[mlkit]` section of airflow.cfg. Nothing else reads it."""

from __future__ import annotations

import os
from typing import NamedTuple

from airflow.configuration import conf

from airflow_mlkit.airflow.provider_info import SECTION
from airflow_mlkit.project import DEFAULT_ENVIRONMENT


class Settings(NamedTuple):
    """What an installation of Airflow decides.

    `python` stands in for projects which have no Python of their own; None is the one that Airflow runs on.
    """

    environment: str = DEFAULT_ENVIRONMENT
    platform: str | None = None
    python: str | None = None


def read_settings() -> Settings:
    """The `[mlkit]` options. `MLKIT_ENVIRONMENT` goes before `environment`, as it does on the command line."""
    environment = os.environ.get("MLKIT_ENVIRONMENT") or _option("environment") or DEFAULT_ENVIRONMENT
    return Settings(environment, _option("platform"), _option("python"))


def _option(name: str) -> str | None:
    value = conf.get(SECTION, name, fallback=None)
    return value or None
