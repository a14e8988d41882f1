"""Where the code of an image comes from, as its labels tell it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from airflow_mlkit.registry.provenance import DIRTY, GitState, read_git_state, run_git

_USERINFO = re.compile(r"(?<=://)[^/\s]*@")


@dataclass(frozen=True)
class Origin:
    """The commit of an image.

    Attributes:
        git: the commit that is checked out, and whether the project's files are as it has them.
        committed: when.
        source: where the repository is fetched from, without a password.
    """

    git: GitState
    committed: datetime | None = None
    source: str | None = None

    @property
    def revision(self) -> str:
        """The commit in one word, which says so where files were changed since; empty outside of git."""
        return f"{self.git.commit}{DIRTY if self.git.clean is False else ''}" if self.git.commit else ""


def find_origin(folder: Path) -> Origin:
    """What git knows of the folder of a project."""
    git = read_git_state(folder, {})
    if git.commit is None:
        return Origin(git)
    committed = run_git(folder, "show", "--no-patch", "--no-show-signature", "--format=%cI", git.commit)
    source = run_git(folder, "remote", "get-url", "origin")
    return Origin(
        git,
        datetime.fromisoformat(committed) if committed else None,
        _USERINFO.sub("", source) if source else None,
    )
