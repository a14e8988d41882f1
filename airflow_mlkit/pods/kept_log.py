"""A pod's log after its end: what the node still has of it, and what the step has kept in the run directory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice

from upath import UPath

GAP = "... what was printed here is lost: the node has rotated its log, and the step was killed before it was kept ..."


def join_logs(kept: UPath | None, printed: Sequence[str]) -> Iterator[str]:
    """The whole log of a pod, each line once.

    A node keeps the last part of a long log only (10 MiB by default), the run directory both ends of it. Of a step that
    was killed the run directory has what was kept until then, up to a minute before in a bucket.

    Args:
        kept: the log of the try that ran in the pod.
        printed: what the node gives.
    """
    lines = kept.read_bytes().decode(errors="backslashreplace").splitlines() if kept else []
    if len(printed) >= len(lines):
        yield from printed
        return
    yield from lines
    if list(printed) != lines[: len(printed)]:  # a node that died in between has the beginning only
        yield from _after(lines[-1], printed)


def _after(last: str, printed: Sequence[str]) -> Iterator[str]:
    """What the node has of the time after the last line that was kept."""
    found = next((index for index in range(len(printed) - 1, -1, -1) if printed[index] == last), None)
    if found is not None:
        yield from islice(printed, found + 1, None)
    elif printed:
        yield GAP
        yield from printed
