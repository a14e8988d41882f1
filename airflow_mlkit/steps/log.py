"""The log of a try: what the kit says, and what other libraries and Python warn of."""

from __future__ import annotations

import logging
import sys
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TextIO

LOGGER = logging.getLogger("airflow_mlkit")
FORMAT = "%(asctime)s %(levelname)s %(message)s"


@contextmanager
def log_to(path: Path) -> Iterator[None]:
    """Write the log to a file too, and to stderr where nothing shows it yet (a notebook). Leaves logging as it was."""
    with ExitStack() as stack:
        stack.enter_context(_level(logging.INFO))
        stack.enter_context(_handler(logging.FileHandler(path, encoding="utf-8")))
        if len(logging.getLogger().handlers) == 1:
            stack.enter_context(_handler(logging.StreamHandler(sys.stderr)))
        stack.enter_context(_warnings_logged())
        yield


def _is_worth_a_line(record: logging.LogRecord) -> bool:
    return record.levelno >= logging.WARNING or record.name.partition(".")[0] == LOGGER.name


@contextmanager
def _handler(handler: logging.Handler) -> Iterator[None]:
    handler.setFormatter(logging.Formatter(FORMAT))
    handler.addFilter(_is_worth_a_line)
    logging.getLogger().addHandler(handler)
    try:
        yield
    finally:
        logging.getLogger().removeHandler(handler)
        handler.close()


@contextmanager
def _level(level: int) -> Iterator[None]:
    before = LOGGER.level
    LOGGER.setLevel(min(level, LOGGER.getEffectiveLevel()))
    try:
        yield
    finally:
        LOGGER.setLevel(before)


@contextmanager
def _warnings_logged() -> Iterator[None]:
    def show(  # noqa: PLR0917
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,  # noqa: ARG001  # the signature is that of warnings.showwarning
        line: str | None = None,  # noqa: ARG001
    ) -> None:
        LOGGER.warning("%s: %s (%s:%d)", category.__name__, message, filename, lineno)

    before, warnings.showwarning = warnings.showwarning, show
    try:
        yield
    finally:
        warnings.showwarning = before
