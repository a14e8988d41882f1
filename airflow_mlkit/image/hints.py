"""What to do about what builders and registries say."""

from __future__ import annotations

import re
from collections.abc import Sequence

_LOG_IN = (
    "Log in at the registry with the same program (docker login, podman login, buildah login), as someone who may push."
)
_NETWORK = (
    "Is the address right, and can it be reached from here? Options of the builder go behind two dashes: "
    "mlkit image build -- --network host."
)
_HINTS = (
    (r"unauthorized|authentication required|\bdenied\b|\b403\b|no basic auth", _LOG_IN),
    (r"HTTP response to HTTPS client", "The registry speaks plain HTTP: tell the builder that it may."),
    (
        r"no matching distribution|could not find a version",
        "Does the package index have it? docs/how-to/build-an-image.md",
    ),
    (r"no such host|connection refused|i/o timeout|no route to host|network is unreachable|name resolution", _NETWORK),
    (r"no space left on device", "Free some space: docker system prune, podman system prune or buildah prune."),
)
"""Words that all of docker, podman, buildah, pip and the registries use, and the first thing to try."""


def find_hint(lines: Sequence[str]) -> str | None:
    """The first thing to try about the last lines that a program said; None where they say nothing known."""
    text = "\n".join(lines)
    return next((hint for pattern, hint in _HINTS if re.search(pattern, text, re.IGNORECASE)), None)
