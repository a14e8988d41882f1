"""A sign of life of a step at work: one that is killed writes no outcome, and its time is counted all the same."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from airflow_mlkit.rundir import Try

log = logging.getLogger("airflow_mlkit")

LOCAL_SECONDS, BUCKET_SECONDS = 10.0, 60.0
"""How often: touching a file costs nothing, a write to a bucket does."""


@contextmanager
def show_life(attempt: Try, every: float | None = None) -> Iterator[None]:
    """Touch the try's log again and again; in a bucket, bring it there as it is now.

    Args:
        attempt: the try that is at work.
        every: seconds between two signs.
    """
    ended = threading.Event()
    pause = every or (LOCAL_SECONDS if attempt.is_local else BUCKET_SECONDS)

    def show() -> None:
        while not ended.wait(pause):
            try:
                attempt.show_life()
            except Exception as error:  # noqa: BLE001  # a store that is away for a moment must not end the work
                log.debug("no sign of life: %s", error)

    thread = threading.Thread(target=show, name="mlkit-sign-of-life", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        # what it brings to a bucket must not come after the whole log
        thread.join()
