"""Where a project's code is kept, for people and for catalogues."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from airflow_mlkit.registry.provenance import read_git_state, run_git

_SSH = re.compile(r"(?:ssh://)?[\w.-]+@(?P<host>[\w.-]+)(?::\d+/|[:/])(?P<path>.+)")


@dataclass(frozen=True)
class SourceCode:
    """A project in its git repository: `url` is that of its folder at the commit."""

    url: str
    repository: str | None
    path: str
    commit: str


def find_source_code(folder: Path) -> SourceCode | None:
    """Where the project's code is; None where it is in no git repository."""
    commit = read_git_state(folder).commit
    if commit is None:
        return None
    path = (run_git(folder, "rev-parse", "--show-prefix") or "").rstrip("/")
    repository = web_address(run_git(folder, "config", "--get", "remote.origin.url") or "")
    url = f"{repository}/tree/{commit}/{path}".rstrip("/") if repository else folder.as_uri()
    return SourceCode(url, repository, path, commit)


def web_address(remote: str) -> str | None:
    """The page of a remote repository, without anybody's password; None where it has none.

    >>> web_address("git@github.com:risk/churn.git")
    'https://github.com/risk/churn'
    >>> web_address("https://ana:secret@git.example.com/risk/churn.git")
    'https://git.example.com/risk/churn'
    """
    scheme, separator, rest = remote.partition("://")
    if separator and scheme in ("http", "https"):
        host, _, path = rest.partition("/")
        return f"{scheme}://{host.rpartition('@')[2]}/{path.removesuffix('.git')}"
    found = _SSH.fullmatch(remote)
    return f"https://{found['host']}/{found['path'].removesuffix('.git')}" if found else None
