"""Where a model comes from: the git commit of its project."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

_GIT_SECONDS = 20


@dataclass(frozen=True)
class GitState:
    """The commit that is checked out, and whether the project's files are as that commit has them.

    Both are None where the project is in no git repository, has no commit yet, or git is not installed.
    """

    commit: str | None = None
    clean: bool | None = None


def read_git_state(folder: Path) -> GitState:
    """What git knows of a project's folder. Files outside the folder do not count; untracked ones inside it do."""
    commit = _git(folder, "rev-parse", "--verify", "HEAD")
    changes = _git(folder, "status", "--porcelain", "--", ".") if commit else None
    return GitState(commit=commit or None, clean=None if changes is None else not changes)


def _git(folder: Path, *arguments: str) -> str | None:
    """The output of a git command; None when git is not there or refuses."""
    command = ["git", "--no-optional-locks", "-C", str(folder), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_GIT_SECONDS)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
