"""MLflow's client among others that write to the same rows."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException

ATTEMPTS = 10
"""A database that stays away is given up after some 13 seconds."""

_PAUSE, _LONGEST_PAUSE = 0.025, 4.0

_CROSSED = ("TEMPORARILY_UNAVAILABLE", "BAD_REQUEST", "INTERNAL_ERROR")
"""How MLflow answers when another writer came between, or the database was not there for a moment.

It inserts where it found nothing, so that of two first `set_registered_model_alias` at once one ends with an
IntegrityError; a SQLite file is locked; PostgreSQL is being restarted. Nothing was written then: try again.
"""


_NO_ANSWER = "failed with exception"
"""What MLflow's client says of a server that gave no answer; it has tried again itself by then."""


class PatientClient:
    """An `MlflowClient` each of whose calls is tried again when another writer has crossed it.

    Args:
        client: MLflow's.
    """

    def __init__(self, client: MlflowClient) -> None:
        self._client = client

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._client, name)
        return insisting(found) if callable(found) else found


def _is_crossed(error: MlflowException) -> bool:
    return error.error_code in _CROSSED and _NO_ANSWER not in str(error)


def insisting(act: Callable[..., Any]) -> Callable[..., Any]:
    """The same call to MLflow, tried again when another writer has crossed it."""

    @wraps(act)
    def insist(*arguments: Any, **options: Any) -> Any:
        from mlflow.exceptions import MlflowException

        for attempt in range(ATTEMPTS):
            try:
                return act(*arguments, **options)
            except MlflowException as error:
                if not _is_crossed(error) or attempt == ATTEMPTS - 1:
                    raise
                # writers that waited equally long would meet again
                time.sleep(min(_PAUSE * 2**attempt, _LONGEST_PAUSE) * random.uniform(0.5, 1.5))  # noqa: S311
        raise AssertionError("the last attempt returns or raises")

    return insist
