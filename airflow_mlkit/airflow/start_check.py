"""What the API server says in its log when it starts: which settings this installation lacks."""

from __future__ import annotations

import logging
from functools import cache

from airflow_mlkit.airflow.settings import find_missing_settings, read_settings
from airflow_mlkit.exceptions import MLKitError
from airflow_mlkit.spec import load_platform

log = logging.getLogger("airflow_mlkit.airflow")


@cache
def warn_of_missing_settings() -> None:
    """Say once in this process what is missing, a line each; nothing where `[mlkit] platform` names no file.

    A platform.yaml that cannot be used is told where it is used: by the Dags.
    """
    file = read_settings().platform
    if file is None:
        return
    try:
        gaps = find_missing_settings(load_platform(file))
    except (MLKitError, ValueError) as error:
        log.warning("The settings of Airflow were not checked: %s", error)
        return
    for gap in gaps:
        log.warning("%s", gap)
