"""Where a project's code is kept, for people and for catalogues."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from airflow_mlkit.registry.provenance import read_git_state

_SSH = re.compile(r"(?:ssh://)?[\w.-]+@(?P<host>[\w.-]+)(?::\d+/|[:/])(?P<path>.+)")
_GIT_SECONDS = 20


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
    path = _ask(folder, "rev-parse", "--show-prefix").rstrip("/")
    repository = web_address(_ask(folder, "config", "--get", "remote.origin.url"))
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


def _ask(folder: Path, *arguments: str) -> str:
    command = ["git", "-C", str(folder), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=_GIT_SECONDS).stdout.strip()
