"""Where the kit calls a user's Python: what it raises becomes a sentence with the user's own file and line."""

from __future__ import annotations

import logging
import sysconfig
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from airflow_mlkit.exceptions import MLKitError, WorkflowError

log = logging.getLogger("airflow_mlkit")

_KIT = Path(__file__).resolve().parent.parent
_FOREIGN = [
    _KIT,
    *(Path(sysconfig.get_path(name)).resolve() for name in ("stdlib", "platstdlib", "purelib", "platlib")),
]

MAX_FRAMES = 4
MAX_LINES = 8
MAX_WIDTH = 300


@contextmanager
def user_code(what: str) -> Iterator[None]:
    """Turn what a user's code raises inside the block into a WorkflowError; the whole traceback goes to the log.

    Args:
        what: the start of the sentence, such as `train() of churn.workflow:Churn`.

    Raises:
        WorkflowError: naming the exception, and the file, line and text of the user's own frames.
    """
    try:
        yield
    except (MLKitError, MemoryError):
        # a MemoryError is for the plan, which tries again on a larger size; the others are already sentences
        raise
    except (Exception, SystemExit) as error:  # a user's code may raise anything, and call sys.exit()
        log.info("%s", "".join(traceback.format_exception(error)).rstrip())
        raise WorkflowError("\n".join([f"{what} raised {describe(error)}", *user_frames(error)])) from error


def describe(error: BaseException) -> str:
    """An exception's class and message, a few lines at most."""
    if isinstance(error, SyntaxError):
        return f"{type(error).__name__}: {error.msg}"
    lines = [line[:MAX_WIDTH] for line in str(error).strip().splitlines() if line.strip()]
    more = [f"... ({len(lines) - MAX_LINES} more lines, in the log)"] if len(lines) > MAX_LINES else []
    text = "\n".join(lines[:MAX_LINES] + more)
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def user_frames(error: BaseException) -> list[str]:
    """The innermost frames of a traceback that are neither the kit's nor an installed package's, as lines to print."""
    if isinstance(error, SyntaxError) and error.filename:
        return [f"  {error.filename}:{error.lineno}", f"    {(error.text or '').strip()}"]
    own = [frame for frame in traceback.extract_tb(error.__traceback__) if _is_own(frame.filename)]
    lines: list[str] = []
    for frame in own[-MAX_FRAMES:]:
        lines += [f"  {frame.filename}:{frame.lineno} in {frame.name}", f"    {frame.line}"]
    return lines


def _is_own(filename: str) -> bool:
    if filename.startswith("<"):
        return False
    path = Path(filename).resolve()
    return not any(path.is_relative_to(folder) for folder in _FOREIGN)
