"""Addresses that are written down: without credentials, and such that a project can be moved."""

from __future__ import annotations

import os
import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

_USERINFO = re.compile(r"(?<=://)[^/\s]*@")


def without_credentials(text: str) -> str:
    """A text without the `user:password@` of the addresses in it.

    >>> without_credentials("cannot reach https://ana:secret@mlflow.example.com/api")
    'cannot reach https://mlflow.example.com/api'
    """
    return _USERINFO.sub("", text)


def portable(uri: str, base: str) -> str:
    """A local path as seen from a local folder, so that both can be moved together; any other URI as it is.

    >>> portable("/home/ana/churn/.mlkit/mlartifacts/1", "/home/ana/churn/.mlkit/champions/churn")
    '../../mlartifacts/1'
    """
    path = local_path(uri)
    if _is_remote(path) or _is_remote(base):
        return without_credentials(uri)
    return Path(os.path.relpath(path, base)).as_posix()


def resolved(uri: str, base: str) -> str:
    """What `portable` was given, with the folder where it lies now."""
    if _is_remote(uri) or _is_remote(base) or Path(uri).is_absolute():
        return uri
    return os.path.normpath(f"{base}/{uri}")


def local_path(uri: str) -> str:
    """A `file:` URI as the path that it names; anything else as it is.

    >>> local_path("file:///home/ana/my%20models")
    '/home/ana/my models'
    """
    return unquote(urlsplit(uri).path) if uri.startswith("file:") else uri


def _is_remote(uri: str) -> bool:
    return "://" in uri or uri.startswith(("mlflow-artifacts:", "runs:", "models:"))
