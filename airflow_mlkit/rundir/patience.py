"""A bucket that has answered before and does not now is waited for: hours of training must not be lost for a minute."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable
from errno import EBUSY, EIO, EREMOTEIO
from typing import TypeVar

from upath import UPath

from airflow_mlkit.rundir.place import library_errors, store_errors

log = logging.getLogger("airflow_mlkit")

PATIENCE_SECONDS = 180.0
PAUSE_SECONDS = 2.0

_ANSWERED: set[str] = set()
"""The stores that have answered this process. One that never did has a wrong address, and is told at once."""

_GIVEN_UP: dict[str, float] = {}
"""When those were asked last that were waited for in vain, by the clock of `time.monotonic`."""

GIVEN_UP_SECONDS = 60.0
"""How long after that they are not waited for again: the end of a step asks for many things, one after the other."""

_PASSING = (EBUSY, EIO, EREMOTEIO)
"""As s3fs (s3fs/errors.py) puts a store's "slow down", its 5xx, and what it has no word for."""

_PASSING_CODES, _SERVERS_FAULT = (408, 429), 500

Answer = TypeVar("Answer")


def patiently(path: UPath, act: Callable[[], Answer]) -> Answer:
    """What an act on a bucket gives. What it raises is raised, at the latest after `PATIENCE_SECONDS`.

    Args:
        path: in the bucket.
        act: something that may be done twice.
    """
    store, until, has_said = find_store(path), time.monotonic() + PATIENCE_SECONDS, False
    while True:
        try:
            answer = act()
        except store_errors() as error:
            if isinstance(error, FileNotFoundError | FileExistsError):
                _note_answer(store)
            if not _passes(error) or store not in _ANSWERED:
                raise
            if time.monotonic() > until or _is_given_up(store):
                _GIVEN_UP[store] = time.monotonic()
                raise
            if not has_said:
                log.warning("%s: %s. It is asked again for %.0f s.", store, error, PATIENCE_SECONDS)
                has_said = True
        else:
            _note_answer(store)
            return answer
        time.sleep(PAUSE_SECONDS)


def _note_answer(store: str) -> None:
    _ANSWERED.add(store)
    _GIVEN_UP.pop(store, None)


def _is_given_up(store: str) -> bool:
    return time.monotonic() - _GIVEN_UP.get(store, -math.inf) < GIVEN_UP_SECONDS


def find_store(path: UPath) -> str:
    """The bucket that a path lies in."""
    return f"{path.protocol}://{path.path.strip('/').partition('/')[0]}"


def _passes(error: Exception) -> bool:
    """Whether the same again may go well: not for what is forbidden, not there, or there already."""
    code = getattr(error, "code", None)  # gcsfs keeps HTTP's
    if isinstance(code, int):
        return code in _PASSING_CODES or code >= _SERVERS_FAULT
    if isinstance(error, (ConnectionError, TimeoutError, *library_errors())):
        return True
    return isinstance(error, OSError) and error.errno in _PASSING
