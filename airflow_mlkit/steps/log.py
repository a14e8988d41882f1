"""The log of a try: what the kit says, what other libraries and Python warn of, and what a step of its own prints."""

from __future__ import annotations

import logging
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TextIO

from airflow_mlkit.steps.output import keep_output

LOGGER = logging.getLogger("airflow_mlkit")
FORMAT = "%(asctime)s %(levelname)s %(message)s"


@contextmanager
def log_to(path: Path, *, with_output: bool = False) -> Iterator[Callable[[], None]]:
    """Write the log to a file too, and to stderr where nothing shows it yet (a notebook). Leaves logging as it was.

    What is given back sees to it that all that was said before is in the file.

    Args:
        path: of the file.
        with_output: keep everything there that this process and its children print: its outputs are its own.
    """
    with ExitStack() as stack:
        stack.enter_context(_level(logging.INFO))
        save: Callable[[], None] = lambda: None  # noqa: E731  # a handler of logging writes at once
        if with_output:
            save = stack.enter_context(keep_output(path))
        else:
            stack.enter_context(_handler(logging.FileHandler(path, encoding="utf-8")))
        if len(logging.getLogger().handlers) == (0 if with_output else 1):
            stack.enter_context(_handler(logging.StreamHandler(sys.stderr)))
        stack.enter_context(_warnings_logged())
        yield save


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
