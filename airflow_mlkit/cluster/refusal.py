"""What an API server of Kubernetes says when it does not do what it was asked. Imports no client of it."""

from __future__ import annotations

import json
import re

NO_RIGHT = re.compile(r'User ".*" cannot (?P<verb>\w+) resource "(?P<what>[^"]+)"')
"""How a missing right is told; a quota and a policy are Forbidden too."""


def words_of(trouble: Exception) -> str:
    """What the API server said: its answer is a Status, but a proxy's is not. Else what happened on the way.

    Args:
        trouble: an ApiException of either client of Kubernetes, or anything else.
    """
    status = getattr(trouble, "status", None)
    if not isinstance(status, int):
        return next(iter(str(trouble).splitlines()), type(trouble).__name__)
    try:
        return str(json.loads(getattr(trouble, "body", ""))["message"])
    except (KeyError, TypeError, ValueError):
        return f"{status} {getattr(trouble, 'reason', '')}"
