"""Where a model comes from, as far as its own manifest does not say it: the commit, the image, the source."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from pydantic import Field

from airflow_mlkit.project import IMAGE_FILE, Project
from airflow_mlkit.rundir.canonical import hash_file
from airflow_mlkit.rundir.records import Record

PROVENANCE_FILE = "provenance.json"

IMAGE_VARIABLE = "MLKIT_IMAGE"
"""Set in a pod: the image that it runs, with its digest."""

COMMIT_VARIABLE = "MLKIT_COMMIT"
"""Set in an image that has no .git: the commit that it was built from."""

DIRTY = "-dirty"
"""Behind that commit where files had been changed since, as git describe has it."""

_GIT_SECONDS = 20


@dataclass(frozen=True)
class GitState:
    """The commit that is checked out, and whether the project's files are as that commit has them.

    Both are None where the project is in no git repository, has no commit yet, or git is not installed. `clean` is also
    None where only the image says from which commit it was built, unless it says that it was not.
    """

    commit: str | None = None
    clean: bool | None = None


class Provenance(Record):
    """`provenance.json`: written by train, while what it says is still true.

    Attributes:
        git: of the project.
        image: the image of the pod, with its digest; None elsewhere.
        platform: the machine that trained, such as `Linux x86_64`.
        source: as declared; for a query its file's hash too.
        distributions: all that was installed, with versions.
        adopted_from: where a model that was made elsewhere was taken from, such as `models:/churn/3`. The image and the
            platform that trained it are then not known, and what was installed is what it was adopted with.
    """

    git: GitState = GitState()
    image: str | None = None
    platform: str | None = None
    source: dict[str, str] = Field(default_factory=dict)
    distributions: dict[str, str] = Field(default_factory=dict)
    adopted_from: str | None = None

    @classmethod
    def of(
        cls, project: Project, distributions: Mapping[str, str], environment: Mapping[str, str] = os.environ
    ) -> Self:
        """What is true here and now.

        Args:
            project: whose model is being made.
            distributions: all that is installed, with versions.
            environment: where the image and its commit are looked up.
        """
        return cls(
            git=read_git_state(project.folder, environment),
            image=environment.get(IMAGE_VARIABLE) or None,
            platform=f"{platform.system()} {platform.machine()}",
            source=describe_source(project),
            distributions=dict(distributions),
        )

    def adopted(self, address: str) -> Self:
        """The same of a model that this process has not trained, but taken over from an address in MLflow."""
        return self.model_copy(update={"adopted_from": address, "image": None, "platform": None})


def read_git_state(folder: Path, environment: Mapping[str, str] = os.environ) -> GitState:
    """What git knows of a project's folder, else what its image was built from.

    Files outside the folder do not count; untracked ones inside it do. The record of images is none of them: it is
    written after each build, and no model depends on it.
    """
    commit = run_git(folder, "rev-parse", "--verify", "HEAD")
    if not commit:
        said = environment.get(COMMIT_VARIABLE, "")
        return GitState(said.removesuffix(DIRTY) or None, False if said.endswith(DIRTY) else None)
    changes = run_git(folder, "status", "--porcelain", "--", ".", f":(exclude){IMAGE_FILE}")
    return GitState(commit=commit, clean=None if changes is None else not changes)


def describe_source(project: Project) -> dict[str, str]:
    """A project's source as it is declared; of a query also its file's hash. No credentials stand in a spec."""
    declared = project.spec.data.source.model_dump(mode="json", exclude_none=True)
    text = {key: str(value) for key, value in declared.items()}
    query = declared.get("sql") or declared.get("bigquery")
    if query and (project.folder / query).is_file():
        text["query_hash"] = hash_file(project.folder / query)
    return text


def run_git(folder: Path, *arguments: str, **variables: str) -> str | None:
    """The output of a git command in a folder; None when git is not there or refuses."""
    command = ["git", "--no-optional-locks", "-C", str(folder), *arguments]
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            check=False,
            timeout=_GIT_SECONDS,
            env={**os.environ, **variables},
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
