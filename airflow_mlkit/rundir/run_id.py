"""From whatever a run is called to the name of its folder."""

from __future__ import annotations

import hashlib
import re

_SAFE = re.compile(r"[a-z0-9][a-z0-9_.-]{0,79}")
_MARKED = re.compile(r"(.*-)?[0-9a-f]{12}")
_READABLE = 60


def safe_run_id(text: str) -> str:
    """A folder's name for a run id, the same one every time, good on a local disk and in a bucket.

    A text that is a good name already stays as it is. Any other keeps what is readable of it and gets a part of its
    hash, so that two texts never share a folder, not even on a disk that takes `Run` and `run` for one name.

    >>> safe_run_id("nightly-7")
    'nightly-7'
    >>> safe_run_id("manual__2026-11-21T00:00:00+00:00")
    'manual__2026-11-21T00-00-00-00-00-c755f2223172'
    """
    if _SAFE.fullmatch(text) and not _MARKED.fullmatch(text):
        return text
    readable = re.sub(r"[^A-Za-z0-9_.]+", "-", text)[:_READABLE].strip("-._")
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:12]
    return f"{readable}-{digest}" if readable else digest
